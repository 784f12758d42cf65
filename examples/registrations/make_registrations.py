import sqlite3

ROWS = [
    ("2022-12-11 23:59:59.000123", 9999.0),
    ("2022-12-12 00:00:00.000222", 1500.0),
    ("2022-12-15 13:30:00.000333", 2500.0),
    ("2022-12-18 23:59:59.000444", 2000.0),
    ("2022-12-21 08:00:00.000555", 700.0),
    ("2022-12-21 21:15:00.000666", 800.0),
]

with sqlite3.connect("registration.sqlite") as database:
    database.execute(
        'CREATE TABLE "registration" ("id" INTEGER NOT NULL, "timestamp" TEXT NOT NULL,'
        ' "weight" REAL NOT NULL, PRIMARY KEY("id"))'
    )
    database.executemany(
        "INSERT INTO registration (timestamp, weight) VALUES (?, ?)", ROWS
    )
