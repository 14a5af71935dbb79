"""What universe rules judge by, as of a session's close: last price, age of the listing, value traded.

`measure` reads it off a whole history; `Measures` goes through a history session by session and gives the same.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from grodt.money import Micros, units
from grodt.signals.panel import BoolArray, FloatArray, Panel

IntArray = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """Of one session; arrays of shape (N,).

    Attributes:
        barred: whether it has a bar in the session itself.
        price: last close, carried over the splits since, currency units; NaN where there never was one.
        age: sessions with a bar since it was listed.
        dollar_volume: median of close · volume over the window since it was listed, no bar being zero, currency units; NaN where it is not
            asked for, or there is no bar yet.
    """

    barred: BoolArray
    price: FloatArray
    age: IntArray
    dollar_volume: FloatArray


def measure(panel: Panel, turnover: FloatArray | None) -> Measured:
    """At the last session of a panel.

    Args:
        panel: history up to it.
        turnover: close · volume of the window's sessions, which the panel ends with, (at most the window, N), NaN where there is no bar;
            None: not asked for.
    """
    barred = ~np.isnan(panel.close)
    start = _first_rows(barred, panel.log_return)
    rows = np.arange(len(panel.sessions))[:, None]
    width = len(panel.symbols)
    price = _last(panel.close, barred)
    for column, carried in panel.carried_closes(len(panel.close)).items():
        price[column] = units(carried)
    return Measured(
        barred=barred[-1] if len(barred) else np.zeros(width, dtype=np.bool_),
        price=price,
        age=np.count_nonzero(barred & (rows >= start), axis=0).astype(np.int64),
        dollar_volume=np.full(width, np.nan) if turnover is None else _medians(turnover, start, len(panel.sessions)),
    )


class Measures:
    """Brought forward one session at a time."""

    def __init__(self, width: int, window: int, *, turnover: bool) -> None:
        """Before the first session.

        Args:
            width: symbols.
            window: sessions of the median.
            turnover: whether it is asked for.
        """
        self._price = np.full(width, np.nan)
        self._age = np.zeros(width, dtype=np.int64)
        self._first = np.full(width, np.iinfo(np.int64).max)
        self._row = -1
        self._window = np.full((window, width), np.nan) if turnover else None

    def step(self, close: FloatArray, log_return: FloatArray, turnover: FloatArray | None, split: Mapping[int, Micros]) -> None:
        """One session: closes, log returns and close · volume, (N,) each, NaN where there is none; and `Panel.split_closes`."""
        self._row += 1
        barred = ~np.isnan(close)
        listed = barred & np.isnan(log_return)
        self._age[listed] = 0
        self._first[listed] = self._row
        self._age += barred
        np.copyto(self._price, close, where=barred)
        for column, carried in split.items():
            self._price[column] = units(carried)
        if self._window is not None and turnover is not None:
            self._window[self._row % len(self._window)] = turnover
        self._barred = barred

    def measured(self) -> Measured:
        """At the last session stepped to."""
        width = len(self._price)
        volume = np.full(width, np.nan)
        if self._window is not None:
            count = min(self._row + 1, len(self._window))
            order = np.arange(self._row - count + 1, self._row + 1) % len(self._window)
            volume = _medians(self._window[order], np.minimum(self._first, self._row + 1), self._row + 1)
        return Measured(self._barred, self._price.copy(), self._age.copy(), volume)


def _first_rows(barred: BoolArray, log_return: FloatArray) -> IntArray:
    """Row of the first bar of each symbol's latest listing: the latest bar without a return; past the end where there is no bar."""
    row, column = np.nonzero(barred & np.isnan(log_return))
    first = np.full(barred.shape[1], -1, dtype=np.int64)
    np.maximum.at(first, column, row)
    return np.where(first < 0, len(barred), first)


def _last(close: FloatArray, barred: BoolArray) -> FloatArray:
    """The last close of each symbol, NaN where there is none."""
    last = np.full(close.shape[1], np.nan)
    for today, has in zip(close[::-1], barred[::-1], strict=True):  # backwards: nearly every symbol has a bar in the last session
        np.copyto(last, today, where=has & np.isnan(last))
        if not np.isnan(last).any():
            break
    return last


def _medians(turnover: FloatArray, start: IntArray, sessions: int) -> FloatArray:
    """Median per symbol over the rows from its listing's first on, no bar being zero; NaN where there is no such row."""
    row = np.arange(sessions - len(turnover), sessions)[:, None]
    listed = row >= start
    if listed.all():
        return np.asarray(np.median(np.nan_to_num(turnover, nan=0.0), axis=0)) if len(turnover) else np.full(turnover.shape[1], np.nan)
    known = np.where(listed, np.nan_to_num(turnover, nan=0.0), np.nan)
    median = np.full(turnover.shape[1], np.nan)
    any_row = listed.any(axis=0)
    median[any_row] = np.nanmedian(known[:, any_row], axis=0)
    return median
