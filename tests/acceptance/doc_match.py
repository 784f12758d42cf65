"""Whether a command printed what a page shows. Pure.

What differs from run to run is shown by *samples*, and only these give way:

- a time on the day 2026-11-21 stands for any time in the same form and offset,
- the id 7h3k9m2p5q8r4t6v stands for any id of a job or a run,
- the number 4172303982342389251 stands for any worker's id,
- the number 0.0123 stands for any duration in seconds,
- the 64 digits of `KEY` stand for any Idempotency-Key of a delivery,
- the host this-host stands for any name of a host,
- the folder /home/you stands for the folder of the test,
- a line "..." stands for any lines, ",..." within a line for the rest up to what follows,
  the member "...": "..." for any more members, and
  "..." at the end of an array for any more elements.

Runs of spaces count as one, so that the width of a table's column does not matter.
JSON is compared by value, so that it may be shown with line breaks.
"""

import json
import re

KEY = "5b0c1e9f7a3d2468" * 4

_SAMPLES = {
    r"2026\\-11\\-21(?:T|\\ )\d\d:\d\d(?::\d\d)?(?:\\\.\d+)?": r"20\\d\\d-\\d\\d-\\d\\d[T ]\\d\\d:\\d\\d(?::\\d\\d)?(?:\\.\\d+)?",
    r"\w{3},\\ 21\\ Nov\\ 2026\\ \d\d:\d\d:\d\d": r"\\w{3}, \\d\\d \\w{3} 20\\d\\d \\d\\d:\\d\\d:\\d\\d",
    r"7h3k9m2p5q8r4t6v": r"[0-9a-hjkmnp-tv-z]{16}",
    r"4172303982342389251": r"[1-9][0-9]{0,18}",
    r"\b0\\\.0123\b": r"\\d+\\.\\d+(?:e-\\d+)?",
    KEY: r"[0-9a-f]{64}",
    r"this\\-host": r"[\\w.-]+",
}
_DURATION = 0.0123
_WORKER = 4172303982342389251


def matches(shown: str, printed: str) -> bool:
    """Tell whether a command's output is what the page shows."""
    try:
        expected, actual = json.loads(shown), json.loads(printed)
    except ValueError:
        return _pattern(shown).fullmatch(_plain(printed)) is not None
    return _equal(expected, actual)


def _plain(text: str) -> str:
    lines = (re.sub(r" +", " ", line).strip() for line in text.strip().splitlines())
    return "\n".join(lines) + "\n"


def _pattern(shown: str) -> re.Pattern[str]:
    pattern = ""
    for line in _plain(shown).splitlines():
        pattern += r"(?:.*\n)*" if line == "..." else f"{_line(line)}\n"
    return re.compile(pattern)


def _line(text: str) -> str:
    pattern = re.escape(text)
    for sample, any_such in _SAMPLES.items():
        pattern = re.sub(sample, any_such, pattern)
    return pattern.replace(r",\.\.\.", ",.*")


def _equal(shown: object, printed: object) -> bool:
    if isinstance(shown, dict) and isinstance(printed, dict):
        return _equal_objects(shown, printed)
    if isinstance(shown, list) and isinstance(printed, list):
        return _equal_arrays(shown, printed)
    if isinstance(shown, str) and isinstance(printed, str):
        return re.fullmatch(_line(shown), printed) is not None
    if shown in (_DURATION, _WORKER):
        return type(shown) is type(printed)
    return type(shown) is type(printed) and shown == printed


def _equal_arrays(shown: list[object], printed: list[object]) -> bool:
    if shown[-1:] == ["..."]:
        shown = shown[:-1]
        printed = printed[: len(shown)]
    pairs = zip(shown, printed, strict=False)
    return len(shown) == len(printed) and all(_equal(a, b) for a, b in pairs)


def _equal_objects(shown: dict[str, object], printed: dict[str, object]) -> bool:
    named = {name: value for name, value in shown.items() if name != "..."}
    if named.keys() != printed.keys() and "..." not in shown:
        return False
    return all(
        name in printed and _equal(value, printed[name])
        for name, value in named.items()
    )
