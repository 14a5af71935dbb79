"""A whole replay: history read, forecasts in one pass, session by session, tables and tear sheet written."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from grodt.errors import DataError
from grodt.execution.strategies import merged
from grodt.instruments import Instrument
from grodt.lake import Lake, Snapshot
from grodt.replay.attribution import Attribution, index_changes, index_of
from grodt.replay.closing import Identity, equity_frame, traded_frame
from grodt.replay.eligibility import Judging, eligible
from grodt.replay.engine import Course, Decision, Plan, Recorder, replay
from grodt.replay.frames import Frames
from grodt.replay.history import History, IntArray
from grodt.replay.reading import Wanted, read_history
from grodt.replay.record import Record, record_of
from grodt.replay.tables import Tables
from grodt.replay.tear_sheet import tear_sheet
from grodt.sessions import Calendar
from grodt.signals.forecasts import ForecastHistory, Signal, fields_of, forecast_sessions
from grodt.signals.gating import GateHistory, Gating, name_of
from grodt.signals.panel import FloatArray
from grodt.signals.warm_up import require_history
from grodt.targets.strategies import Strategy
from grodt.targets.universe import UniverseRules

INDEX = "equal-weighted universe"
TEAR_SHEET = "tear-sheet.html"
UNKNOWN_REGIME = "unknown"

type Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be replayed.

    Attributes:
        source: name of the source.
        start, end: first and last session.
        specs: signals with their weights.
        gating: in which regimes each signal is on, or None.
        rules: of the universe, or None.
        plan: the book.
        evidence: whether every control's answer is kept.
        risk_free: rate per year, for statistics.
        strategies: with their signals, of a book of several; `specs` are then those of all.
    """

    source: str
    start: date
    end: date
    specs: tuple[tuple[Signal, float], ...]
    gating: Gating | None
    rules: UniverseRules | None
    plan: Plan
    evidence: bool = True
    risk_free: float = 0.0
    strategies: tuple[tuple[Strategy, tuple[tuple[Signal, float], ...]], ...] = ()

    @property
    def weights(self) -> list[float]:
        """Of each signal in the combined forecast of the book."""
        if not self.strategies:
            return [weight for _, weight in self.specs]
        return [each.share * weight / sum(own for _, own in specs) for each, specs in self.strategies for _, weight in specs]


@dataclass(frozen=True, slots=True, eq=False)
class Replayed:
    """What came of it.

    Attributes:
        course: what the replay came to.
        record: the same for statistics.
        written: rows by table.
    """

    course: Course
    record: Record
    written: dict[str, int]


def read(
    lake: Lake,
    snapshot: Snapshot,
    calendar: Calendar,
    request: Request,
    universe: Callable[[date], Sequence[Instrument]],
    progress: Progress = lambda _text: None,
) -> History:
    """The history that a request needs, with its universe's members; arguments and errors as for `read_history`."""
    fields = set(fields_of(request.specs, request.gating)) | (
        {"volume"} if request.rules is not None and request.rules.needs_turnover else set()
    )
    terms = request.plan.terms
    wanted = Wanted(request.source, request.start, request.end, tuple(sorted(fields)), liquidity=terms.needs_volume or terms.needs_figures)
    return read_members(lake, snapshot, calendar, wanted, request.rules, universe, progress)


def read_members(
    lake: Lake,
    snapshot: Snapshot,
    calendar: Calendar,
    wanted: Wanted,
    rules: UniverseRules | None,
    universe: Callable[[date], Sequence[Instrument]],
    progress: Progress = lambda _text: None,
) -> History:
    """What is wanted, with the members that the universe's rules leave; arguments and errors as for `read_history`."""
    history = read_history(lake, snapshot, calendar, wanted, universe, progress)
    if rules is None:
        return history
    progress("judging the universe")
    return history.of_members(eligible(history, rules))


def forecasts_of(history: History, specs: Sequence[tuple[Signal, float]], *, keep: bool, gating: Gating | None = None) -> ForecastHistory:
    """Every signal over the sessions of a history, in one pass; arguments as for `forecast_sessions`.

    Raises:
        ConfigError: a signal, or the regimes, need more history than there is before the first session.
        DataError: no session has a forecast, because every symbol is younger than a signal needs.
    """
    panel = history.panel.of_members(history.members_of_all())
    require_history(panel, [signal for signal, _ in specs], len(history.sessions))
    if gating is not None:
        gating.require_history(f"replay from {history.sessions[0]}", history.first_row + 1)
    forecasts = forecast_sessions(panel, specs, len(history.sessions), keep=keep, gating=gating)
    if np.isnan(forecasts.combined).all():
        longest = max(specs, key=lambda spec: spec[0].history)[0]
        raise DataError(
            f"no symbol has a forecast from {history.sessions[0]} to {history.sessions[-1]}: signal {longest.name} needs {longest.history} "
            f"sessions and the history begins on {panel.sessions[0]}; bring in more with `grodt ingest --start … --end …`, or start later"
        )
    return forecasts


def run(
    lake: Lake,
    snapshot: Snapshot,
    calendar: Calendar,
    request: Request,
    universe: Callable[[date], Sequence[Instrument]],
    *,
    out: Path,
    identity: Identity,
    progress: Progress = lambda _text: None,
) -> Replayed:
    """Replay a book and leave its tables and tear sheet in a folder, which is replaced as a whole at the end.

    Args:
        lake, snapshot, calendar, universe, progress: see `read_history`.
        request: what is replayed.
        out: the folder.
        identity: what its rows say of it.

    Raises:
        DataError: see `read_history`, `forecasts_of` and `replay`; the folder is as it was.
    """
    history = read(lake, snapshot, calendar, request, universe, progress)
    progress("computing signals")
    own = [forecasts_of(history, specs, keep=True) for _, specs in request.strategies]
    named = [strategy for strategy, _ in request.strategies]
    forecasts = merged(named, own) if own else forecasts_of(history, request.specs, keep=True, gating=request.gating)
    part = out.with_name(f"{out.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    judging = None if request.rules is None else Judging(history, request.rules)
    tables = Tables(part, history, request.plan.book, identity, judging)
    attribution = Attribution(history, forecasts, request.weights)

    def tell(done: int, total: int) -> None:
        progress(f"replayed {done:,} of {total:,} sessions, to {history.sessions[max(done - 1, 0)]}")

    course = replay(
        history,
        forecasts,
        request.plan,
        recorder=_Both(tables, attribution),
        evidence=request.evidence,
        strategies=[*zip(named, own, strict=True)],
        progress=tell,
    )
    progress("writing tables and tear sheet")
    tables.finish(course)
    actions = lake.read("corporate_actions", snapshot, source=request.source, end=request.end)
    record = record_of_course(
        course,
        index_changes(history),
        attribution,
        actions,
        calendar.sessions_per_year(request.end),
        regimes=None if forecasts.gates is None else regimes_of(forecasts.gates),
        risk_free=request.risk_free,
    )
    tear_sheet(record, part / TEAR_SHEET)
    shutil.rmtree(out, ignore_errors=True)
    part.replace(out)
    return Replayed(course, record, tables.written)


def record_of_course(
    course: Course,
    changes: FloatArray,
    attribution: Attribution | None,
    actions: pl.DataFrame | None,
    sessions_per_year: float,
    *,
    regimes: NDArray[np.str_] | None = None,
    risk_free: float = 0.0,
) -> Record:
    """A replay as statistics read it: with round trips, what each signal added, and an index of its universe to compare with.

    Args:
        course: of the replay.
        changes: of the index, from `index_changes`.
        attribution: what each signal added; None where nobody asked.
        actions: corporate actions, for round trips that one falls into.
        sessions_per_year: of the exchange.
        regimes: those in force during each session, of `regimes_of`.
        risk_free: rate per year.
    """
    frames = Frames(course.history, course.plan.book)
    index = pl.DataFrame({"session": course.history.sessions, "value": index_of(changes)})
    equity = course.equity.astype(np.float64)
    return record_of(
        equity_frame(frames, course).drop("run_id"),
        fills=traded_frame(frames, course).drop("run_id"),
        actions=actions,
        benchmark=index,
        benchmark_name=INDEX,
        contributions=None if attribution is None else attribution.contributions(equity[1:] / equity[:-1] - 1.0),
        regimes=regimes,
        sessions_per_year=sessions_per_year,
        risk_free=risk_free,
    )


def regimes_of(gates: GateHistory) -> NDArray[np.str_]:
    """The market's regime in force during each session, (R,): that of the close before; of the first one it is not known."""
    names = [name_of(int(code)) or UNKNOWN_REGIME for code in gates.market_in_force]
    return np.array([UNKNOWN_REGIME, *names[:-1]], dtype=np.str_)


class _Both:
    """Two recorders as one."""

    def __init__(self, *recorders: Recorder) -> None:
        self._recorders = recorders

    def begun(self, course: Course) -> None:
        for each in self._recorders:
            each.begun(course)

    def marked(self, row: int, position: IntArray, micros: IntArray, age: IntArray, equity: int) -> None:
        for each in self._recorders:
            each.marked(row, position, micros, age, equity)

    def decided(self, decision: Decision) -> None:
        for each in self._recorders:
            each.decided(decision)
