"""Balances: posting entries, and what the accounts come to. Nothing edits a balance; each is a sum over postings.

The sums are carried on in table `carried` by the transaction that posts, so that reading one costs the same after ten years.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import date, datetime

from sqlalchemy import func, insert, select

from grodt.errors import DataError
from grodt.ledger.columns import day_text, instant_text
from grodt.ledger.entries import (
    CURRENCY,
    FLAT,
    SHARES,
    Account,
    Entry,
    EntryKind,
    Holding,
    Posting,
    delisting_entry,
    deposit_entry,
    dividend_entry,
    dividend_payment_entry,
    fill_entry,
    split_entry,
)
from grodt.ledger.rows import insert_rows, rows_of
from grodt.ledger.tables_postings import carried, dividends, entries, postings, settlements
from grodt.ledger.transaction import Read, Write
from grodt.money import Micros

__all__ = [
    "CURRENCY",
    "FLAT",
    "SHARES",
    "Account",
    "Entry",
    "EntryKind",
    "Holding",
    "Posting",
    "balances",
    "cash",
    "commission_total",
    "delisting_entry",
    "deposit_entry",
    "deposited",
    "dividend_entry",
    "dividend_payment_entry",
    "dividend_total",
    "entries_in",
    "fill_entry",
    "has_deposit",
    "holding",
    "holdings",
    "holdings_of",
    "post",
    "post_all",
    "realised",
    "receivable",
    "record_settlement",
    "settled",
    "split_entry",
    "unpaid_dividends",
]

_DIGESTS = "SELECT entry_id, digest FROM entries WHERE entry_id IN {keys}"
_ENTRY = ("entry_id", "kind", "book", "session", "memo", "digest", "run_id", "recorded_at")
_POSTING = ("entry_id", "line", "book", "account", "asset", "symbol", "amount")
_CARRIED = ("book", "account", "asset", "symbol", "amount")
_CARRY_ON = "ON CONFLICT (book, account, asset, symbol) DO UPDATE SET amount = carried.amount + excluded.amount"
_HOLDINGS = (
    "SELECT symbol, account, amount FROM carried "
    f"WHERE book = ? AND account IN ('position', 'cost') AND asset IN ('{SHARES}', '{CURRENCY}') AND symbol IN {{keys}}"
)


def post(tx: Write, entry: Entry, run_id: str, now: datetime) -> bool:
    """Book an entry.

    Returns:
        False if it is booked already, with the same content.

    Raises:
        DataError: an entry of that id is booked with other content.
    """
    return bool(post_all(tx, [entry], run_id, now))


def post_all(tx: Write, made: Sequence[Entry], run_id: str, now: datetime) -> tuple[Entry, ...]:
    """Book entries of different ids; returns those that were not booked already.

    Raises:
        DataError: one of them is booked with other content; none was booked.
    """
    known = dict(rows_of(tx, _DIGESTS, (entry.entry_id for entry in made)))
    digests = [entry.digest for entry in made]
    for entry, digest in zip(made, digests, strict=True):
        if known.get(entry.entry_id, digest) != digest:
            raise DataError(
                f"entry {entry.entry_id} of book {entry.book} is booked with other content; the event was reported twice and differently: "
                "compare `grodt positions` and `grodt orders` with the broker's statement, then run the cycle again"
            )
    new = [(entry, digest) for entry, digest in zip(made, digests, strict=True) if entry.entry_id not in known]
    if new:
        at = instant_text(now)
        rows = [(e.entry_id, e.kind, e.book, day_text(e.session), e.memo, digest, run_id, at) for e, digest in new]
        lines = [
            (entry.entry_id, number, entry.book, posting.account, posting.asset, posting.symbol, posting.amount)
            for entry, _ in new
            for number, posting in enumerate(entry.postings)
        ]
        moved: dict[tuple[str, str, str, str], int] = {}
        for line in lines:
            key = line[2:6]
            moved[key] = moved.get(key, 0) + line[6]
        insert_rows(tx, entries, _ENTRY, rows)
        insert_rows(tx, postings, _POSTING, lines)
        insert_rows(tx, carried, _CARRIED, [(*key, amount) for key, amount in sorted(moved.items())], clash=_CARRY_ON)
    return tuple(entry for entry, _ in new)


def balances(
    tx: Read, book: str, accounts: Collection[Account] | None = None, until: date | None = None
) -> dict[tuple[str, str, str], int]:
    """Sums by (account, asset, symbol), ascending, zeros left out; shares, or micros of the currency. Debits are positive.

    Args:
        tx: a transaction.
        book: whose.
        accounts: which; None: all.
        until: without what is booked in later sessions than this one; None: all that is booked.
    """
    keys = (carried.c.account, carried.c.asset, carried.c.symbol)
    query = select(*keys, carried.c.amount).where(carried.c.book == book, carried.c.amount != 0).order_by(*keys)
    mine = query if accounts is None else query.where(carried.c.account.in_(accounts))
    found = {(account, asset, symbol): amount for account, asset, symbol, amount in tx.connection.execute(mine)}
    later = {} if until is None else _booked_after(tx, book, until, accounts)
    if not later:
        return found
    sums = {key: found.get(key, 0) - later.get(key, 0) for key in sorted(found.keys() | later.keys())}
    return {key: amount for key, amount in sums.items() if amount}


def holdings(tx: Read, book: str, until: date | None = None) -> dict[str, Holding]:
    """Positions by symbol, ascending; flat ones are absent. `until`: as `balances` has it."""
    found = balances(tx, book, ("position", "cost"), until)
    return {
        symbol: Holding(amount, Micros(found.get(("cost", CURRENCY, symbol), 0)))
        for (account, _, symbol), amount in found.items()
        if account == "position"
    }


def holding(tx: Read, book: str, symbol: str) -> Holding:
    """The position in one symbol, flat where there is none."""
    return holdings_of(tx, book, [symbol]).get(symbol, FLAT)


def holdings_of(tx: Read, book: str, symbols: Iterable[str]) -> dict[str, Holding]:
    """The positions in some symbols; those never held are absent."""
    found: dict[str, dict[str, int]] = {}
    for symbol, account, amount in rows_of(tx, _HOLDINGS, symbols, book):
        found.setdefault(symbol, {})[account] = amount
    return {symbol: Holding(sums.get("position", 0), Micros(sums.get("cost", 0))) for symbol, sums in found.items()}


def cash(tx: Read, book: str, until: date | None = None) -> Micros:
    """Cash of the book. `until`: as `balances` has it."""
    return _total(tx, book, "cash", until)


def receivable(tx: Read, book: str, until: date | None = None) -> Micros:
    """Dividends past their ex date and not yet paid; negative where a short owes them. `until`: as `balances` has it."""
    return _total(tx, book, "receivable", until)


def realised(tx: Read, book: str) -> Micros:
    """Profit of what was closed, before commission; a gain is positive."""
    return Micros(-_total(tx, book, "realised"))


def commission_total(tx: Read, book: str) -> Micros:
    """Commission paid; a cost is positive."""
    return _total(tx, book, "commission")


def dividend_total(tx: Read, book: str) -> Micros:
    """Dividends past their ex date, paid or not; income is positive."""
    return Micros(-_total(tx, book, "dividend"))


def has_deposit(tx: Read, book: str) -> bool:
    """Whether money was ever brought into the book, however much of it was taken out since."""
    found = select(entries.c.entry_id).where(entries.c.book == book, entries.c.kind == "deposit").limit(1)
    return tx.connection.execute(found).first() is not None


def deposited(tx: Read, book: str, after: date | None, until: date | None) -> Micros:
    """Deposits less withdrawals of the sessions after one (None: from the first on) up to another (None: all that are booked)."""
    query = (
        select(func.coalesce(func.sum(postings.c.amount), 0))
        .join(entries, entries.c.entry_id == postings.c.entry_id)
        .where(postings.c.book == book, postings.c.account == "capital")
        .where(*(() if until is None else (entries.c.session <= until,)), *(() if after is None else (entries.c.session > after,)))
    )
    return Micros(-tx.connection.execute(query).scalar_one())


def unpaid_dividends(tx: Read, book: str) -> tuple[tuple[str, date, date, Micros], ...]:
    """Dividends that wait for their payment, as (symbol, ex date, pay date, amount), earliest pay date first."""
    paid = select(entries.c.entry_id).where(entries.c.entry_id == dividends.c.payment_id).exists()
    query = (
        select(dividends.c.symbol, dividends.c.ex_date, dividends.c.pay_date, dividends.c.amount)
        .where(dividends.c.book == book, ~paid)
        .order_by(dividends.c.pay_date, dividends.c.symbol, dividends.c.ex_date)
    )
    return tuple((symbol, ex, pay, Micros(amount)) for symbol, ex, pay, amount in tx.connection.execute(query))


def entries_in(tx: Read, book: str, session: date) -> tuple[Entry, ...]:
    """The entries of a session, by id."""
    query = (
        select(entries, postings.c.account, postings.c.asset, postings.c.symbol, postings.c.amount)
        .join(postings, postings.c.entry_id == entries.c.entry_id)
        .where(entries.c.book == book, entries.c.session == session)
        .order_by(entries.c.entry_id, postings.c.line)
    )
    found: dict[str, Entry] = {}
    lines: dict[str, list[Posting]] = {}
    rows = tx.connection.execute(query).all()
    for row in rows:
        lines.setdefault(row.entry_id, []).append(Posting(row.account, row.asset, row.symbol, row.amount))
    for row in rows:
        if row.entry_id not in found:
            found[row.entry_id] = Entry(row.entry_id, row.kind, row.book, row.session, row.memo, tuple(lines[row.entry_id]))
    return tuple(found.values())


def settled(tx: Read, book: str) -> date | None:
    """The latest session whose actions and fills are booked and reconciled; None before the first."""
    latest: date | None = tx.connection.execute(select(func.max(settlements.c.session)).where(settlements.c.book == book)).scalar_one()
    return latest


def record_settlement(tx: Write, book: str, session: date, run_id: str, now: datetime) -> None:
    """Note that a session is settled. Noting it again changes nothing.

    Raises:
        ValueError: a later session is settled already.
    """
    known = select(settlements.c.session).where(settlements.c.book == book, settlements.c.session == session)
    if tx.connection.execute(known).first() is not None:
        return
    latest = settled(tx, book)
    if latest is not None and latest > session:
        raise ValueError(f"book {book}: session {session} cannot be settled after {latest}")
    tx.connection.execute(insert(settlements).values(book=book, session=session, run_id=run_id, recorded_at=now))


def _total(tx: Read, book: str, account: Account, until: date | None = None) -> Micros:
    query = select(func.coalesce(func.sum(carried.c.amount), 0)).where(
        carried.c.book == book, carried.c.account == account, carried.c.asset == CURRENCY
    )
    later = {} if until is None else _booked_after(tx, book, until, (account,))
    return Micros(tx.connection.execute(query).scalar_one() - sum(amount for (_, asset, _), amount in later.items() if asset == CURRENCY))


def _booked_after(tx: Read, book: str, session: date, accounts: Collection[Account] | None) -> dict[tuple[str, str, str], int]:
    """What is booked in later sessions, as `balances` has it: nothing, or little, for a session that is valued in its turn."""
    keys = (postings.c.account, postings.c.asset, postings.c.symbol)
    query = (
        select(*keys, func.sum(postings.c.amount))
        .join(entries, entries.c.entry_id == postings.c.entry_id)
        .where(entries.c.book == book, entries.c.session > session)
        .group_by(*keys)
    )
    mine = query if accounts is None else query.where(postings.c.account.in_(accounts))
    return {(account, asset, symbol): int(amount) for account, asset, symbol, amount in tx.connection.execute(mine)}
