"""One store of bars at a time, in a process of its own: built, appended to, read, measured. Needs Polars and the store's own package.

    python lake_contestants.py build NAME PANEL FOLDER APPENDS    # all but the last sessions, then each of these by itself
    python lake_contestants.py read NAME FOLDER QUERY TIMES       # symbol, session or last, the first time cold

Prints one JSON object. The lake itself is in `lake_ours.py`, with the same functions; it runs in GRODT's own environment.
"""

import importlib
import json
import os
import re
import shutil
import sqlite3
import sys
import time
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

COLUMNS = ["symbol", "session", "open", "high", "low", "close", "volume"]
_LISTED = ", ".join(COLUMNS)
_ENOUGH_SECONDS = 5.0


class Contestant:
    """A store below a folder. Frames come sorted by symbol and session. `packages` are loaded before a clock runs."""

    packages: tuple[str, ...] = ()

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def build(self, frame: pl.DataFrame) -> None:
        """All of history at once, laid out as this store reads fastest."""

    def append(self, frame: pl.DataFrame) -> None:
        """One more session."""

    def tidy(self) -> None:
        """What its users do now and then."""

    def symbol(self, symbol: str) -> Any:
        """All sessions of a symbol."""

    def session(self, session: date) -> Any:
        """All symbols of a session."""

    def last(self, first: date) -> Any:
        """All symbols from a session on."""


class _Parquet(Contestant):
    """Folders of Parquet, read by Polars; hive partitions are pruned by their names before anything is opened."""

    def _write(self, frame: pl.DataFrame, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        frame.write_parquet(path, compression="zstd", statistics=True)

    def _scan(self, paths: list[Path]) -> pl.LazyFrame:
        return pl.scan_parquet(paths, glob=False, hive_partitioning=False).select(COLUMNS)

    def _all(self) -> list[Path]:
        return sorted(self.folder.rglob("*.parquet"))


class BySymbol(_Parquet):
    """A folder per symbol; a session adds a file to each."""

    def build(self, frame: pl.DataFrame) -> None:
        for (symbol,), rows in frame.partition_by("symbol", as_dict=True).items():
            self._write(rows, self.folder / f"symbol={symbol}" / "0.parquet")

    def append(self, frame: pl.DataFrame) -> None:
        for (symbol, session), rows in frame.partition_by("symbol", "session", as_dict=True).items():
            self._write(rows, self.folder / f"symbol={symbol}" / f"{session}.parquet")

    def tidy(self) -> None:
        for folder in self.folder.iterdir():
            parts = sorted(folder.glob("*.parquet"))
            rows = pl.concat([pl.read_parquet(part, hive_partitioning=False) for part in parts]).sort("session")
            for part in parts:
                part.unlink()
            self._write(rows, folder / "0.parquet")

    def symbol(self, symbol: str) -> pl.DataFrame:
        return self._scan(sorted((self.folder / f"symbol={symbol}").glob("*.parquet"))).collect()

    def session(self, session: date) -> pl.DataFrame:
        return self._scan(self._all()).filter(pl.col("session") == session).collect()

    def last(self, first: date) -> pl.DataFrame:
        return self._scan(self._all()).filter(pl.col("session") >= first).collect()


class ByMonth(_Parquet):
    """A file per month, sorted by symbol; a session writes its month anew."""

    def build(self, frame: pl.DataFrame) -> None:
        for (month,), rows in (
            frame.with_columns(month=pl.col("session").dt.strftime("%Y-%m")).partition_by("month", as_dict=True, include_key=False).items()
        ):
            self._write(rows, self.folder / f"month={month}" / "0.parquet")

    def append(self, frame: pl.DataFrame) -> None:
        path = self.folder / f"month={frame['session'][0]:%Y-%m}" / "0.parquet"
        rows = pl.concat([pl.read_parquet(path, hive_partitioning=False), frame]).sort("symbol", "session") if path.exists() else frame
        self._write(rows, path.with_name("new"))
        path.with_name("new").rename(path)

    def symbol(self, symbol: str) -> pl.DataFrame:
        return self._scan(self._all()).filter(pl.col("symbol") == symbol).collect()

    def session(self, session: date) -> pl.DataFrame:
        return self._scan([self.folder / f"month={session:%Y-%m}" / "0.parquet"]).filter(pl.col("session") == session).collect()

    def last(self, first: date) -> pl.DataFrame:
        wanted = [path for path in self._all() if path.parent.name >= f"month={first:%Y-%m}"]
        return self._scan(wanted).filter(pl.col("session") >= first).collect()


class BySession(_Parquet):
    """A file per session."""

    def build(self, frame: pl.DataFrame) -> None:
        for (session,), rows in frame.partition_by("session", as_dict=True).items():
            self._write(rows, self.folder / f"session={session}" / "0.parquet")

    def append(self, frame: pl.DataFrame) -> None:
        self.build(frame)

    def symbol(self, symbol: str) -> pl.DataFrame:
        return self._scan(self._all()).filter(pl.col("symbol") == symbol).collect()

    def session(self, session: date) -> pl.DataFrame:
        return self._scan([self.folder / f"session={session}" / "0.parquet"]).collect()

    def last(self, first: date) -> pl.DataFrame:
        return self._scan([path for path in self._all() if path.parent.name >= f"session={first}"]).collect()


class DeltaLake(Contestant):
    """Delta Lake by year, sorted by symbol, zstd; read by Polars."""

    packages = ("deltalake", "pyarrow.dataset")

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._delta = importlib.import_module("deltalake")
        self._writer = self._delta.WriterProperties(compression="ZSTD")

    def build(self, frame: pl.DataFrame) -> None:
        self._write(frame.with_columns(year=pl.col("session").dt.year()).sort("year", "symbol", "session"), "overwrite")

    def append(self, frame: pl.DataFrame) -> None:
        self._write(frame.with_columns(year=pl.col("session").dt.year()), "append")

    def tidy(self) -> None:
        table = self._delta.DeltaTable(str(self.folder))
        table.optimize.compact(writer_properties=self._writer)
        table.vacuum(retention_hours=0, enforce_retention_duration=False, dry_run=False)

    def _write(self, frame: pl.DataFrame, mode: str) -> None:
        rows = frame.to_arrow(compat_level=pl.CompatLevel.oldest())
        self._delta.write_deltalake(str(self.folder), rows, mode=mode, partition_by=["year"], writer_properties=self._writer)

    def _scan(self) -> pl.LazyFrame:
        return pl.scan_delta(str(self.folder))

    def symbol(self, symbol: str) -> pl.DataFrame:
        return self._scan().filter(pl.col("symbol") == symbol).select(COLUMNS).collect()

    def session(self, session: date) -> pl.DataFrame:
        return self._scan().filter(pl.col("year") == session.year, pl.col("session") == session).select(COLUMNS).collect()

    def last(self, first: date) -> pl.DataFrame:
        return self._scan().filter(pl.col("year") >= first.year, pl.col("session") >= first).select(COLUMNS).collect()


class Arctic(Contestant):
    """ArcticDB on LMDB: one long table by session; answers in Arrow, its fastest."""

    packages = ("arcticdb", "pandas", "pyarrow")

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._arctic = importlib.import_module("arcticdb")
        folder.mkdir(parents=True, exist_ok=True)
        self._library = self._arctic.Arctic(f"lmdb://{folder}?map_size=16GB").get_library("bars", create_if_missing=True)

    def build(self, frame: pl.DataFrame) -> None:
        self._library.write("bars", self._pandas(frame))

    def append(self, frame: pl.DataFrame) -> None:
        self._library.append("bars", self._pandas(frame))

    def _pandas(self, frame: pl.DataFrame) -> Any:
        rows = frame.select(*COLUMNS, "known_at").sort("session", "symbol").to_pandas()
        rows["session"] = rows["session"].astype("datetime64[ns]")
        rows["known_at"] = rows["known_at"].dt.tz_localize(None).astype("datetime64[ns]")
        return rows.set_index("session")

    def _read(self, **how: Any) -> Any:
        columns = [name for name in COLUMNS if name != "session"]
        return self._library.read("bars", columns=columns, output_format=self._arctic.OutputFormat.PYARROW, **how).data

    def symbol(self, symbol: str) -> Any:
        query = self._arctic.QueryBuilder()
        return self._read(query_builder=query[query["symbol"] == symbol])

    def session(self, session: date) -> Any:
        instant = importlib.import_module("pandas").Timestamp(session)
        return self._read(date_range=(instant, instant))

    def last(self, first: date) -> Any:
        return self._read(date_range=(importlib.import_module("pandas").Timestamp(first), None))


class DuckBySession(Contestant):
    """DuckDB, its table sorted by session."""

    packages = ("duckdb", "pyarrow")
    order = "session, symbol"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        folder.mkdir(parents=True, exist_ok=True)
        self._connection = importlib.import_module("duckdb").connect(str(folder / "bars.duckdb"))

    def build(self, frame: pl.DataFrame) -> None:
        self._connection.execute(f"CREATE TABLE bars AS SELECT * FROM frame ORDER BY {self.order}")
        self._connection.execute("CHECKPOINT")

    def append(self, frame: pl.DataFrame) -> None:
        self._connection.execute("INSERT INTO bars SELECT * FROM frame")
        self._connection.execute("CHECKPOINT")

    def _ask(self, where: str) -> pl.DataFrame:
        return self._connection.sql(f"SELECT {_LISTED} FROM bars WHERE {where}").pl()

    def symbol(self, symbol: str) -> pl.DataFrame:
        return self._ask(f"symbol = '{symbol}'")

    def session(self, session: date) -> pl.DataFrame:
        return self._ask(f"session = DATE '{session}'")

    def last(self, first: date) -> pl.DataFrame:
        return self._ask(f"session >= DATE '{first}'")


class DuckBySymbol(DuckBySession):
    """DuckDB, its table sorted by symbol."""

    order = "symbol, session"


class SQLite(Contestant):
    """SQLite: clustered by symbol and session, with an index by session; days as text."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        folder.mkdir(parents=True, exist_ok=True)
        self._connection = sqlite3.connect(folder / "bars.db")

    def build(self, frame: pl.DataFrame) -> None:
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute(
            "CREATE TABLE bars (symbol TEXT, session TEXT, open REAL, high REAL, low REAL, close REAL, volume REAL, source TEXT, "
            "known_at TEXT, PRIMARY KEY (symbol, session)) STRICT, WITHOUT ROWID"
        )
        self._insert(frame)
        self._connection.execute("CREATE INDEX by_session ON bars (session)")

    def append(self, frame: pl.DataFrame) -> None:
        self._insert(frame)

    def _insert(self, frame: pl.DataFrame) -> None:
        rows = frame.select(*COLUMNS, "source", "known_at").with_columns(pl.col("session", "known_at").cast(pl.String))
        with self._connection:
            for part in rows.iter_slices(100_000):
                self._connection.executemany("INSERT INTO bars VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", part.iter_rows())

    def tidy(self) -> None:
        self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _ask(self, where: str, value: str) -> pl.DataFrame:
        rows = self._connection.execute(f"SELECT {_LISTED} FROM bars WHERE {where}", (value,)).fetchall()
        return pl.DataFrame(rows, schema=COLUMNS, orient="row")

    def symbol(self, symbol: str) -> pl.DataFrame:
        return self._ask("symbol = ?", symbol)

    def session(self, session: date) -> pl.DataFrame:
        return self._ask("session = ?", session.isoformat())

    def last(self, first: date) -> pl.DataFrame:
        return self._ask("session >= ?", first.isoformat())


CONTESTANTS: dict[str, type[Contestant]] = {
    "Parquet by symbol": BySymbol,
    "Parquet by month": ByMonth,
    "Parquet by session": BySession,
    "Delta Lake": DeltaLake,
    "ArcticDB": Arctic,
    "DuckDB by session": DuckBySession,
    "DuckDB by symbol": DuckBySymbol,
    "SQLite": SQLite,
}


def build(make: type[Contestant], panel: Path, folder: Path, appends: int) -> dict[str, Any]:
    """Build without the last sessions, add each of them, tidy up."""
    shutil.rmtree(folder, ignore_errors=True)
    frame = pl.read_parquet(panel)
    sessions = frame["session"].unique().sort()
    kept = frame.filter(pl.col("session") < sessions[-appends])
    store = make(folder)
    began = time.perf_counter()
    store.build(kept)
    seconds = time.perf_counter() - began
    appended = []
    for session in sessions[-appends:]:
        rows = frame.filter(pl.col("session") == session)
        began = time.perf_counter()
        store.append(rows)
        appended.append(time.perf_counter() - began)
    began = time.perf_counter()
    store.tidy()
    return {"build": seconds, "append": appended, "tidy": time.perf_counter() - began, "peak_mb": peak_mb()}


def read(make: type[Contestant], folder: Path, query: str, asked: dict[str, str], times: int) -> dict[str, Any]:
    """Ask one question: the first time with opening the store, then again and again, for some seconds at most."""
    value = asked[query] if query == "symbol" else date.fromisoformat(asked[query])
    for package in make.packages:
        importlib.import_module(package)
    taken, rows = [], 0
    began = time.perf_counter()
    store = make(folder)
    for _ in range(times + 1):
        rows = len(getattr(store, query)(value))
        taken.append(time.perf_counter() - began)
        began = time.perf_counter()
        if len(taken) > 1 and sum(taken) > _ENOUGH_SECONDS:
            break
    return {"cold": taken[0], "warm": taken[1:], "rows": rows, "peak_mb": peak_mb()}


def peak_mb() -> float:
    """Largest resident memory of this process so far."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(found.group(1)) / 1024 if found else 0.0


def size_of(folder: Path) -> tuple[int, int]:
    """Bytes and files below a folder."""
    sizes = [path.stat().st_blocks * 512 if path.suffix == ".mdb" else path.stat().st_size for path in folder.rglob("*") if path.is_file()]
    return sum(sizes), len(sizes)


def main(makers: Mapping[str, type[Contestant]]) -> None:
    """Do what the command line says."""
    act, name, *rest = sys.argv[1:]
    if act == "build":
        panel, folder, appends = Path(rest[0]), Path(rest[1]), int(rest[2])
        found = build(makers[name], panel, folder, appends)
    else:
        folder, query, asked, times = Path(rest[0]), rest[1], json.loads(rest[2]), int(rest[3])
        found = read(makers[name], folder, query, asked, times)
    sys.stdout.write(json.dumps(found | {"load": os.getloadavg()[0]}))


if __name__ == "__main__":
    main(CONTESTANTS)
