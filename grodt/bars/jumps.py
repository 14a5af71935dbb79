"""Leaps of price that no corporate action explains, found session by session.

The rule looks at the past only, and no further back than `WINDOW` sessions, so a gate over a year and a gate run that night say
the same of a session. The reference of a bar is the symbol's last good close within the window, carried forward over
corporate actions (a dividend is taken off, a split divides). A bar whose open or close lies further than the bound

    bound = max(floor, sigmas · σ),   σ = median abs(log return) / 0.6745 of the good bars in the window

from the reference is a *suspect*: it is refused and the reference stays, so a bad print does not make the good bar after it look
bad. A leap that lasts is accepted from its second bar on: one that traded (volume above zero) and lies within the bound of the
last suspect, or follows `PATIENCE` suspects in a row. A symbol without a reference is taken as it comes. `leap_names` tells a leap
that looks like an unrecorded split or a change of unit from others.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl
from numpy.typing import NDArray

from grodt.bars.leap_names import name_leap
from grodt.bars.row_rules import LEAPS
from grodt.bars.source import RAW_ACTIONS, RAW_BARS

#: Sessions of memory, for the reference price and for σ.
WINDOW = 60
#: Returns below which σ is unknown and the floor alone bounds.
MIN_RETURNS = 20
#: Suspects in a row after which the next bar that traded is accepted.
PATIENCE = 5
#: Median of abs(x) of a normal variable with standard deviation 1.
_MEDIAN_OF_ABSOLUTE_NORMAL = 0.6744897501960817

ABSENT, JUDGE, GOOD, SUSPECT = range(4)
#: Columns of `Tail.refused`.
REFUSED = pl.Schema({**RAW_BARS, "rule": pl.String()})
#: Columns of what `jumping_rows` finds.
_FOUND = pl.Schema(
    {
        "symbol": pl.String(),
        "session": pl.Date(),
        "rule": pl.String(),
        "value": pl.String(),
        "bound": pl.String(),
        "open_change": pl.Float64(),
    }
)


@dataclass(frozen=True, slots=True)
class Tail:
    """What an earlier gate decided in the `WINDOW` sessions before: the memory of the rules that look at the past.

    Attributes:
        bars: good bars (RAW_BARS).
        refused: rows quarantined by such a rule (REFUSED).
        actions: corporate actions (RAW_ACTIONS).
    """

    bars: pl.DataFrame
    refused: pl.DataFrame
    actions: pl.DataFrame

    @classmethod
    def empty(cls) -> "Tail":
        """No memory: a fresh start."""
        return cls(pl.DataFrame(schema=RAW_BARS), pl.DataFrame(schema=REFUSED), pl.DataFrame(schema=RAW_ACTIONS))


@dataclass(frozen=True, slots=True)
class Prices:
    """Sane bars as arrays of sessions × symbols, NaN where there is none.

    Attributes:
        open, close, volume: the bars; `open` is not needed where the verdict is known.
        verdict: ABSENT, JUDGE, or GOOD and SUSPECT where an earlier gate has decided.
    """

    open: NDArray[np.float64]
    close: NDArray[np.float64]
    volume: NDArray[np.float64]
    verdict: NDArray[np.int8]


@dataclass(frozen=True, slots=True)
class Actions:
    """Corporate actions as parallel arrays, ascending by `row`, dividends of a session before its splits.

    Attributes:
        row, column: session and symbol.
        divisor: what the price is divided by, new / old shares of a split; 1 for a dividend; NaN where the symbol is given up by its
            company, and what follows is another's.
        cash: what is taken off the price, a dividend per share; 0 for a split.
    """

    row: NDArray[np.intp]
    column: NDArray[np.intp]
    divisor: NDArray[np.float64]
    cash: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Jump:
    """A refused bar: its place, log(open / reference), log(close / reference) and the bound of both."""

    row: int
    column: int
    open_change: float
    close_change: float
    bound: float


def jumping_rows(
    bars: pl.DataFrame,
    actions: pl.DataFrame,
    previous: Tail,
    before: Sequence[date],
    sessions: Sequence[date],
    *,
    sigmas: float,
    floor: float,
) -> pl.DataFrame:
    """The rows of `bars` that leap: symbol, session, rule, in words its value and the bound it broke, and log(open / reference).

    Args:
        bars: sane bars (RAW_BARS), one per symbol and session.
        actions: corporate actions (RAW_ACTIONS) of the same range.
        previous: memory of the sessions before.
        before: the `WINDOW` sessions before the range.
        sessions: the sessions of the range.
        sigmas: see the module.
        floor: see the module.
    """
    days = np.array([*before, *sessions], dtype="datetime64[D]")
    names = bars["symbol"].unique().sort()
    index = pl.DataFrame({"symbol": names, "column": np.arange(names.len())})
    shape = days.size, names.len()
    matrix = {name: np.full(shape, np.nan) for name in ("open", "close", "volume")}
    verdict = np.full(shape, ABSENT, dtype=np.int8)
    inputs = (
        (previous.bars.filter(pl.col("session").is_in(list(before))), GOOD, ("close",)),
        (previous.refused.filter(pl.col("session").is_in(list(before)), pl.col("rule").is_in(LEAPS)), SUSPECT, ("close",)),
        (bars, JUDGE, ("open", "close", "volume")),
    )
    for frame, kind, columns in inputs:
        placed = frame.select("symbol", "session", *columns).join(index, on="symbol", how="inner")
        at = np.searchsorted(days, placed["session"].to_numpy()), placed["column"].to_numpy()
        verdict[at] = kind
        for name in columns:
            matrix[name][at] = placed[name].to_numpy()
    found = find_jumps(
        Prices(matrix["open"], matrix["close"], matrix["volume"], verdict),
        _place_actions(pl.concat([previous.actions, actions]), index, days),
        sigmas=sigmas,
        floor=floor,
    )
    names_of = [name_leap(jump.open_change, jump.close_change, jump.bound) for jump in found]
    return pl.DataFrame(
        {
            "symbol": names[[jump.column for jump in found]],
            "session": [days[jump.row].item() for jump in found],
            "rule": [name.rule for name in names_of],
            "value": [name.value for name in names_of],
            "bound": [name.bound for name in names_of],
            "open_change": [jump.open_change for jump in found],
        },
        schema=_FOUND,
    )


def find_jumps(prices: Prices, actions: Actions, *, sigmas: float, floor: float) -> list[Jump]:
    """The bars to judge that leap without an explanation, by session then symbol."""
    sessions, symbols = prices.close.shape
    edges = np.searchsorted(actions.row, np.arange(sessions + 1))
    returns = np.full((sessions, symbols), np.nan)
    since = np.full((sessions, symbols), -1, dtype=np.int64)  # session of the good bar that the return starts at
    reference = np.full(symbols, np.nan)
    reference_row = np.full(symbols, -1, dtype=np.int64)
    suspect = np.full(symbols, np.nan)
    streak = np.zeros(symbols, dtype=np.int64)
    found: list[Jump] = []
    for row in range(sessions):
        for at in range(edges[row], edges[row + 1]):
            column, cash, divisor = actions.column[at], actions.cash[at], actions.divisor[at]
            for price in (reference, suspect):
                price[column] = (price[column] - cash if price[column] > cash else price[column]) / divisor
        reference[reference_row < row - WINDOW] = np.nan
        close, verdict = prices.close[row], prices.verdict[row]
        change = np.log(close / reference)
        good = (verdict == JUDGE) | (verdict == GOOD)
        bad = verdict == SUSPECT
        open_change = np.log(prices.open[row] / reference)
        size = np.fmax(np.abs(change), np.abs(open_change))
        leaps = np.flatnonzero((verdict == JUDGE) & (size > floor))
        if leaps.size:
            first = max(0, row - WINDOW)
            bound = np.fmax(floor, sigmas * _sigma(returns[first:row, leaps], since[first:row, leaps] >= first))
            to_suspect = np.fmax(np.abs(np.log(close[leaps] / suspect[leaps])), np.abs(np.log(prices.open[row, leaps] / suspect[leaps])))
            lasts = (prices.volume[row, leaps] > 0) & ((to_suspect <= bound) | (streak[leaps] >= PATIENCE))
            refused = (size[leaps] > bound) & ~lasts
            bad[leaps[refused]] = True
            where = leaps[refused], bound[refused]
            found += [Jump(row, int(c), float(open_change[c]), float(change[c]), float(b)) for c, b in zip(*where, strict=True)]
        good &= ~bad
        returns[row, good] = change[good]
        since[row, good] = reference_row[good]
        reference[good], reference_row[good] = close[good], row
        suspect[good], streak[good] = np.nan, 0
        suspect[bad] = close[bad]
        streak[bad] += 1
    return found


def _sigma(returns: NDArray[np.float64], inside: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Robust volatility per column of returns that start and end inside the window; NaN for too few."""
    sizes = np.where(inside, np.abs(returns), np.nan)
    count = np.isfinite(sizes).sum(axis=0)
    ordered = np.sort(sizes, axis=0)  # NaN sorts last
    columns = np.arange(sizes.shape[1])
    low, high = ordered[np.maximum(count - 1, 0) // 2, columns], ordered[np.minimum(count // 2, len(sizes) - 1), columns]
    return np.where(count >= MIN_RETURNS, (low + high) / 2 / _MEDIAN_OF_ABSOLUTE_NORMAL, np.nan)


def _place_actions(actions: pl.DataFrame, index: pl.DataFrame, days: NDArray[np.datetime64]) -> Actions:
    """Splits, dividends, delistings and changes of symbol at the first session on or after their ex date."""
    placed = actions.unique(["symbol", "ex_date", "kind"]).join(index, on="symbol")
    ends = pl.col("kind").is_in(["delisting", "symbol_change"])
    placed = placed.filter(pl.col("ex_date").is_between(days[0].item(), days[-1].item())).sort("ex_date", "kind", "symbol")
    rows = np.searchsorted(days, placed["ex_date"].to_numpy())
    numbers = placed.select(
        pl.when(ends).then(math.nan).otherwise((pl.col("ratio_new") / pl.col("ratio_old")).fill_null(1.0)).alias("divisor"),
        pl.when(ends).then(0.0).otherwise(pl.col("cash_per_share").cast(pl.Float64).fill_null(0.0)).alias("cash"),
    )
    order = np.lexsort((placed["kind"].to_numpy() == "split", rows))
    return Actions(rows[order], placed["column"].to_numpy()[order], numbers["divisor"].to_numpy()[order], numbers["cash"].to_numpy()[order])
