"""What a job's SQL binds. Only names are looked at; SQL itself is the source's."""

import re
from typing import Final

# As in SQLAlchemy's text(): a colon that follows a colon, a word or a backslash binds
# nothing, nor does one before a second colon (a PostgreSQL cast).
_BIND: Final = re.compile(r"(?<![:\w\\]):(\w+)(?!:)")


def bind_names(sql: str) -> frozenset[str]:
    r"""Return the names that stand behind a colon in SQL; `\:name` is no bind."""
    return frozenset(_BIND.findall(sql))
