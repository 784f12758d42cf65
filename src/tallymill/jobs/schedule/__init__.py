"""When a job is due: cron, `every …`, `at …` and plain words, under three DST policies.

Pure. `parse_schedule` reads any form, `parse_cron` only cron; both give a `Schedule`,
which answers when it is due next, was due last, and how often in between.
"""

from tallymill.jobs.schedule.engine import Dst
from tallymill.jobs.schedule.model import Kind, Schedule
from tallymill.jobs.schedule.parse import parse_cron, parse_schedule
from tallymill.jobs.schedule.zones import timeline_of

__all__ = ["Dst", "Kind", "Schedule", "parse_cron", "parse_schedule", "timeline_of"]
