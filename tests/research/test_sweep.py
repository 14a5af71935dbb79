"""Sweeps: known answers, what runs share, and the same answer for any number of processes."""

import math
import pickle
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from grodt.bars.corporate_actions import CorporateAction
from grodt.brokers.fills import FillTerms
from grodt.errors import ConfigError, DataError
from grodt.replay.attribution import index_changes
from grodt.replay.engine import replay
from grodt.replay.history import Liquidity
from grodt.replay.running import record_of_course
from grodt.replay.statistics import statistics
from grodt.research.grid import Axis
from grodt.research.metrics import best, ranked
from grodt.research.shared import EvaluateSignal, lay_out
from grodt.research.sweep import RUNS, SIGNALS, Sweep, sweep
from grodt.research.variants import Use, Variant, arrange
from grodt.research.workers import WorkerLost, Workers
from grodt.signals.ewma_crossover import EwmaCrossover
from grodt.signals.gating import Gating, RegimeSettings
from grodt.signals.momentum import Momentum
from tests.replay.histories import history_of, plan_of, with_splits
from tests.research.books import (
    BEFORE,
    HALF,
    SETTING,
    Holding,
    by_column,
    course,
    grid_of,
    history_after,
    plain_forecasts,
    same_figures,
    variant,
)
from tests.research.deaths import Dies, Fails
from tests.signals.test_regime import whole_panel
from tests.signals.worlds import random_closes

UP, DOWN = course(0.10, 0.10, -0.05, 0.10), course(-0.10, -0.10, 0.05, -0.10)


def test_the_best_of_two_books_by_hand() -> None:
    axes, variants = by_column(0, 1)
    done = sweep(history_after(np.column_stack([DOWN, UP])), axes, variants, SETTING, metric="total_return")
    assert done.best == 1
    assert done.parameters[done.best] == {"signals.holding.column": 1}
    # Half of 10,000 is 50 shares at 100, decided at the first close; they fill at 110 and are brought back to half at each close.
    shares, cash, price = 50, 10_000 - 50 * 110, 110.0
    for new in UP[2:].tolist():
        wanted = math.floor(round(0.5 * (cash + shares * price), 6) / price)
        cash, shares, price = cash - (wanted - shares) * new, wanted, new
    assert done.runs[1].equity[-1] / 1e6 == pytest.approx(cash + shares * price)
    assert done.values[1] == pytest.approx((cash + shares * price) / 10_000 - 1)
    assert done.values[0] is not None
    assert done.values[0] < 0
    assert (done.signals, done.first_forecast) == (2, (done.sessions[0],) * 2)


def test_a_run_is_what_a_replay_of_its_book_is_bit_for_bit() -> None:
    close = np.round(random_closes(5, BEFORE + 80, 6, gaps=0.05), 2)
    grid = np.abs(np.random.default_rng(1).normal(1e6, 1e5, (80, 6)))
    history = replace(history_of(close, before=BEFORE), liquidity=Liquidity(grid, 50 * grid, grid / 1e8))
    impact = FillTerms(slippage_bps=Decimal(5), commission_bps=Decimal(1), impact=Decimal("0.5"))
    fast, slow = EwmaCrossover(fast=2, slow=8), Momentum(lookback=20, skip=2)
    variants = []
    for weight, terms, construction in ((1.0, impact, HALF), (3.0, FillTerms(), replace(HALF, sizing="inverse_volatility"))):
        uses = (Use("fast", fast, weight), Use("slow", slow, 1.0))
        variants.append(Variant({"signals.ewma_crossover.weight": weight}, uses, plan_of("1000000", construction, terms)))
    done = sweep(history, [Axis("signals.ewma_crossover.weight", (1.0, 3.0))], variants, SETTING, metric="sharpe")
    assert done.signals == 2
    for one, ran in zip(variants, done.runs, strict=True):
        alone = replace(history, liquidity=history.liquidity if one.plan.terms.needs_figures else None)
        plain = replay(alone, plain_forecasts(alone, one), one.plan)
        assert ran.equity.tolist() == plain.equity.tolist()
        assert ran.gross.tolist() == plain.gross.tolist()
        outcome = ran.outcomes[80]
        expected = statistics(record_of_course(plain, index_changes(alone), None, None, 252.0))
        assert same_figures(outcome.statistics, expected)
        assert expected.trades
        assert outcome.orders == sum(len(batch.columns) for batch in plain.orders.batches)
        assert outcome.fills == sum(len(each.places) for each in plain.orders.filled)
        assert (outcome.commission, outcome.equity) == (plain.commission.sum(), plain.equity[-1])


def test_signals_that_regimes_switch_off_are_so_in_a_sweep() -> None:
    close = np.round(random_closes(5, BEFORE + 41, 6), 2)
    history = history_of(close[1:], before=BEFORE, panel=whole_panel(close))
    windows = {"vwap_window": 5, "momentum": 5, "atr_length": 5, "atr_window": 20, "short": 4, "long": 20}
    uses = (Use("fast", EwmaCrossover(fast=2, slow=8), 1.0), Use("slow", Momentum(lookback=20, skip=2), 1.0))
    variants = [
        Variant(
            {"regime.scope": scope},
            uses,
            plan_of("1000000", HALF),
            Gating(RegimeSettings(**windows, scope=scope), {"momentum": ("trending",)}),
        )
        for scope in ("market", "symbol")
    ]
    variants.append(Variant({"regime.scope": None}, uses, plan_of("1000000", HALF)))
    done = sweep(history, [Axis("regime.scope", ("market", "symbol", None))], variants, SETTING, metric="sharpe")
    plain = [replay(history, plain_forecasts(history, one), one.plan).equity.tolist() for one in variants]
    assert [ran.equity.tolist() for ran in done.runs] == plain
    assert len({tuple(each) for each in plain}) == 3


def test_each_distinct_signal_is_evaluated_once_however_many_runs_use_it() -> None:
    axes, variants = grid_of([0, 1, 2], [0.3, 0.4, 0.5, 0.6])
    Holding.asked.clear()
    told: list[tuple[str, int, int]] = []
    done = sweep(
        history_after(np.column_stack([UP, DOWN, UP])), axes, variants, SETTING, metric="sharpe", progress=lambda *each: told.append(each)
    )
    assert Holding.asked == ["holding 0", "holding 1", "holding 2"]
    assert done.signals == 3
    assert len(done.runs) == 12
    assert told == [(SIGNALS, each, 3) for each in (1, 2, 3)] + [(RUNS, each, 12) for each in range(1, 13)]


def test_weights_and_gates_do_not_make_a_signal_another_one() -> None:
    gate = Gating(RegimeSettings(), {"holding": ("trending",)})
    one, other = Use("k", Holding(), 1.0), Use("l", Holding(1, name="other"), 1.0)
    variants = [
        Variant({"w": 1}, (one, other), plan_of()),
        Variant({"w": 2}, (replace(one, weight=2.0), other), plan_of()),
        Variant({"w": 3}, (one, other), plan_of(), gate),
        Variant({"w": 4}, (one, other), plan_of(), Gating(RegimeSettings(), {"holding": ("trending",)})),
    ]
    found = arrange(variants)
    assert len(found.signals) == 2
    assert len(found.gatings) == 1
    assert found.of_variant == ((0, 1), (0, 1), (2, 1), (2, 1))


def test_any_number_of_processes_gives_the_same_answer() -> None:
    close = np.round(random_closes(8, BEFORE + 60, 5, gaps=0.03), 2)
    history = history_of(close, before=BEFORE)
    axes, variants = grid_of([0, 1, 2, 3, 4], [0.3, 0.6])
    alone = sweep(history, axes, variants, SETTING, metric="sharpe")
    shared = sweep(history, axes, variants, SETTING, metric="sharpe", workers=2)
    assert _text(alone) == _text(shared)


def _text(done: Sweep) -> str:
    """Everything that it says, floats to the last bit."""
    runs = [
        (each.variant, repr(each.outcomes), each.equity.tolist(), each.gross.tolist(), each.net.tolist(), each.error) for each in done.runs
    ]
    return repr((runs, done.values, done.best, done.trials, done.deflated, done.first_forecast))


def test_of_equals_the_first_is_the_best_and_what_is_undefined_comes_last() -> None:
    assert ranked([0.5, None, 1.0, 1.0, -2.0]) == (2, 3, 0, 4, 1)
    assert best([None, 1.0, 1.0], "sharpe", "here") == 1
    with pytest.raises(DataError, match="here: sharpe is undefined for each of the 2 runs"):
        best([None, None], "sharpe", "here")


def test_trials_are_all_runs_with_the_variance_of_their_sharpe_ratios_per_session() -> None:
    axes, variants = by_column(0, 1)
    done = sweep(history_after(np.column_stack([DOWN, UP])), axes, variants, SETTING, metric="sharpe")
    returns = [np.diff(each.equity) / each.equity[:-1] for each in done.runs]
    ratios = [each.mean() / each.std(ddof=1) for each in returns]
    assert (done.trials.count, done.trials.variance) == (2, pytest.approx(np.var(ratios, ddof=1)))
    assert done.deflated[1] is not None
    assert done.deflated[1] < done.runs[1].outcomes[5].statistics.probabilistic_sharpe  # type: ignore[operator]  # known here


SHORT = replace(HALF, long_only=False)


def test_a_run_that_loses_its_book_is_an_answer_and_comes_last() -> None:
    close = np.column_stack([course(0.1, 0.1, 0.1, 40.0), UP])
    lost = variant({"signals.holding.column": 0}, Holding(0, side=-1.0), construction=SHORT)
    kept = variant({"signals.holding.column": 1}, Holding(1))
    done = sweep(history_after(close), [Axis("signals.holding.column", (0, 1))], [lost, kept], SETTING, metric="total_return")
    assert "not above zero; the book is lost" in done.runs[0].error
    assert (done.values[0], done.deflated[0], done.best, done.trials.count) == (None, None, 1, 2)


def test_a_signal_that_needs_more_history_than_there_is_stops_everything_before_a_run() -> None:
    axes, variants = by_column(0, 1)
    late = replace(variants[1], signals=(Use("late", Holding(1, history=BEFORE + 4), 1.0),))
    Holding.asked.clear()
    with pytest.raises(ConfigError, match=r"signal holding needs 66 sessions of history, and there are 64, from 2020-01-01 to 2020-03-30"):
        sweep(history_after(np.column_stack([UP, DOWN])), axes, [variants[0], late], SETTING, metric="sharpe")
    assert Holding.asked == []


def test_a_book_without_any_forecast_stops_it_too() -> None:
    axes, variants = by_column(0, 1)
    silent = replace(variants[1], signals=(Use("silent", Holding(1, side=float("nan")), 1.0),))
    with pytest.raises(DataError, match=r"no symbol has a forecast from .* with signals.holding.column=1"):
        sweep(history_after(np.column_stack([UP, DOWN])), axes, [variants[0], silent], SETTING, metric="sharpe")


def test_what_is_shared_cannot_be_written_to(tmp_path: Path) -> None:
    _, variants = by_column(0)
    shared = lay_out(tmp_path, history_after(np.column_stack([UP, DOWN])), variants, SETTING)
    for array in (shared.history.open, shared.history.panel.close, shared.volatility):
        assert not array.flags.writeable
    assert pickle.loads(pickle.dumps(EvaluateSignal(0))) == EvaluateSignal(0)


def test_the_splits_that_closes_are_carried_over_are_shared(tmp_path: Path) -> None:
    _, variants = by_column(0)
    history = history_after(np.column_stack([UP, DOWN]))
    split = CorporateAction("S0001", history.sessions[3], "split", ratio_new=2, ratio_old=1)
    panel = with_splits(history.panel, {3: [split]}, history.first_row)
    shared = lay_out(tmp_path, replace(history, panel=panel, actions={3: [split]}), variants, SETTING)
    assert shared.history.panel.splits == {history.first_row + 3: {1: [split]}}


def test_a_process_that_dies_is_a_clear_failure(tmp_path: Path) -> None:
    _, variants = by_column(0)
    shared = lay_out(tmp_path, history_after(np.column_stack([UP, DOWN])), variants, SETTING)
    killed = r"a worker process \(pid \d+\) was killed by signal 9 at run 1 \(.*\): most often the machine ran out of memory; nothing was"
    with pytest.raises(WorkerLost, match=killed), Workers(2, shared) as pool:
        pool.each([Dies(), Dies()])
    with pytest.raises(WorkerLost, match=r"ended with status 7 at run 1"), Workers(2, shared) as pool:
        pool.each([Dies(7), Dies(7)])
    with pytest.raises(DataError, match="cell 7 is bad"), Workers(2, shared) as pool:
        pool.each([Fails(), Fails()])
    assert pool._workers == []


@pytest.mark.parametrize("count", [0, 257])
def test_an_absurd_number_of_processes_is_refused(count: int, tmp_path: Path) -> None:
    _, variants = by_column(0)
    shared = lay_out(tmp_path, history_after(np.column_stack([UP, DOWN])), variants, SETTING)
    with pytest.raises(ConfigError, match=rf"--workers {count}: it must be a whole number from 1 to 256"):
        Workers(count, shared)
