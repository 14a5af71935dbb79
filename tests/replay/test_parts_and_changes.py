"""Parts of a history as histories of their own, and a book whose configuration changes on the way."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.replaying import ask
from grodt.bars.corporate_actions import CorporateAction
from grodt.ledger.manifest import snapshot
from grodt.replay.attribution import index_changes, index_of
from grodt.replay.closing import Identity
from grodt.replay.engine import Plan, replay
from grodt.replay.history import History, Liquidity
from grodt.replay.running import Request, forecasts_of, read
from grodt.replay.tables import Tables
from grodt.signals.forecasts import combine, forecast_sessions, switched_off
from grodt.signals.momentum import Momentum
from tasks.wiring import data_parts
from tests.cycles.driver import Home
from tests.cycles.small_world import WEEK, books_text, small_home
from tests.examples import examples
from tests.replay import histories
from tests.replay.parity import differences
from tests.signals.worlds import random_closes

SPECS = ((Momentum(lookback=6, skip=1), 0.7), (Momentum(lookback=3, skip=0, name="fast"), 0.3))


@given(seed=st.integers(0, 999), start=st.integers(0, 20), length=st.integers(1, 20))
@examples(20)
def test_a_replay_of_a_part_is_that_of_a_history_which_begins_and_ends_there(seed: int, start: int, length: int) -> None:
    close = random_closes(seed, 120, 4)
    end = start + length
    whole = histories.history_of(close, before=70)
    part = whole.between(start, end)
    alone = histories.history_of(close[: 70 + end], before=70 + start)
    assert part.sessions == alone.sessions
    plan = histories.plan_of()
    forecasts = forecasts_of(whole, SPECS, keep=False)
    rows = replace(forecasts, combined=forecasts.combined[start:end], volatility=forecasts.volatility[start:end])
    one, other = replay(part, rows, plan), replay(alone, forecasts_of(alone, SPECS, keep=False), plan)
    assert one.equity.tolist() == other.equity.tolist()
    assert index_of(index_changes(whole)[start:end]).tolist() == index_of(index_changes(alone)).tolist()


def test_a_part_has_what_belongs_to_its_sessions_alone() -> None:
    whole = histories.history_of(random_closes(1, 10, 2))
    split = CorporateAction("S0000", whole.sessions[4], "split", ratio_new=2, ratio_old=1)
    grid = np.arange(20.0).reshape(10, 2)
    later = replace(whole.candidates[0], start=5, listed=np.array([True, False]))
    whole = replace(
        whole,
        actions={4: [split], 8: []},
        cancels={4: np.array([0])},
        liquidity=Liquidity(grid, grid + 1, grid + 2),
        members=grid % 3 > 0,
        candidates=(*whole.candidates, later),
    )
    part = whole.between(3, 7)
    assert (part.actions, part.cancels[1].tolist(), part.cancels.keys()) == ({1: [split]}, [0], {1})
    assert [each.start for each in part.candidates] == [0, 2]
    assert part.liquidity is not None
    assert part.liquidity.volatility.tolist() == (grid[3:7] + 2).tolist()
    assert [part.members_at(row).tolist() for row in range(4)] == [whole.members_at(row + 3).tolist() for row in range(4)]
    assert [each.start for each in whole.between(6, 9).candidates] == [0]
    with pytest.raises(ValueError, match="no part from row 7 to 7"):
        whole.between(7, 7)


def test_forecasts_are_combined_alike_from_arrays_of_each_signal() -> None:
    history = histories.history_of(random_closes(2, 110, 5, gaps=0.1), before=70)
    known = forecast_sessions(history.panel, SPECS, 40)
    own = [signal.evaluate(history.panel, known.volatility).forecast for signal, _ in SPECS]
    assert np.array_equal(combine(own, [weight for _, weight in SPECS]), known.combined, equal_nan=True)
    off = np.zeros(own[0].shape, dtype=np.bool_)
    off[3] = True
    assert np.array_equal(switched_off(own[0], off)[3], np.where(np.isnan(own[0][3]), np.nan, 0.0), equal_nan=True)


CHANGED = {"fast: 4, slow: 16": "fast: 3, slow: 20", "no_trade_band: 0,": "no_trade_band: 0.01,", "slippage_bps: 5": "slippage_bps: 9"}
NEW = {"new_cycles": "2", "new_share": "0.6"}


@pytest.mark.long
def test_a_book_whose_file_is_changed_in_the_middle_of_a_week_goes_on_with_what_it_holds(tmp_path: Path) -> None:
    home = small_home(tmp_path)
    assert home.books is not None
    first, second = books_text(**NEW), books_text(**NEW)
    for old, new in CHANGED.items():
        assert old in second
        second = second.replace(old, new)
    home.books.write_text(first)
    home.run(*WEEK[:4])
    home.books.write_text(second)
    home.run(*WEEK[4:])
    _replayed_with_a_change(home, first, second, 4, tmp_path / "out")
    different = differences(home, tmp_path / "out")
    assert not {"targets", "orders", "fills", "positions", "equity", "risk_checks"} & different.keys(), different


def _replayed_with_a_change(home: Home, first: str, second: str, row: int, out: Path) -> None:
    assert home.books is not None
    plans, combined, history = list[Plan](), [], None
    for text in (first, second):
        home.books.write_text(text)
        with home.environment():
            asked = ask(home.book, WEEK[0], WEEK[-1], out)
            parts = data_parts(asked.book, WEEK[-1])
            config = parts.config
            plan = Plan(asked.book, config.capital_micros, config.construction, config.limits, config.broker.terms())
            request = Request("files", WEEK[0], WEEK[-1], config.weighted_signals(), None, None, plan)
            with parts.ledger.read() as tx:
                history = read(parts.lake, snapshot(tx), parts.calendar, request, parts.universe)
            forecasts = forecasts_of(history, request.specs, keep=False)
            parts.close()
        plans.append(plan)
        combined.append(forecasts.combined)
    assert isinstance(history, History)
    stitched = replace(forecasts, combined=np.concatenate([combined[0][:row], combined[1][row:]]))
    identity = Identity("", "", "", parts.calendar.opens_at, parts.calendar.closes_at)
    tables = Tables(out, history, home.book, identity)
    course = replay(history, stitched, plans[0], changes={row: plans[1]}, recorder=tables, evidence=True)
    tables.finish(course)
