"""At which broker's account a book's orders and positions are. An order that was sent to one account is not looked for at another.

A broker names its account without asking over the network: its kind, and the account's number, or a fingerprint of its key where a number
is not known before it is asked. A book is at one account, that of its first cycle, until nothing of it is left there, or two people say
that what it has is elsewhere.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import bindparam, func, insert, select

from grodt.errors import ConfigError
from grodt.ledger.orders import LedgerOrder, find_orders, orders_at_broker, orders_in, orders_sent, orders_with_unbooked_fills, sent_at
from grodt.ledger.postings import holdings, settled
from grodt.ledger.requests import Request, ask, require_person
from grodt.ledger.tables import run_attempts, runs
from grodt.ledger.tables_accounts import account_changes
from grodt.ledger.transaction import Read, Write
from grodt.orders.states import IN_FLIGHT, OPEN, OrderState

KIND = "account"
#: How long a request for one waits.
TERM = timedelta(hours=24)
#: Orders and positions that a refusal names.
_NAMED = 5
# Asked whenever fills are booked, so it is built once.
_CHANGES = select(account_changes).where(account_changes.c.book == bindparam("of_book")).order_by(account_changes.c.change_id)


@dataclass(frozen=True, slots=True)
class Left:
    """What a book has at its account.

    Attributes:
        orders: that may still trade there, or whose fills are not all booked.
        positions: signed shares by symbol, those that are not zero.
    """

    orders: tuple[LedgerOrder, ...]
    positions: Mapping[str, int]

    def __bool__(self) -> bool:
        """Whether it has anything."""
        return bool(self.orders or self.positions)

    def __str__(self) -> str:
        """In words."""
        orders = [f"order {e.order.client_order_id} ({e.order.side} {e.order.quantity} {e.order.symbol}, {e.state})" for e in self.orders]
        shares = [f"{quantity:,} {symbol}" for symbol, quantity in self.positions.items()]
        named = [part for some in (orders, shares) for part in (*some[:_NAMED], *_more(some))]
        return ", ".join(named) or "nothing"


def account_of(tx: Read, book: str) -> str | None:
    """The account that a book is at; None where no cycle has named one yet."""
    query = select(account_changes.c.account).where(account_changes.c.book == book).order_by(account_changes.c.change_id.desc()).limit(1)
    found: str | None = tx.connection.execute(query).scalar_one_or_none()
    return found


def settled_at(tx: Read, book: str, account: str) -> date | None:
    """The last session that a book has settled, where it is at that account, or none is known yet; None where it is at another."""
    return settled(tx, book) if account_of(tx, book) in (None, account) else None


def accounts(tx: Read) -> dict[str, str]:
    """The account that each book is at, by the book's name; those of which none is known are absent."""
    query = select(account_changes.c.book, account_changes.c.account).order_by(account_changes.c.book, account_changes.c.change_id)
    return dict(tx.connection.execute(query).tuples().all())


def orders_at_account(tx: Read, book: str, most: int) -> dict[str, str]:
    """The ids that the account a book is at has given to its latest orders, by our id, latest first; none of an account of before."""
    return orders_at_broker(tx, book, most, since=_came(tx, book))


def first_session_here(tx: Read, book: str) -> date | None:
    """The session of the first cycle of a book at its account, where it was at another before; None where it was always at this one.

    What the account tells of it, and of sessions before, it may have had before it was the book's. Until there is a cycle: the last session
    that is settled.
    """
    came = _came(tx, book)
    if came is None:
        return None
    attempts = select(runs.c.session).join(run_attempts, run_attempts.c.run_id == runs.c.run_id)
    query = attempts.where(runs.c.book == book, run_attempts.c.started_at >= came).order_by(run_attempts.c.started_at).limit(1)
    first: date | None = tx.connection.execute(query).scalar_one_or_none()
    return first or settled(tx, book)


def sent_elsewhere(tx: Read, book: str, client_order_ids: Iterable[str]) -> dict[str, str]:
    """Those of a book's orders that were sent to another account than the one that it is at, with that account, by our id.

    An id of ours says nothing of who sent the order: one of a book by the same name in another ledger has it too. An account under another
    key, or that two people say has what the book had, is the same one.
    """
    changes = tx.connection.execute(_CHANGES, {"of_book": book}).all()
    if all(change.how != "empty" for change in changes):
        return {}
    same: dict[str, str] = {}
    for change in changes:
        if change.how in ("rekeyed", "people"):
            same[change.account] = same.get(change.account_before, change.account_before)
    here = changes[-1].account
    found = {}
    for key, at in sent_at(tx, client_order_ids).items():
        account = next((change.account for change in reversed(changes) if change.changed_at <= at), changes[0].account)
        if same.get(account, account) != same.get(here, here):
            found[key] = account
    return found


def left_at_account(tx: Read, book: str) -> Left:
    """What a book has at its account, by the ledger."""
    waiting = {each.order.client_order_id: each for each in orders_in(tx, book, {OrderState.APPROVED})}
    sent = orders_sent(tx, waiting)
    unbooked = find_orders(tx, orders_with_unbooked_fills(tx, book))
    known = [*orders_in(tx, book, IN_FLIGHT | OPEN), *(waiting[key] for key in sorted(sent)), *unbooked.values()]
    orders = {each.order.client_order_id: each for each in known}
    return Left(tuple(orders.values()), {symbol: held.quantity for symbol, held in holdings(tx, book).items() if held.quantity})


def keep_account(tx: Write, book: str, account: str, *, proof: str, now: datetime) -> None:
    """Go on at the account that the book is at; record it where none is known yet, or where nothing keeps the book at another.

    Args:
        tx: the transaction that opens a cycle.
        book: whose.
        account: of its broker.
        proof: why this is the account that the book is at, though it goes by another name; "" where nothing says so.
        now: instant.

    Raises:
        ConfigError: the book has orders or positions at another account; names both, and what to do.
    """
    former = account_of(tx, book)
    if former == account:
        return
    if former is None:
        _record(tx, book, None, account, "first", "automatic", "the account of its first cycle that named one", now)
    elif proof:
        _record(tx, book, former, account, "rekeyed", "automatic", proof, now)
    elif left := left_at_account(tx, book):
        raise ConfigError(elsewhere(book, former, account, left, "Nothing was opened"))
    else:
        _record(tx, book, former, account, "empty", "automatic", "nothing was left at the one before", now)


def elsewhere(book: str, former: str, account: str, left: Left, kept: str) -> str:
    """That a book's orders and positions are at another account than its broker's, and what to do. `kept`: what was not done."""
    return (
        f"book {book} is at account {former!r} and its broker is account {account!r} now. It has there: {left}. {kept}, because this "
        "account would be asked for what it never had. Put the former broker or key back and run the book until nothing is open and "
        "nothing held; or, where this account has it all, two people say so, the first with "
        f"`grodt account --book {book} --reason WHY`"
    )


def ask_for_account(tx: Write, book: str, account: str, *, by: str, reason: str, now: datetime) -> Request:
    """Ask for a book to be taken as at its broker's account of now, with all that it has; a second person's word does it.

    Args:
        tx: the transaction.
        book: whose.
        account: of its broker.
        by, reason: who asks and thereby agrees, and why.
        now: instant.

    Raises:
        ConfigError: it is there already, or was nowhere yet; or name or reason is empty.
    """
    former = account_of(tx, book)
    if former is None or former == account:
        when = "already" if former else "from its next cycle on"
        raise ConfigError(f"book {book} is at account {account!r} {when}: there is nothing to ask for")
    subject = {"from": former, "to": account, "left": str(left_at_account(tx, book))}
    person = require_person(by)
    return ask(tx, kind=KIND, book=book, subject=subject, people=2, by=person, reason=reason, now=now, expires_at=now + TERM)


def what_is_asked(request: Request) -> str:
    """What a request asks for, in one line."""
    asked = request.subject
    return f"take the book as at account {asked['to']!r} and no more at {asked['from']!r}, with all it has: {asked['left']}"


def refusal(tx: Read, request: Request) -> str:
    """Why it can no longer be decided; "" where it can."""
    if account_of(tx, request.book) != request.subject["from"]:
        return f"the book is at account {account_of(tx, request.book)!r} by now"
    if str(left_at_account(tx, request.book)) != request.subject["left"]:
        return "what the book has there has changed since; ask for it anew"
    return ""


def carry_out(tx: Write, request: Request, now: datetime) -> str:
    """Record the account; returns what follows."""
    people = " and ".join(request.agreed)
    _record(tx, request.book, request.subject["from"], request.subject["to"], "people", people, request.reason, now)
    return f"book {request.book} is at account {request.subject['to']!r} from now on; its next cycle compares all that it has with it"


def _came(tx: Read, book: str) -> datetime | None:
    """When a book came to its account from another one; None where it never did. Another key of an account is no other account."""
    query = select(func.max(account_changes.c.changed_at)).where(
        account_changes.c.book == book, account_changes.c.how.in_(["empty", "people"])
    )
    came: datetime | None = tx.connection.execute(query).scalar_one()
    return came


def _record(tx: Write, book: str, before: str | None, account: str, how: str, author: str, reason: str, now: datetime) -> None:
    row = {"book": book, "account_before": before, "account": account, "how": how, "author": author, "reason": reason, "changed_at": now}
    tx.connection.execute(insert(account_changes).values(row))


def _more(some: list[str]) -> tuple[str, ...]:
    return (f"{len(some) - _NAMED} more",) if len(some) > _NAMED else ()
