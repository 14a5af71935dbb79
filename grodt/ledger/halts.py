"""Halts: what stops a book, until a person re-arms it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Row, and_, bindparam, func, insert, or_, select, update

from grodt.errors import ConfigError, HaltActive
from grodt.ledger.tables import halts
from grodt.ledger.transaction import Read, Write

HaltScope = Literal["all", "book", "symbol"]

#: Built once: it is asked before every order that is sent.
_ACTIVE = (
    select(halts)
    .where(and_(halts.c.ended_at.is_(None), or_(halts.c.scope == "all", halts.c.book == bindparam("of"))))
    .order_by(halts.c.halt_id)
)


@dataclass(frozen=True, slots=True)
class Halt:
    """An active halt.

    Attributes:
        halt_id: its number.
        scope: all books, one book, or one symbol of a book.
        book, symbol: what it holds for; "" where the scope names none.
        reason, author: why and who, in words.
        started_at: instant.
    """

    halt_id: int
    scope: HaltScope
    book: str
    symbol: str
    reason: str
    author: str
    started_at: datetime

    def __str__(self) -> str:
        where = {"all": "all books", "book": f"book {self.book}", "symbol": f"{self.symbol} of book {self.book}"}[self.scope]
        return f"halt {self.halt_id} on {where} by {self.author} since {self.started_at:%Y-%m-%d %H:%M} UTC: {self.reason}"


def halt(tx: Write, *, scope: HaltScope, book: str = "", symbol: str = "", reason: str, author: str, now: datetime) -> Halt:
    """Halt. An active halt with the same scope, book, symbol and reason is returned in place of a second one.

    Raises:
        ConfigError: scope, book and symbol do not fit, or reason or author is empty.
    """
    if (scope == "all") != (book == "") or (scope == "symbol") != (symbol != ""):
        raise ConfigError(f"a halt of scope {scope!r} does not fit book {book!r} and symbol {symbol!r}")
    _require_words(reason, author)
    same = (halts.c.scope == scope, halts.c.book == book, halts.c.symbol == symbol, halts.c.reason == reason)
    query = select(halts).where(halts.c.ended_at.is_(None), *same)
    row = tx.connection.execute(query).first()
    if row is None:
        new = insert(halts).values(scope=scope, book=book, symbol=symbol, reason=reason, author=author, started_at=now)
        tx.connection.execute(new)
        row = tx.connection.execute(query).one()
    return _halt(row)


def rearm(tx: Write, *, book: str, reason: str, author: str, now: datetime) -> tuple[Halt, ...]:
    """End every active halt of a book and of its symbols; with book "", those on all books.

    Returns:
        The halts that it ended; none where none held.

    Raises:
        ConfigError: reason or author is empty.
    """
    _require_words(reason, author)
    mine = (halts.c.ended_at.is_(None), halts.c.book == book)
    ended = tuple(_halt(row) for row in tx.connection.execute(select(halts).where(*mine).order_by(halts.c.halt_id)))
    tx.connection.execute(update(halts).where(*mine).values(ended_at=now, end_reason=reason, end_author=author))
    return ended


def last_armed(tx: Read, book: str) -> datetime | None:
    """When a person last ended a halt of the book or one on all books; None where nobody has."""
    query = select(func.max(halts.c.ended_at)).where(halts.c.book.in_([book, ""]))
    found: datetime | None = tx.connection.execute(query).scalar_one()
    return found


def active(tx: Read, book: str) -> tuple[Halt, ...]:
    """Halts that hold for a book: on it, on its symbols, and on all books."""
    return tuple(_halt(row) for row in tx.connection.execute(_ACTIVE, {"of": book}))


def require_none(tx: Read, book: str) -> None:
    """Go on only where no halt holds for the whole book. A halt of a symbol stops that symbol's orders when they would be sent.

    Raises:
        HaltActive: names each halt and how to end it.
    """
    found = tuple(one for one in active(tx, book) if one.scope != "symbol")
    if found:
        raise HaltActive(f"book {book} is halted: {'; '.join(map(str, found))}. When its cause is mended, {_command(book, found)}")


def _command(book: str, found: tuple[Halt, ...]) -> str:
    commands = {"`grodt rearm --all --reason WHY`" if one.scope == "all" else f"`grodt rearm --book {book} --reason WHY`" for one in found}
    return f"run {' and '.join(sorted(commands))}"


def _require_words(reason: str, author: str) -> None:
    for name, value in (("reason", reason), ("author", author)):
        if not value.strip():
            raise ConfigError(f"a halt and its end need {'an' if name == 'author' else 'a'} {name}; give it with --{name}")


def _halt(row: Row[Any]) -> Halt:
    return Halt(row.halt_id, row.scope, row.book, row.symbol, row.reason, row.author, row.started_at)
