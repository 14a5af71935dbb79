"""Corporate actions on a book's positions.

The rule, the same as the paper broker's: what a dividend or a delisting pays is computed on the shares held at the previous close, so
before a split of the same date; then splits change the shares; then a delisting removes what is left. Last come the payments due.
"""

from datetime import date, datetime

from sqlalchemy import func, insert, select

from grodt.bars.corporate_actions import CorporateAction
from grodt.bars.market import SessionMarket
from grodt.errors import DataError
from grodt.ledger.entries import (
    Entry,
    Holding,
    delisting_entry,
    dividend_entry,
    dividend_payment_entry,
    dividend_payment_id,
    has_fraction,
    is_paid_at_once,
    split_entry,
)
from grodt.ledger.postings import holding, holdings, post, unpaid_dividends
from grodt.ledger.tables import applied_sessions, dividends, fills
from grodt.ledger.transaction import Read, Write
from grodt.money import Micros


def apply_actions(tx: Write, book: str, market: SessionMarket, run_id: str, now: datetime) -> int:
    """Apply the actions of a session to what the book held at the close before it, then pay the dividends due.

    Applying a session again changes nothing.

    Returns:
        Number of entries booked, also when they were booked before.

    Raises:
        ValueError: a later session's actions are applied, or fills of this session are booked, already.
        DataError: a split leaves a fraction and the market has no previous close to pay it at.
    """
    done = select(applied_sessions.c.entries).where(applied_sessions.c.book == book, applied_sessions.c.session == market.session)
    known = tx.connection.execute(done).scalar_one_or_none()
    if known is not None:
        return int(known)
    _require_in_order(tx, book, market.session)
    before = holdings(tx, book)
    booked = 0
    for kind in ("dividend", "split", "delisting"):
        for action in market.actions:
            if action.kind == kind and action.symbol in before:
                entry = _entry(tx, action, book, market, before[action.symbol])
                if entry is not None:
                    post(tx, entry, run_id, now)
                    _keep_dividend(tx, action, book, entry)
                    booked += 1
    for symbol, ex_date, pay_date, amount in unpaid_dividends(tx, book):
        if pay_date <= market.session:
            post(tx, dividend_payment_entry(book, symbol, ex_date, amount, market.session), run_id, now)
            booked += 1
    tx.connection.execute(
        insert(applied_sessions).values(book=book, session=market.session, entries=booked, run_id=run_id, recorded_at=now)
    )
    return booked


def applied(tx: Read, book: str) -> date | None:
    """The latest session whose actions are applied; None before the first."""
    query = select(func.max(applied_sessions.c.session)).where(applied_sessions.c.book == book)
    latest: date | None = tx.connection.execute(query).scalar_one()
    return latest


def _entry(tx: Read, action: CorporateAction, book: str, market: SessionMarket, before: Holding) -> Entry | None:
    match action.kind:
        case "dividend":
            return dividend_entry(action, book, before.quantity)
        case "split":
            return split_entry(action, book, before, _previous_close(action, book, market, before.quantity))
        case "delisting":
            return delisting_entry(action, book, holding(tx, book, action.symbol), before.quantity)


def _previous_close(action: CorporateAction, book: str, market: SessionMarket, quantity: int) -> Micros:
    price = market.previous_close.get(action.symbol, Micros(0))
    if price < 1 and has_fraction(quantity, action):
        raise DataError(
            f"{action.symbol} {market.session}: the {action.ratio_new}:{action.ratio_old} split leaves book {book} a fraction of a share "
            "and no close before it is known to pay it at; ingest the bars before it, then run this again"
        )
    return price


def _keep_dividend(tx: Write, action: CorporateAction, book: str, entry: Entry) -> None:
    if action.kind != "dividend" or is_paid_at_once(action):
        return
    tx.connection.execute(
        insert(dividends).values(
            entry_id=entry.entry_id,
            payment_id=dividend_payment_id(book, action.symbol, action.ex_date),
            book=book,
            symbol=action.symbol,
            ex_date=action.ex_date,
            pay_date=action.pay_date,
            amount=entry.postings[0].amount,
        )
    )


def _require_in_order(tx: Read, book: str, session: date) -> None:
    latest = applied(tx, book)
    if latest is not None and latest > session:
        raise ValueError(f"book {book}: actions of {session} cannot be applied after those of {latest}")
    filled = select(func.max(fills.c.session)).where(fills.c.book == book)
    last_fill = tx.connection.execute(filled).scalar_one()
    if last_fill is not None and last_fill >= session:
        raise ValueError(f"book {book}: actions of {session} come before its fills, and one of {last_fill} is booked already")
