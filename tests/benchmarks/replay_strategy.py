"""The strategy and the panels of the replay benchmark; NumPy alone, so that every contestant's environment can load it.

Cross-sectional 12-1 momentum, long only: m = c[t − 21] / c[t − 252] − 1 over sessions; the top decile of the symbols that have it, the
first column first where two are equal, at equal weight, nine tenths of equity together: what is left pays for buys that fill beside
sales, so that no engine's rule about cash decides what is traded on most days. Decided at the close of each session, or of each month's
first; filled at the next session's open; 5 basis points of what is traded. A symbol without a bar at the decision is not chosen; over a
gap its last close holds.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

type Array = NDArray[np.float64]
type Index = NDArray[np.intp]

LOOKBACK, SKIP = 252, 21
DECILE = 10
#: Share of equity.
INVESTED = 0.9
#: Of the value traded.
COST = 0.0005
CAPITAL_PER_SYMBOL = 20_000.0
REBALANCED = ("day", "month")
_MICROS = 1e6


@dataclass(frozen=True, slots=True)
class Panel:
    """Prices of so many sessions and symbols, (T, N), NaN where a symbol has no bar.

    Attributes:
        sessions: (T,), days.
        open, close: currency units, whole cents.
        last: the close, or the last one before it, which holds over a gap; NaN before the listing. The same array as `close` where
            nothing is missing.
        invested: share of equity that is held.
    """

    sessions: NDArray[np.datetime64]
    open: Array
    close: Array
    last: Array
    invested: float = INVESTED

    @property
    def symbols(self) -> tuple[str, ...]:
        """Tickers, ascending, one per column."""
        return tuple(f"S{number:04d}" for number in range(self.close.shape[1]))

    @property
    def capital(self) -> float:
        """What the book starts with, USD."""
        return CAPITAL_PER_SYMBOL * self.close.shape[1]

    @property
    def whole(self) -> bool:
        """Whether every symbol has a bar in every session."""
        return self.last is self.close


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a replay ended with.

    Attributes:
        final: cash and positions at the last close, USD.
        fills: orders filled, wholly or in part; −1 where the engine does not say.
    """

    final: float
    fills: int


#: From a panel and how it is rebalanced to what replays it, again and again.
type Prepare = Callable[[Panel, str], Callable[[], Outcome]]


def panel(sessions: NDArray[np.datetime64], opens: Array, closes: Array, invested: float = INVESTED) -> Panel:
    """A panel of those prices."""
    if not np.isnan(closes).any():
        return Panel(sessions, opens, closes, closes, invested)
    last = closes.copy()
    for row in range(1, len(last)):
        np.copyto(last[row], last[row - 1], where=np.isnan(last[row]))
    return Panel(sessions, opens, closes, last, invested)


def write_panel(folder: Path, sessions: NDArray[np.datetime64], symbols: int, *, gaps: bool = False, seed: int = 20261128) -> None:
    """Random walks of 1.8 % a session in whole cents; with gaps, half of the symbols are listed late and all miss a session now and then.

    Args:
        folder: made, for `sessions.npy`, `open.npy` and `close.npy`.
        sessions: (T,), days.
        symbols: how many.
        gaps: no symbol leaves, since a peer would hold it for ever at its last price; one session in five hundred is missing.
        seed: of the walks.
    """
    folder.mkdir()
    draw = np.random.default_rng(seed)
    shape = (len(sessions), symbols)
    walk = np.cumsum(draw.normal(0.0002, 0.018, shape), axis=0)
    closes = _cents(np.exp(np.log(draw.uniform(5, 300, symbols)) + walk))
    opens = _cents(closes * np.exp(draw.normal(0.0, 0.006, shape)))
    if gaps:
        missing = draw.random(shape) < 0.002
        listed = np.where(draw.random(symbols) < 0.5, draw.integers(0, shape[0] * 3 // 4, symbols), 0)
        missing |= np.arange(shape[0])[:, None] < listed
        opens[missing] = closes[missing] = np.nan
    np.save(folder / "sessions.npy", sessions)
    np.save(folder / "open.npy", opens)
    np.save(folder / "close.npy", closes)


def read_panel(folder: Path) -> Panel:
    """What `write_panel` left."""
    return panel(*(np.load(folder / f"{name}.npy") for name in ("sessions", "open", "close")))


def _cents(prices: Array) -> Array:
    return np.maximum(np.round(prices, 2), 0.01)


def decision_rows(sessions: NDArray[np.datetime64], rebalanced: str) -> Index:
    """Rows whose close decides: all that have history, or each month's first among them. The last row's orders never fill."""
    rows = np.arange(LOOKBACK, len(sessions))
    if rebalanced == "day":
        return rows
    months = sessions.astype("datetime64[M]")
    return rows[months[rows] != months[rows - 1]]


def top_decile(prices: Panel, row: int) -> Index:
    """Columns to hold from a row's decision on, ascending."""
    before, after = prices.last[row - LOOKBACK], prices.last[row - SKIP]
    if prices.whole:
        return _highest(after / before, prices.close.shape[1] // DECILE)
    known = (~np.isnan(prices.close[row]) & ~np.isnan(before)).nonzero()[0]
    return known[_highest(after[known] / before[known], len(known) // DECILE)]


def _highest(growth: Array, count: int) -> Index:
    if not count:
        return np.empty(0, dtype=np.intp)
    ranked = growth.copy()
    ranked.partition(len(ranked) - count)
    bound = ranked[len(ranked) - count]
    top: Index = (growth >= bound).nonzero()[0]
    if len(top) > count:  # several at the bound: the first columns among them
        at_bound = (growth[top] == bound).nonzero()[0]
        top = np.delete(top, at_bound[count - len(top) :])
    return top


def whole_shares(value: float, price: Array) -> Array:
    """Largest whole numbers of shares that cost no more than a value, both to the micro as GRODT's `whole_lots` has it."""
    return np.floor(np.rint(value * _MICROS) / np.rint(price * _MICROS))
