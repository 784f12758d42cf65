"""A cron string as a sentence, by cron-descriptor."""

from cron_descriptor import (  # type: ignore[import-untyped] # it ships no types
    CasingTypeEnum,
    ExpressionDescriptor,
    FormatError,
    Options,
)


def describe_cron(text: str) -> str:
    """Return a cron string of five or six fields in English words.

    A form that cron-descriptor does not know is given back as it is.
    """
    try:
        words: str = ExpressionDescriptor(text.upper(), _options()).get_description()
    except (FormatError, ValueError, IndexError):
        return f"cron {text}"
    # "At 04:05" alone leaves open on which days.
    if words.startswith("At ") and text.endswith(" * * *") and "past" not in words:
        return f"{words}, every day"
    return words


def describe_period(seconds: int) -> str:
    """Return a distance in time as `Every 1 hour 30 minutes`."""
    parts = []
    for name, size in (("hour", 3600), ("minute", 60), ("second", 1)):
        number, seconds = divmod(seconds, size)
        if number:
            parts.append(f"{number} {name}{'s' * (number > 1)}")
    return f"Every {' '.join(parts)}".replace("Every 1 ", "Every ", len(parts) == 1)


def _options() -> Options:
    options = Options()
    options.locale_code = "en_US"
    options.casing_type = CasingTypeEnum.Sentence
    options.use_24hour_time_format = True
    return options
