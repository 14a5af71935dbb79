"""What is asked of a source before orders are left to rest through a night."""

from collections.abc import Sequence
from datetime import date

import polars as pl
import pytest

from grodt.bars.source import RAW_ACTIONS
from grodt.errors import ConfigError
from grodt.execution.announced import Announced, announced_actions
from tests.brokers.world import FRI, MON

SATURDAY = date(2026, 3, 7)
NEXT_MON = date(2026, 3, 9)
_RATIOS = {"ratio_new": 2, "ratio_old": 1}


class _Silent:
    """A source that tells nothing ahead."""

    name = "silent"


class _Telling:
    """A source that knows what is to come."""

    name = "telling"

    def __init__(self, *rows: dict[str, object]) -> None:
        self.actions = pl.DataFrame(rows, schema=RAW_ACTIONS)
        self.asked: list[tuple[tuple[str, ...], date, date]] = []

    async def actions_ahead(self, symbols: Sequence[str], start: date, end: date) -> pl.DataFrame:
        self.asked.append((tuple(symbols), start, end))
        return self.actions.filter(pl.col("symbol").is_in(list(symbols)) & pl.col("ex_date").is_between(start, end))


def test_splits_and_changes_of_the_days_up_to_the_next_session_count_and_dividends_do_not() -> None:
    source = _Telling(
        {"symbol": "AAPL", "ex_date": SATURDAY, "kind": "split", **_RATIOS},
        {"symbol": "GONE", "ex_date": NEXT_MON, "kind": "delisting"},
        {"symbol": "IBM", "ex_date": NEXT_MON, "kind": "dividend"},
        {"symbol": "KO", "ex_date": FRI, "kind": "split", **_RATIOS},
        {"symbol": "OTHER", "ex_date": NEXT_MON, "kind": "split", **_RATIOS},
    )
    told = announced_actions(source, ["KO", "IBM", "GONE", "AAPL"], FRI, NEXT_MON)  # type: ignore[arg-type]
    assert told == {"AAPL": "split", "GONE": "delisting"}
    assert source.asked == [(("AAPL", "GONE", "IBM", "KO"), SATURDAY, NEXT_MON)]


def test_of_several_actions_the_first_is_told_and_of_one_day_a_delisting_before_a_split_before_a_change() -> None:
    source = _Telling(
        {"symbol": "AAPL", "ex_date": NEXT_MON, "kind": "symbol_change", "new_symbol": "NEW"},
        {"symbol": "AAPL", "ex_date": NEXT_MON, "kind": "split", **_RATIOS},
        {"symbol": "AAPL", "ex_date": NEXT_MON, "kind": "delisting"},
        {"symbol": "KO", "ex_date": NEXT_MON, "kind": "split", **_RATIOS},
        {"symbol": "KO", "ex_date": SATURDAY, "kind": "symbol_change", "new_symbol": "COKE"},
    )
    told = announced_actions(source, ["AAPL", "KO"], FRI, NEXT_MON)  # type: ignore[arg-type]
    assert told == {"AAPL": "delisting", "KO": "symbol_change"}


def test_a_source_that_tells_nothing_ahead_is_refused_and_one_that_need_not_be_asked_is_not() -> None:
    with pytest.raises(ConfigError, match="source 'silent' tells no splits before their day"):
        announced_actions(_Silent(), ["AAPL"], MON, FRI)  # type: ignore[arg-type]
    assert announced_actions(_Silent(), [], MON, FRI) == {}  # type: ignore[arg-type]


def test_what_a_broker_keeps_says_which_orders_are_asked_about_and_which_are_withdrawn() -> None:
    kinds = {"AAPL": "split"}
    all_kept, of_a_session, none = (Announced(frozenset(keeps), kinds) for keeps in (("opg", "gtc"), ("opg",), ()))
    asked = all_kept.of_orders(("AAPL", "KO"), "opg")
    assert asked is not None
    assert asked.tolist() == ["split", ""]
    assert of_a_session.of_orders(("AAPL",), "gtc") is None
    assert none.of_orders(("AAPL",), "opg") is None
    assert (all_kept.withdrawn_in, of_a_session.withdrawn_in) == ({"AAPL"}, frozenset())
