"""The ledger and the lake of this home, for commands that look at them or act on them."""

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import TYPE_CHECKING

from grodt.errors import ConfigError
from grodt.ledger.runs import runs_of
from grodt.ledger.unit import Ledger, Read
from tasks.environment import clock, environment

# What is heavy is imported where it is needed: a halt must not wait for it.
if TYPE_CHECKING:
    from grodt.lake import Lake
    from grodt.ledger.limits import InForce
    from grodt.sessions import Calendar


def chosen_book(name: str | None) -> str:
    """The book named, the only one there is, or `demo`.

    Raises:
        ConfigError: none was named and there are several, or the books file is wrong.
    """
    from grodt.settings.naming import chosen_book as chosen
    from tasks.wiring import books

    return chosen(books(), name)


def halted_book(name: str | None) -> str:
    """The same for who stops a book: one that has run is known without the books file, which may be wrong, or slow to read."""
    if name is not None:
        with ledger_at_home() as ledger, ledger.read() as tx:
            if runs_of(tx, name, 1):
                return name
    return chosen_book(name)


def calendar_of(book: str) -> "Calendar":
    """The calendar of a book."""
    from tasks.wiring import books

    return books().book(book).exchange


def break_age_days(book: str) -> int | None:
    """After how many days an open break of a book is overdue; None: never."""
    from tasks.wiring import books

    return books().book(book).break_age_days


def charges_bps(book: str) -> Decimal:
    """Of a book's equity, what interest and fees of a session may come to, to be booked by themselves."""
    from tasks.wiring import books

    return books().book(book).charges_bps


@contextmanager
def ledger_at_home() -> Iterator[Ledger]:
    """The ledger of this home, which must be there already.

    Raises:
        ConfigError: there is none.
    """
    where = environment()
    if not where.has_ledger:
        raise ConfigError(f"there is no ledger in {where.home}: run `grodt run` first, or set GRODT_HOME")
    ledger = Ledger.open(where.ledger_url)
    try:
        yield ledger
    finally:
        ledger.close()


def limits_at_home(book: str) -> "InForce":
    """The limits of a book that are in force; those of the books file where this home has no ledger yet."""
    from grodt.ledger.limits import InForce, limits_in_force
    from tasks.wiring import books

    where, file = environment(), books().book(book).limits
    if not where.has_ledger:
        return InForce(0, file, {})
    with ledger_at_home() as ledger, ledger.read() as tx:
        return limits_in_force(tx, book, file)


def lake_at_home(ledger: Ledger) -> "Lake":
    """The lake of this home."""
    from grodt.lake import Lake
    from grodt.ledger.manifest import LedgerManifest

    return Lake(environment().lake, LedgerManifest(ledger))


def require_strategy(book: str, strategy: str) -> None:
    """Refuse a strategy that the book does not have.

    Raises:
        ConfigError: names those it has.
    """
    from grodt.settings.naming import require_strategy as require
    from tasks.wiring import books

    require(books().book(book), strategy)


def require_traded(tx: Read, book: str, symbol: str) -> None:
    """Refuse a symbol that the book can have nothing to do with.

    Raises:
        ConfigError: names the symbol and the nearest ones.
    """
    from grodt.settings.naming import require_traded as require
    from tasks.wiring import books

    require(tx, books().book(book), symbol)


def require_group(book: str, group: str) -> None:
    """Refuse a group that none of the book's instruments is in; `*` stands for each.

    Raises:
        ConfigError: names those there are.
    """
    from grodt.risk.limit_values import EVERY_GROUP
    from tasks.wiring import data_parts

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
