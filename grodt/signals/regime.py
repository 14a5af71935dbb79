"""The regime of a market: trending, ranging, in transition, or of high volatility."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from grodt.signals.indicators import atr, first_row, listings, realised_volatility, roc, rolling_rank, rolling_vwap
from grodt.signals.indicators.averages import LONGEST
from grodt.signals.panel import BoolArray, FloatArray, Panel
from grodt.signals.parameters import require_count, require_number

RegimeName = Literal["trending", "ranging", "transition", "high_volatility"]
#: Regimes by their code, 0 to 3.
REGIMES: tuple[RegimeName, ...] = get_args(RegimeName)
TRENDING, RANGING, TRANSITION, HIGH_VOLATILITY = range(len(REGIMES))
#: Code of a regime that is not known.
UNKNOWN = -1

LabelArray = NDArray[np.int8]

#: Which of two regimes with as many votes a market is in: the more careful one.
_CAREFUL = (HIGH_VOLATILITY, TRANSITION, RANGING, TRENDING)
#: Votes of a member that is sure. Whole votes have one sum, in whatever order they are counted.
_VOTES = 1_000_000
#: Least volatility per year, so that a price that stands still has one.
_LEAST_VOLATILITY = 0.01
#: Numbers of an array worked on at a time; bounds the temporaries.
_CELLS = 2_000_000


@dataclass(frozen=True, slots=True, eq=False)
class RegimeHistory:
    """Regimes of N symbols and of their market in R rows.

    Attributes:
        label: code of each symbol's, int8, (R, N); `UNKNOWN` where there is no bar or history is too short.
        confidence: 0 to 1, (R, N); NaN where it is not known.
        market: code of the members' market, int8, (R,); `UNKNOWN` where no member's is known.
        market_confidence: 0 to 1, (R,); NaN where it is not known.
    """

    label: LabelArray
    confidence: FloatArray
    market: LabelArray
    market_confidence: FloatArray


@dataclass(frozen=True, slots=True)
class RegimeModel:
    """What tells regimes apart. All of it is of one symbol's bars up to the row, on prices of total return.

    Four measures, σ being the realised volatility of `long` bars, per bar, and at least 1 % a year:

    - slope: change of the VWAP of the last `vwap_window` bars since the one of as many bars before, over σ √((2w² + 1) / (3w)), which is
      its standard deviation on a random walk of equal volumes (the difference of two adjacent means of w prices);
    - momentum: return of the last `momentum` bars, over σ √momentum;
    - percentile: mid-rank of the average true range over the close among its last `atr_window` values, those being equal that agree
      in single precision, so that rounding does not rank a price that moves evenly;
    - ratio: realised volatility of `short` bars over that of `long`.

    With t the lesser of |slope| / trend_slope and |momentum| / trend_momentum where both have one sign (0 where not), and u the greater
    of the two, the first of these that holds:

    1. high volatility: percentile ≥ high_percentile or ratio ≥ high_ratio. Confidence 0.5 + 0.5 · the greater of
       (percentile − high_percentile) / (1 − high_percentile) and ratio / high_ratio − 1, at most 1.
    2. trending: t ≥ 1. Confidence 0.5 + 0.5 · min(t − 1, 1).
    3. ranging: u < calm. Confidence 0.5 + 0.5 · (calm − u) / calm.
    4. transition: what is left. Confidence 0.5 + 0.5 · min(1 − t, (u − calm) / (1 − calm), 1): how far it is from trending and ranging.

    So a confidence is 0.5 at the bound of a regime and 1 deep inside it. The market's regime is a vote of the members: each one's
    confidence, in whole millionths, for its own regime; the market's confidence is the winner's share of all votes. Of two with as many
    votes, high volatility is before transition, ranging and trending. (Measures: `rolling_vwap`, `atr`, `rolling_rank`,
    `realised_volatility`; the rule is ours.)

    Attributes:
        vwap_window, momentum, atr_length, atr_window, short, long: in bars.
        trend_slope, trend_momentum: standard deviations from which on it may be a trend.
        calm: share of those below which it is no move at all.
        high_percentile: of the average true range.
        high_ratio: of the volatilities.
    """

    vwap_window: int = 20
    momentum: int = 20
    atr_length: int = 14
    atr_window: int = 252
    short: int = 10
    long: int = 60
    trend_slope: float = 1.0
    trend_momentum: float = 1.0
    calm: float = 0.5
    high_percentile: float = 0.9
    high_ratio: float = 2.0

    def __post_init__(self) -> None:
        require_count("regime", "vwap_window", self.vwap_window, low=2, high=LONGEST)
        require_count("regime", "momentum", self.momentum, low=1, high=LONGEST)
        require_count("regime", "atr_length", self.atr_length, low=1, high=LONGEST)
        require_count("regime", "atr_window", self.atr_window, low=2, high=2520)
        require_count("regime", "long", self.long, low=3, high=LONGEST)
        require_count("regime", "short", self.short, low=2, high=self.long - 1)
        require_number("regime", "trend_slope", self.trend_slope, above=0, high=10)
        require_number("regime", "trend_momentum", self.trend_momentum, above=0, high=10)
        require_number("regime", "calm", self.calm, low=0.05, high=0.95)
        require_number("regime", "high_percentile", self.high_percentile, low=0.5, high=0.99)
        require_number("regime", "high_ratio", self.high_ratio, above=1, high=10)

    @property
    def history(self) -> int:
        """Bars needed before a symbol's regime is known, the bar itself included."""
        return max(2 * self.vwap_window, self.momentum + 1, self.atr_length + self.atr_window, self.long + 1)

    @property
    def fields(self) -> tuple[str, ...]:
        """What it reads of a panel beside closes and returns."""
        return ("high", "low", "volume")

    def evaluate(self, panel: Panel, last: int) -> RegimeHistory:
        """The regimes in the panel's last rows. A row has the same ones whatever `last` is, and whatever comes after it.

        Args:
            panel: history with `fields`; the members of its last rows vote.
            last: how many rows.

        Raises:
            ValueError: the panel has fewer, or members are not known of as many.
        """
        first_row(panel, last)
        shape = (last, len(panel.symbols))
        label, confidence = np.full(shape, UNKNOWN, dtype=np.int8), np.full(shape, np.nan)
        for columns in _blocks(*panel.close.shape):
            label[:, columns], confidence[:, columns] = self.classify(*self.measure(_part(panel, columns, self.fields), last))
        market, share = vote(label, confidence, panel.members_of(last))
        return RegimeHistory(label, confidence, market, share)

    def measure(self, panel: Panel, last: int) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        """Slope, momentum, percentile and ratio in the last rows, (last, N) each; NaN where there is none."""
        listed, rows = listings(panel), slice(len(panel.sessions) - last, None)
        high, low, close = (panel.adjusted(name) for name in ("high", "low", "close"))
        longer, shorter = (
            np.maximum(realised_volatility(panel.log_return, window, panel.rows_per_year, listed)[rows], _LEAST_VOLATILITY)
            for window in (self.long, self.short)
        )
        sigma = longer / math.sqrt(panel.rows_per_year)
        # Shares of before a split in shares of after it: what was paid, over the adjusted price.
        shares = panel.raw("volume") * (panel.close / close)
        average = rolling_vwap(high, low, close, shares, self.vwap_window, listed)
        spread = math.sqrt((2 * self.vwap_window**2 + 1) / (3 * self.vwap_window))
        slope = roc(average, self.vwap_window, listed=listed)[rows] / (100.0 * spread * sigma)
        momentum = roc(close, self.momentum, listed=listed)[rows] / (100.0 * math.sqrt(self.momentum) * sigma)
        ranges = (atr(high, low, close, self.atr_length, listed) / close).astype(np.float32).astype(np.float64)
        return slope, momentum, _rank_of_last(ranges, self.atr_window, listed, last), shorter / longer

    def classify(self, slope: FloatArray, momentum: FloatArray, percentile: FloatArray, ratio: FloatArray) -> tuple[LabelArray, FloatArray]:
        """Label and confidence from the four measures, of any one shape."""
        steep, fast = np.abs(slope) / self.trend_slope, np.abs(momentum) / self.trend_momentum
        trend, move = np.where(slope * momentum > 0, np.minimum(steep, fast), 0.0), np.maximum(steep, fast)
        heat = np.maximum((percentile - self.high_percentile) / (1.0 - self.high_percentile), ratio / self.high_ratio - 1.0)
        between = np.minimum(1.0 - trend, (move - self.calm) / (1.0 - self.calm))
        label = np.full(slope.shape, TRANSITION, dtype=np.int8)
        inside = np.minimum(between, 1.0)
        for code, holds, depth in (
            (RANGING, move < self.calm, (self.calm - move) / self.calm),
            (TRENDING, trend >= 1.0, np.minimum(trend - 1.0, 1.0)),
            (HIGH_VOLATILITY, heat >= 0.0, np.minimum(heat, 1.0)),
        ):
            label[holds] = code
            np.copyto(inside, depth, where=holds)
        confidence = 0.5 + 0.5 * inside
        unknown = np.isnan(slope) | np.isnan(momentum) | np.isnan(percentile) | np.isnan(ratio)
        label[unknown], confidence[unknown] = UNKNOWN, np.nan
        return label, confidence


def vote(label: LabelArray, confidence: FloatArray, members: BoolArray) -> tuple[LabelArray, FloatArray]:
    """The market's regime and confidence in each row, (R,); `RegimeModel` has the rule.

    Args:
        label, confidence: of the symbols, (R, N).
        members: who votes, (R, N).
    """
    weight = np.rint(np.where(members & (label != UNKNOWN), confidence, 0.0) * _VOTES).astype(np.int64)
    votes = np.stack([np.where(label == code, weight, 0).sum(axis=1) for code in _CAREFUL])
    total, winner = votes.sum(axis=0), np.argmax(votes, axis=0)  # the first of equals
    market = np.where(total > 0, np.array(_CAREFUL, dtype=np.int8)[winner], UNKNOWN).astype(np.int8)
    share = np.full(total.shape, np.nan)
    np.divide(votes.max(axis=0), total, out=share, where=total > 0)
    return market, share


def _blocks(rows: int, columns: int) -> Iterator[slice]:
    """Columns in slices; a symbol's regime does not depend on where they are cut."""
    count = max(1, _CELLS // max(1, rows))
    for start in range(0, columns, count):
        yield slice(start, min(start + count, columns))


def _part(panel: Panel, columns: slice, fields: tuple[str, ...]) -> Panel:
    def cut(array: FloatArray) -> FloatArray:
        return np.ascontiguousarray(array[:, columns])

    own = {name: cut(panel.raw(name)) for name in fields}
    returns = cut(panel.log_return)
    return Panel(panel.sessions, panel.symbols[columns], cut(panel.close), returns, own, None, panel.ends, panel.rows_per_year)


def _rank_of_last(values: FloatArray, window: int, listed: BoolArray, last: int) -> FloatArray:
    """`rolling_rank` in the last rows, (last, N), computed on no more rows than it depends on: its cost grows with rows · window."""
    start = len(values) - last
    seen = np.cumsum(~np.isnan(values), axis=0, dtype=np.int32)
    before = seen[start - 1] if start else np.zeros(values.shape[1], dtype=np.int32)
    late = seen[-1] > before
    # Row of the oldest bar in a window that ends in the last rows: `window` − 1 bars before the first of them, or the first bar of all.
    first = np.argmax(seen >= np.maximum(before - window + 2, 1), axis=0)
    cut = int(np.min(first[late], initial=start))
    return rolling_rank(values[cut:], window, listed[cut:])[start - cut :]
