"""Made-up data has the shapes of the real, and one seed gives one result."""

import re
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from itertools import islice

from tallymill.demo.events import small_events
from tallymill.demo.pictures import picture_ids, pictures
from tallymill.demo.registrations import registrations, write_registrations


def test_registrations_have_the_format_of_the_source_and_span_a_year():
    rows = list(registrations())

    times = sorted(timestamp for _, timestamp, _ in rows)
    assert len(rows) == 1000
    assert [identifier for identifier, _, _ in rows] == list(range(1, 1001))
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}", t) for t in times)
    assert times[0][:10] == "2021-12-22"
    assert times[-1].startswith("2022-12-22 04:50:46")
    assert all(w == int(w) and 50 <= w <= 5000 for _, _, w in rows)


def test_the_week_and_the_day_that_the_jobs_ask_for_have_registrations():
    days = [timestamp[:10] for _, timestamp, _ in registrations()]

    assert "2022-12-21" in days
    assert any("2022-12-12" <= day <= "2022-12-18" for day in days)


def test_one_seed_gives_one_result_and_another_gives_another():
    assert list(registrations(7)) == list(registrations(7))
    assert list(registrations(7)) != list(registrations(8))
    assert list(islice(pictures(7), 9)) == list(islice(pictures(7), 9))
    assert picture_ids(7) != picture_ids(8)
    assert small_events(7, 9) == small_events(7, 9)


def test_the_table_has_the_columns_and_types_of_the_source(tmp_path):
    write_registrations(tmp_path / "r.sqlite", rows=10)

    with closing(sqlite3.connect(tmp_path / "r.sqlite")) as connection:
        columns = connection.execute("PRAGMA table_info(registration)").fetchall()
        types = connection.execute(
            "SELECT DISTINCT typeof(id), typeof(timestamp), typeof(weight)"
            " FROM registration"
        ).fetchall()

    assert [(c[1], c[2], c[3], c[5]) for c in columns] == [
        ("id", "INTEGER", 1, 1),
        ("timestamp", "TEXT", 1, 0),
        ("weight", "REAL", 1, 0),
    ]
    assert types == [("integer", "text", "real")]


def test_pictures_come_out_of_a_set_of_a_hundred_ids_of_twelve_digits():
    seen = {picture.picture_id for picture in islice(pictures(), 5000)}

    assert seen == set(picture_ids())
    assert len(seen) == 100
    assert all(re.fullmatch(r"\d{12}", identifier) for identifier in seen)
    assert all(
        isinstance(p.weight, int) and p.weight > 0 for p in islice(pictures(), 99)
    )


def test_a_request_of_small_events_has_ten_to_fifteen_thousand():
    until = datetime(2020, 1, 1, tzinfo=UTC)
    events = small_events(until=until)

    assert 10_000 <= len(events) <= 15_000
    assert {event.data for event in events} == {12312}
    assert all(event.timestamp.endswith("-03:00") for event in events)
    moments = [datetime.fromisoformat(event.timestamp) for event in events]
    assert min(moments) >= datetime(2014, 1, 1, tzinfo=UTC)
    assert max(moments) < until
