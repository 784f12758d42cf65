"""Every error that Tallymill tells a caller, in one tree.

    TallymillError
    ├── Refused                 the caller can mend it; nothing was stored
    │   ├── Malformed           not readable as what it claims to be
    │   ├── Invalid             readable, but wrong; each fault has its place
    │   ├── TooLarge            over a limit that the message names
    │   ├── UnsupportedMedia    a content type or encoding that we do not take
    │   ├── NotFound            no such thing
    │   ├── NotAllowed          there, but not to be used so
    │   └── Conflict            contradicts what is already there
    └── Failed                  not the caller's fault
        ├── Overloaded          too much at once; try again after `retry_after_s`
        ├── Unavailable         the store, a source or a destination is away
        ├── QueryFailed         a job's question was refused or took too long
        └── Corrupt             what is stored is not what was stored

`web/problems.py` maps codes to HTTP statuses; the command line prints the sentence.
Outcomes that are normal (a duplicate, a lease lost) are values, not errors.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong, and where."""

    pointer: str  #: JSON Pointer (RFC 6901) or a setting's name; "" is the whole
    detail: str  #: what is wrong and what to do, as a sentence part


def pointer_to(*keys: object) -> str:
    """Return the JSON Pointer of a place: its keys and indices from the outside in."""
    return "".join("/" + str(key).replace("~", "~0").replace("/", "~1") for key in keys)


def keys_of(pointer: str) -> tuple[str, ...]:
    """Return the keys that a JSON Pointer is made of; none of the whole."""
    keys = pointer.split("/")[1:]
    return tuple(key.replace("~1", "/").replace("~0", "~") for key in keys)


class TallymillError(Exception):
    """An error with a stable code, a sentence for the caller, and its faults.

    Args:
        detail: One sentence: what was wrong, where, and what to do.
        faults: Each single fault; at most the first 100.
        fault_count: How many there were; `len(faults)` if left out.
    """

    code: ClassVar[str] = "error"
    retryable: ClassVar[bool] = False

    def __init__(
        self,
        detail: str,
        *,
        faults: Sequence[Fault] = (),
        fault_count: int | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.faults = tuple(faults[:100])
        self.fault_count = len(faults) if fault_count is None else fault_count


class Refused(TallymillError):
    """The caller can mend it; nothing of the request was stored."""

    code = "refused"


class Malformed(Refused):
    """The bytes are not what they claim to be."""

    code = "malformed"


class Invalid(Refused):
    """Readable, but wrong; every fault is listed with its place."""

    code = "invalid"


class TooLarge(Refused):
    """Over a limit that the sentence names."""

    code = "too_large"


class UnsupportedMedia(Refused):
    """A content type or encoding that we do not take."""

    code = "unsupported_media"


class NotFound(Refused):
    """There is no such thing."""

    code = "not_found"


class NotAllowed(Refused):
    """It exists, but may not be used so."""

    code = "not_allowed"


class Conflict(Refused):
    """It contradicts what is already there."""

    code = "conflict"


class Failed(TallymillError):
    """Not the caller's fault."""

    code = "failed"


class Overloaded(Failed):
    """Too much at once.

    Args:
        detail: One sentence.
        retry_after_s: Seconds after which a retry is likely to be accepted, > 0.
    """

    code = "overloaded"
    retryable = True

    def __init__(self, detail: str, *, retry_after_s: float) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s


class Unavailable(Failed):
    """The store, a source or a destination cannot be reached or cannot write."""

    code = "unavailable"
    retryable = True


class QueryFailed(Failed):
    """A job's question was refused by its source, took too long, or said too much."""

    code = "query_failed"


class Corrupt(Failed):
    """What is stored does not fit together; `tallymill check --deep` says where."""

    code = "corrupt"
