"""The lake as it lives: years from a backfill, sessions by cycles, closed months merged; each read through the ledger's manifest."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from grodt.execution.compaction import compact
from grodt.execution.filling import SourceLease
from grodt.lake import Lake, bars_path
from grodt.ledger.manifest import LedgerManifest, commit_files
from grodt.ledger.unit import Ledger
from tests.benchmarks.lake_contestants import COLUMNS, Contestant, main

_SOURCE, _TABLES = "demo", ("bars_1d",)
_NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Ours(Contestant):
    """Checks, fsync, manifest and leases included."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        folder.mkdir(parents=True, exist_ok=True)
        self._ledger = Ledger.open(f"sqlite:///{folder / 'ledger.db'}")
        self._manifest = LedgerManifest(self._ledger)
        self._lake = Lake(folder / "lake", self._manifest)

    def build(self, frame: pl.DataFrame) -> None:
        """Closed years as a backfill brings them; the sessions of the open one by cycles, with the months merged that they close."""
        last = frame["session"].max()
        assert isinstance(last, date)
        for (year,), rows in (
            frame.with_columns(year=pl.col("session").dt.year()).partition_by("year", as_dict=True, include_key=False).items()
        ):
            if year < last.year:
                self._write(rows, date(year, 1, 1), date(year, 12, 31))
            else:
                for (session,), part in rows.partition_by("session", as_dict=True).items():
                    self.append(part)
                    self._compact(session)

    def append(self, frame: pl.DataFrame) -> None:
        """A session, as a cycle leaves it."""
        session = frame["session"][0]
        self._write(frame, session, session)

    def tidy(self) -> None:
        """Nothing: months are merged when they close, and the open one is left as it is."""

    def _write(self, frame: pl.DataFrame, start: date, end: date) -> None:
        path = bars_path(_SOURCE, frame["symbol"].unique(), start, end, start.year)
        known_at = datetime.combine(end + timedelta(days=1), datetime.min.time(), UTC)
        file = self._lake.write("bars_1d", path, frame, source=_SOURCE, known_at=known_at, run_id="benchmark")
        with self._ledger.write() as tx:
            commit_files(tx, [file], _NOW)

    def _compact(self, session: date) -> None:
        filling = SourceLease(self._ledger, _SOURCE, "benchmark", lambda _holder: False, lambda: _NOW, lambda _seconds: None)
        with filling:
            compact(self._ledger, None, filling, self._lake, _SOURCE, session, tables=_TABLES, run_id="benchmark", now=lambda: _NOW)

    def _read(self, **which: Any) -> pl.DataFrame:
        return self._lake.read("bars_1d", self._manifest.snapshot(tables=_TABLES), columns=COLUMNS, **which)

    def symbol(self, symbol: str) -> pl.DataFrame:
        """All sessions of a symbol."""
        return self._read(symbols=[symbol])

    def session(self, session: date) -> pl.DataFrame:
        """All symbols of a session."""
        return self._read(start=session, end=session)

    def last(self, first: date) -> pl.DataFrame:
        """All symbols from a session on."""
        return self._read(start=first)


if __name__ == "__main__":
    main({"GRODT": Ours})
