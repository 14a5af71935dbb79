"""One run: a variant replayed over a part of the history, and what it came to."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from grodt.errors import DataError
from grodt.replay.attribution import index_of
from grodt.replay.closing import equity_frame, traded_frame
from grodt.replay.course import Course
from grodt.replay.engine import replay
from grodt.replay.frames import Frames
from grodt.replay.history import IntArray
from grodt.replay.record import Record, record_of
from grodt.replay.running import INDEX
from grodt.replay.statistics import Statistics, statistics
from grodt.replay.trades import round_trips
from grodt.research.grid import named
from grodt.research.shared import Setting, Shared, part_of
from grodt.signals.panel import FloatArray


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run had come to by the close of a session.

    Attributes:
        statistics: of its course so far.
        equity: at that close, micros.
        orders, fills, halts: how many.
        traded, commission, borrow: micros.
    """

    statistics: Statistics
    equity: int
    orders: int
    fills: int
    halts: int
    traded: int
    commission: int
    borrow: int


@dataclass(frozen=True, slots=True, eq=False)
class Ran:
    """A run that is done, of n sessions.

    Attributes:
        variant, start: what was run, and the row it began at.
        outcomes: by the number of its sessions; of those that it reached.
        equity: micros, (n,), to the last of them.
        gross, net: exposure over equity, (n,).
        error: why it got no further, having lost the book; "" where it went to its end.
    """

    variant: int
    start: int
    outcomes: dict[int, Outcome]
    equity: IntArray
    gross: FloatArray
    net: FloatArray
    error: str = ""


@dataclass(frozen=True, slots=True)
class Run:
    """Work: a variant from flat, with the book's capital, over sessions `start` to the last of `ends` − 1.

    A course up to a session does not depend on later ones, so one replay answers for every end.

    Attributes:
        variant: its number.
        start: row of the first session.
        ends: rows after the last one of each stretch that is measured, ascending.
    """

    variant: int
    start: int
    ends: tuple[int, ...]

    def run(self, shared: Shared) -> Ran:
        """Do it. A book that is lost is an answer, and one that is lost later is none to what came before."""
        ends, error = self.ends, ""
        while ends:
            try:
                course = self._course(shared, ends[-1])
            except DataError as lost:
                ends, error = ends[:-1], error or str(lost)
                continue
            changes = shared.changes[self.start : ends[-1]]
            outcomes = outcomes_of(course, changes, shared.setting, [end - self.start for end in ends])
            return Ran(self.variant, self.start, outcomes, course.equity, course.gross, course.net, error)
        none = np.zeros(0)
        return Ran(self.variant, self.start, {}, np.zeros(0, dtype=np.int64), none, none, error)

    def _course(self, shared: Shared, end: int) -> Course:
        history = shared.history.between(self.start, end)
        return replay(history, part_of(shared.forecasts(self.variant), self.start, end), shared.variants[self.variant].plan)

    def words(self, shared: Shared) -> str:
        """What it is, for a message."""
        return f"run {self.variant + 1} ({named(shared.variants[self.variant].parameters)})"


def outcomes_of(course: Course, changes: FloatArray, setting: Setting, lengths: Sequence[int]) -> dict[int, Outcome]:
    """What a course had come to after so many sessions.

    Args:
        course: of a replay.
        changes: of the index of its universe.
        setting: what statistics read.
        lengths: numbers of sessions.
    """
    frames = Frames(course.history, course.plan.book)
    equity, fills = equity_frame(frames, course), traded_frame(frames, course)
    fill_rows = np.array([each.row for each in course.orders.filled], dtype=np.int64)
    filled = np.array([len(each.places) for each in course.orders.filled], dtype=np.int64)
    found = {}
    for length in lengths:
        record = record_until(course, length, changes, setting, equity=equity, fills=fills)
        last = course.history.sessions[length - 1]
        found[length] = Outcome(
            statistics(record),
            int(course.equity[length - 1]),
            sum(len(batch.columns) for batch in course.orders.batches if batch.row < length),
            int(filled[fill_rows < length].sum()),
            sum(each.session <= last for each in course.halts),
            int(course.traded[:length].sum()),
            int(course.commission[:length].sum()),
            int(course.borrow[:length].sum()),
        )
    return found


def record_until(
    course: Course, length: int, changes: FloatArray, setting: Setting, *, equity: pl.DataFrame, fills: pl.DataFrame, start: int = 0
) -> Record:
    """The sessions `start` to `length` − 1 of a course as statistics read them; round trips are those that closed after the base.

    Args:
        course: of a replay.
        length: where they end.
        changes: of the index of its universe.
        setting: what statistics read.
        equity, fills: of the whole course, from `equity_frame` and `traded_frame`.
        start: row of the base.
    """
    sessions = course.history.sessions[start:length]
    index = pl.DataFrame({"session": sessions, "value": index_of(changes[start:length])})
    actions = None if setting.actions is None else setting.actions.filter(pl.col("ex_date") <= sessions[-1])
    known = fills.filter(pl.col("session") <= sessions[-1]).drop("run_id")
    record = record_of(
        equity.slice(start, length - start).drop("run_id"),
        fills=known.filter(pl.col("session") >= sessions[0]),
        actions=actions,
        benchmark=index,
        benchmark_name=INDEX,
        sessions_per_year=setting.sessions_per_year,
        risk_free=setting.risk_free,
    )
    if start == 0:
        return record
    closed = round_trips(known, actions).filter(pl.col("closed") > sessions[0])  # which may have begun before the base
    return replace(record, trades=closed.get_column("profit").to_numpy())
