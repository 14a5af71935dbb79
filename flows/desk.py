"""The ledger and the lake of this home, for commands that look at them or act on them."""

from collections.abc import Iterator
from contextlib import contextmanager
from difflib import get_close_matches

from grodt.errors import ConfigError
from grodt.lake import Lake
from grodt.ledger.manifest import LedgerManifest, coverage
from grodt.ledger.unit import Ledger, Read
from grodt.sessions import Calendar
from tasks.environment import environment
from tasks.wiring import books


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


def lake_at_home(ledger: Ledger) -> Lake:
    """The lake of this home."""
    return Lake(environment().lake, LedgerManifest(ledger))


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
