"""Daily and minute bars of a crypto venue, by ccxt's unified `fetch_ohlcv`.

Crypto trades without a pause: a session is a day in UTC, and its bar is stamped with the day's start. Symbols are ccxt's unified ones
(BTC/USD). A day or minute without a trade has no bar. A day that is not over has none either, whatever the venue gives of it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from random import Random
from threading import Lock
from typing import Any

import polars as pl

from grodt.bars.ccxt_settings import CcxtSettings
from grodt.bars.ccxt_venue import CcxtVenue
from grodt.bars.credentials import Credentials
from grodt.bars.patience import Patience, cut, together
from grodt.bars.source import RAW_ACTIONS, RAW_BARS, RAW_MINUTES, Fetched
from grodt.errors import ConfigError, DataError
from grodt.instruments import Instrument, Listing, one_listing_each
from grodt.money import MICROS_PER_CENT
from grodt.sessions import Calendar, require_utc

CALENDAR = "24/7"
#: Candles of one question to a venue that does not say how many it gives.
CANDLES_AT_ONCE = 100
_DAY, _MINUTE = timedelta(days=1), timedelta(minutes=1)
_MILLISECOND = timedelta(milliseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROS = 1_000_000
_CANDLES = pl.Schema(
    {"start": pl.Int64(), "open": pl.Float64(), "high": pl.Float64(), "low": pl.Float64(), "close": pl.Float64(), "volume": pl.Float64()}
)


class CcxtSource:
    """Implements `BarSource` and `MinuteSource` over one crypto venue. Nothing is asked before the first question."""

    def __init__(
        self,
        name: str,
        settings: CcxtSettings,
        credentials: Credentials | None,
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
            settings: the venue.
            credentials: a key for it; None to ask as anyone may.
            calendar: of the book; must be 24/7.
            now: the clock, which tells the days and minutes that are over.
            random: jitter of pauses.
            sleep: how a pause between tries is waited for.
            patience: how long the venue is waited for.

        Raises:
            ConfigError: the calendar is another.
        """
        if calendar.name != CALENDAR:
            raise ConfigError(
                f"source {name!r} is of kind ccxt, where a session is a day in UTC and every day is one; set the book's calendar to "
                f"{CALENDAR!r} (given: {calendar.name!r})"
            )
        self._name = name
        self._settings = settings
        self._now = now
        self._opened = partial(CcxtVenue.opened, name, settings, credentials, patience=patience or Patience(), random=random, sleep=sleep)
        self._markets: Mapping[str, Any] | None = None
        self._markets_lock = Lock()

    @property
    def name(self) -> str:
        """Its name in the books file."""
        return self._name

    def instruments(self, session: date) -> tuple[Instrument, ...]:
        """The venue's spot markets that are active and priced in the source's `quote`, in alphabetical order.

        The venue tells today's list alone, asked for once in the life of this object: for a past session it lacks what was delisted
        since. Name a book's symbols where that matters.

        Raises:
            VendorUnavailable, ConfigError, DataError: as `fetch`.
        """
        markets = self._listed()
        active = (symbol for symbol in sorted(markets) if self._is_offered(markets[symbol]) and markets[symbol].get("active") is not False)
        return tuple(Instrument(symbol, currency=self._settings.quote, tick_micros=_tick(markets[symbol])) for symbol in active)

    def unknown(self, symbols: Sequence[str]) -> tuple[str, ...]:
        """Those of the symbols that the venue has no spot market of in the source's `quote`, active or not. Errors as `instruments`."""
        markets = self._listed() if symbols else {}
        return tuple(symbol for symbol in symbols if symbol not in markets or not self._is_offered(markets[symbol]))

    def listings(self, symbols: Sequence[str]) -> tuple[Listing, ...]:
        """Each symbol is taken for an instrument."""
        return one_listing_each(symbols)

    async def fetch(self, symbols: Sequence[str], start: date, end: date) -> Fetched:
        """See `BarSource.fetch`. Crypto has no corporate actions."""
        candles = await self._candles(symbols, start, end, "1d", _DAY)
        stamps = candles["start"].dt.replace_time_zone(None)
        odd = candles.filter(stamps.dt.truncate("1d") != stamps)
        if odd.height:
            raise DataError(
                f"source {self._name!r}: {odd['symbol'][0]}: a daily bar of {self._settings.venue} is stamped "
                f"{odd['start'][0].isoformat()}, which is no midnight in UTC: its days are not sessions; choose another `venue`"
            )
        bars = candles.with_columns(pl.col("start").dt.date().alias("session")).select(RAW_BARS.names())
        return Fetched(bars, pl.DataFrame(schema=RAW_ACTIONS))

    async def fetch_minutes(self, symbols: Sequence[str], start: date, end: date) -> pl.DataFrame:
        """See `MinuteSource.fetch_minutes`. A minute that is not over has no bar."""
        candles = await self._candles(symbols, start, end, "1m", _MINUTE)
        odd = candles.filter(pl.col("start").dt.truncate("1m") != pl.col("start"))
        if odd.height:
            raise DataError(
                f"source {self._name!r}: {odd['symbol'][0]}: a minute bar of {self._settings.venue} is stamped "
                f"{odd['start'][0].isoformat()}, which is no whole minute; choose another `venue`"
            )
        return candles

    async def _candles(self, symbols: Sequence[str], start: date, end: date, timeframe: str, width: timedelta) -> pl.DataFrame:
        """Candles (RAW_MINUTES) that start on those days and are over, by symbol and start."""
        asked = sorted(set(symbols))
        begin, until = (datetime.combine(day, time.min, UTC) for day in (start, min(end, date.max - _DAY) + _DAY))
        until = min(until, require_utc(self._now(), "now") - width + _MILLISECOND)  # a candle that starts before is over
        if not asked or begin >= until:
            return pl.DataFrame(schema=RAW_MINUTES)
        async with self._opened() as venue:
            markets = await self._load(venue)
            known = [symbol for symbol in asked if symbol in markets]
            if known and timeframe not in venue.client.timeframes:
                has = ", ".join(venue.client.timeframes)
                raise ConfigError(f"source {self._name!r}: venue {self._settings.venue} has no bars of {timeframe}; it has {has}")
            days = f"from {start} to {end}"
            frames = await together([self._of_symbol(venue, symbol, begin, until, timeframe, width, days) for symbol in known])
        return pl.concat([pl.DataFrame(schema=RAW_MINUTES), *frames])

    async def _of_symbol(
        self, venue: CcxtVenue, symbol: str, begin: datetime, until: datetime, timeframe: str, width: timedelta, days: str
    ) -> pl.DataFrame:
        """Candles of one symbol, question after question.

        A venue may give fewer than it was asked for, some twice, and none at all of a stretch without trades though more come later. So
        the next question begins after the last candle, or after the stretch that was asked for, and the last one reaches `until`.
        """
        step, since, last = width // _MILLISECOND, _milliseconds(begin), _milliseconds(until)
        first = since
        limit = venue.client.feature_value(symbol, "fetchOHLCV", "limit") or CANDLES_AT_ONCE
        about = f"{timeframe} bars of {symbol} {days}"
        pages = []
        while since < last:
            wanted = min(limit, -(-(last - since) // step))
            ask = partial(venue.client.fetch_ohlcv, symbol, timeframe, since, wanted)
            page = self._page(await venue.ask(ask, about=about), about)
            pages.append(page)
            newest = page["start"].max() if page.height else None
            since = newest + step if isinstance(newest, int) and newest >= since else since + wanted * step
        return (
            pl.concat([pl.DataFrame(schema=_CANDLES), *pages])
            .filter(pl.col("start").is_between(first, last, closed="left"))
            .unique("start", keep="last", maintain_order=True)
            .sort("start")
            .select(
                pl.lit(symbol).alias("symbol"),
                pl.from_epoch("start", "ms").dt.cast_time_unit("us").dt.replace_time_zone("UTC"),
                pl.exclude("start"),
            )
            .match_to_schema(RAW_MINUTES)
        )

    def _page(self, rows: Any, about: str) -> pl.DataFrame:
        try:
            page = pl.DataFrame([tuple(row[:6]) for row in rows], schema=_CANDLES, orient="row")
        except (TypeError, pl.exceptions.PolarsError) as error:
            raise self._unreadable(about, cut(str(error))) from None
        if page["start"].null_count():
            raise self._unreadable(about, "a candle has no time")
        return page

    def _unreadable(self, about: str, why: str) -> DataError:
        return DataError(f"source {self._name!r}: {about}: the answer cannot be read: {why}; ask {self._settings.venue}, or update ccxt")

    def _is_offered(self, market: Mapping[str, Any]) -> bool:
        return bool(market.get("spot")) and market.get("quote") == self._settings.quote

    async def _load(self, venue: CcxtVenue) -> Mapping[str, Any]:
        """The venue's markets, which ccxt's client needs before any question: asked for once, and given to each client."""
        if self._markets is not None:
            if not venue.client.markets:
                venue.client.set_markets(list(self._markets.values()))
            return self._markets
        markets: Mapping[str, Any] = await venue.ask(venue.client.load_markets, about="the list of markets")
        self._markets = markets
        return markets

    def _listed(self) -> Mapping[str, Any]:
        with self._markets_lock:
            if self._markets is not None:
                return self._markets
            # In a thread of its own, since the caller may be inside an event loop.
            with ThreadPoolExecutor(1) as thread:
                return thread.submit(lambda: asyncio.run(self._ask_markets())).result()

    async def _ask_markets(self) -> Mapping[str, Any]:
        async with self._opened() as venue:
            return await self._load(venue)


def _milliseconds(instant: datetime) -> int:
    return (instant - _EPOCH) // _MILLISECOND


def _tick(market: Mapping[str, Any]) -> int:
    """The price grid in micros; a cent where the venue does not say, a micro where it is finer than one."""
    told = (market.get("precision") or {}).get("price")
    return max(1, round(float(told) * _MICROS)) if told else MICROS_PER_CENT
