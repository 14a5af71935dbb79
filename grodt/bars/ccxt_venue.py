"""One crypto venue through ccxt's asynchronous client: opened, asked with patience, its refusals in plain words.

ccxt names errors by what a venue said, and some by HTTP status alone; a refused question (400, 403, 404, 451) is to ccxt a venue that is
not available. Here the status decides where there is one.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cache
from random import Random
from typing import Any
from urllib.parse import urlsplit

from grodt.bars.ccxt_settings import CcxtSettings
from grodt.bars.credentials import Credentials, source_variables
from grodt.bars.patience import Patience, TryAgain, cut, may_pass, patiently, pause_asked_for
from grodt.errors import ConfigError, DataError

#: What Python raises when an answer is not of the shape that ccxt reads.
_NOT_OF_THE_SHAPE = (TypeError, KeyError, IndexError, AttributeError, ValueError, ArithmeticError)


@dataclass(slots=True)
class _Answered:
    """Status and headers (names in small letters) of the last answer to a question; 0 before there is one."""

    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)


_answered: ContextVar[_Answered] = ContextVar("_answered")


@cache
def _venue_class(source: str, venue: str) -> type[Any]:
    """The venue's class of ccxt, which also notes the status and headers of each answer."""
    try:
        import ccxt.async_support as ccxt  # 40 MB of venues, seconds to import: only for a source that asks one
    except ImportError as error:
        raise ConfigError(
            f"source {source!r} is of kind ccxt and {error.name} is not installed; install it with `uv sync --extra crypto`"
        ) from None
    if venue not in ccxt.exchanges:
        raise ConfigError(f"source {source!r}: ccxt {ccxt.__version__} knows no venue {venue!r}; its ids are in the table of ccxt's README")
    base: type[Any] = getattr(ccxt, venue)

    class Venue(base):  # type: ignore[misc] # ccxt ships no types
        def on_rest_response(self, code: int, reason: str, url: str, method: str, response_headers: Any, body: str, *more: Any) -> str:
            noted = _answered.get()
            noted.status, noted.headers = code, {name.lower(): value for name, value in response_headers.items()}
            told: str = super().on_rest_response(code, reason, url, method, response_headers, body, *more)
            return told

        def parse_json(self, http_response: str) -> Any:
            content = super().parse_json(http_response)
            if content is None and _answered.get().status == 200:
                raise ccxt.BadResponse(f"{self.id} answered what is no JSON: {cut(http_response)}")
            return content

        def parse_ohlcv(self, ohlcv: Any, market: Any = None) -> Any:
            row = super().parse_ohlcv(ohlcv, market)
            if row[0] is None:  # ccxt would drop it without a word
                raise ccxt.BadResponse(f"{self.id}: a candle has no time: {cut(repr(ohlcv))}")
            return row

        async def fetch(self, *arguments: Any, **named: Any) -> Any:
            noted = _Answered()
            token = _answered.set(noted)
            try:
                content = await super().fetch(*arguments, **named)
                if noted.status >= 300:  # ccxt has no name for it, and would take what came with it for an answer
                    raise ccxt.ExchangeError(f"{self.id} {noted.status} {content}")
            except ccxt.BaseError as error:
                error.answered = noted  # it may cross tasks before it reaches us
                raise
            finally:
                _answered.reset(token)
            return content

    return Venue


class CcxtVenue:
    """Questions to one venue. Use it inside `opened`."""

    def __init__(
        self,
        source: str,
        settings: CcxtSettings,
        credentials: Credentials | None,
        client: Any,
        *,
        patience: Patience,
        random: Random,
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._source = source
        self._settings = settings
        self._credentials = credentials
        self.client = client
        self._patience = patience
        self._random = random
        self._sleep = sleep
        self._free = asyncio.Semaphore(patience.at_once)

    @classmethod
    @asynccontextmanager
    async def opened(
        cls,
        source: str,
        settings: CcxtSettings,
        credentials: Credentials | None,
        *,
        patience: Patience,
        random: Random,
        sleep: Callable[[float], Awaitable[None]],
    ) -> AsyncIterator["CcxtVenue"]:
        """A client that lives as long as the block; it belongs to its event loop.

        Raises:
            ConfigError: ccxt is not installed, it has no such venue, or the venue has no daily bars of its own.
        """
        # Its debug lines hold headers and addresses, and so the key.
        logging.getLogger("ccxt").setLevel(logging.INFO)
        key = {} if credentials is None else {"apiKey": credentials.key, "secret": credentials.secret}
        client = _venue_class(source, settings.venue)(
            {
                "enableRateLimit": True,
                "timeout": round(settings.timeout_seconds * 1000),
                "aiohttp_trust_env": True,
                **key,
            }
        )
        client.timeout_on_exit = 0  # is for web sockets, which we open none of
        if settings.url is not None:
            client.urls["api"] = _on_host(client.urls["api"], settings.url)
        try:
            _require_bars(source, settings.venue, client)
            yield cls(source, settings, credentials, client, patience=patience, random=random, sleep=sleep)
        finally:
            await client.close()

    async def ask[R](self, question: Callable[[], Awaitable[R]], *, about: str) -> R:
        """What the venue answers.

        Args:
            question: asks ccxt's client once.
            about: what is asked for, for messages.

        Raises:
            VendorUnavailable: no answer after every try.
            ConfigError: the venue refuses; names what to fix.
            DataError: the answer cannot be read.
        """
        return await patiently(
            lambda: self._try(question, about),
            patience=self._patience,
            random=self._random,
            sleep=self._sleep,
            about=f"source {self._source!r}: {about}",
            vendor=self._settings.venue,
        )

    async def _try[R](self, question: Callable[[], Awaitable[R]], about: str) -> R:
        import aiohttp
        import ccxt.async_support as ccxt

        place = f"source {self._source!r}: {about}"
        try:
            async with self._free, asyncio.timeout(self._patience.answer):
                return await question()
        except TimeoutError:
            raise TryAgain(f"no whole answer in {self._patience.answer:g} s") from None
        except ccxt.BaseError as error:
            answered: _Answered = getattr(error, "answered", _Answered())
            told = self._told(error, answered.status)
            broken = answered.status == 0 and isinstance(error.__cause__, aiohttp.ClientError)
            limited = isinstance(error, ccxt.RateLimitExceeded | ccxt.DDoSProtection | ccxt.OnMaintenance | ccxt.RequestTimeout)
            failed = isinstance(error, ccxt.NetworkError) and (answered.status < 400 or may_pass(answered.status))
            if broken or limited or failed or may_pass(answered.status):
                raise TryAgain(told, pause_asked_for(answered.status, answered.headers)) from None
            if isinstance(error, ccxt.OperationFailed) and answered.status < 400:
                raise DataError(f"{place}: the answer cannot be read: {told}; ask {self._settings.venue}") from None
            raise ConfigError(f"{place}: {self._settings.venue} refuses: {told}; {self._step(error, answered.status)}") from None
        except _NOT_OF_THE_SHAPE as error:
            raise DataError(
                f"{place}: the answer cannot be read: {type(error).__name__} {cut(str(error))}; ask {self._settings.venue}, or update ccxt"
            ) from None

    def _step(self, error: Exception, status: int) -> str:
        import ccxt.async_support as ccxt

        if isinstance(error, ccxt.AuthenticationError) or status in (401, 407):
            if self._credentials is None:
                return "it wants a key: set `with_key: true` for the source, and its key"
            names = source_variables(self._source)
            return f"correct the key: {names.key} and {names.secret}, or the source's Prefect block"
        if isinstance(error, ccxt.RestrictedLocation) or status in (403, 451):
            return "it serves no one at your place or address: choose another `venue`"
        if isinstance(error, ccxt.BadSymbol):
            return "correct the symbols that the book names; they are written as the venue's unified ones, such as BTC/USD"
        if status == 404:
            return "correct the source's `url`, or update ccxt"
        return "correct the symbols or dates that the book names, or the source's `venue`"

    def _told(self, error: Exception, status: int) -> str:
        """The error as ccxt names it, the HTTP status and the venue's own words, without the key."""
        text = cut(str(error))
        if self._credentials is not None:
            text = self._credentials.hidden_in(text)
        return f"{type(error).__name__}{f', HTTP {status}' if status else ''} ({text})"


def _require_bars(source: str, venue: str, client: Any) -> None:
    timeframes = client.timeframes or {}
    if client.has.get("fetchOHLCV") is not True or "1d" not in timeframes:
        has = ", ".join(timeframes) or "none"
        raise ConfigError(
            f"source {source!r}: venue {venue} has no daily bars of its own (1d); its widths are {has}. Choose another `venue`"
        )


def _on_host(addresses: Any, url: str) -> Any:
    """The addresses with their scheme and host replaced by the URL's."""
    if isinstance(addresses, dict):
        return {name: _on_host(each, url) for name, each in addresses.items()}
    return url + urlsplit(addresses).path if isinstance(addresses, str) else addresses
