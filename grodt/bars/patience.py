"""Patience with a vendor: how long he is waited for, what pauses lie between the tries, and what pause his server asks for.

A question changes nothing at the vendor's, so it may be repeated. A pause grows with each try and is jittered, so that not all come
back at once; one that the server asks for is never cut.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from random import Random
from typing import Any

from grodt.errors import VendorUnavailable

#: Characters of a vendor's own words that a message shows.
_SHOWN = 300


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a vendor is waited for.

    Attributes:
        tries: of one question, the first included.
        first_pause: seconds before the second try; each further pause is twice as long. All are cut by up to half, at random.
        longest_pause: seconds of the longest pause, own or asked for by the server; a server that asks for more is not waited for.
        read: seconds without a byte, or without a connection, after which a try has failed.
        answer: seconds for a whole answer, however steadily it drips.
        at_once: questions under way at the same time.
    """

    tries: int = 6
    first_pause: float = 0.5
    longest_pause: float = 90.0
    read: float = 30.0
    answer: float = 120.0
    at_once: int = 4

    def pause(self, tried: int, asked_for: float | None, random: Random) -> float:
        """Seconds before the next try. What the server asks for is never cut, only lengthened, so that not all come back at once."""
        own = min(self.first_pause * 2.0 ** (tried - 1), self.longest_pause) * random.uniform(0.5, 1.0)
        return own if asked_for is None else asked_for + random.uniform(0.0, self.first_pause)


class TryAgain(Exception):
    """One try failed in a way that may pass.

    Attributes:
        why: what happened, in the vendor's words.
        asked_for: seconds that the server asks to wait; None where it does not say.
    """

    def __init__(self, why: str, asked_for: float | None = None) -> None:
        super().__init__(why)
        self.why = why
        self.asked_for = asked_for


async def patiently[R](
    ask: Callable[[], Awaitable[R]],
    *,
    patience: Patience,
    random: Random,
    sleep: Callable[[float], Awaitable[None]],
    about: str,
    vendor: str,
) -> R:
    """What `ask` returns, called again after each `TryAgain` while patience lasts.

    Args:
        ask: one try.
        patience: how often, and with which pauses.
        random: jitter of pauses.
        sleep: how a pause is waited for.
        about: source and question, for the message.
        vendor: who is asked, for the message.

    Raises:
        VendorUnavailable: the last try failed too, or the server asks for a longer pause than patience allows.
    """
    why = ""
    for tried in range(1, patience.tries + 1):
        try:
            return await ask()
        except TryAgain as failed:
            why, asked_for = failed.why, failed.asked_for
        if asked_for is not None and asked_for > patience.longest_pause:
            why += f"; it asks to wait {asked_for:.0f} s, longer than the {patience.longest_pause:.0f} s of patience"
            break
        if tried < patience.tries:
            await sleep(patience.pause(tried, asked_for, random))
    raise VendorUnavailable(
        f"{about}: {vendor} did not answer in {tried} {'try' if tried == 1 else 'tries'}, at last {why}. Run again later"
    )


async def together[R](calls: Sequence[Coroutine[Any, Any, R]]) -> list[R]:
    """What the calls return, in their order; when one fails, the others are cancelled and its error is raised."""
    tasks = [asyncio.ensure_future(call) for call in calls]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def pause_asked_for(status: int, headers: Mapping[str, str]) -> float | None:
    """Seconds that the server asks to wait: its Retry-After or, of a 429, until X-RateLimit-Reset, the longer one.

    Args:
        status: of the answer.
        headers: of the answer, by their name in small letters.
    """
    waits = []
    retry_after = headers.get("retry-after", "")
    answered_at = _http_date(headers.get("date"))
    if retry_after.isascii() and retry_after.isdigit():
        waits.append(float(retry_after))
    elif answered_at and (again_at := _http_date(retry_after)):
        waits.append((again_at - answered_at).total_seconds())
    if status == 429 and (to_reset := seconds_to_reset(headers)) is not None:
        waits.append(to_reset)
    return max(0.0, *waits) if waits else None


def seconds_to_reset(headers: Mapping[str, str]) -> float | None:
    """Seconds until the rate limit begins anew: X-RateLimit-Reset (epoch seconds) less the answer's own Date, so our clock may be wrong."""
    answered_at = _http_date(headers.get("date"))
    reset = headers.get("x-ratelimit-reset", "")
    return float(reset) - answered_at.timestamp() if answered_at and reset.isascii() and reset.isdigit() else None


def _http_date(text: str | None) -> datetime | None:
    try:
        instant = parsedate_to_datetime(text or "")
    except ValueError:
        return None
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


def may_pass(status: int) -> bool:
    """Whether an answer of that HTTP status may be another one later: a time-out, a rate limit, a fault of the server."""
    return status in (408, 418, 425, 429) or status >= 500


def cut(text: str) -> str:
    """The text on one line, its beginning alone when it is long."""
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN else f"{line[:_SHOWN]}…"
