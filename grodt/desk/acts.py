"""What people do at the desk: the acts of the command line, in the name of who is logged in."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from grodt.desk.callers import Caller, acting
from grodt.desk.parts import Cancelled, Parts
from grodt.errors import GrodtError, NotFound
from grodt.ledger.acts import Acted, act
from grodt.ledger.basket_requests import KIND, command
from grodt.ledger.halts import Halt, HaltScope, HaltSide, halt
from grodt.ledger.rearming import Rearmed, rearm, rearm_one
from grodt.ledger.requests import Request, Verdict, require_reason
from grodt.ledger.runs import runs_of
from grodt.ledger.unit import Write
from grodt.settings.naming import require_strategy, require_traded
from grodt.telemetry.logs import get_logger

_WHOLE = re.compile(r"[0-9a-f]{64}")
_log = get_logger("grodt.desk")


@dataclass(frozen=True, slots=True)
class HaltWanted:
    """A halt as somebody asks for it.

    Attributes:
        book: None: all books.
        strategy, symbol: of the book; at most one of them.
        side: what is stopped.
        kill: whether two people must end it.
        minutes: how long it holds; None: until it is ended.
        keep_orders: whether open orders stay at the broker.
        reason: why.
    """

    book: str | None
    reason: str
    strategy: str = ""
    symbol: str = ""
    side: HaltSide = "all"
    kill: bool = False
    minutes: int | None = None
    keep_orders: bool = False

    @property
    def scope(self) -> HaltScope:
        """Of what."""
        if self.book is None:
            return "all"
        return "symbol" if self.symbol else "strategy" if self.strategy else "book"


@dataclass(frozen=True, slots=True)
class NothingAsked:
    """No broker could be asked to cancel, and why."""

    failed: tuple[GrodtError, ...]
    told: tuple[str, ...] = ()


def decide(desk: Parts, caller: Caller, request_id: str, verdict: Verdict, reason: str) -> tuple[Acted, str]:
    """Give the caller's word on what waits; returns what came of it, and what is told of the run that waited.

    Args:
        desk, caller: who, and where.
        request_id: all of it, so that what is decided is what was looked at.
        verdict, reason: the word, and why.

    Raises:
        NotFound: there is no such request.
        ConfigError: as `grodt.ledger.acts.act`.
        Forbidden, TokenRefused: the caller may not.
    """
    if _WHOLE.fullmatch(request_id) is None:
        raise NotFound(f"{request_id!r} is no whole id: what is decided is named by all 64 characters of its hash")
    with acting(desk, caller, "approver") as tx:
        acted = act(tx, request_id, verdict, by=caller.name, reason=reason, now=desk.now())
    made = acted.request
    _log.info("decided", by=caller.name, verdict=verdict, request=made.short, kind=made.kind, book=made.book, reason=reason)
    try:
        return acted, desk.wake(made)
    except GrodtError as error:  # the word is committed, and whoever gave it must not take it for refused
        _log.error("it was not seen whether a run waits", request=made.short, why=str(error))
        return acted, not_woken(made)


def not_woken(request: Request) -> str:
    """What is told in place of what becomes of the run that waited, where that cannot be known."""
    told = "the word stands, but whether a run waits for it could not be seen; the log says why"
    return f"{told}, and `{command(request)}` goes on with it" if request.kind == KIND else told


def stop(desk: Parts, caller: Caller, wanted: HaltWanted) -> tuple[Halt, Cancelled]:
    """Halt; then, with the halt committed, have brokers asked to cancel what it covers.

    Raises:
        ConfigError: there is no such book, strategy or symbol, or the halt cannot be as it is wanted.
        Forbidden, TokenRefused: the caller may not.
    """
    reason = require_reason(wanted.reason)
    with acting(desk, caller, "trader") as tx:
        _require_known(tx, desk, wanted)
        now = desk.now()
        made = halt(
            tx,
            scope=wanted.scope,
            book=wanted.book or "",
            strategy=wanted.strategy,
            symbol=wanted.symbol,
            side=wanted.side,
            kind="kill" if wanted.kill else "pause",
            keep_orders=wanted.keep_orders,
            reason=reason,
            author=caller.name,
            now=now,
            expires_at=_expiry(now, wanted.minutes),
        )
    _log.warning("halted", by=caller.name, halt=made.halt_id, where=made.where, side=made.side, kind=made.kind, reason=reason)
    try:
        return made, desk.cancel(made)
    except GrodtError as error:  # the halt holds all the same, and whoever made it must hear both
        _log.error("no broker was asked to cancel", halt=made.halt_id, why=str(error))
        return made, NothingAsked((error,))


def end(desk: Parts, caller: Caller, halt_id: int | None, book: str, reason: str) -> Rearmed:
    """End one halt, or every halt of a book, or with book "" those on all books; ask for what takes two people.

    Raises:
        ConfigError: there is no such halt, it is over, or the reason is empty.
        Forbidden, TokenRefused: the caller may not.
    """
    with acting(desk, caller, "trader") as tx:
        said: dict[str, Any] = {"reason": reason, "author": caller.name, "now": desk.now()}
        done = rearm(tx, book=book, **said) if halt_id is None else rearm_one(tx, halt_id, **said)
    ended, asked = [each.halt_id for each in done.ended], [each.halt_id for each in done.waiting]
    _log.warning("rearmed", by=caller.name, ended=ended, asked=asked, reason=reason)
    return done


def _require_known(tx: Write, desk: Parts, wanted: HaltWanted) -> None:
    """Refuse what no book has. A book that has run is known without the books file, which may be wrong."""
    if wanted.book is None or (wanted.scope == "book" and runs_of(tx, wanted.book, 1)):
        return
    config = desk.books().book(wanted.book)
    if wanted.strategy:
        require_strategy(config, wanted.strategy)
    if wanted.symbol:
        require_traded(tx, config, wanted.symbol)


def _expiry(now: datetime, minutes: int | None) -> datetime | None:
    return None if minutes is None else now + timedelta(minutes=minutes)
