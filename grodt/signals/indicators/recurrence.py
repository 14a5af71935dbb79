"""Indicators as recurrences: one pass over the sessions, state in row vectors over symbols.

Each step reads one session and the state and nothing else, so a value never depends on a later session: the series on data up
to T is bit for bit the longer series cut at T. A session without a bar leaves a symbol's state as it is; a bar without a return
is the first of a listing and starts the symbol anew. Only the rows asked for are written, so the whole costs a few row vectors
beside its answer, and the last session alone is the same code as all of them.

A value also depends on the panel's *first* session, where a recurrence starts: compare panels that start alike.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from grodt.signals.panel import FloatArray, Panel

BoolArray = NDArray[np.bool_]

#: Sessions of a year, by which daily variances become annual ones.
SESSIONS_PER_YEAR = 252


@dataclass(frozen=True, slots=True)
class Step:
    """One session as a recurrence sees it; arrays of shape (N,), valid until the next step.

    Attributes:
        row: row of the session in the panel.
        gain: log return; 0 where there is none.
        seen: where there is a return.
        barred: where there is a bar.
        listed: where there is a bar and no return: the first of a listing.
        any_listed: whether there is any such.
        all_seen: whether there is a return everywhere.
    """

    row: int
    gain: FloatArray
    seen: BoolArray
    barred: BoolArray
    listed: BoolArray
    any_listed: bool
    all_seen: bool

    def decay(self, factor: float) -> FloatArray:
        """The factor where there is a return, 1 elsewhere: state · 1 + 0 is the state, bit for bit."""
        return np.where(self.seen, factor, 1.0)


def steps(panel: Panel) -> Iterator[Step]:
    """The panel's sessions in order."""
    width = len(panel.symbols)
    seen, barred, listed = (np.empty(width, dtype=np.bool_) for _ in range(3))
    for row in range(len(panel.sessions)):
        today = panel.log_return[row]
        np.equal(today, today, out=seen)
        np.equal(panel.close[row], panel.close[row], out=barred)
        np.greater(barred, seen, out=listed)
        yield Step(row, np.where(seen, today, 0.0), seen, barred, listed, bool(listed.any()), bool(seen.all()))


def first_row(panel: Panel, last: int) -> int:
    """Row of the first of the last `last` sessions.

    Raises:
        ValueError: the panel has fewer, or none is asked for.
    """
    if not 1 <= last <= len(panel.sessions):
        raise ValueError(f"last {last} sessions asked of a panel with {len(panel.sessions)}; ask for 1 up to all of them")
    return len(panel.sessions) - last


def bars_since_listing(panel: Panel, last: int) -> NDArray[np.int64]:
    """Bars of each symbol's listing up to the last rows, the row itself included, (last, N)."""
    start, count = first_row(panel, last), np.zeros(len(panel.symbols), dtype=np.int64)
    out = np.empty((last, len(panel.symbols)), dtype=np.int64)
    for step in steps(panel):
        if step.any_listed:
            count[step.listed] = 0
        count += step.barred
        if step.row >= start:
            out[step.row - start] = count
    return out


def decay_of(span: int) -> float:
    """λ = 1 − 2 / (span + 1), the weight an exponential average of that span keeps from one bar to the next."""
    return 1.0 - 2.0 / (span + 1.0)


def prices_over_averages(panel: Panel, spans: tuple[int, ...]) -> Iterator[tuple[int, FloatArray, NDArray[np.int32]]]:
    """Log price less its exponential average, for several spans, session by session.

    With E_t = λ E_{t−1} + (1 − λ) p_t and p_t = p_{t−1} + r_t, the difference D_t = p_t − E_t obeys D_t = λ (D_{t−1} + r_t), so
    no price level is needed and rounding does not grow with it. The average is seeded with the first log price of the listing:
    D = 0 there (pandas: `ewm(span=…, adjust=False, ignore_na=True)`).

    Yields:
        The row; D, (spans, N), carried over sessions without a bar; and the returns seen since the listing, (N,). The arrays are valid
        until the next one, and not to be written to.
    """
    width = len(panel.symbols)
    factors = [decay_of(span) for span in spans]
    state, count = np.zeros((len(spans), width)), np.zeros(width, dtype=np.int32)
    for step in steps(panel):
        if step.any_listed:
            state[:, step.listed] = 0.0
            count[step.listed] = 0
        count += step.seen
        state += step.gain
        for difference, factor in zip(state, factors, strict=True):
            np.multiply(difference, factor if step.all_seen else step.decay(factor), out=difference)
        yield step.row, state, count


def price_over_average(panel: Panel, spans: tuple[int, ...], last: int) -> tuple[FloatArray, NDArray[np.int32]]:
    """What `prices_over_averages` says of the last sessions: D, (spans, last, N), and the returns seen, (last, N)."""
    start, width = first_row(panel, last), len(panel.symbols)
    out, seen = np.empty((len(spans), last, width)), np.empty((last, width), dtype=np.int32)
    for row, state, count in prices_over_averages(panel, spans):
        if row >= start:
            out[:, row - start] = state
            seen[row - start] = count
    return out, seen
