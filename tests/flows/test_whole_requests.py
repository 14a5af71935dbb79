"""Requests of people who send slowly, or not all of it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from threading import Event
from typing import Any

import pytest

from flows.whole_requests import WholeRequests, environ_of
from grodt.desk.app import MOST_BYTES

SOON, NEVER = timedelta(milliseconds=20), timedelta(hours=1)


class Headers(dict[str, str]):
    """Granian's give repeated names one after the other."""

    also: tuple[tuple[str, str], ...] = ()

    def items(self) -> Any:
        return [*super().items(), *self.also]


@dataclass
class Asked:
    """A request, as granian says what it is."""

    headers: Headers = field(default_factory=Headers)
    proto: str = "http"
    http_version: str = "1.1"
    server: str = "127.0.0.1:4210"
    client: str = "[::1]:5000"
    scheme: str = "https"
    method: str = "POST"
    path: str = "/login"
    query_string: str = "next=/"
    authority: str | None = None


class Sender:
    """Who sends parts of a body, and whether they then stall."""

    def __init__(self, *parts: bytes, stalls: bool = False) -> None:
        self.parts, self.stalls = parts, stalls
        self.read = 0
        self.answer: tuple[int, bytes] | None = None

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for part in self.parts:
            self.read += len(part)
            yield part
        if self.stalls:
            await asyncio.Event().wait()

    def response_bytes(self, status: int, _headers: object, body: bytes) -> None:
        self.answer = status, body


def echo(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
    start("200 OK", [])
    return [environ["REQUEST_METHOD"].encode(), b" ", environ["wsgi.input"].read()]


def never(_environ: dict[str, Any], _start: Callable[..., Any]) -> Iterable[bytes]:
    raise AssertionError("it was called")


def length(number: int) -> Asked:
    return Asked(Headers({"content-length": str(number)}))


async def ask(served: WholeRequests, asked: Asked, sender: Sender) -> tuple[int, bytes] | None:
    await served.__rsgi__(asked, sender)
    return sender.answer


def test_a_body_in_parts_is_read_whole_before_a_thread_sees_it() -> None:
    served = WholeRequests(echo, threads=1)
    assert asyncio.run(ask(served, length(6), Sender(b"abc", b"", b"def"))) == (200, b"POST abcdef")


def test_who_only_looks_sends_no_body_and_none_is_waited_for() -> None:
    sender = Sender(b"abc", stalls=True)
    assert asyncio.run(ask(WholeRequests(echo, threads=1), replace(length(9), method="GET"), sender)) == (200, b"GET ")
    assert sender.read == 0


def test_a_body_that_stalls_is_given_up_and_nobody_sees_it() -> None:
    answer = asyncio.run(ask(WholeRequests(never, threads=1, patience=SOON), length(6), Sender(b"abc", stalls=True)))
    assert answer == (408, b"the request did not come within 0.02 s\n")


def test_a_body_that_ends_too_soon_is_acted_on_by_nobody() -> None:
    answer = asyncio.run(ask(WholeRequests(never, threads=1), length(6), Sender(b"abc")))
    assert answer == (400, b"less of the request came than it said\n")


def test_no_more_is_read_of_a_body_than_refusing_it_takes() -> None:
    sender = Sender(*[b"x" * 1024] * 1000)
    status, body = asyncio.run(ask(WholeRequests(echo, threads=1), length(1_024_000), sender)) or (0, b"")
    assert (status, len(body)) == (200, len(b"POST ") + MOST_BYTES + 1)
    assert sender.read == MOST_BYTES + 1024


def test_a_hundred_that_stall_hold_no_thread_of_one_that_does_not() -> None:
    async def all_of_them() -> tuple[int, bytes] | None:
        served = WholeRequests(echo, threads=1, patience=NEVER)
        stalled = [asyncio.create_task(ask(served, length(9), Sender(b"abc", stalls=True))) for _ in range(100)]
        await asyncio.sleep(0)
        answer = await ask(served, length(2), Sender(b"ok"))
        assert not any(each.done() for each in stalled)
        for each in stalled:
            each.cancel()
        return answer

    assert asyncio.run(all_of_them()) == (200, b"POST ok")


def test_as_many_are_called_at_once_as_there_are_threads() -> None:
    both, late = [Event(), Event()], Event()

    def together(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        number = int(environ["wsgi.input"].read())
        both[number].set()
        late.set() if both[1 - number].wait(timeout=60) else None
        start("204 No Content", [])
        return []

    async def two() -> list[tuple[int, bytes] | None]:
        served = WholeRequests(together, threads=2)
        return await asyncio.gather(*(ask(served, length(1), Sender(each)) for each in (b"0", b"1")))

    assert asyncio.run(two()) == [(204, b""), (204, b"")]
    assert late.is_set()


@pytest.mark.parametrize(("client", "address"), [("[::1]:5000", "::1"), ("10.0.0.7:81", "10.0.0.7")])
def test_who_asks_and_for_what_is_as_wsgi_has_it(client: str, address: str) -> None:
    headers = Headers({"host": "desk.example", "content-type": "application/json", "cookie": "a=1", "x-forwarded-for": "10.1.1.1"})
    headers.also = (("cookie", "b=2"), ("x-forwarded-for", "10.2.2.2"))
    found = environ_of(Asked(headers, client=client, path="/é"), b"{}")
    told = {name: found[name] for name in ("REMOTE_ADDR", "HTTP_HOST", "CONTENT_TYPE", "HTTP_COOKIE", "HTTP_X_FORWARDED_FOR", "PATH_INFO")}
    assert told == {
        "REMOTE_ADDR": address,
        "HTTP_HOST": "desk.example",
        "CONTENT_TYPE": "application/json",
        "HTTP_COOKIE": "a=1; b=2",
        "HTTP_X_FORWARDED_FOR": "10.1.1.1, 10.2.2.2",
        "PATH_INFO": "/Ã©",
    }
    assert (found["QUERY_STRING"], found["wsgi.url_scheme"], found["SERVER_PORT"]) == ("next=/", "https", "4210")
