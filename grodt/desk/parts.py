"""What the desk works with. Whoever serves it puts this together; the desk itself reads no settings."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, cast

from flask import current_app

from grodt.desk.attempts import Attempts
from grodt.desk.keys import Keys
from grodt.desk.passwords import Passwords
from grodt.desk.remembered import Memories, Memory
from grodt.errors import GrodtError
from grodt.lake.store import Lake
from grodt.ledger.halts import Halt
from grodt.ledger.requests import Request
from grodt.ledger.unit import Ledger
from grodt.settings.books import Books

_KEY = "desk"


class Cancelled(Protocol):
    """What came of asking brokers to cancel what a halt covers."""

    @property
    def told(self) -> tuple[str, ...]:
        """Of each book, in words."""
        ...

    @property
    def failed(self) -> tuple[GrodtError, ...]:
        """Books whose orders may still be open, and why."""
        ...


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything the desk works with.

    Attributes:
        ledger, lake: of the home.
        books: the books file in force, when it is asked for.
        now: the clock.
        keys: that tokens are signed with.
        passwords: how they are hashed.
        cancel: asks the brokers of halted books to cancel what a halt covers.
        gone: refuses, with the error that says why, to end the order of a break of a book that its broker still has, or that it cannot say.
        wake: lets the run that waits for a decided request go on; returns what people are told of it, "" where nothing waits.
        origins: of pages elsewhere whose scripts may use the API (CORS).
        https: whether people reach it over HTTPS, so that cookies are sent over that alone.
        proxies: how many proxies before it say in headers who asks; 0: none is believed.
        version: of GRODT.
        attempts: failed logins of this process.
        memories: what this process has read and may show again.
    """

    ledger: Ledger
    lake: Lake
    books: Callable[[], Books]
    now: Callable[[], datetime]
    keys: Keys
    passwords: Passwords
    cancel: Callable[[Halt], Cancelled]
    gone: Callable[[str, int], None]
    wake: Callable[[Request], str]
    origins: tuple[str, ...] = ()
    https: bool = False
    proxies: int = 0
    version: str = ""
    attempts: Attempts = field(default_factory=Attempts)
    memories: Memories = field(default_factory=Memories)

    def memory(self) -> Memory:
        """What has been read, as far as it is still true."""
        return self.memories.at(self.ledger.state(), self.now())


def keep(extensions: dict[str, object], parts: Parts) -> None:
    """Put the parts where requests of the app find them."""
    extensions[_KEY] = parts


def parts() -> Parts:
    """Those of the app whose request this is."""
    return cast(Parts, current_app.extensions[_KEY])
