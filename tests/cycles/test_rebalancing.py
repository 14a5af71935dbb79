"""Books that rebalance once a week, live and replayed; and constructions of every kind decide the same in both."""

from pathlib import Path

import polars as pl
import pytest

from tests.cycles.driver import Home
from tests.cycles.small_world import FRI, MON, NEXT_MON, NEXT_TUE, TUE, WED, WEEK, books_text, small_home
from tests.replay.parity import differences, replayed

WEEKLY = "volatility_target: null, sizing: equal_weight, rebalance: week, weight_cap: 0.25"
PLAIN = "volatility_target: 0.25, weight_cap: 0.20"


def _home(folder: Path, construction: str) -> Home:
    home = small_home(folder)
    assert home.books is not None
    text = books_text()
    assert PLAIN in text
    home.books.write_text(text.replace(PLAIN, construction))
    return home


def _traded(home: Home) -> set[object]:
    return set(home.table("orders")["session"])


def test_a_weekly_book_trades_in_the_first_session_of_a_week_and_keeps_its_quantities_in_the_others(tmp_path: Path) -> None:
    home = _home(tmp_path, WEEKLY)
    home.run(*WEEK)
    assert _traded(home) == {MON, NEXT_MON}
    targets = home.table("targets").filter(pl.col("session").is_in([TUE, WED, FRI]))
    assert targets.height > 0
    assert targets["target_quantity"].to_list() == targets["current_quantity"].to_list()
    replayed(home, WEEK, tmp_path / "out")
    assert differences(home, tmp_path / "out") == {}


@pytest.mark.long
def test_the_cycle_after_one_that_was_missed_rebalances_in_its_place(tmp_path: Path) -> None:
    home = _home(tmp_path, WEEKLY)
    home.run(MON, TUE, WED, FRI, NEXT_TUE)
    assert _traded(home) == {MON, NEXT_TUE}


@pytest.mark.long
@pytest.mark.parametrize(
    "construction",
    [
        "volatility_target: 0.15, covariance: shrunk, sizing: mean_variance, weight_cap: 0.25",
        "volatility_target: null, covariance: shrunk, sizing: risk_budget, weight_cap: 0.3, trade_share: 0.5",
        "volatility_target: 0.2, covariance: ewma, span: 10, turnover_penalty: 0.002, weight_cap: 0.2",
    ],
)
def test_live_cycles_and_a_replay_of_any_construction_decide_the_same(tmp_path: Path, construction: str) -> None:
    home = _home(tmp_path, construction)
    home.run(*WEEK)
    replayed(home, WEEK, tmp_path / "out")
    assert differences(home, tmp_path / "out") == {}
    assert len(_traded(home)) > 1
