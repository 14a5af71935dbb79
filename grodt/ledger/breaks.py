"""Breaks: differences between our books and the broker's, as work items that a person closes. Nothing here heals itself."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Literal

from sqlalchemy import Row, insert, select, update

from grodt.errors import ConfigError, NotFound
from grodt.ledger.numbers import next_number
from grodt.ledger.requests import require_person, require_reason
from grodt.ledger.tables_breaks import break_assignments, break_resolutions, break_sights, break_starts, breaks
from grodt.ledger.tables_orders import orders
from grodt.ledger.tables_postings import fills
from grodt.ledger.transaction import Read, Write
from grodt.money import Micros, decimal, divide_half_even

BreakKind = Literal["position", "fraction", "cash", "order", "action"]
#: A fraction of a share is counted in billionths, the finest that a broker we know holds.
FRACTION_DIGITS = 9
_NUMBERED = tuple(table.c.break_id for table in (breaks, break_starts, break_sights, break_resolutions))


@dataclass(frozen=True, slots=True)
class Break:
    """One difference.

    Attributes:
        kind: what differs.
        symbol: ticker of a position, or of the fraction of a share beside it; client order id of an order; "" for cash; ticker, kind and
            ex date of a corporate action, and the other ex date that it is booked as of.
        ours, theirs: shares, billionths of a share of a fraction, or micros of cash.
    """

    kind: BreakKind
    symbol: str
    ours: int
    theirs: int

    @property
    def in_cash(self) -> bool:
        """Whether it is about cash, in micros; else about shares."""
        return self.kind == "cash" or (self.kind == "action" and self.symbol.split()[1] in ("dividend", "delisting"))

    def shown(self, figure: int) -> int | Decimal:
        """One of its figures in units of currency, or in shares."""
        if self.kind == "fraction":
            return Decimal(figure).scaleb(-FRACTION_DIGITS)
        return decimal(figure) if self.in_cash else figure


@dataclass(frozen=True, slots=True)
class OpenBreak:
    """A break as a work item.

    Attributes:
        break_id: its number.
        book: whose.
        difference: as last seen.
        first_session, first_seen_at: when it was first seen.
        last_session, last_seen_at: when it was last seen.
        run_id: the run that last saw it.
        owner: who works it; None: nobody yet.
        resolved_at, resolved_reason, resolved_author: of its end; None while it is open.
        price: micros, the last close of its symbol when it was last seen with one; None: the source has none.
    """

    break_id: int
    book: str
    difference: Break
    first_session: date
    first_seen_at: datetime
    last_session: date
    last_seen_at: datetime
    run_id: str
    owner: str | None = None
    resolved_at: datetime | None = None
    resolved_reason: str | None = None
    resolved_author: str | None = None
    price: Micros | None = None

    def age(self, now: datetime) -> timedelta:
        """Since it was first seen, up to its resolution or now."""
        return (self.resolved_at or now) - self.first_seen_at

    def is_overdue(self, limit_days: int | None, now: datetime) -> bool:
        """Whether it is open for longer than a number of days; never without one."""
        return limit_days is not None and self.resolved_at is None and self.age(now) > timedelta(days=limit_days)


@dataclass(frozen=True, slots=True)
class Assignment:
    """That a person was given a break: to whom, by whom and when."""

    owner: str
    author: str
    at: datetime

    def __str__(self) -> str:
        """In one line, for people."""
        return f"given to {self.owner} by {self.author}, {self.at:%Y-%m-%d %H:%M} UTC"


def record_breaks(
    tx: Write,
    book: str,
    session: date,
    breaks: Iterable[Break],
    run_id: str,
    now: datetime,
    closes: Mapping[str, Micros] = MappingProxyType({}),
) -> None:
    """Keep differences. One that is open already keeps its first sight and takes the new figures; one not seen now stays open.

    That it was found, and each sight of it, are facts; `breaks` has what they come to.

    Args:
        tx: the transaction.
        book, session, run_id, now: whose, when, and the run that saw them.
        breaks: differences.
        closes: last closes of their symbols, as far as they are known.
    """
    sights = [_record(tx, book, session, found, run_id, now, closes.get(symbol_of(tx, found))) for found in breaks]
    if sights:
        tx.connection.execute(insert(break_sights), sights)


def open_breaks(tx: Read, book: str) -> tuple[OpenBreak, ...]:
    """Open breaks of a book, oldest first."""
    query = select(breaks).where(breaks.c.book == book, breaks.c.resolved_at.is_(None)).order_by(breaks.c.break_id)
    return tuple(_open_break(row) for row in tx.connection.execute(query))


def all_breaks(tx: Read, book: str) -> tuple[OpenBreak, ...]:
    """Every break of a book, resolved ones too, oldest first."""
    query = select(breaks).where(breaks.c.book == book).order_by(breaks.c.break_id)
    return tuple(_open_break(row) for row in tx.connection.execute(query))


def find_break(tx: Read, break_id: int) -> OpenBreak:
    """A break by its number, whether open or resolved.

    Raises:
        NotFound: there is none.
    """
    row = tx.connection.execute(select(breaks).where(breaks.c.break_id == break_id)).first()
    if row is None:
        raise NotFound(f"there is no break {break_id}; `grodt breaks --all` lists them")
    return _open_break(row)


def require_open(tx: Read, break_id: int) -> OpenBreak:
    """An open break by its number.

    Raises:
        ConfigError: there is no such open break.
    """
    found = find_break(tx, break_id)
    if found.resolved_at is not None:
        raise ConfigError(f"there is no open break {break_id}; `grodt breaks` lists those that are open")
    return found


def assign_break(tx: Write, break_id: int, owner: str, *, author: str, now: datetime) -> OpenBreak:
    """Give an open break to a person, who may be whoever gives it.

    Args:
        tx: the transaction.
        break_id: of the break.
        owner: who works it from now on.
        author: who gives it to them.
        now: instant.

    Raises:
        ConfigError: there is no such open break, or a name is none of a person.
    """
    require_open(tx, break_id)
    person = require_person(owner)
    given = {"break_id": break_id, "owner": person, "author": require_person(author), "assigned_at": now}
    tx.connection.execute(insert(break_assignments).values(given))
    tx.connection.execute(update(breaks).where(breaks.c.break_id == break_id).values(owner=person))
    return find_break(tx, break_id)


def assignments_of(tx: Read, break_id: int) -> tuple[Assignment, ...]:
    """Who was given a break, oldest first; none of before that was kept."""
    query = select(break_assignments).where(break_assignments.c.break_id == break_id).order_by(break_assignments.c.assignment_id)
    return tuple(Assignment(row.owner, row.author, row.assigned_at) for row in tx.connection.execute(query))


def symbol_of(tx: Read, found: Break) -> str:
    """The symbol that a difference is in; "" for cash. Of an order that is none of ours, its id."""
    symbol, *_ = [*found.symbol.split(), ""]
    if found.kind != "order":
        return symbol
    known: str | None = tx.connection.execute(select(orders.c.symbol).where(orders.c.client_order_id == symbol)).scalar_one_or_none()
    return known or symbol


def money_value(tx: Read, found: OpenBreak) -> Micros | None:
    """What the difference is worth, micros: at the last price that the book traded its symbol at, else at the close that it was seen with.

    None where neither is known.
    """
    apart = found.difference.theirs - found.difference.ours
    if found.difference.in_cash:
        return Micros(abs(apart))
    symbol = symbol_of(tx, found.difference)
    traded = select(fills.c.price).where(fills.c.book == found.book, fills.c.symbol == symbol).order_by(fills.c.number.desc()).limit(1)
    price = tx.connection.execute(traded).scalar_one_or_none() or found.price
    if price is None:
        return None
    unit = 10**FRACTION_DIGITS if found.difference.kind == "fraction" else 1
    return Micros(divide_half_even(abs(apart) * price, unit))


def resolve_break(tx: Write, break_id: int, reason: str, author: str, now: datetime) -> None:
    """Close a break. Only people do.

    Args:
        tx: the transaction.
        break_id: of the break.
        reason: why.
        author: a person, or people who agreed to it: "ann and bob".
        now: instant.

    Raises:
        ConfigError: there is no such open break, it was resolved before and made open by hand, the reason is empty, or the author is no
            person.
    """
    reason, author = require_reason(reason), require_person(author)
    for each in author.split(" and "):
        require_person(each)
    resolution = {"resolved_at": now, "resolved_reason": reason, "resolved_author": author}
    mine = (breaks.c.break_id == break_id, breaks.c.resolved_at.is_(None))
    if tx.connection.execute(update(breaks).where(*mine).values(resolution)).rowcount != 1:
        raise ConfigError(f"there is no open break {break_id}; `grodt breaks` lists those that are open")
    before = tx.connection.execute(select(break_resolutions).where(break_resolutions.c.break_id == break_id)).first()
    if before is not None:
        raise ConfigError(
            f"break {break_id} was resolved at {before.resolved_at:%Y-%m-%d %H:%M} UTC by {before.author} ({before.reason}) and made open "
            "again by hand; nothing is written: see `grodt verify`"
        )
    ended = {"break_id": break_id, "resolved_at": now, "reason": reason, "author": author}
    tx.connection.execute(insert(break_resolutions).values(ended))


def _record(tx: Write, book: str, session: date, found: Break, run_id: str, now: datetime, price: Micros | None) -> dict[str, Any]:
    """Open a break, or bring the open one up to date; returns the sight of it, to be kept as a fact."""
    figures = {"ours": found.ours, "theirs": found.theirs, "run_id": run_id}
    seen = figures | {"last_session": session, "last_seen_at": now} | ({} if price is None else {"price": price})
    same = (breaks.c.book == book, breaks.c.kind == found.kind, breaks.c.symbol == found.symbol, breaks.c.resolved_at.is_(None))
    break_id = tx.connection.execute(select(breaks.c.break_id).where(*same)).scalar_one_or_none()
    if break_id is None:
        first: dict[str, Any] = {"book": book, "kind": found.kind, "symbol": found.symbol, "first_session": session, "first_seen_at": now}
        first["break_id"] = break_id = next_number(tx, *_NUMBERED)
        tx.connection.execute(insert(breaks).values(first | seen))
        tx.connection.execute(insert(break_starts).values(first))
    else:
        tx.connection.execute(update(breaks).where(breaks.c.break_id == break_id).values(seen))
    return figures | {"break_id": break_id, "session": session, "seen_at": now, "price": price}


def _open_break(row: Row[Any]) -> OpenBreak:
    return OpenBreak(
        break_id=row.break_id,
        book=row.book,
        difference=Break(row.kind, row.symbol, row.ours, row.theirs),
        first_session=row.first_session,
        first_seen_at=row.first_seen_at,
        last_session=row.last_session,
        last_seen_at=row.last_seen_at,
        run_id=row.run_id,
        owner=row.owner,
        resolved_at=row.resolved_at,
        resolved_reason=row.resolved_reason,
        resolved_author=row.resolved_author,
        price=None if row.price is None else Micros(row.price),
    )
