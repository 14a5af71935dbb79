"""The paper brokers' files of a home. Each is an account; where the ledger has settled sessions at it, no new one takes its place."""

from contextlib import closing
from datetime import date
from pathlib import Path

from grodt.brokers.paper import paper_account
from grodt.errors import DataError
from grodt.ledger.accounts import accounts, settled_at
from grodt.ledger.unit import Ledger
from grodt.settings.environment import Environment


def require_paper_file(where: Environment, book: str) -> None:
    """Refuse to open a book's paper account anew where it is lost.

    Raises:
        DataError: the ledger has settled sessions at it, and its file is not there, or empty.
    """
    if _is_there(where.broker_file(book)) or not where.has_ledger:
        return
    with closing(Ledger.open(where.ledger_url)) as ledger, ledger.read() as tx:
        session = settled_at(tx, book, paper_account(book))
    if session is not None:
        raise _lost(where, book, session)


def paper_files(where: Environment, ledger: Ledger) -> dict[str, Path]:
    """The paper brokers' files of a home by their names, of books that it no longer runs too.

    Raises:
        DataError: one at which a book has settled sessions is not there, or empty.
    """
    with ledger.read() as tx:
        at_paper = [book for book, account in accounts(tx).items() if account == paper_account(book)]
        through = {book: session for book in at_paper if (session := settled_at(tx, book, paper_account(book))) is not None}
    for book, session in through.items():
        if not _is_there(where.broker_file(book)):
            raise _lost(where, book, session)
    return {path.name: path for path in where.home.glob("brokers/paper-*.db")}


def _is_there(file: Path) -> bool:
    """Whether it has anything. SQLite's log beside it is nothing without it: SQLite removes the log of a file that is empty."""
    return file.exists() and file.stat().st_size > 0


def _lost(where: Environment, book: str, session: date) -> DataError:
    return DataError(
        f"book {book} has settled session {session}, and its paper broker's file is not there: restore it from a backup, to "
        f"{where.broker_file(book)}, with the ledger of the same instant: `grodt restore` makes a home of both. Without one, that account "
        "is lost: begin anew in another home"
    )
