"""Books are as good, and refused with the same words, whatever the day: the sessions that are known end a year from today."""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from grodt.errors import ConfigError
from grodt.sessions import Calendar
from grodt.settings.books import load_books
from tests.settings.books_files import DEMO, US_DAILY, edited

EXAMPLES = sorted(US_DAILY.parent.glob("*.yaml"))
INTRADAY = US_DAILY.with_name("intraday.yaml").read_text("utf-8")


def momentum(lookback: int) -> dict[str, Any]:
    return {"signal": "momentum", "parameters": {"lookback": lookback}, "weight": 1}


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    (
        DEMO,
        {"books.demo.history.years": 1, "books.demo.signals": [momentum(300)]},
        "history.years is 1, about 251 sessions of XNYS",
    ),
    (
        DEMO,
        {"books.demo.calendar": "XSAU", "books.demo.history.years": 7, "books.demo.signals": [momentum(2500)]},
        "sessions of XSAU, and signal momentum needs",
    ),
    (INTRADAY, {"books.within.intraday.history_sessions": 1}, "history_sessions is 1, about 78 bars of 5m"),
    (INTRADAY, {"books.within.intraday.first": "09:30"}, "first is 09:30, and a session of XNYS trades from 09:30 to 16:00"),
    (INTRADAY, {"books.within.intraday.flat_by": "16:00"}, "flat_by is 16:00"),
    (INTRADAY, {"books.within.calendar": "XLON", "books.within.intraday.flat_by": "16:45"}, "XLON trades from 08:00 to 16:30"),
]


@pytest.fixture
def known_to(monkeypatch: pytest.MonkeyPatch) -> Callable[[date], None]:
    """Ends what every calendar knows at its last session up to a day."""
    ends: list[date] = []
    known = Calendar.bounds

    def bounds(calendar: Calendar) -> tuple[date, date]:
        first, last = known(calendar)
        return (first, calendar.latest(ends[-1], 1)[0]) if ends else (first, last)

    monkeypatch.setattr(Calendar, "bounds", bounds)
    return ends.append


#: Sessions of New York from the early close after one Thanksgiving to that after the next.
YEAR = Calendar("XNYS").between(date(2024, 11, 29), date(2025, 11, 28))
#: Of these, the ones about early closes of New York and London, and some others.
SOME = tuple(day for day in YEAR if (day.month in (11, 12) and day.day > 20) or (day.month in (1, 7) and day.day < 9) or day.day == 15)


@pytest.mark.parametrize("path", [None, *EXAMPLES], ids=lambda path: "demo" if path is None else path.stem)
def test_a_book_is_as_good_on_every_day_of_a_year(path: Path | None, known_to: Callable[[date], None]) -> None:
    wanted = load_books(path)
    for day in YEAR:
        known_to(day)
        assert load_books(path) == wanted, day


@pytest.mark.parametrize(("text", "changes", "words"), REFUSED)
def test_a_book_is_refused_with_the_same_words_whatever_the_day(
    tmp_path: Path, text: str, changes: dict[str, Any], words: str, known_to: Callable[[date], None]
) -> None:
    path = tmp_path / "books.yaml"
    path.write_text(edited(changes, text))
    said: dict[str, date] = {}
    for day in SOME:
        known_to(day)
        with pytest.raises(ConfigError) as caught:
            load_books(path)
        said.setdefault(str(caught.value), day)
    assert len(said) == 1, said
    assert words in said.popitem()[0]
