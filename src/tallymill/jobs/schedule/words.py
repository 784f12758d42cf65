"""A cron string as a sentence, by cron-descriptor."""

import re

from cron_descriptor import (  # type: ignore[import-untyped] # it ships no types
    CasingTypeEnum,
    ExpressionDescriptor,
    FormatError,
    Options,
)

from tallymill.jobs.schedule.cron import WEEKDAY_NAMES

# `L`, `W` or `#` in a list: cron-descriptor 2.2 tells only the first, or says nonsense.
_SPECIAL_IN_LIST = re.compile(r"\S*,\S*[LW#]\S*|\S*[LW#]\S*,\S*")
_STEP = re.compile(r"[*0]/(\d{1,9})")
_LONG_NAME = re.compile(r"[A-Z]{4,}")


def describe_cron(text: str) -> str:
    """Return a cron string of five or six fields in English words.

    What cron-descriptor does not know, or tells wrongly, is given back as it is.
    """
    short = _LONG_NAME.sub(_abbreviated, text.upper())
    day, _, weekday = short.split()[-3:]
    if any(_SPECIAL_IN_LIST.fullmatch(part) for part in _numbered(day, weekday)):
        return f"cron {text}"
    try:
        words: str = ExpressionDescriptor(short, _options()).get_description()
    except (FormatError, ValueError, IndexError):
        return f"cron {text}"
    if "*" in day[0] + weekday[0]:
        words = words.replace(", or on ", ", and on ").replace(", or ", ", and ")
    words += _uneven(short)
    # "At 04:05" alone leaves open on which days.
    if words.startswith("At ") and text.endswith(" * * *") and "past" not in words:
        return f"{words}, every day"
    return words


def _uneven(cron: str) -> str:
    """Return what has to be said of a step that does not divide its round.

    `*/7` in seconds is due at :56 and then at :00.
    """
    fields = cron.split()[-5:-3]
    rounds = [("hour", 60), ("day", 24)]
    if len(cron.split()) == 6:
        fields, rounds = cron.split()[:3], [("minute", 60), *rounds]
    anew = [
        f"each {name}"
        for field, (name, size) in zip(fields, rounds, strict=True)
        if (step := _STEP.fullmatch(field)) and size % int(step[1])
    ]
    return f", counted anew {' and '.join(anew)}" if anew else ""


def describe_period(seconds: int) -> str:
    """Return a distance in time as `Every 1 hour 30 minutes`."""
    parts = []
    for name, size in (("hour", 3600), ("minute", 60), ("second", 1)):
        number, seconds = divmod(seconds, size)
        if number:
            parts.append(f"{number} {name}{'s' * (number > 1)}")
    return f"Every {' '.join(parts)}".replace("Every 1 ", "Every ", len(parts) == 1)


def _abbreviated(match: re.Match[str]) -> str:
    """Return the first three letters of a name, and the `L` of `FRIDAYL`."""
    name = match[0]
    is_last = name[-1] == "L" and name[:-1].lower() in WEEKDAY_NAMES
    return f"{name[:3]}L" if is_last else name[:3]


def _numbered(day: str, weekday: str) -> tuple[str, str]:
    """Return both fields without names, whose letters mean nothing by themselves."""
    return day, re.sub(r"[A-Z]{3}", "0", weekday)


def _options() -> Options:
    options = Options()
    options.locale_code = "en_US"
    options.casing_type = CasingTypeEnum.Sentence
    options.use_24hour_time_format = True
    return options
