"""The changes of the tables, one numbered file each; run by `store/migrate.py`."""
