"""Column types: what a value looks like in the file.

Money and shares are 64-bit integers, instants ISO text of fixed width in UTC, sessions ISO dates; so `ORDER BY` works on
the text and a person can read it in any SQLite shell.
"""

from collections.abc import Callable
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import REAL, BigInteger, Dialect, Double, Integer, Text
from sqlalchemy.types import TypeDecorator, TypeEngine

from grodt.sessions import require_utc

#: Micros, shares, running numbers. SQLite's STRICT tables know INTEGER alone, which has 64 bits.
Int64: TypeEngine[int] = BigInteger().with_variant(Integer(), "sqlite")
#: Statistics.
Float64: TypeEngine[float] = Double().with_variant(REAL(), "sqlite")


def instant_text(value: datetime) -> str:
    """An instant as `Instant` has it in the file; a datetime without a zone is refused."""
    return require_utc(value).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def day_text(value: date) -> str:
    """A date as `Day` has it in the file; an instant is refused, for it is not a session."""
    if isinstance(value, datetime):
        raise ValueError(f"{value.isoformat()} is an instant, not a session")
    return value.isoformat()


class Instant(TypeDecorator[datetime]):
    """An aware UTC datetime as text of fixed width, `2026-11-20T21:00:00.000000Z`."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:
        """To text; a datetime without a zone is refused."""
        return None if value is None else instant_text(value)

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], datetime | None]:
        """From text. Thousands of rows are of one commit."""
        return _instant


class Day(TypeDecorator[date]):
    """A session or other date as ISO text, `2026-11-20`."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: date | None, dialect: Dialect) -> str | None:
        """To text; an instant is refused, for it is not a session."""
        return None if value is None else day_text(value)

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], date | None]:
        """From text. Thousands of rows are of one session."""
        return _day


@lru_cache(maxsize=4096)
def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text).astimezone(UTC)


@lru_cache(maxsize=4096)
def _day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)
