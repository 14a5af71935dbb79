"""The replay benchmark's floor and reference: what other engines' final equities are compared with has to be right by itself."""

from datetime import date
from pathlib import Path

import numpy as np
import pytest

from grodt.sessions import Calendar
from tests.benchmarks import replay_floor, replay_ours, replay_reference
from tests.benchmarks.replay_contestants import CONTESTANTS, OURS
from tests.benchmarks.replay_reference import Conventions, replay
from tests.benchmarks.replay_strategy import LOOKBACK, REBALANCED, Panel, decision_rows, panel, read_panel, top_decile, write_panel


def weekdays(count: int, first: str = "2024-01-01") -> np.ndarray:
    return np.busday_offset(first, np.arange(count), roll="forward")


def ten_symbols() -> Panel:
    """254 sessions at 50 to 59 USD; the fourth symbol has doubled, so it alone is held from row 253 on, and then things move."""
    close = np.tile(np.arange(50.0, 60.0), (LOOKBACK + 3, 1))
    close[200:, 3] = 106.0
    opens = close.copy()
    opens[LOOKBACK + 1, 3] = 107.0  # the first fill
    close[LOOKBACK + 1, 3] = 104.0
    opens[LOOKBACK + 2, 3] = 103.0  # the second
    close[LOOKBACK + 2, 3] = 110.0
    return panel(weekdays(len(close)), opens, close, invested=1.0)


def by_hand() -> float:
    """The benchmark's convention. 200,000 USD at the close of 106: 1,886 shares. They fill at 107 and leave the cash below zero:

    200,000 − 1,886 · 107 · 1.0005 = −1,902.901. At 104 the book is worth 194,241.099: 1,867 shares, so 19 are sold at 103:
    −1,902.901 + 19 · 103 · 0.9995 = 53.1205. At the last close: 53.1205 + 1,867 · 110 = 205,423.1205.
    """
    return 205_423.1205


def test_the_floor_equals_a_case_worked_by_hand() -> None:
    outcome = replay_floor.prepare(ten_symbols(), "day")()
    assert outcome.final == pytest.approx(by_hand(), abs=1e-6)
    assert outcome.fills == 2


def test_the_reference_equals_a_case_worked_by_hand() -> None:
    assert replay(ten_symbols(), "day", Conventions()).final == pytest.approx(by_hand(), abs=1e-6)


@pytest.mark.parametrize(
    ("conventions", "final"),
    [
        # 200,000 / 106 shares at 107 leave −1,987.7358491; at 104 the book of 194,238.6792453 holds 1,867.6796081; the rest goes at 103
        (Conventions(shares="fractional"), -1_987.7358491 + 19.1128447 * 103 * 0.9995 + 1_867.6796081 * 110),
        # 200,000 / 107: 1,869 shares leave −82.9915. At 103 the book is worth 192,424.0085: 1,868, so one is sold for 102.9485
        (Conventions(sized_at="open"), -82.9915 + 102.9485 + 1_868 * 110),
        # 1,886 shares cannot be paid: 200,000 / 1.0005 / 107 = 1,868; then at 104 the book is worth 194,296.062: 1,868 again
        (Conventions(cash="cut"), 200_000 - 1_868 * 107 * 1.0005 + 1_868 * 110),
        # the same order is not filled at all; at 104 of 200,000 it is 1,923 shares, paid at 103
        (Conventions(cash="refused"), 200_000 - 1_923 * 103 * 1.0005 + 1_923 * 110),
    ],
)
def test_a_convention_of_another_engine_equals_a_case_worked_by_hand(conventions: Conventions, final: float) -> None:
    assert replay(ten_symbols(), "day", conventions).final == pytest.approx(final, abs=2e-5)


@pytest.mark.parametrize("rebalanced", REBALANCED)
@pytest.mark.parametrize("gaps", [False, True])
def test_floor_and_reference_agree(tmp_path: Path, rebalanced: str, gaps: bool) -> None:
    write_panel(tmp_path / "panel", weekdays(600), 30, gaps=gaps, seed=3)
    prices = read_panel(tmp_path / "panel")
    floor, reference = replay_floor.prepare(prices, rebalanced)(), replay_reference.prepare(prices, rebalanced)()
    assert floor.fills == reference.fills > 0
    assert floor.final == pytest.approx(reference.final, rel=1e-12)


def test_the_first_columns_are_held_where_momentum_is_equal() -> None:
    close = np.full((LOOKBACK + 1, 30), 10.0)
    close[-30:, [4, 7, 20, 29]] = 12.0
    prices = panel(weekdays(len(close)), close, close)
    assert top_decile(prices, LOOKBACK).tolist() == [4, 7, 20]


def test_a_symbol_without_a_bar_at_the_decision_or_a_year_of_listing_is_not_chosen() -> None:
    close = np.tile(np.linspace(10.0, 20.0, LOOKBACK + 1)[:, None], (1, 21))
    close[:5, 0] = np.nan  # listed late
    close[-1, 1] = np.nan  # no bar today
    close[-22, 2] = np.nan  # a gap a month ago: the close before it holds, which is a little lower
    prices = panel(weekdays(len(close)), close, close)
    assert top_decile(prices, LOOKBACK).tolist() == [3]


def test_months_decide_at_their_first_session() -> None:
    days = weekdays(LOOKBACK + 50, "2023-01-02")
    assert days[decision_rows(days, "month")].astype(str).tolist() == ["2024-01-01", "2024-02-01"]


@pytest.mark.parametrize("rebalanced", ["day", "month"])
@pytest.mark.parametrize("gaps", [False, True])
def test_grodt_ends_with_the_references_equity_under_its_own_conventions(rebalanced: str, gaps: bool, tmp_path: Path) -> None:
    """Written apart from the engine, by hand: prices of fills, whole shares, and buys that wait for cash."""
    sessions = np.array(Calendar("XNYS").latest(date(2025, 12, 31), 400), dtype="datetime64[D]")
    write_panel(tmp_path / "panel", sessions, 40, gaps=gaps)
    whole = read_panel(tmp_path / "panel")
    found = replay_ours.prepare(whole, rebalanced, evidence=False)()
    expected = replay(whole, rebalanced, CONTESTANTS[OURS].conventions)
    assert found.fills == expected.fills > 10
    assert found.final == pytest.approx(expected.final, abs=1e-4)
