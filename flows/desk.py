"""The ledger and the lake of this home, for commands that look at them or act on them."""

from collections.abc import Iterator
from contextlib import contextmanager

from grodt.errors import ConfigError
from grodt.lake import Lake
from grodt.ledger.manifest import LedgerManifest
from grodt.ledger.unit import Ledger
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
