"""Frames of a replay: what every table of it shares."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from grodt.lake.encoding import encode
from grodt.lake.validation import require_valid
from grodt.orders.order import client_order_id
from grodt.replay.columns import Words, days
from grodt.replay.engine import KIND
from grodt.replay.history import Candidates, History, IntArray
from grodt.replay.working import Batch


@dataclass(slots=True, eq=False)
class Frames:
    """Makes frames of one book's replay.

    Attributes:
        history: what is replayed.
        book: its name.
        words: text that recurs in them.
    """

    history: History
    book: str
    words: Words = field(default_factory=Words)
    _tickers: dict[int, NDArray[np.uint32]] = field(default_factory=dict)

    def run_id(self, session: date) -> str:
        """Of a session's decision, as its live cycle would have it."""
        return f"{self.book}-{KIND}-{session}"

    def frame(self, row: IntArray, columns: Mapping[str, Any]) -> pl.DataFrame:
        """Columns with book, session and run of each row."""
        run_ids = pl.Series([self.run_id(session) for session in self.history.sessions], dtype=pl.String)
        return pl.DataFrame(columns).with_columns(
            pl.lit(self.book).alias("book"), days(self.history.sessions, row).alias("session"), run_ids.gather(row).alias("run_id")
        )

    def ticker_codes(self, candidates: Candidates) -> NDArray[np.uint32]:
        """Ticker of each column, as `words` has it."""
        if candidates.start not in self._tickers:
            self._tickers[candidates.start] = self.words.codes(candidates.tickers)
        return self._tickers[candidates.start]

    def tickers(self, row: IntArray, column: IntArray) -> pl.Series:
        """Ticker of a column in a session."""
        candidates = self.history.candidates
        which = np.searchsorted([each.start for each in candidates], row, side="right") - 1
        codes = np.zeros(len(row), dtype=np.uint32)
        for number in np.unique(which).tolist():
            own = which == number
            codes[own] = self.ticker_codes(candidates[number])[column[own]]
        return self.words.of(codes)

    def order_ids(self, batches: Sequence[Batch]) -> list[str]:
        """Our ids of the orders of batches, one batch after the other."""
        if not batches:
            return []
        row = np.concatenate([np.full(len(batch.columns), batch.row) for batch in batches])
        tickers = self.tickers(row, np.concatenate([batch.columns for batch in batches])).to_list()
        sessions = self.history.sessions
        return [client_order_id(self.book, KIND, sessions[at], ticker) for at, ticker in zip(row.tolist(), tickers, strict=True)]


def write(folder: Path, table: str, year: int, frame: pl.DataFrame, book: str) -> int:
    """Write a table's rows of a year, checked against its schema; returns how many there are. A file is whole or not there."""
    if not frame.height:
        return 0
    valid = require_valid(table, frame, book)
    path = folder / table / f"{year}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    part.write_bytes(encode(valid))
    part.replace(path)
    return valid.height
