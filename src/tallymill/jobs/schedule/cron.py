"""A cron string into field sets, with a fault for each field that is wrong.

Five fields (minute, hour, day of month, month, weekday) or six with the SECOND FIRST,
and `@daily` with its kin. Ranges, steps, lists and names as in Debian's cron 3.0pl1;
`L`, `W` and `#` as in Quartz. When a schedule is due is for `engine.py` to say.
"""

import difflib
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, NamedTuple

from tallymill.jobs.schedule.calendar import DayRule
from tallymill.kernel.errors import Fault, Invalid

LONGEST_TEXT = 1000  #: characters of a schedule, so that no input takes long

MACROS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}

_MONTHS = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
]
_WEEKDAYS = [
    "sunday",
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
]


def _by_name(names: list[str], first: int) -> dict[str, int]:
    known: dict[str, int] = {}
    for number, name in enumerate(names, start=first):
        known.setdefault(name, number)
        known.setdefault(name[:3], number)
    return known


MONTH_NAMES = _by_name(_MONTHS, 1)
WEEKDAY_NAMES = _by_name(_WEEKDAYS, 0)

_Kind = Literal["second", "minute", "hour", "day of month", "month", "weekday"]


class _Field(NamedTuple):
    kind: _Kind
    unit: str
    low: int
    high: int
    names: dict[str, int]


_FIELDS: dict[_Kind, _Field] = {
    "second": _Field("second", "seconds", 0, 59, {}),
    "minute": _Field("minute", "minutes", 0, 59, {}),
    "hour": _Field("hour", "hours", 0, 23, {}),
    "day of month": _Field("day of month", "days", 1, 31, {}),
    "month": _Field("month", "months", 1, 12, MONTH_NAMES),
    "weekday": _Field("weekday", "weekdays", 0, 7, WEEKDAY_NAMES),
}
_ORDER: tuple[_Kind, ...] = tuple(_FIELDS)

_NTH = re.compile(r"([a-z0-9]+)#([0-9]+)")
_LAST_WEEKDAY = re.compile(r"([a-z0-9]+?)l")
_FROM_END = re.compile(r"l-([0-9]{1,3})")
_NEAREST = re.compile(r"([0-9]{1,3})w")


class _Parsed(NamedTuple):
    """What one field says: numbers as a mask, and whatever no mask can say."""

    mask: int = 0
    from_end: tuple[int, ...] = ()
    nearest: tuple[int, ...] = ()
    last_workday: bool = False
    nth: tuple[tuple[int, int], ...] = ()

    def joined(self, other: "_Parsed") -> "_Parsed":
        """Return what a list of both says."""
        return _Parsed(
            self.mask | other.mask,
            self.from_end + other.from_end,
            self.nearest + other.nearest,
            self.last_workday or other.last_workday,
            self.nth + other.nth,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CronFields:
    """A cron string that was understood."""

    text: str  #: five or six fields, one space between
    seconds: int  #: mask, bits 0 to 59
    minutes: int  #: mask, bits 0 to 59
    hours: int  #: mask, bits 0 to 23
    days: DayRule
    is_wild: bool  #: second, minute or hour starts with `*`: it follows real time

    def may_hide_in_gap(self) -> bool:
        """Tell whether all times may fall where clocks are put forward.

        That is one day a year, or two, and up to three hours of it.
        """
        return self.days.months.bit_count() <= 2 and self.hours.bit_count() <= 3


def parse_fields(text: str, pointer: str = "/cron_string") -> CronFields:
    """Read a cron string.

    Args:
        text: Five fields, six with the second first, or a macro such as `@daily`.
        pointer: Where the string stands in the request, for the faults.

    Raises:
        Invalid: A fault for each field that is wrong.
    """
    parts = _split(text, pointer)
    kinds = _ORDER[-len(parts) :]
    parsed: dict[_Kind, _Parsed] = {"second": _Parsed(1)}
    faults = []
    for place, (kind, part) in enumerate(zip(kinds, parts, strict=True), start=1):
        try:
            parsed[kind] = _parse_field(kind, part)
        except ValueError as exc:
            faults.append(Fault(pointer, f"field {place} ({kind}) is {part!r}: {exc}"))
    if faults:
        raise _refusal(text, faults)
    return _assembled(text, parts, parsed, pointer)


def _split(text: str, pointer: str) -> list[str]:
    if len(text) > LONGEST_TEXT:
        shown = f"{text[:40]}…"
        raise _refusal(shown, [Fault(pointer, f"is over {LONGEST_TEXT} characters")])
    stripped = text.strip()
    if stripped.startswith("@"):
        stripped = _expanded(stripped, pointer)
    parts = stripped.split()
    if len(parts) in (5, 6):
        return parts
    detail = (
        f"has {len(parts)} field{'s' * (len(parts) != 1)}: five are wanted (minute, "
        "hour, day of month, month, weekday), or six with the second first"
    )
    raise _refusal(text, [Fault(pointer, detail)])


def _expanded(macro: str, pointer: str) -> str:
    expanded = MACROS.get(macro.lower())
    if expanded is not None:
        return expanded
    if macro.lower() == "@reboot":
        detail = "names the start of a machine, which is no time of day"
        raise _refusal(macro, [Fault(pointer, detail)])
    near = difflib.get_close_matches(macro.lower()[:40], MACROS, n=1, cutoff=0.4)
    hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(MACROS)}"
    raise _refusal(macro, [Fault(pointer, f"is no known name: {hint}")])


def _assembled(
    text: str, parts: list[str], parsed: dict[_Kind, _Parsed], pointer: str
) -> CronFields:
    day, weekday = parsed["day of month"], parsed["weekday"]
    rule = DayRule(
        days=day.mask,
        weekdays=(weekday.mask | weekday.mask >> 7) & 0x7F,
        months=parsed["month"].mask,
        both=parts[-3][0] in "*?" or parts[-1][0] in "*?",
        from_end=day.from_end,
        nearest=day.nearest,
        last_workday=day.last_workday,
        nth=weekday.nth,
    )
    if not rule.may_match():
        detail = (
            f"can never come due: no month of field {len(parts) - 1} ({parts[-2]}) has "
            f"a day that fits field {len(parts) - 2} ({parts[-3]}) and field "
            f"{len(parts)} ({parts[-1]})"
        )
        raise _refusal(text, [Fault(pointer, detail)])
    return CronFields(
        text=" ".join(parts),
        seconds=parsed["second"].mask,
        minutes=parsed["minute"].mask,
        hours=parsed["hour"].mask,
        days=rule,
        is_wild=any(part[0] == "*" for part in parts[:-3]),
    )


def _refusal(text: str, faults: list[Fault]) -> Invalid:
    return Invalid(f"the cron string {text!r}: {faults[0].detail}", faults=faults)


# Fields repeat from job to job; 4,096 of them are a few hundred kilobytes.
@lru_cache(maxsize=4096)
def _parse_field(kind: _Kind, text: str) -> _Parsed:
    field = _FIELDS[kind]
    parsed = _Parsed()
    for term in text.lower().split(","):
        if not term:
            raise ValueError("a list has a comma too many")
        parsed = parsed.joined(_parse_term(field, term))
    return parsed


def _parse_term(field: _Field, term: str) -> _Parsed:
    if field.kind == "day of month" and (special := _special_day(field, term)):
        return special
    if field.kind == "weekday" and (special := _special_weekday(field, term)):
        return special
    base, slash, step_text = term.partition("/")
    step = _step(field, step_text) if slash else 1
    low, high = _span(field, base, has_step=bool(slash))
    return _Parsed(sum(1 << value for value in range(low, high + 1, step)))


def _span(field: _Field, base: str, *, has_step: bool) -> tuple[int, int]:
    if base == "*" or (base == "?" and field.kind in ("day of month", "weekday")):
        # 7 is Sunday again: `*/7` must not mean both.
        return field.low, min(field.high, 6) if field.kind == "weekday" else field.high
    low_text, dash, high_text = base.partition("-")
    low = _number(field, low_text)
    if not dash:
        return low, field.high if has_step else low
    high = _number(field, high_text)
    if field.kind == "weekday" and high == 0 and low > 0:
        high = 7
    if high < low:
        raise ValueError(
            f"the range {base} runs backwards: write "
            f"{low}-{field.high},{field.low}-{high}"
        )
    return low, high


def _step(field: _Field, text: str) -> int:
    if not (text.isascii() and text.isdecimal()):
        raise ValueError(f"the step {text!r} is no whole number")
    if int(text) == 0:
        raise ValueError("a step of 0 never moves on; write 1 or more")
    return min(int(text), field.high + 1)


def _number(field: _Field, text: str) -> int:
    if text in field.names:
        return field.names[text]
    if text.isascii() and text.isdecimal():
        value = int(text)
        if field.low <= value <= field.high:
            return value
    span = f"{field.unit} are {field.low} to {field.high}"
    if field.names:
        span += f" or {' '.join(name for name in field.names if len(name) == 3)}"
    near = difflib.get_close_matches(text[:20], field.names, n=1)
    hint = f"; did you mean {near[0]}?" if near else ""
    raise ValueError(f"{span}{hint}" if text else f"a number is missing; {span}")


def _special_day(field: _Field, term: str) -> _Parsed | None:
    if term == "l":
        return _Parsed(from_end=(0,))
    if term in ("lw", "wl"):
        return _Parsed(last_workday=True)
    if match := _FROM_END.fullmatch(term):
        back = int(match[1])
        if back > 30:
            raise ValueError("L-n counts back from the last day, n is 0 to 30")
        return _Parsed(from_end=(back,))
    if match := _NEAREST.fullmatch(term):
        return _Parsed(nearest=(_number(field, match[1]),))
    return None


def _special_weekday(field: _Field, term: str) -> _Parsed | None:
    if term == "l":
        raise ValueError("L alone says no day: write 6L or satL for the last Saturday")
    if match := _NTH.fullmatch(term):
        nth = int(match[2][:3])
        if not 1 <= nth <= 5:
            raise ValueError("after # stands which one of the month, 1 to 5")
        return _Parsed(nth=((_number(field, match[1]) % 7, nth),))
    if match := _LAST_WEEKDAY.fullmatch(term):
        return _Parsed(nth=((_number(field, match[1]) % 7, -1),))
    return None
