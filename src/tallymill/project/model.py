"""What a project folder holds, as values."""

from dataclasses import dataclass
from pathlib import Path

from tallymill.config import Provenance, Settings
from tallymill.jobs.decorator import MarkedJob
from tallymill.jobs.model import JobDefinition
from tallymill.sources.model import Source
from tallymill.statistics.bound import BoundStatistic


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamDefinition:
    """A stream that has settings of its own; others need none."""

    name: str
    kafka_topic: str | None = None  #: no effect until Kafka is built


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A project folder that was loaded without a fault."""

    folder: Path  #: absolute
    settings: Settings
    provenance: tuple[Provenance, ...]  #: of each setting
    notices: tuple[str, ...]  #: what may not be meant so, no full stop
    streams: tuple[StreamDefinition, ...]
    sources: tuple[Source, ...]  #: a SQLite file's path is absolute
    statistics: tuple[BoundStatistic, ...]  #: shipped ones first
    jobs: tuple[JobDefinition, ...]  #: of `tallymill.toml`; each has a name
    functions: tuple[MarkedJob, ...]  #: of `jobs/*.py`; names differ from those above
