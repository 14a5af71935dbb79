"""What people look at at the desk: the rows of the command line's `--json`."""

from datetime import date
from decimal import Decimal
from typing import Any

from grodt.desk.parts import Parts
from grodt.errors import NotFound
from grodt.ledger.acts import still_waiting
from grodt.ledger.breaks import OpenBreak, all_breaks, find_break, open_breaks
from grodt.ledger.cancels import cancels_of
from grodt.ledger.halts import all_halts
from grodt.ledger.limits import limit_history, limits_in_force
from grodt.ledger.manifest import snapshot
from grodt.ledger.planned import orders_and_plans, orders_in_words
from grodt.ledger.requests import find_request, waiting
from grodt.ledger.runs import latest_close, runs_in, runs_of
from grodt.ledger.unit import Read
from grodt.reports.limits_in_use import limits_in_use
from grodt.reports.rows import break_row, change_row, halt_row, limit_row, order_rows, position_rows, request_row
from grodt.reports.status import Status, status_of
from grodt.reports.strategy_rows import strategy_rows
from grodt.risk.limit_values import require_name

type Rows = list[dict[str, Any]]


def statuses(tx: Read, desk: Parts, book: str | None = None) -> list[Status]:
    """That book, or every one of the books file, by name."""
    books = desk.books()
    names = sorted(books.books) if book is None else [books.book(book).name]
    return [status_of(tx, name, desk.now(), books.book(name).break_age_days) for name in names]


def waiting_rows(tx: Read, desk: Parts, book: str | None) -> Rows:
    """What waits for people and can still take effect."""
    return [request_row(each) for each in still_waiting(tx, waiting(tx, desk.now(), book))]


def request_rows(tx: Read, desk: Parts, request_id: str) -> dict[str, Any]:
    """One request, whatever it came to.

    Raises:
        NotFound: there is none.
    """
    found = find_request(tx, request_id)
    return request_row(found) | {"state": found.state(desk.now()), "orders": orders_in_words(tx, found, desk.now()) or None}


def halt_rows(tx: Read, desk: Parts, book: str | None, *, everything: bool) -> Rows:
    """Halts that hold, or every one there was, newest first."""
    now = desk.now()
    found = [each for each in all_halts(tx, book) if everything or each.holds(now)]
    return [halt_row(each, cancels_of(tx, each.halt_id), now) for each in found]


def positions_of(tx: Read, desk: Parts, book: str) -> tuple[date | None, Rows]:
    """What a book held at the close of the last session that is done, and that session."""
    done = latest_close(tx, book)
    if done is None:
        return None, []
    return done.session, position_rows(desk.lake, snapshot(tx, tables=["positions"], session=done.session), book, done.session)


def strategies_of(tx: Read, desk: Parts, book: str, strategy: str | None) -> Rows:
    """What each strategy of a book, or one of them, holds and has earned, with everything that is booked.

    Raises:
        NotFound: that one has traded nothing.
    """
    _, positions = positions_of(tx, desk, book)
    rows = strategy_rows(tx, book, {row["symbol"]: Decimal(str(row["price"])) for row in positions}, strategy)
    if strategy is not None and not rows:
        raise NotFound(f"strategy {strategy!r} of book {book} has traded nothing; without one, those that have are listed")
    return rows


def orders_of(tx: Read, desk: Parts, book: str, session: date | None) -> Rows:
    """Orders that a session decided, with those that people are asked about; the book's latest session if none is named."""
    if session is None:
        session = next((run.session for run in runs_of(tx, book, 1)), None)
    return [] if session is None else order_rows(tx, orders_and_plans(tx, book, session, desk.now()), runs_in(tx, book, session))


def limits_of(tx: Read, desk: Parts, book: str) -> Rows:
    """Limits in force and how much of each the book uses."""
    found = limits_in_use(tx, book, limits_in_force(tx, book, desk.books().book(book).limits))
    return [limit_row(each, found.run.run_id if found.run else None) for each in found.limits]


def limit_changes_of(tx: Read, book: str, name: str | None) -> Rows:
    """Who set which limit, oldest first.

    Raises:
        ConfigError: there is no such limit.
    """
    return [change_row(each) for each in limit_history(tx, book, None if name is None else require_name(name))]


def break_of(tx: Read, desk: Parts, break_id: int) -> dict[str, Any]:
    """One break.

    Raises:
        NotFound: there is none.
    """
    found = find_break(tx, break_id)
    return _break_row(tx, desk, found)


def breaks_of(tx: Read, desk: Parts, book: str, *, everything: bool) -> Rows:
    """Differences from the broker that are open, or every one there was."""
    found = all_breaks(tx, book) if everything else open_breaks(tx, book)
    return [_break_row(tx, desk, each) for each in found]


def _break_row(tx: Read, desk: Parts, each: OpenBreak) -> dict[str, Any]:
    now, days = desk.now(), desk.books().book(each.book).break_age_days
    return break_row(tx, each, now) | {"overdue": each.is_overdue(days, now)}
