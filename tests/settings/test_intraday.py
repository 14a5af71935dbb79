"""The `intraday` section of a book."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from grodt.errors import ConfigError
from grodt.sessions import Calendar
from grodt.settings.books import load_books
from tests.settings.books_files import REMOVED, edited, load, mistake

WITHIN = {"every": "30m", "bars": "5m", "first": "10:00", "last": "15:30", "flat_by": "15:50"}
STOPS = {"risk_per_trade": 0.001, "atr_multiple": 2, "weight_cap": 0.1, "gross_cap": 0.9}
SIGNALS = [{"signal": "vwap_ema_trend", "weight": 1}]


def intraday(changes: dict[str, Any] | None = None, **within: Any) -> str:
    kept = {name: value for name, value in (WITHIN | within).items() if value is not REMOVED}
    return edited({"books.demo.intraday": kept, "books.demo.signals": SIGNALS} | (changes or {}))


def test_a_book_may_decide_within_its_sessions(tmp_path: Path) -> None:
    book = load(tmp_path, intraday(stops=STOPS)).book("demo")
    rule = book.within.rule()
    assert (rule.every, str(rule.first), rule.latest_start) == (30, "10:00:00", 5)
    assert (book.within.bars, book.within.history_sessions) == ("5m", 5)
    assert book.within.stops is not None
    with pytest.raises(ConfigError, match="book 'demo' decides within its sessions; use another command"):
        book.require_end_of_day("use another command")


def test_bars_are_as_wide_as_slots_where_nothing_is_said(tmp_path: Path) -> None:
    assert load(tmp_path, intraday(bars=REMOVED)).book("demo").within.bars == "30m"


@pytest.mark.parametrize("last", [date(2025, 11, 28), date(2025, 12, 1)])
def test_a_book_is_as_good_where_the_known_sessions_end_about_an_early_close(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, last: date
) -> None:
    """Known sessions end a year from today, which is no reason to refuse a book today and take it tomorrow."""
    monkeypatch.setattr(Calendar, "bounds", lambda _: (date(1990, 1, 2), last))
    assert load(tmp_path, intraday(history_sessions=4, bars="30m")).book("demo").within.history_sessions == 4
    assert "history_sessions is 3, about 39 bars of 30m, and a signal needs 43" in mistake(
        tmp_path, intraday(history_sessions=3, bars="30m")
    )


def test_an_end_of_day_book_is_told_which_command_runs_it(tmp_path: Path) -> None:
    book = load(tmp_path, edited({})).book("demo")
    book.require_end_of_day("")
    with pytest.raises(ConfigError, match="book 'demo' is decided at the end of its sessions: `grodt run --book demo` runs it"):
        _ = book.within


@pytest.mark.parametrize(
    ("changes", "within", "said"),
    [
        ({}, {"bars": "7m"}, "every 30m is no multiple of bars 7m"),
        ({}, {"bars": "30m", "first": "09:45"}, "slot 09:45 of XNYS ends no bar of 30 minutes"),
        ({}, {"every": "1d"}, "intraday.every: must be minutes or hours below a day"),
        ({}, {"first": 600}, "intraday.first: must be a time of the exchange's day, such as 10:00"),
        ({}, {"last": "25:00"}, "intraday.last: must be a time of the exchange's day"),
        ({}, {"flat_by": "16:00"}, "flat_by is 16:00, and a session of XNYS trades from 09:30 to 16:00"),
        ({}, {"latest_start_minutes": 40}, "latest_start_minutes is 40; it must be from 1 to 30"),
        ({}, {"history_sessions": 1, "bars": "30m"}, "history_sessions is 1, about 13 bars of 30m, and a signal needs"),
        ({"books.demo.construction.rebalance": "week"}, {}, "construction.rebalance is week"),
        ({"books.demo.broker.carry_sessions": 1}, {}, "broker.carry_sessions is 1"),
        (
            {
                "books.demo.broker": {"kind": "alpaca", "slippage_bps": 1, "commission_bps": 0},
                "books.demo.schedule.cron": "5 19 * * 1-5",
            },
            {},
            "broker.kind is alpaca",
        ),
        ({"books.demo.universe.rules": {"price": 5}}, {}, "universe.rules are judged at a session's close"),
    ],
)
def test_what_cannot_be_decided_within_a_session_is_refused(
    tmp_path: Path, changes: dict[str, Any], within: dict[str, Any], said: str
) -> None:
    assert said in mistake(tmp_path, intraday(changes, **within))


def test_the_section_is_part_of_what_decides_but_for_how_late_a_slot_may_begin(tmp_path: Path) -> None:
    first, later, other = (
        load(tmp_path, intraday(**each)).config_hash("demo") for each in ({}, {"latest_start_minutes": 9}, {"last": "15:00"})
    )
    assert first == later != other


def test_the_example_is_a_book_that_can_be_run() -> None:
    book = load_books(Path(__file__).resolve().parents[2] / "deployments/examples/intraday.yaml").book("within")
    assert book.within.rule().every == 60
    assert book.within.slices is not None


@pytest.mark.parametrize(
    ("changes", "within", "said"),
    [
        ({}, {"slices": {"above": 1000, "count": 40}}, "slices.count is 40, more than the minutes of 30m"),
        ({}, {"flat_by": REMOVED, "stops": STOPS}, "stops are watched within one session, from its first slot to flat_by"),
        (
            {"books.demo.order": {"type": "limit", "offset_bps": 20, "tif": "day"}},
            {},
            "orders of an intraday book are market orders",
        ),
    ],
)
def test_stops_slices_and_orders_that_make_no_sense_are_refused(
    tmp_path: Path, changes: dict[str, Any], within: dict[str, Any], said: str
) -> None:
    assert said in mistake(tmp_path, intraday(changes, **within))
