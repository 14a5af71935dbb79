"""Commands about halts: halt, rearm, halts."""

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, cast

import typer

from flows.commands.options import Author, Book, Json, Reason, author_of
from flows.commands.tables import show, tell
from flows.progress import out
from grodt.errors import ConfigError

if TYPE_CHECKING:
    from grodt.ledger.halts import Halt, HaltScope, HaltSide

_SIDES = {"all": "all", "buys": "buys", "sells": "sells", "reduce-only": "reduce_only"}
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}
_DONE = {"all": "sent", "buys": "bought", "sells": "sold"}

Side = Annotated[str, typer.Option("--side", help="What is stopped: all, buys, sells, or reduce-only (all but reductions).")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (halt, rearm, halts):
        app.command(command.__name__)(command)


def halt(
    reason: Reason,
    book: Book = None,
    symbol: Annotated[str | None, typer.Option("--symbol", help="Only this symbol of the book.")] = None,
    strategy: Annotated[
        str | None, typer.Option("--strategy", help="Only this strategy of the book; without strategies, a signal by its name.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="All books; ended by two people.")] = False,
    side: Side = "all",
    kill: Annotated[bool, typer.Option("--kill", help="Two people must end it, and it does not expire.")] = False,
    until: Annotated[str | None, typer.Option("--until", help="Instant from which it holds no more, such as 2026-11-20T14:30Z.")] = None,
    term: Annotated[str | None, typer.Option("--for", help="How long it holds, such as 30m, 2h or 1d.")] = None,
    keep_orders: Annotated[bool, typer.Option("--keep-orders", help="Leave open orders at the broker.")] = False,
    author: Author = None,
    as_json: Json = False,
) -> None:
    """Halt all books, a book, or a strategy, a symbol or a side of it, also while it is sending; cancel the open orders it covers."""
    from flows.at_home import halted_book, ledger_at_home, require_strategy, require_traded
    from grodt.ledger.cancels import cancels_of
    from grodt.ledger.halts import halt as record
    from grodt.ledger.requests import require_person
    from grodt.reports.rows import halt_row
    from tasks.environment import clock, environment

    if everything and (book is not None or symbol is not None or strategy is not None):
        raise ConfigError("--all halts every book: leave --book, --strategy and --symbol away")
    if symbol is not None and strategy is not None:
        raise ConfigError("a halt is of a symbol or of a strategy: give --symbol or --strategy")
    name, who = "" if everything else halted_book(book), require_person(author_of(author))
    scope: HaltScope = "all" if everything else "strategy" if strategy is not None else "book" if symbol is None else "symbol"
    if strategy is not None:
        require_strategy(name, strategy)
    now = clock(environment())
    with ledger_at_home() as ledger:
        with ledger.write() as tx:
            if symbol is not None:
                require_traded(tx, name, symbol)
            at = now()
            made = record(
                tx,
                scope=scope,
                book=name,
                strategy=strategy or "",
                symbol=symbol or "",
                side=_side(side),
                kind="kill" if kill else "pause",
                keep_orders=keep_orders,
                reason=reason,
                author=who,
                now=at,
                expires_at=_expiry(until, term, at),
            )
        for line in () if as_json else (str(made), f"{_stopped(made)} until {_until(made)}"):
            out.print(line, soft_wrap=True)
        from flows.cancelling import cancel_what_it_covers  # heavy, and the halt stands already

        cancelled = cancel_what_it_covers(ledger, made, now)
        with ledger.read() as tx:
            done = halt_row(made, cancels_of(tx, made.halt_id), at)
    tell(cancelled.told, done, as_json=as_json)
    cancelled.require_done()


def rearm(
    reason: Reason,
    halt_id: Annotated[int | None, typer.Argument(help="Number of one halt, from `grodt halts`; all of the book if not given.")] = None,
    book: Book = None,
    everything: Annotated[bool, typer.Option("--all", help="The halts on all books.")] = False,
    author: Author = None,
    as_json: Json = False,
) -> None:
    """End the halts of a book, its strategies and symbols, those on all books, or one. A kill or a breach needs a second person."""
    from flows.at_home import chosen_book, ledger_at_home
    from grodt.ledger.halts import active
    from grodt.ledger.rearming import rearm as end
    from grodt.ledger.rearming import rearm_one
    from grodt.reports.rows import request_row
    from tasks.environment import clock, environment

    if halt_id is not None and (everything or book is not None):
        raise ConfigError(f"halt {halt_id} is one halt: leave --book and --all away")
    if everything and book is not None:
        raise ConfigError("--all ends the halts on every book: leave --book away")
    name = "" if everything or halt_id is not None else chosen_book(book)
    who, now = author_of(author), clock(environment())()
    with ledger_at_home() as ledger, ledger.write() as tx:
        if halt_id is None:
            done = end(tx, book=name, reason=reason, author=who, now=now)
        else:
            done = rearm_one(tx, halt_id, reason=reason, author=who, now=now)
        left = active(tx, name, now) if halt_id is None else ()
    lines = [f"ended: {each}" for each in done.ended]
    lines += [f"holds until a second person agrees: {each}" for each in done.waiting]
    if (asked := done.asked) is not None:
        who_else = f"somebody other than {' and '.join(asked.agreed)}"
        lines.append(f"{who_else} must run, before {asked.expires_at:%Y-%m-%d %H:%M} UTC: grodt approve {asked.short} --reason WHY")
    if not done.ended and not done.waiting:
        lines.append("no halt on all books held" if everything else f"no halt of book {name} held")
    others = [each for each in left if each not in done.waiting]
    lines += [f"still holds: {each}; `{each.end}` ends it" for each in others]
    row = {"ended": [each.halt_id for each in done.ended], "waiting": [each.halt_id for each in done.waiting]}
    still = {"still_holds": [each.halt_id for each in others]}
    tell(lines, row | still | {"request": None if asked is None else request_row(asked)}, as_json=as_json)


def halts(
    book: Book = None,
    everything: Annotated[bool, typer.Option("--all", help="Also those that are over.")] = False,
    as_json: Json = False,
) -> None:
    """Halts that hold, and with --all every one there was, newest first. Of every book if none is named."""
    from flows.at_home import chosen_book, ledger_at_home
    from grodt.ledger.cancels import cancels_of
    from grodt.ledger.halts import all_halts
    from grodt.reports.rows import halt_row
    from tasks.environment import clock, environment

    name, now = None if book is None else chosen_book(book), clock(environment())()
    with ledger_at_home() as ledger, ledger.read() as tx:
        found = [each for each in all_halts(tx, name) if everything or each.holds(now)]
        rows = [halt_row(each, cancels_of(tx, each.halt_id), now) for each in found]
    title = ("halts" if everything else "halts that hold") + ("" if name is None else f": {name}")
    columns = ["halt_id", "scope", "book", "what", "side", "kind", "reason", "author", "since", "until"]
    show(title, [*columns, *(["ended_by"] if everything else []), "how_to_end"], rows, as_json=as_json, empty="none")


def _side(given: str) -> "HaltSide":
    if given not in _SIDES:
        raise ConfigError(f"side {given!r} is none of {', '.join(_SIDES)}")
    return cast("HaltSide", _SIDES[given])


def _expiry(until: str | None, term: str | None, now: datetime) -> datetime | None:
    if until is not None and term is not None:
        raise ConfigError("--until and --for both say when it ends: give one")
    if term is not None:
        found = re.fullmatch(r"([1-9]\d{0,3})([mhd])", term)
        if found is None:
            raise ConfigError(f"--for {term!r} is no length of time; write 30m, 2h or 1d")
        return now + timedelta(**{_UNITS[found[2]]: int(found[1])})
    if until is None:
        return None
    try:
        at = datetime.fromisoformat(until)
    except ValueError:
        raise ConfigError(f"--until {until!r} is no instant; write it as 2026-11-20T14:30Z") from None
    if at.tzinfo is None:
        raise ConfigError(f"--until {until!r} has no zone; write it as {until}Z for UTC")
    return at.astimezone(UTC)


def _stopped(made: "Halt") -> str:
    where = f" in {made.symbol}" if made.scope == "symbol" else f" that {made.strategy} alone asks for" if made.scope == "strategy" else ""
    if made.side == "reduce_only":
        return f"only what reduces a position{where} is sent"
    return f"nothing{where} is {_DONE[made.side]}"


def _until(made: "Halt") -> str:
    return made.end if made.expires_at is None else f"{made.expires_at:%Y-%m-%d %H:%M} UTC, or before: {made.end}"
