"""Halts: what stops a book, a strategy or a symbol, or one side of it, until it is ended.

| kind | made by | ended by |
|---|---|---|
| pause | a person | one person, or its expiry |
| kill | a person, with `--kill`; every halt on all books | two different people |
| breach | a control of a limit | two different people |
| fault | a control of data, of an order's outcome, or of reconciliation | one person, or its expiry |

Nothing else ends a halt. `grodt.ledger.rearming` has what people do to end one.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Row, and_, bindparam, func, insert, or_, select, update

from grodt.errors import ConfigError, HaltActive, NotFound
from grodt.ledger.numbers import next_number
from grodt.ledger.slot_marks import latest_value
from grodt.ledger.tables_halts import halt_ends, halt_marks, halt_starts, halts
from grodt.ledger.tables_orders import order_events
from grodt.ledger.transaction import Read, Write

HaltScope = Literal["all", "book", "strategy", "symbol"]
HaltSide = Literal["all", "buys", "sells", "reduce_only"]
HaltKind = Literal["pause", "kill", "breach", "fault"]

#: Kinds that two different people end, and no expiry.
OF_TWO: frozenset[HaltKind] = frozenset({"kill", "breach"})
#: Who ends a halt whose time is over.
EXPIRY = "expiry"
#: The control whose marks begin anew when its halt is ended: daily loss and drawdown.
LOSS = 28

#: Built once: it is asked before every order that is sent.
_ACTIVE = (
    select(halts)
    .where(
        halts.c.ended_at.is_(None),
        or_(halts.c.scope == "all", halts.c.book == bindparam("of")),
        or_(halts.c.expires_at.is_(None), halts.c.expires_at > bindparam("now")),
    )
    .order_by(halts.c.halt_id)
)
_LAST_EVENT = select(func.coalesce(func.max(order_events.c.event_id), 0))
_STOPPED = {"all": "", "buys": " of buys", "sells": " of sells", "reduce_only": " of all but reductions"}


@dataclass(frozen=True, slots=True)
class Halt:
    """A halt, active or ended.

    Attributes:
        halt_id: its number.
        scope: all books, one book, one strategy or one symbol of a book. A strategy is named by its signal.
        book, strategy, symbol: what it holds for; "" where the scope names none.
        side: what it stops: all; buys; sells; all but reductions, which bring a position towards zero and not past it.
        kind: see above.
        control: of RISK.md that made it; 0 for a person's.
        keep_orders: whether open orders that it covers stay at the broker.
        reason, author: why and who, in words.
        started_at: instant.
        expires_at: instant from which it holds no more; None: only people end it.
        ended_at, end_reason, end_author: of its end; None while nobody has ended it.
    """

    halt_id: int
    scope: HaltScope
    book: str
    strategy: str
    symbol: str
    side: HaltSide
    kind: HaltKind
    control: int
    keep_orders: bool
    reason: str
    author: str
    started_at: datetime
    expires_at: datetime | None
    ended_at: datetime | None
    end_reason: str | None
    end_author: str | None

    def __str__(self) -> str:
        until = "" if self.expires_at is None else f" until {_minute(self.expires_at)}"
        since = f"by {self.author} since {_minute(self.started_at)}{until}"
        return f"halt {self.halt_id} ({self.kind}){_STOPPED[self.side]} {self.where} {since}: {self.reason}"

    @property
    def where(self) -> str:
        """What it holds for, in words."""
        return {
            "all": "on all books",
            "book": f"on book {self.book}",
            "strategy": f"on strategy {self.strategy} of book {self.book}",
            "symbol": f"on {self.symbol} of book {self.book}",
        }[self.scope]

    @property
    def whole(self) -> bool:
        """Whether it stops everything its book does: a halt of all or of the book, of all sides."""
        return self.scope in ("all", "book") and self.side == "all"

    def holds(self, now: datetime) -> bool:
        """Whether it is neither ended nor expired."""
        return self.ended_at is None and (self.expires_at is None or now < self.expires_at)

    @property
    def of_two(self) -> bool:
        """Whether two different people must end it."""
        return self.kind in OF_TWO

    @property
    def end(self) -> str:
        """How it is ended: the command, and who else is needed."""
        command = "grodt rearm --all --reason WHY" if self.scope == "all" else f"grodt rearm {self.halt_id} --reason WHY"
        return f"{command}, then another person's grodt approve" if self.of_two else command


def halt(
    tx: Write,
    *,
    scope: HaltScope,
    book: str = "",
    strategy: str = "",
    symbol: str = "",
    side: HaltSide = "all",
    kind: HaltKind = "pause",
    control: int = 0,
    keep_orders: bool = False,
    reason: str,
    author: str,
    now: datetime,
    expires_at: datetime | None = None,
) -> Halt:
    """Halt. One that holds already is returned in place of a second one.

    It is the same if scope, names, side, kind and what happens to open orders are, and control (of a control's), or reason and expiry (of a
    person's). A halt on all books is a kill.

    Raises:
        ConfigError: scope and names do not fit, a strategy's halt is to be reduce-only, reason or author is empty, or a kill or breach, or
            what is over already, is to expire.
    """
    if scope == "all":
        kind = "kill"
    if (scope == "all") != (book == "") or (scope == "symbol") != (symbol != "") or (scope == "strategy") != (strategy != ""):
        names = f"book {book!r}, strategy {strategy!r} and symbol {symbol!r}"
        raise ConfigError(f"a halt of scope {scope!r} does not fit {names}")
    if scope == "strategy" and side == "reduce_only":
        raise ConfigError(f"strategy {strategy} holds no position of its own that it could reduce: halt all of it, its buys or its sells")
    _require_words(reason, author)
    _require_term(kind, now, expires_at)
    expire(tx, now)
    what = {"scope": scope, "book": book, "strategy": strategy, "symbol": symbol, "side": side, "kind": kind, "control": control}
    what["keep_orders"] = int(keep_orders)
    same = [halts.c.ended_at.is_(None), *(halts.c[name] == value for name, value in what.items())]
    if not control:
        same += [halts.c.reason == reason, halts.c.expires_at.is_not_distinct_from(expires_at)]
    query = select(halts).where(*same)
    row = tx.connection.execute(query).first()
    if row is None:
        said = {"reason": reason, "author": author, "started_at": now, "expires_at": expires_at}
        made = what | said | {"halt_id": next_number(tx, halts.c.halt_id, halt_starts.c.halt_id, halt_marks.c.halt_id)}
        tx.connection.execute(insert(halts).values(made))
        tx.connection.execute(insert(halt_starts).values(made | {"after_event": _last_event(tx)}))
        row = tx.connection.execute(query).one()
    return _halt(row)


def expire(tx: Write, now: datetime) -> tuple[Halt, ...]:
    """Record the end of pauses and faults whose time is over; returns them. They hold no more from that time on, recorded or not."""
    over = and_(halts.c.ended_at.is_(None), halts.c.expires_at <= now)
    found = tuple(_halt(row) for row in tx.connection.execute(select(halts).where(over).order_by(halts.c.halt_id)))
    for each in found:
        _end(tx, each, at=each.expires_at or now, reason="its time was over", author=EXPIRY)
    return found


def end_halts(tx: Write, ended: Iterable[Halt], *, reason: str, author: str, now: datetime) -> None:
    """Write the end of halts, for `grodt.ledger.rearming`, which knows whether enough people agree.

    Where control 28 made one, the book's mark of that instant is kept with it: losses are measured from there.
    """
    _require_words(reason, author)
    for each in ended:
        found = latest_value(tx, each.book) if each.control == LOSS else None
        _end(tx, each, at=now, reason=reason, author=author)
        if found is not None:
            mark = found[0]
            marked = {"mark_session": mark.session, "mark_equity": mark.equity, "mark_profit": mark.profit}
            tx.connection.execute(update(halts).where(halts.c.halt_id == each.halt_id).values(marked))
            kept = select(halt_marks.c.halt_id).where(halt_marks.c.halt_id == each.halt_id)
            if tx.connection.execute(kept).first() is None:  # else somebody made it hold again by hand, which `grodt verify` names
                fact = {"halt_id": each.halt_id, "session": mark.session, "equity": mark.equity, "profit": mark.profit}
                tx.connection.execute(insert(halt_marks).values(fact))


def last_armed(tx: Read, book: str) -> datetime | None:
    """When people last ended a halt of the whole book or one on all books; None where nobody has.

    Neither an expiry, which is no person's act, nor the end of a halt of a symbol or a strategy arms the book.
    """
    of_whole = (halts.c.book.in_([book, ""]), halts.c.scope.in_(["all", "book"]))
    query = select(func.max(halts.c.ended_at)).where(*of_whole, halts.c.end_author != EXPIRY)
    found: datetime | None = tx.connection.execute(query).scalar_one()
    return found


def active(tx: Read, book: str, now: datetime) -> tuple[Halt, ...]:
    """Halts that hold for a book: on it, on its strategies and symbols, and on all books."""
    return tuple(_halt(row) for row in tx.connection.execute(_ACTIVE, {"of": book, "now": now}))


def halted_strategies(tx: Read, book: str) -> tuple[Halt, ...]:
    """Halts of a book's strategies whose end is not recorded, whatever the clock says of their time."""
    query = select(halts).where(halts.c.ended_at.is_(None), halts.c.scope == "strategy", halts.c.book == book)
    return tuple(_halt(row) for row in tx.connection.execute(query.order_by(halts.c.halt_id)))


def find_halt(tx: Read, halt_id: int) -> Halt:
    """The halt of that number.

    Raises:
        NotFound: there is none.
    """
    row = tx.connection.execute(select(halts).where(halts.c.halt_id == halt_id)).first()
    if row is None:
        raise NotFound(f"there is no halt {halt_id}; `grodt halts` lists those that hold")
    return _halt(row)


def all_halts(tx: Read, book: str | None = None) -> tuple[Halt, ...]:
    """Every halt there ever was of a book and of all books (None: of every book), newest first."""
    query = select(halts).order_by(halts.c.halt_id.desc())
    found = tx.connection.execute(query if book is None else query.where(halts.c.book.in_([book, ""])))
    return tuple(_halt(row) for row in found)


def require_none(tx: Read, book: str, now: datetime) -> None:
    """Go on only where no halt stops the whole book. Others stop orders, when they are decided and when they would be sent.

    Raises:
        HaltActive: names each halt and how to end it.
    """
    found = tuple(one for one in active(tx, book, now) if one.whole)
    if found:
        raise HaltActive(f"book {book} is halted: {'; '.join(map(str, found))}. When its cause is mended, {_command(book, found)}")


def _command(book: str, found: tuple[Halt, ...]) -> str:
    commands = {"`grodt rearm --all --reason WHY`" if one.scope == "all" else f"`grodt rearm --book {book} --reason WHY`" for one in found}
    two = " (two people)" if any(one.of_two for one in found) else ""
    return f"run {' and '.join(sorted(commands))}{two}"


def _require_words(reason: str, author: str) -> None:
    for name, value in (("reason", reason), ("author", author)):
        if not value.strip():
            raise ConfigError(f"a halt and its end need {'an' if name == 'author' else 'a'} {name}; give it with --{name}")


def _require_term(kind: HaltKind, now: datetime, expires_at: datetime | None) -> None:
    if expires_at is None:
        return
    if kind in OF_TWO:
        raise ConfigError(f"a {kind} holds until two people end it: it cannot expire; leave --until and --for away")
    if expires_at <= now:
        raise ConfigError(f"a halt until {_minute(expires_at)} is over already, at {_minute(now)}; give a later --until")


def _end(tx: Write, each: Halt, *, at: datetime, reason: str, author: str) -> None:
    values = {"ended_at": at, "end_reason": reason, "end_author": author}
    mine = (halts.c.halt_id == each.halt_id, halts.c.ended_at.is_(None))
    if tx.connection.execute(update(halts).where(*mine).values(values)).rowcount == 0:
        return
    holds = select(halt_starts.c.halt_id, halt_ends.c.ended_at).join(halt_ends, halt_ends.c.halt_id == halt_starts.c.halt_id, isouter=True)
    fact = tx.connection.execute(holds.where(halt_starts.c.halt_id == each.halt_id)).first()
    if fact is None or fact.ended_at is not None:
        return  # somebody put it there by hand; or it was ended, and somebody made it hold again by hand. `grodt verify` names both
    ended = {"halt_id": each.halt_id, "ended_at": at, "reason": reason, "author": author, "after_event": _last_event(tx)}
    tx.connection.execute(insert(halt_ends).values(ended))


def _last_event(tx: Read) -> int:
    return int(tx.connection.execute(_LAST_EVENT).scalar_one())


def _minute(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


def _halt(row: Row[Any]) -> Halt:
    return Halt(
        row.halt_id,
        row.scope,
        row.book,
        row.strategy,
        row.symbol,
        row.side,
        row.kind,
        row.control,
        bool(row.keep_orders),
        row.reason,
        row.author,
        row.started_at,
        row.expires_at,
        row.ended_at,
        row.end_reason,
        row.end_author,
    )
