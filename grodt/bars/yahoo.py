"""Daily bars, minute bars, splits and dividends from Yahoo, by yfinance.

Yahoo's data is for personal use: its terms do not allow more, and it gives no warranty. Its prices, volumes and dividends are divided by
all later splits; they are turned back here to what was traded and paid, with the splits that Yahoo gives. Capital gains that a fund
distributes are left out: Yahoo counts some of them twice.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from random import Random
from typing import TYPE_CHECKING

import polars as pl

from grodt.bars.minutes import in_trading_hours
from grodt.bars.patience import Patience, patiently, together
from grodt.bars.source import RAW_ACTIONS, RAW_BARS, RAW_MINUTES, Fetched
from grodt.bars.split_units import NO_SPLITS, amount_as_paid, shares_of_price_ratio, volume_as_traded, with_later_splits
from grodt.bars.yahoo_client import YahooClient
from grodt.bars.yahoo_settings import YahooSettings
from grodt.errors import ConfigError, DataError
from grodt.instruments import Instrument, Listing, one_listing_each
from grodt.sessions import Calendar, require_utc

if TYPE_CHECKING:
    import pandas as pd

PRICES = ("open", "high", "low", "close")
#: How far back Yahoo has minute bars, and how much of them it gives at once (8 days; one less, so that no zone matters).
MINUTES_REACH_BACK = timedelta(days=30)
MINUTES_AT_ONCE = timedelta(days=7)
_MINUTE = timedelta(minutes=1)
#: Yahoo keeps prices as 32-bit floats, which are off by up to 6e-8 of their size; twice that, for a product of them.
_FLOAT_ERROR = 1.2e-7
_COLUMNS = {
    "Open": "open",
    "High": "high",
    "Low": "low",
    "Close": "close",
    "Volume": "volume",
    "Dividends": "dividend",
    "Stock Splits": "ratio",
}
_ROWS = pl.Schema(
    {"symbol": pl.String(), "at": pl.Datetime("us", "UTC"), "session": pl.Date(), **dict.fromkeys(_COLUMNS.values(), pl.Float64())}
)


class YahooSource:
    """Implements `BarSource` and `MinuteSource` over Yahoo. Nothing is asked before the first question."""

    def __init__(
        self,
        name: str,
        settings: YahooSettings,
        client: YahooClient,
        calendar: Calendar,
        *,
        now: Callable[[], datetime],
        random: Random,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        patience: Patience | None = None,
    ) -> None:
        """Put its parts together.

        Args:
            name: its name in the books file.
            settings: the tickers.
            client: who asks Yahoo.
            calendar: of the exchange that the tickers trade on.
            now: the clock, which tells the sessions and minutes that are over.
            random: jitter of pauses.
            sleep: how a pause between tries is waited for.
            patience: how long Yahoo is waited for.
        """
        self._name = name
        self._settings = settings
        self._client = client
        self._calendar = calendar
        self._now = now
        self._patience = patience or Patience()
        self._patiently = partial(patiently, patience=self._patience, random=random, sleep=sleep, vendor="Yahoo")

    @property
    def name(self) -> str:
        """Its name in the books file."""
        return self._name

    def instruments(self, session: date) -> tuple[Instrument, ...]:
        """The tickers that the source names, in alphabetical order, on any session: Yahoo does not tell when one was listed."""
        return tuple(Instrument(symbol) for symbol in sorted(self._settings.symbols))

    def unknown(self, symbols: Sequence[str]) -> tuple[str, ...]:
        """Those of the symbols that the source does not name. One that it names and Yahoo has nothing of has no rows."""
        known = set(self._settings.symbols)
        return tuple(symbol for symbol in symbols if symbol not in known)

    def listings(self, symbols: Sequence[str]) -> tuple[Listing, ...]:
        """Each ticker is taken for an instrument."""
        return one_listing_each(symbols)

    async def fetch(self, symbols: Sequence[str], start: date, end: date) -> Fetched:
        """See `BarSource.fetch`. A session that is not over has no bar.

        Yahoo is asked from `start` to its present, whatever `end` is: all later splits are needed to turn prices back.
        """
        asked = self._asked(symbols)
        now = require_utc(self._now(), "now")
        last = min(end, self._calendar.latest_complete(now))
        if not asked or start > min(end, now.astimezone(self._calendar.zone).date()):
            return Fetched(pl.DataFrame(schema=RAW_BARS), pl.DataFrame(schema=RAW_ACTIONS))
        rows = await self._daily(asked, start, f"daily bars from {start} to {end}")
        splits = self._splits(rows)
        bars = rows.filter(pl.any_horizontal(pl.col(PRICES).is_not_null()))
        bars = _as_traded(bars, "session", splits).select(RAW_BARS.names()).filter(pl.col("session").is_between(start, last))
        actions = pl.concat([_split_actions(splits), _dividend_actions(rows, splits)]).filter(pl.col("ex_date").is_between(start, end))
        return Fetched(bars.sort("symbol", "session"), actions.sort("symbol", "ex_date", "kind"))

    async def fetch_minutes(self, symbols: Sequence[str], start: date, end: date) -> pl.DataFrame:
        """See `MinuteSource.fetch_minutes`. Yahoo has minutes of the last 30 days alone; those after a session's close are left out.

        Raises:
            ConfigError: a session asked for lies before that.
        """
        asked = self._asked(symbols)
        sessions = self._calendar.between(start, end) if asked else ()
        now = require_utc(self._now(), "now")
        if not sessions:
            return pl.DataFrame(schema=RAW_MINUTES)
        opens, closes = self._calendar.opens_at(sessions[0]), min(self._calendar.closes_at(sessions[-1]), now)
        if opens < now - MINUTES_REACH_BACK:
            days = self._calendar.between(sessions[0], now.date())
            first = next((f"; ask from {day} on" for day in days if self._calendar.opens_at(day) >= now - MINUTES_REACH_BACK), "")
            raise ConfigError(
                f"source {self._name!r}: Yahoo has minute bars of the last 30 days alone, and session {sessions[0]} is older{first}"
            )
        about = f"minute bars from {start} to {end}"
        parts = []
        while opens < closes:
            parts.append((opens, min(opens + MINUTES_AT_ONCE, closes)))
            opens += MINUTES_AT_ONCE
        free = asyncio.Semaphore(self._patience.at_once)
        frames = await together([self._rows(free, symbol, "1m", *part, about) for symbol in asked for part in parts])
        minutes = pl.concat([pl.DataFrame(schema=_ROWS), *frames])
        minutes = minutes.filter(pl.any_horizontal(pl.col(PRICES).is_not_null()) & (pl.col("at") <= now - _MINUTE)).rename({"at": "start"})
        splits = self._splits(await self._daily(sorted(minutes["symbol"].unique()), sessions[0], about))
        minutes = _as_traded(minutes, "session", splits).select(RAW_MINUTES.names())
        minutes = in_trading_hours(minutes, sessions, self._calendar)
        odd = minutes.filter(pl.col("start").dt.truncate("1m") != pl.col("start"))
        if odd.height:
            raise DataError(
                f"source {self._name!r}: {odd['symbol'][0]}: a minute bar is stamped {odd['start'][0].isoformat()}, which is no whole "
                "minute; ask again later, or update yfinance"
            )
        return minutes.unique(["symbol", "start"], keep="last").sort("symbol", "start")

    def _asked(self, symbols: Sequence[str]) -> list[str]:
        known = set(self._settings.symbols)
        return sorted(symbol for symbol in set(symbols) if symbol in known)

    async def _daily(self, symbols: Sequence[str], start: date, about: str) -> pl.DataFrame:
        """Rows from the day on up to Yahoo's present, as Yahoo has them."""
        begin = datetime.combine(start, time.min, self._calendar.zone)
        free = asyncio.Semaphore(self._patience.at_once)
        frames = await together([self._rows(free, symbol, "1d", begin, None, about) for symbol in symbols])
        return pl.concat([pl.DataFrame(schema=_ROWS), *frames]).sort("symbol", "session", maintain_order=True)

    async def _rows(
        self, free: asyncio.Semaphore, symbol: str, interval: str, start: datetime, end: datetime | None, about: str
    ) -> pl.DataFrame:
        place = f"source {self._name!r}: {symbol}: {about}"

        async def ask() -> "pd.DataFrame":
            async with free:
                return await asyncio.to_thread(self._client.chart, symbol, interval=interval, start=start, end=end, about=place)

        return _rows_of(await self._patiently(ask, about=place), symbol, place)

    def _splits(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Splits by symbol and ex date; `ratio` is new shares for an old one."""
        splits = []
        for symbol, ex_date, ratio in rows.filter(pl.col("ratio").fill_null(0) != 0).select("symbol", "session", "ratio").iter_rows():
            try:
                new, old = shares_of_price_ratio(1 / ratio)
            except ValueError:
                raise DataError(
                    f"source {self._name!r}: {symbol} {ex_date}: split ratio {ratio} is no ratio of whole shares; leave the symbol out, "
                    "or take it from another source"
                ) from None
            splits.append((symbol, ex_date, new, old))
        return pl.DataFrame(splits, schema=NO_SPLITS.schema, orient="row")


def _rows_of(frame: "pd.DataFrame", symbol: str, place: str) -> pl.DataFrame:
    """Yahoo's answer as _ROWS, whose `session` is the date in the exchange's zone."""
    if frame.empty:
        return pl.DataFrame(schema=_ROWS)
    import pandas as pd

    lacking = [name for name in _COLUMNS if name not in frame.columns]
    stamps = frame.index
    if lacking or not isinstance(stamps, pd.DatetimeIndex) or stamps.tz is None:
        raise DataError(f"{place}: the answer cannot be read: it lacks {', '.join(lacking) or 'a time zone'}; update yfinance")
    columns = {ours: pl.Series(frame[theirs].to_numpy(dtype=float), nan_to_null=True) for theirs, ours in _COLUMNS.items()}
    return pl.DataFrame(
        {
            "symbol": pl.repeat(symbol, len(stamps), eager=True),
            "at": pl.Series(stamps.tz_convert(UTC).tz_localize(None).to_numpy().astype("datetime64[us]")).dt.replace_time_zone("UTC"),
            "session": pl.Series(stamps.tz_localize(None).to_numpy().astype("datetime64[D]")),
            **columns,
        }
    ).match_to_schema(_ROWS)


def _as_traded(rows: pl.DataFrame, day: str, splits: pl.DataFrame) -> pl.DataFrame:
    """Rows with prices and volume in shares of their day."""
    prices = [_price_as_traded(_shortest(pl.col(price))).alias(price) for price in PRICES]
    return with_later_splits(rows, day, splits).with_columns(*prices, volume_as_traded())


def _shortest(price: pl.Expr) -> pl.Expr:
    """The number with the fewest digits of those that are the same 32-bit float: 129.04 for 129.0399932861328; others are let be."""
    narrow = price.cast(pl.Float32)
    return pl.when(narrow.cast(pl.Float64) == price).then(narrow.cast(pl.String).cast(pl.Float64)).otherwise(price)


def _price_as_traded(price: pl.Expr) -> pl.Expr:
    """A price times the later splits, without what Yahoo's rounding left: whole cents where they are near enough, else 7 digits."""
    traded = price * pl.col("later_new") / pl.col("later_old")
    cents = traded.round(2)
    cleaned = pl.when((traded - cents).abs() <= _FLOAT_ERROR * traded).then(cents).otherwise(traded.round_sig_figs(7))
    return pl.when(pl.col("later_new") == pl.col("later_old")).then(price).otherwise(cleaned)


def _split_actions(splits: pl.DataFrame) -> pl.DataFrame:
    return _actions(splits.with_columns(pl.lit("split").alias("kind")))


def _dividend_actions(rows: pl.DataFrame, splits: pl.DataFrame) -> pl.DataFrame:
    """Dividends by ex date. Yahoo does not tell when they are paid."""
    paying = rows.filter(pl.col("dividend").fill_null(0) > 0).select("symbol", pl.col("session").alias("ex_date"), "dividend")
    paid = with_later_splits(paying, "ex_date", splits).with_columns(amount_as_paid("dividend"))
    return _actions(paid.select("symbol", "ex_date", pl.lit("dividend").alias("kind"), pl.col("dividend").alias("cash_per_share")))


def _actions(frame: pl.DataFrame) -> pl.DataFrame:
    absent = [pl.lit(None).alias(name) for name in RAW_ACTIONS.names() if name not in frame.columns]
    return frame.with_columns(absent).select(RAW_ACTIONS.names()).cast(RAW_ACTIONS)
