"""How log lines look: fields on a terminal, one JSON object a line elsewhere."""

import logging
import sys
from typing import Any

import structlog
from structlog.typing import Processor

LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}


def configure_logs(*, log_format: str, level: str) -> None:
    """Send every log line to standard error, ours and the libraries' alike.

    Args:
        log_format: "console", "json", or "auto": console on a terminal.
        level: "debug", "info", "warning" or "error".
    """
    console = log_format == "console" or (log_format == "auto" and sys.stderr.isatty())
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer: list[Processor] = (
        [structlog.dev.ConsoleRenderer(pad_event_to=24)]
        if console
        else [
            structlog.processors.dict_tracebacks,
            structlog.processors.JSONRenderer(),
        ]
    )
    structlog.configure(
        processors=[*shared, *renderer],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(
        handlers=[_Forward()], level=max(LEVELS[level], logging.WARNING), force=True
    )


class _Forward(logging.Handler):
    """Hands a library's log record on as one of our lines."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print the record."""
        fields: dict[str, Any] = {"logger": record.name, "text": record.getMessage()}
        if record.exc_info:
            fields["exc_info"] = record.exc_info
        structlog.get_logger("tallymill").log(
            record.levelno, "library.logged", **fields
        )
