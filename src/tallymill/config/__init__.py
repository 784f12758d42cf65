"""Settings and the tables of `tallymill.toml`: typed, read once, all faults at once.

The user's Python files are `project`'s; what a setting is for is the business of
whoever is handed it by `assembly`.
"""

from tallymill.config.load import Loaded, Provenance, load_settings
from tallymill.config.settings import Address, Settings
from tallymill.config.toml_file import FILE_NAME, TomlFile, read_toml

__all__ = [
    "FILE_NAME",
    "Address",
    "Loaded",
    "Provenance",
    "Settings",
    "TomlFile",
    "load_settings",
    "read_toml",
]
