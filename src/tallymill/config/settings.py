"""What can be set, with its unit and its default, and how each value is read.

`RULES` is the one list of settings: the loader, `tallymill check` and the messages about
unknown names all go by it. Where values come from is `load`'s.
"""

import ipaddress
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import msgspec

from tallymill.config import values


class Address(msgspec.Struct, frozen=True):
    """A host and a port to listen on."""

    host: str  #: an IP address or a name, without brackets
    port: int  #: 0 to 65535; 0 lets the system choose

    def __str__(self) -> str:
        """Return "127.0.0.1:8000" or "[::1]:8000"."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it. A name other than localhost is not."""
        if self.host.lower() == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def url(self) -> str:
        """Return the URL under which this machine reaches it."""
        reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104 - compared, not bound
        return f"http://{Address(reachable, self.port)}"


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """All settings of one instance; every value is checked and complete."""

    listen: tuple[Address, ...] = (Address("127.0.0.1", 8000),)  # one or more
    timezone: str = "Asia/Kolkata"  # IANA name; of jobs that name none
    shards: int = 5  # 1 to 1024; fixed once the data folder has events
    workers: int = 3  # a shard, 1 to 100; WORKERS_MAX sets it too
    batch_size: int = 5  # events, 1 to 100,000; a worker's step
    worker_timeout_s: float = 120.0  # seconds without work until a worker finishes
    shutdown_timeout_s: float = 30.0  # seconds to finish what was accepted
    backlog_max: int = 2_000_000  # accepted events not yet folded; above it: 503
    body_max_bytes: int = 16 * 1024 * 1024  # of a request, decompressed
    event_max_bytes: int = 256 * 1024  # of one event as sent
    data: Path = Path("data")  # folder; absolute once loaded
    database: str = ""  # "" is tallymill.db in `data`; else sqlite:///PATH
    log_format: str = "auto"  # auto (console on a terminal, else json), console, json
    log_level: str = "info"  # debug, info, warning, error
    no_auth: bool = False  # serve without tokens on addresses that others reach
    seed_accounts: int = 1000  # random accounts that an empty database begins with

    @property
    def database_path(self) -> Path:
        """Return the SQLite file that holds everything."""
        if not self.database:
            return self.data / "tallymill.db"
        return Path(self.database.removeprefix("sqlite:///"))

    @property
    def url(self) -> str:
        """Return the URL of the first listening address."""
        return self.listen[0].url


class Rule(msgspec.Struct, frozen=True):
    """How one setting is called, stored and read."""

    name: str  #: in tallymill.toml; TALLYMILL_ and upper case in the environment
    field: str  #: of `Settings`
    read: Callable[[object], object]  #: raises ValueError with a sentence part
    unit: str  #: what the number counts, "" for a word

    @property
    def variable(self) -> str:
        """Return the name of its environment variable."""
        return f"TALLYMILL_{self.name.upper()}"


def read_listen(value: object) -> tuple[Address, ...]:
    """Return the addresses of a list of "host:port"; one text may hold several.

    Raises:
        ValueError: One is no address, or there is none.
    """
    addresses = _read_addresses(values.texts(value))
    if not addresses:
        raise ValueError('must have at least one address such as "127.0.0.1:8000"')
    if len(set(addresses)) < len(addresses) and all(a.port for a in addresses):
        raise ValueError(f"names an address twice: {value!r}")
    return addresses


def _read_addresses(texts: Sequence[str]) -> tuple[Address, ...]:
    """Return the addresses, or raise one error that tells each fault."""
    addresses: list[Address] = []
    faults: list[str] = []
    for text in texts:
        try:
            addresses.append(read_address(text))
        except ValueError as exc:
            faults.append(str(exc))
    if faults:
        raise ValueError("; and ".join(faults))
    return tuple(addresses)


def read_address(text: str) -> Address:
    """Return the address of "host:port"; an IPv6 host stands in brackets.

    Raises:
        ValueError: It is none.
    """
    host, colon, port = text.strip().rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    if bracketed:
        host = host[1:-1]
    if not colon or not host or (":" in host) != bracketed:
        raise ValueError(
            f'must be host:port such as "127.0.0.1:8000" or "[::1]:8000", not {text!r}'
        )
    if not (port.isascii() and port.isdigit()) or int(port) > 65535:
        raise ValueError(f"must have a port from 0 to 65535, not {port!r} in {text!r}")
    return Address(host, int(port))


def read_data(value: object) -> Path:
    """Return the folder for data; not yet resolved against the project's."""
    if isinstance(value, Path):
        return value
    if not isinstance(value, str) or not value.strip() or "\0" in value:
        raise ValueError(f"must be the path of a folder, not {value!r}")
    return Path(value)


def read_database(value: object) -> str:
    """Return a database's URL if it is one that this version can use."""
    if not isinstance(value, str):
        raise ValueError(f'must be a URL such as "sqlite:///file.db", not {value!r}')  # noqa: TRY004 - one kind of fault for all readers
    if value.startswith(("postgres:", "postgresql:", "postgresql+")):
        raise ValueError(
            "names a PostgreSQL server, which is not built yet; leave it out to keep "
            "everything in the data folder"
        )
    if value and (not value.startswith("sqlite:///") or value == "sqlite:///"):
        scheme = value.partition(":")[0]
        raise ValueError(f'must be "sqlite:///PATH" in this version, not {scheme!r}')
    return value


RULES: Final = (
    Rule("listen", "listen", read_listen, ""),
    Rule("timezone", "timezone", values.zone, ""),
    Rule("shards", "shards", values.whole(1, 1024), ""),
    Rule("workers", "workers", values.whole(1, 100), "a shard"),
    Rule("batch_size", "batch_size", values.whole(1, 100_000), "events"),
    Rule("worker_timeout", "worker_timeout_s", values.duration_s, "s"),
    Rule("shutdown_timeout", "shutdown_timeout_s", values.duration_s, "s"),
    Rule("backlog_max", "backlog_max", values.whole(1, 10**12), "events"),
    Rule("body_max", "body_max_bytes", values.size_bytes, "bytes"),
    Rule("event_max", "event_max_bytes", values.size_bytes, "bytes"),
    Rule("data", "data", read_data, ""),
    Rule("database", "database", read_database, ""),
    Rule("log_format", "log_format", values.one_of("auto", "console", "json"), ""),
    Rule(
        "log_level",
        "log_level",
        values.one_of("debug", "info", "warning", "error"),
        "",
    ),
    Rule("no_auth", "no_auth", values.truth, ""),
    Rule("seed_accounts", "seed_accounts", values.whole(0, 10**6), "accounts"),
)

#: Named by the documentation, not built yet: setting one would promise what is not so.
NOT_BUILT: Final = {
    "redis": "Redis is not built yet; leave it out to run as one process",
    "tls_certificate": "TLS is not built yet; put a TLS proxy in front, or leave it out",
    "tls_key": "TLS is not built yet; put a TLS proxy in front, or leave it out",
}
#: Accepted, because it does no harm, and said to do nothing.
NO_EFFECT: Final[dict[str, str]] = {}
TABLES: Final = ("streams", "statistics", "sources", "jobs")
