"""The ledger and the lake of this home, for commands that look at them or act on them."""

from collections.abc import Iterator
from contextlib import contextmanager
from difflib import get_close_matches

from grodt.errors import ConfigError
from grodt.lake import Lake
from grodt.ledger.limits import InForce, limits_in_force
from grodt.ledger.manifest import LedgerManifest, coverage
from grodt.ledger.unit import Ledger, Read
from grodt.risk.limit_values import EVERY_GROUP
from grodt.sessions import Calendar
from tasks.environment import clock, environment
from tasks.wiring import books, data_parts


def chosen_book(name: str | None) -> str:
    """The book named, the only one there is, or `demo`.

    Raises:
        ConfigError: none was named and there are several, or the books file is wrong.
    """
    described = books()
    if name is not None:
        return described.book(name).name
    if len(described.books) == 1:
        return next(iter(described.books))
    if "demo" in described.books:
        return "demo"
    raise ConfigError(f"name a book with --book; the books file describes {', '.join(sorted(described.books))}")


def calendar_of(book: str) -> Calendar:
    """The calendar of a book."""
    return books().book(book).exchange


@contextmanager
def ledger_at_home() -> Iterator[Ledger]:
    """The ledger of this home, which must be there already.

    Raises:
        ConfigError: there is none.
    """
    where = environment()
    if not where.ledger_file.exists():
        raise ConfigError(f"there is no ledger in {where.home}: run `grodt run` first, or set GRODT_HOME")
    ledger = Ledger.open(where.ledger_url)
    try:
        yield ledger
    finally:
        ledger.close()


def limits_at_home(book: str) -> InForce:
    """The limits of a book that are in force; those of the books file where this home has no ledger yet."""
    where, file = environment(), books().book(book).limits
    if not where.ledger_file.exists():
        return InForce(0, file, {})
    with ledger_at_home() as ledger, ledger.read() as tx:
        return limits_in_force(tx, book, file)


def lake_at_home(ledger: Ledger) -> Lake:
    """The lake of this home."""
    return Lake(environment().lake, LedgerManifest(ledger))


def require_strategy(book: str, strategy: str) -> None:
    """Refuse a strategy that the book does not have. A strategy is one of its signals, by name.

    Raises:
        ConfigError: names those it has.
    """
    names = [signal.name for signal, _ in books().book(book).weighted_signals()]
    if strategy not in names:
        raise ConfigError(f"book {book} has no strategy {strategy!r}; its signals are {', '.join(names)}")


def require_traded(tx: Read, book: str, symbol: str) -> None:
    """Refuse a symbol that the book can have nothing to do with: its universe does not name it, and nothing was ever asked about it.

    Raises:
        ConfigError: names the symbol and the nearest ones.
    """
    config = books().book(book)
    known = {*(config.universe.symbols or ()), *coverage(tx, config.source)}
    if symbol not in known:
        near = get_close_matches(symbol.upper(), sorted(known))
        raise ConfigError(f"book {book} knows no symbol {symbol!r}" + (f"; did you mean {' or '.join(near)}?" if near else ""))


def require_group(book: str, group: str) -> None:
    """Refuse a group that none of the book's instruments is in; `*` stands for each.

    Raises:
        ConfigError: names those there are.
    """
    if group == EVERY_GROUP:
        return
    session = calendar_of(book).latest_complete(clock(environment())())
    parts = data_parts(book, session)
    try:
        known = sorted({instrument.sector for instrument in parts.universe(session)} - {""})
    finally:
        parts.close()
    if group not in known:
        raise ConfigError(f'no instrument of book {book} is in a group {group!r}; there are {", ".join(known) or "none"}, and "*" for each')
