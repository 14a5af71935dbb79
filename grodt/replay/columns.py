"""Columns of tables, made from arrays of many sessions at once."""

from collections.abc import Sequence
from datetime import date

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from grodt.replay.history import IntArray
from grodt.signals.panel import FloatArray

MONEY = pl.Decimal(24, 6)


def money(micros: IntArray, known: NDArray[np.bool_] | None = None) -> pl.Series:
    """Micros as exact decimals; null where not known."""
    whole = np.ascontiguousarray(micros, dtype=np.int64)
    wide = np.stack((whole, whole >> 63), axis=1)  # 128 bits, little end first
    cells = pa.Decimal128Array.from_buffers(pa.decimal128(24, 6), len(whole), [None, pa.py_buffer(wide.tobytes())])
    series = pl.Series(values=cells, dtype=MONEY)
    return series if known is None else pl.select(pl.when(pl.Series(known)).then(series)).to_series()


def nullable(values: FloatArray) -> pl.Series:
    """Floats with null for NaN."""
    return pl.Series(np.ascontiguousarray(values, dtype=np.float64)).fill_nan(None)


class Words:
    """Text that recurs, as numbers until a frame is made of it."""

    def __init__(self) -> None:
        self._words: list[str] = []
        self._codes: dict[str, int] = {}

    def codes(self, words: Sequence[str]) -> NDArray[np.uint32]:
        """A number for each word."""
        for word in words:
            if word not in self._codes:
                self._codes[word] = len(self._words)
                self._words.append(word)
        return np.array([self._codes[word] for word in words], dtype=np.uint32)

    def of(self, codes: NDArray[np.uint32]) -> pl.Series:
        """The words of those numbers."""
        return pl.Series(self._words, dtype=pl.String).gather(codes)


def days(sessions: Sequence[date], rows: IntArray) -> pl.Series:
    """The session of each row."""
    return pl.Series(np.array(sessions, dtype="datetime64[D]")[rows]).cast(pl.Date)
