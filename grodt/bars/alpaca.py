"""Daily bars, minute bars and corporate actions from Alpaca's market data API.

What is asked: raw prices of one feed, of the tickers as they were written at the time (`asof=-`: a renamed company's earlier bars stay
under its earlier ticker), to the last page. Bars come back as Alpaca gave them; the quality gate judges them. A ticker that Alpaca does
not have, or that did not trade, has no rows.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from random import Random
from threading import Lock

import polars as pl

from grodt.bars.alpaca_actions import ActionsPage, UnsupportedAction, actions_of, read_actions_page
from grodt.bars.alpaca_http import AlpacaHttp, read_json
from grodt.bars.alpaca_payloads import Assets, BarsPage, bars_of, listing_of, minutes_of
from grodt.bars.alpaca_settings import AlpacaSettings
from grodt.bars.credentials import Credentials
from grodt.bars.minutes import in_trading_hours
from grodt.bars.patience import Patience, together
from grodt.bars.source import RAW_ACTIONS, RAW_BARS, RAW_MINUTES, Fetched
from grodt.instruments import Instrument, Listing, one_listing_each
from grodt.sessions import Calendar

#: Tickers of one question: keeps its URL below 2,000 characters.
SYMBOLS_AT_ONCE = 200
BARS_PER_PAGE = 10_000
ACTIONS_PER_PAGE = 1_000
#: Alpaca finds corporate actions by the day it processes them, and we need them by ex date: a dividend is processed when it is paid,
#: weeks later; due bills can put a processing day before the ex date.
PROCESSED_BEFORE_EX = timedelta(days=30)
PROCESSED_AFTER_EX = timedelta(days=180)


class AlpacaSource:
    """Implements `BarSource` and `MinuteSource` over Alpaca's HTTP API. Nothing is asked before the first question."""

    def __init__(
        self,
        name: str,
        settings: AlpacaSettings,
        credentials: Credentials,
        calendar: Calendar,
        *,
        random: Random,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        report: Callable[[UnsupportedAction], None],
        patience: Patience | None = None,
    ) -> None:
        """Put its parts together.

        Args:
            name: its name in the books file.
            settings: feed and hosts.
            credentials: the key.
            calendar: whose zone the stamps of daily bars are midnights of.
            random: jitter of pauses.
            sleep: how a pause is waited for.
            report: told of each corporate action that cannot be expressed, once.
            patience: how long Alpaca is waited for.
        """
        self._name = name
        self._settings = settings
        self._calendar = calendar
        self._report = report
        self._opened = partial(
            AlpacaHttp.opened, f"source {name!r}", credentials, patience=patience or Patience(), random=random, sleep=sleep
        )
        self._reported: set[UnsupportedAction] = set()
        self._listing: Assets | None = None
        self._listing_lock = Lock()

    @property
    def name(self) -> str:
        """Its name in the books file."""
        return self._name

    def instruments(self, session: date) -> tuple[Instrument, ...]:
        """The US stocks and funds that Alpaca lists as active, in alphabetical order.

        Alpaca tells today's list alone, asked for once in the life of this object: for a past session it lacks what was delisted
        since, so a replay over it is biased towards survivors. Name a book's symbols where that matters.

        Raises:
            VendorUnavailable, ConfigError, DataError: as `fetch`.
        """
        return self._listed().active

    def unknown(self, symbols: Sequence[str]) -> tuple[str, ...]:
        """Those of the symbols that Alpaca has no asset of, active or not. Errors as `instruments`."""
        known = self._listed().known
        return tuple(symbol for symbol in symbols if symbol not in known)

    def listings(self, symbols: Sequence[str]) -> tuple[Listing, ...]:
        """Each ticker is taken for an instrument."""
        return one_listing_each(symbols)

    async def fetch(self, symbols: Sequence[str], start: date, end: date) -> Fetched:
        """See `BarSource.fetch`.

        A change of ticker is an action of the old one. Corporate actions that cannot be expressed (mergers for stock, spin-offs, …) give
        no row and are reported. Years of real companies hold many of them, so none of them stops the others' data.
        """
        asked = sorted(set(symbols))
        if not asked or start > end:
            return Fetched(pl.DataFrame(schema=RAW_BARS), pl.DataFrame(schema=RAW_ACTIONS))
        async with self._opened() as http:
            answers = await together([self._part(http, part, start, end) for part in _parts(asked)])
        about = f"corporate actions of {_named(asked)}"
        pages = [page for _, own in answers for page in own]
        actions = actions_of(pages, asked, start, end, source=self._name, about=about)
        self._report_new(actions.unsupported)
        return Fetched(pl.concat([bars for bars, _ in answers]).sort("symbol", "session", maintain_order=True), actions.rows)

    async def actions_ahead(self, symbols: Sequence[str], start: date, end: date) -> pl.DataFrame:
        """See `TellsActionsAhead.actions_ahead`. What cannot be expressed is left out here as it is in `fetch`."""
        asked = sorted(set(symbols))
        if not asked or start > end:
            return pl.DataFrame(schema=RAW_ACTIONS)
        async with self._opened() as http:
            answers = await together([self._action_pages(http, part, start, end) for part in _parts(asked)])
        pages = [page for own in answers for page in own]
        actions = actions_of(pages, asked, start, end, source=self._name, about=f"corporate actions of {_named(asked)}")
        self._report_new(actions.unsupported)
        return actions.rows

    async def fetch_minutes(self, symbols: Sequence[str], start: date, end: date) -> pl.DataFrame:
        """See `MinuteSource.fetch_minutes`. What trades before the open and after the close is left out."""
        asked = sorted(set(symbols))
        sessions = self._calendar.between(start, end)
        if not asked or not sessions:
            return pl.DataFrame(schema=RAW_MINUTES)
        opens, closes = self._calendar.opens_at(sessions[0]), self._calendar.closes_at(sessions[-1])
        async with self._opened() as http:
            answers = await together([self._minutes(http, part, opens, closes) for part in _parts(asked)])
        return in_trading_hours(pl.concat(answers), sessions, self._calendar).sort("symbol", "start", maintain_order=True)

    async def _part(self, http: AlpacaHttp, symbols: Sequence[str], start: date, end: date) -> tuple[pl.DataFrame, list[ActionsPage]]:
        """Bars and corporate actions of symbols that fit one question."""
        about = f"daily bars of {_named(symbols)} from {start} to {end}"
        # Past the last bar's stamp whatever "until" may mean, and long past when its session is over: not in the quarter of an hour
        # that a free key may not ask for.
        until = self._midnight(end) + timedelta(hours=12)
        pages = self._bar_pages(http, symbols, "1Day", self._midnight(start), until, about)
        frames = [bars_of(page, self._calendar.zone, source=self._name) async for page in pages]

        return pl.concat(frames), await self._action_pages(http, symbols, start, end)

    async def _action_pages(self, http: AlpacaHttp, symbols: Sequence[str], start: date, end: date) -> list[ActionsPage]:
        """Corporate actions of symbols that fit one question."""
        about = f"corporate actions of {_named(symbols)} from {start} to {end}"
        question = {
            "symbols": ",".join(symbols),
            "start": (start - PROCESSED_BEFORE_EX).isoformat(),
            "end": (end + PROCESSED_AFTER_EX).isoformat(),
            "limit": str(ACTIONS_PER_PAGE),
            "sort": "asc",
        }
        read_actions = partial(read_actions_page, source=self._name, about=about)
        pages = http.pages(f"{self._settings.data_url}/v1/corporate-actions", question, read_actions, about=about)
        return [page async for page in pages]

    async def _minutes(self, http: AlpacaHttp, symbols: Sequence[str], opens: datetime, closes: datetime) -> pl.DataFrame:
        """Minute bars of symbols that fit one question, from one instant to another."""
        about = f"minute bars of {_named(symbols)} from {opens:%Y-%m-%d %H:%M} to {closes:%Y-%m-%d %H:%M} UTC"
        pages = self._bar_pages(http, symbols, "1Min", opens, closes, about)
        return pl.concat([minutes_of(page, source=self._name) async for page in pages])

    def _bar_pages(
        self, http: AlpacaHttp, symbols: Sequence[str], timeframe: str, start: datetime, end: datetime, about: str
    ) -> AsyncIterator[BarsPage]:
        question = {
            "symbols": ",".join(symbols),
            "timeframe": timeframe,
            "start": _written(start),
            "end": _written(end),
            "limit": str(BARS_PER_PAGE),
            "adjustment": self._settings.adjustment,
            "asof": "-",
            "feed": self._settings.feed,
            "sort": "asc",
        }
        read = partial(read_json, BarsPage, asker=f"source {self._name!r}", about=about)
        return http.pages(f"{self._settings.data_url}/v2/stocks/bars", question, read, about=about)

    def _midnight(self, day: date) -> datetime:
        return datetime.combine(day, time.min, self._calendar.zone).astimezone(UTC)

    def _report_new(self, actions: Sequence[UnsupportedAction]) -> None:
        for action in actions:
            if action not in self._reported:
                self._reported.add(action)
                self._report(action)

    def _listed(self) -> Assets:
        """The list of assets, asked for at the first need and kept."""
        with self._listing_lock:
            if self._listing is None:
                # In a thread of its own, since the caller may be inside an event loop.
                with ThreadPoolExecutor(1) as thread:
                    body = thread.submit(lambda: asyncio.run(self._assets())).result()
                self._listing = listing_of(body, over_the_counter=self._settings.feed == "otc", source=self._name, about=_ASSETS)
            return self._listing

    async def _assets(self) -> bytes:
        async with self._opened() as http:
            return await http.get(f"{self._settings.trading_url}/v2/assets", {"asset_class": "us_equity"}, about=_ASSETS)


_ASSETS = "the list of assets"


def _parts(symbols: Sequence[str]) -> list[Sequence[str]]:
    return [symbols[at : at + SYMBOLS_AT_ONCE] for at in range(0, len(symbols), SYMBOLS_AT_ONCE)]


def _written(instant: datetime) -> str:
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _named(symbols: Sequence[str]) -> str:
    """The first few of them."""
    shown = ", ".join(symbols[:5])
    return shown if len(symbols) <= 5 else f"{shown} and {len(symbols) - 5} more"
