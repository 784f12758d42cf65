"""Tallymill: events in, numbers out, live and on schedule.

A project's own files import two names from here: `Statistic` and `job`.
"""

from tallymill.jobs.decorator import job
from tallymill.statistics.protocol import Statistic

__version__ = "0.1.0"

__all__ = ["Statistic", "job"]
