"""Asking Alpaca over HTTP: pages to the last, few questions at once, patience with what passes, a plain word about what does not.

A question is a GET and changes nothing, so it may be repeated. Repeated are 429, 408, 5xx, time-outs and broken connections, with a
growing, jittered pause or the one the server asks for; anything else is answered at once.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import cache
from random import Random
from typing import Protocol, Self

import httpx
from pydantic import BaseModel, ValidationError

from grodt.bars.alpaca_settings import KEY_VARIABLE, SECRET_VARIABLE
from grodt.bars.credentials import Credentials
from grodt.bars.patience import Patience, TryAgain, cut, may_pass, patiently, pause_asked_for, seconds_to_reset
from grodt.errors import ConfigError, DataError, GrodtError


class Page(Protocol):
    """An answer that may have a sequel."""

    @property
    def next_page_token(self) -> str | None:
        """Names the sequel; None: this is the last."""
        ...


class AlpacaHttp:
    """Questions to one Alpaca host after the other, under one key. Use it inside `opened`."""

    def __init__(
        self, asker: str, client: httpx.AsyncClient, patience: Patience, random: Random, sleep: Callable[[float], Awaitable[None]]
    ) -> None:
        self._asker = asker
        self._client = client
        self._patience = patience
        self._random = random
        self._sleep = sleep
        self._free = asyncio.Semaphore(patience.at_once)
        self._quota = asyncio.Lock()
        self._quota_gone_for = 0.0

    @classmethod
    @asynccontextmanager
    async def opened(
        cls, asker: str, credentials: Credentials, *, patience: Patience, random: Random, sleep: Callable[[float], Awaitable[None]]
    ) -> AsyncIterator[Self]:
        """Connections that live as long as the block; they belong to its event loop. `asker` is who asks, for messages."""
        async with httpx.AsyncClient(
            headers={
                "APCA-API-KEY-ID": credentials.key,
                "APCA-API-SECRET-KEY": credentials.secret,
                "Accept": "application/json",
            },
            verify=_tls(),
            timeout=httpx.Timeout(patience.read, pool=None),
            limits=httpx.Limits(max_connections=patience.at_once),
        ) as client:
            yield cls(asker, client, patience, random, sleep)

    async def pages[P: Page](self, url: str, question: Mapping[str, str], read: Callable[[bytes], P], *, about: str) -> AsyncIterator[P]:
        """Every page of an answer, to the one without a successor.

        Args:
            url: the endpoint.
            question: its parameters.
            read: reads one page; its `DataError` passes through.
            about: what is asked for, for messages.

        Raises:
            VendorUnavailable: no answer after every try.
            ConfigError: Alpaca refuses the question; names what to fix.
            DataError: a page cannot be read, or the pages go in a circle.
        """
        seen: set[str] = set()
        token: str | None = None
        while True:
            page = read(await self.get(url, question if token is None else {**question, "page_token": token}, about=about))
            yield page
            token = page.next_page_token
            if not token:
                return
            if token in seen:
                raise DataError(f"{self._asker}: {about}: page token {token!r} comes twice, the pages have no end; ask Alpaca")
            seen.add(token)

    async def get(self, url: str, question: Mapping[str, str], *, about: str) -> bytes:
        """The body of a 200. Errors as in `pages`."""
        response = await self.answer("GET", url, question, about=about)
        if response.status_code != httpx.codes.OK:
            raise self.refused(response, about)
        return response.content

    async def answer(self, method: str, url: str, question: Mapping[str, str], *, about: str) -> httpx.Response:
        """The definite answer to what may be asked again, whatever its status.

        Raises:
            VendorUnavailable: none after every try.
        """
        return await patiently(
            lambda: self._try(method, url, question),
            patience=self._patience,
            random=self._random,
            sleep=self._sleep,
            about=f"{self._asker}: {about}",
            vendor="Alpaca",
        )

    async def once(
        self, method: str, url: str, question: Mapping[str, str], content: object = None, *, last_look: Callable[[], None] | None = None
    ) -> httpx.Response:
        """One try, and its answer, whatever its status; JSON content where there is any.

        Args:
            method, url, question, content: of the request.
            last_look: called when all that is waited for has passed; what it raises passes through, and then nothing is asked.

        Raises:
            httpx.RequestError, TimeoutError: none came.
        """
        await self._wait_for_quota()
        async with self._free, asyncio.timeout(self._patience.answer):
            if last_look is not None:
                last_look()
            response = await self._client.request(method, url, params=dict(question), json=content)
        if response.headers.get("X-RateLimit-Remaining") == "0" and response.status_code != httpx.codes.TOO_MANY_REQUESTS:
            self._quota_gone_for = seconds_to_reset(response.headers) or 0.0
        return response

    async def _try(self, method: str, url: str, question: Mapping[str, str]) -> httpx.Response:
        try:
            response = await self.once(method, url, question)
        except (httpx.RequestError, TimeoutError) as error:
            raise TryAgain(f"{type(error).__name__} {error}".strip()) from None
        if may_pass(response.status_code):
            raise TryAgain(told_by(response), pause_asked_for(response.status_code, response.headers))
        return response

    async def _wait_for_quota(self) -> None:
        """When an answer was the last that its minute allows, nothing is asked until the next minute."""
        async with self._quota:
            if 0 < self._quota_gone_for <= self._patience.longest_pause:
                await self._sleep(self._patience.pause(1, self._quota_gone_for, self._random))
            self._quota_gone_for = 0.0

    def refused(self, response: httpx.Response, about: str) -> GrodtError:
        """The error of an answer that is no 200 and stays so: what to fix."""
        status, told = response.status_code, told_by(response)
        if status == 403 and "subscription" in told:
            step = "set the source's `feed` to one that the account is subscribed to (iex needs none), or subscribe"
        elif status in (401, 403):
            step = (
                f"correct {KEY_VARIABLE} and {SECRET_VARIABLE}, and see that they belong to {response.url.host} "
                "(a live key to https://api.alpaca.markets, a paper key to https://paper-api.alpaca.markets, as the source's `trading_url`)"
            )
        elif status == 404 or response.is_redirect:
            step = "correct the source's `data_url` or `trading_url`"
        else:
            step = "correct the symbols or dates that the book names, or the source's `feed`"
        return ConfigError(f"{self._asker}: {about}: Alpaca refuses: {told}; {step}")


def read_json[M: BaseModel](model: type[M], body: bytes, *, asker: str, about: str) -> M:
    """A body as the model.

    Raises:
        DataError: it is no JSON, or lacks what the model needs; names the first place.
    """
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        raise unreadable(error, asker=asker, about=about) from None


def unreadable(error: ValidationError, *, asker: str, about: str, place: Sequence[str] = ()) -> DataError:
    """The first mistake of a payload: where it is (symbol, number of the record from 0, field), what it is, and the record."""
    mistake = error.errors(include_url=False)[0]
    where = ".".join([*place, *(str(part) for part in mistake["loc"])])
    given = "" if mistake["type"] == "json_invalid" else f" (given: {cut(repr(mistake['input']))})"
    return DataError(f"{asker}: {about}: the answer cannot be read: {f'{where}: ' if where else ''}{mistake['msg']}{given}; ask Alpaca")


def told_by(response: httpx.Response) -> str:
    """HTTP status and the server's own words."""
    try:
        content = response.json()
    except ValueError:
        content = None
    message = content.get("message") if isinstance(content, dict) else None
    text = message if isinstance(message, str) else response.text
    return f"HTTP {response.status_code} ({cut(text) or response.reason_phrase})"


@cache
def _tls() -> ssl.SSLContext:
    """The authorities that are trusted, read once for the process: it costs more than a question."""
    return httpx.create_ssl_context()
