"""What `schedule.cron` may be: minute, hour, day of month, month, day of week, as every cron reads them."""

import re
from itertools import product

_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_LONGEST = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_FIELDS = (("minute", 0, 59), ("hour", 0, 23), ("day of month", 1, 31), ("month", 1, 12), ("day of week", 0, 7))
_PART = re.compile(r"(?:(?P<all>\*)|(?P<first>\w+)(?:-(?P<last>\w+))?)(?:/(?P<step>[0-9]{1,4}))?", re.ASCII)


def require_cron(text: str) -> str:
    """The expression, if it names a time that comes.

    Lists, ranges, steps and the names of months and days are understood. What only some crons know (`L`, `#`, `@daily`) is not.

    Raises:
        ValueError: names the field, what stands in it and what may.
    """
    parts = text.split()
    if len(parts) != len(_FIELDS):
        names = ", ".join(name for name, _, _ in _FIELDS)
        raise ValueError(f"cron {text!r} has {len(parts)} fields, not the 5 of {names}, as in 30 17 * * 1-5")
    days, months = [_values(text, field, part) for field, part in zip(_FIELDS, parts, strict=True)][2:4]
    if parts[4] == "*" and not any(day <= _LONGEST[month - 1] for day, month in product(days, months)):
        raise ValueError(f"cron {text!r} never comes: no month of it has such a day")
    return text


def times_of(text: str) -> tuple[set[int], set[int]]:
    """Minutes and hours of an expression that `require_cron` has passed."""
    minutes, hours = (_values(text, field, part) for field, part in zip(_FIELDS[:2], text.split(), strict=False))
    return minutes, hours


def _values(text: str, field: tuple[str, int, int], part: str) -> set[int]:
    name, low, high = field
    values: set[int] = set()
    for one in part.split(","):
        found = _PART.fullmatch(one)
        if found is None:
            raise ValueError(f"cron {text!r}: {name} {one!r} is no number, range or step of {low} to {high}")
        first = low if found["all"] else _number(text, field, found["first"])
        last = _number(text, field, found["last"]) if found["last"] else high if found["all"] or found["step"] else first
        step = int(found["step"] or 1)
        if last < first or step < 1:
            raise ValueError(f"cron {text!r}: {name} {one!r} is empty; write the smaller number first and a step of at least 1")
        values.update(range(first, last + 1, step))
    return values


def _number(text: str, field: tuple[str, int, int], word: str) -> int:
    name, low, high = field
    names = {"month": dict(zip(_MONTHS, range(1, 13), strict=True)), "day of week": dict(zip(_DAYS, range(7), strict=True))}.get(name, {})
    number = int(word) if word.isdigit() and len(word) < 5 else names.get(word.lower(), -1)
    if not low <= number <= high:
        raise ValueError(f"cron {text!r}: {name} {word!r} is not within {low} to {high}")
    return number
