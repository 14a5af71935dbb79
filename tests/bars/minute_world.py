"""Minute bars for tests: by hand, of real files, and of the simulated exchange."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from grodt.bars.files import FilesSettings, FilesSource
from grodt.bars.source import RAW_MINUTES
from grodt.sessions import Calendar

SHARED = Path(__file__).resolve().parents[2] / "../shared/data"
MINUTE_BARS, CRYPTO_BARS = SHARED / "minute-bars", SHARED / "crypto-bars"
needs_minute_bars = pytest.mark.skipif(not MINUTE_BARS.is_dir(), reason="../shared/data/minute-bars is absent")
needs_crypto_bars = pytest.mark.skipif(not CRYPTO_BARS.is_dir(), reason="../shared/data/crypto-bars is absent")

XNYS, XTKS, ALWAYS = Calendar("XNYS"), Calendar("XTKS"), Calendar("24/7")
NEW_YORK = "America/New_York"
MINUTE = timedelta(minutes=1)
#: A usual week; Friday 27 November 2015 closes at 13:00 in New York.
MON, TUE, WED = date(2015, 11, 23), date(2015, 11, 24), date(2015, 11, 25)
EARLY = date(2015, 11, 27)

type Row = tuple[str, datetime, float, float, float, float, float]


def at(session: date, minute: int, calendar: Calendar = XNYS) -> datetime:
    """Start of a minute of a session, counted from its open."""
    return calendar.opens_at(session) + minute * MINUTE


def row(symbol: str, start: datetime, price: float, volume: float = 100.0) -> Row:
    return symbol, start, price, round(price * 1.001, 6), round(price * 0.999, 6), price, volume


def frame(rows: Sequence[Row]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=RAW_MINUTES, orient="row").sort("symbol", "start", maintain_order=True)


def in_sessions(bars: pl.DataFrame, calendar: Calendar = XNYS) -> pl.DataFrame:
    """With the session of each, all of them in trading hours."""
    found = calendar.sessions_of(bars["start"].dt.replace_time_zone(None).to_numpy())
    return bars.with_columns(pl.Series("session", found).cast(pl.Date))


def walk(symbols: Sequence[str], sessions: Sequence[date], calendar: Calendar = XNYS, less: Sequence[int] = ()) -> pl.DataFrame:
    """A bar in each minute of the sessions but `less`; prices drift and trading is a U, with an auction at the open and the close."""
    rows: list[Row] = []
    for number, symbol in enumerate(symbols):
        for session in sessions:
            minute = 0
            for start, end in calendar.trading_hours(session):
                stamp, length = start, (end - start) // MINUTE
                while stamp < end:
                    if minute not in less:
                        price = round(20.0 + 10 * number + ((minute * 7 + number) % 11) / 100, 2)
                        edge = stamp == start or stamp + MINUTE == end
                        volume = 9_000.0 if edge else 100.0 + abs(minute - length // 2) + (minute * (number + 3)) % 17
                        rows.append(row(symbol, stamp, price, volume))
                    stamp += MINUTE
                    minute += 1
    return frame(rows)


def real_minutes(path: str, stamps: str, zone: str = NEW_YORK) -> FilesSource:
    """One of the two real files, MSFT or SPY, under that declaration."""
    column = "ts_ny_bar_end" if path.startswith("alpha") else "ts_ny"
    minutes = {"path": path, "columns": {"start": column}, "stamps": stamps, "zone": zone}
    return FilesSource("real", FilesSettings.model_validate({"bars": {"path": "none.csv"}, "minutes": minutes}), MINUTE_BARS)


def crypto_minutes(market: str) -> pl.DataFrame:
    """The real minutes of a venue as RAW_MINUTES."""
    bars = pl.read_parquet(CRYPTO_BARS / "trades_1m.parquet").filter(pl.col("market") == market)
    stamped = bars.with_columns(pl.col("ts_utc").dt.replace_time_zone("UTC").alias("start"))
    return stamped.select(RAW_MINUTES.names()).cast(RAW_MINUTES).sort("symbol", "start")  # type: ignore[arg-type]


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc, arg-type]
