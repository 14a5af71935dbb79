"""Volatility of log returns, per year."""

import math
from dataclasses import dataclass

import numpy as np

from grodt.signals.indicators.averages import LONGEST
from grodt.signals.indicators.compiled import evaluate
from grodt.signals.indicators.recurrence import SESSIONS_PER_YEAR, BoolArray, decay_of, first_row, steps
from grodt.signals.panel import FloatArray, Panel
from grodt.signals.parameters import require_count, require_number


@dataclass(frozen=True, slots=True)
class Volatility:
    """Volatility of log total returns, exponentially weighted, annualised with the panel's rows of a year, 252 sessions.

    σ²_t = 252 · Σ_k λ^k r²_{t−k} / Σ_k λ^k over the returns of the listing, λ = 1 − 2 / (span + 1), the mean taken as zero
    (J.P. Morgan/Reuters, RiskMetrics Technical Document, 1996, chapter 5). Seed: both sums start at zero, so the weights always
    add up to one and no first value is favoured (pandas: `(r ** 2).ewm(span=…, adjust=True, ignore_na=True).mean()`). A return over
    a gap counts as one.

    Attributes:
        span: of the average, in bars.
        history: returns needed before there is a value.
        floor: smallest value given, per year, so that a price that stands still does not ask for an endless position.
    """

    span: int = 60
    history: int = 60
    floor: float = 0.01

    def __post_init__(self) -> None:
        require_count("volatility", "span", self.span, low=2, high=2520)
        require_count("volatility", "history", self.history, low=1, high=2520)
        require_number("volatility", "floor", self.floor, above=0, high=1)

    def evaluate(self, panel: Panel, last: int) -> FloatArray:
        """Volatility per year of the last `last` sessions, (last, N); NaN where history is too short or there is no bar."""
        start, width, factor = first_row(panel, last), len(panel.symbols), decay_of(self.span)
        squares, weights, count = np.zeros(width), np.zeros(width), np.zeros(width, dtype=np.int32)
        out = np.empty((last, width))
        for step in steps(panel):
            if step.any_listed:
                for state in (squares, weights, count):
                    state[step.listed] = 0
            decay = step.decay(factor)
            count += step.seen
            weights *= decay
            weights += step.seen
            squares *= decay
            squares += step.gain * step.gain
            if step.row >= start:
                ready = step.seen & (count >= self.history)
                variance = np.divide(squares, weights, out=np.full(width, np.nan), where=ready)
                np.maximum(np.sqrt(variance * panel.rows_per_year), self.floor, out=out[step.row - start])
        return out


def log_returns(close: FloatArray, listed: BoolArray | None = None) -> FloatArray:
    """Log of each close over the close of the bar before, NaN at a listing's first bar.

    Splits and dividends are not known here: where there are any, a panel's `log_return` has them and this has not.

    Args:
        close: (T, N), NaN where there is no bar; > 0.
        listed: see `evaluate` in `compiled`.
    """
    (returns,) = evaluate("ratio", (close,), listed=listed)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.log(returns, out=returns)


def realised_volatility(
    log_return: FloatArray, window: int = 60, periods: float = SESSIONS_PER_YEAR, listed: BoolArray | None = None
) -> FloatArray:
    """Realised volatility per year: *sample* standard deviation of the last `window` log returns · √periods, their mean taken out.

    First value at the listing's return number window − 1, the first return being number 0. (Hull, Options, Futures, and Other Derivatives,
    chapter on estimating volatility from historical data; pandas `rolling.std` agrees.)

    Args:
        log_return: (T, N), NaN where there is none.
        window: returns, at least 2.
        periods: bars of a year.
        listed: see `evaluate` in `compiled`.
    """
    require_count("realised_volatility", "window", window, low=2, high=LONGEST)
    require_number("realised_volatility", "periods", periods, above=0, high=1e9)
    scale = math.sqrt(periods / (window - 1))
    return evaluate("standard_deviation", (log_return,), counts=(window,), factors=(scale,), listed=listed)[0]


def ewma_volatility(
    log_return: FloatArray, span: int = 60, history: int = 60, periods: float = SESSIONS_PER_YEAR, listed: BoolArray | None = None
) -> FloatArray:
    """Exponentially weighted volatility per year, the mean taken as zero: what `Volatility` gives without its floor, bit for bit.

    σ²_t = periods · Σ_k λ^k r²_{t−k} / Σ_k λ^k, λ = 1 − 2 / (span + 1). Seed: both sums start at zero, so the weights add up to one.
    First value at the listing's return number history − 1. (J.P. Morgan/Reuters, RiskMetrics Technical Document, 1996, chapter 5; pandas
    `ewm(span, adjust=True, ignore_na=True)` of the squares agrees. RiskMetrics' own λ of 0.94 is nearest to span 32.)

    Args:
        log_return: (T, N), NaN where there is none.
        span: of the average, in returns.
        history: returns needed before there is a value.
        periods: bars of a year.
        listed: see `evaluate` in `compiled`.
    """
    require_count("ewma_volatility", "span", span, low=2, high=LONGEST)
    require_count("ewma_volatility", "history", history, low=1, high=LONGEST)
    require_number("ewma_volatility", "periods", periods, above=0, high=1e9)
    return evaluate("ewma_volatility", (log_return,), counts=(history,), factors=(decay_of(span), periods), listed=listed)[0]
