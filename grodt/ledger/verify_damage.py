"""Values that no GRODT writes, such as a flipped bit or a hand leaves: a check that meets one fails and says so, and the next one runs."""

import sqlite3
from collections.abc import Callable
from functools import partial
from typing import Any

from sqlalchemy.exc import DBAPIError

from grodt.errors import DataError
from grodt.ledger.sqlite import is_undecodable
from grodt.ledger.transaction import Read
from grodt.ledger.verify_findings import SHOWN, Found, readable

#: What Python makes of a value that is no date, no finite number, or of another kind than its column, or of a row that is not there.
_OF_VALUES = (ValueError, TypeError, LookupError, ArithmeticError, DataError)
#: Of SQLite, that a value or page is wrong; not that the file is busy, away or may not be read. A sum that overflows is its general error.
_OF_SQLITE = {sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_MISMATCH}
#: Classes of PostgreSQL's: data exceptions, and damage that it finds itself.
_OF_POSTGRES = ("22", "XX")


def looked(tx: Read, check: Callable[[], Found], shown: int | None = SHOWN) -> tuple[str, int, tuple[str, ...]]:
    """What a check looked at, how many things, and its first findings with how many there are more.

    Where a damaged value ends the check, that is its last finding, after those it had already: such a check never holds.

    Args:
        tx: the ledger.
        check: may be called twice.
        shown: findings kept; None: all.
    """
    told: Found | None = None
    kept: list[str] = []
    more = 0

    def work() -> None:
        nonlocal told, more
        told, more = None, 0
        kept.clear()
        told = check()
        for finding in told.findings:
            if shown is None or len(kept) < shown:
                kept.append(finding)
            else:
                more += 1

    fault = within(tx, work)
    kept += [f"and {more:,} more"] if more else []
    kept += [fault] if fault else []
    checked, things = ("not to its end", 1) if told is None else (told.checked, told.things)
    return readable(checked), max(things, bool(kept)), tuple(map(readable, kept))


def within(tx: Read, work: Callable[[], None]) -> str:
    """Do that, and say which damaged value ended it or was met on the way; "" where none did.

    Args:
        tx: the ledger.
        work: reads. Where a text of an SQLite file is no UTF-8 it is done anew, and then has that text's bytes as lone surrogates.

    Raises:
        DBAPIError: the database cannot be asked, which says nothing of what is in it.
    """
    try:
        return _once(tx, work)
    except (DBAPIError, tx.connection.dialect.loaded_dbapi.Error) as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        if not is_undecodable(cause):
            raise
    driver: Any = tx.connection.connection.driver_connection
    before, driver.text_factory = driver.text_factory, partial(str, encoding="utf-8", errors="surrogateescape")
    try:
        after = _once(tx, work)
    finally:
        driver.text_factory = before
    return "; ".join(filter(None, (f"it read a text that is no UTF-8: {_words(cause)}", after)))


def _once(tx: Read, work: Callable[[], None]) -> str:
    try:
        with tx.connection.begin_nested():  # a server's transaction is lost otherwise
            work()
    except (DBAPIError, tx.connection.dialect.loaded_dbapi.Error) as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        if not _is_of_values(cause):
            raise
        return f"a damaged value ended the check: {_words(cause)}"
    except _OF_VALUES as error:
        return f"a damaged value ended the check: {type(error).__name__}: {_words(error)}"
    return ""


def _is_of_values(cause: BaseException | None) -> bool:
    if isinstance(cause, sqlite3.Error):
        return getattr(cause, "sqlite_errorcode", sqlite3.SQLITE_MISUSE) & 0xFF in _OF_SQLITE
    return str(getattr(cause, "sqlstate", "") or "")[:2] in _OF_POSTGRES


def _words(cause: BaseException | None) -> str:
    return " ".join(str(cause).split())
