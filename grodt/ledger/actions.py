"""What happens to a book's positions between two sessions: the cost of borrowed shares, and corporate actions.

First the shares of short positions are paid for. Then the rule, the same as the paper broker's, for each ex date: what a dividend or a
delisting pays is computed on the shares held before it, so before a split of the same date; then splits change the shares; then a
delisting removes what is left; then what changes its symbol goes to the new one. Last come the payments due. A dividend stays owed
under the symbol it was declared under.
"""

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import func, insert, select

from grodt.bars.corporate_actions import ActionKind, CorporateAction, by_ex_date, closes_after
from grodt.bars.market import SessionMarket
from grodt.errors import DataError
from grodt.ledger.entries import (
    FLAT,
    Entry,
    Holding,
    borrow_entry,
    delisting_entry,
    dividend_entry,
    dividend_payment_entry,
    dividend_payment_id,
    has_fraction,
    is_paid_at_once,
    split_entry,
    symbol_change_entry,
)
from grodt.ledger.halts import active, halt
from grodt.ledger.postings import holding, holdings, post, unpaid_dividends
from grodt.ledger.tables_postings import applied_sessions, dividends, fills
from grodt.ledger.transaction import Read, Write
from grodt.money import Micros
from grodt.orders.borrowing import borrow_costs


def charge_borrowing(tx: Write, book: str, market: SessionMarket, borrow_bps: Decimal, run_id: str, now: datetime) -> bool:
    """Charge what the shares of short positions cost for the nights since the session before. To be called before its actions are applied.

    Returns:
        Whether it came to anything.

    Raises:
        ValueError: the session's actions, or fills of it, are booked already.
        DataError: a short position has no close before the session.
    """
    if not borrow_bps:
        return False
    _require_in_order(tx, book, market.session)
    held = {symbol: own.quantity for symbol, own in holdings(tx, book).items()}
    entry = borrow_entry(book, borrow_costs(held, market.previous_close, market.session, market.nights, borrow_bps), market.session)
    return entry is not None and post(tx, entry, run_id, now)


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
    booked = 0
    closes = dict(market.previous_close)
    for actions in by_ex_date(market.actions):
        for action, entry in _entries(tx, book, market.session, actions, closes):
            post(tx, entry, run_id, now)
            _keep_dividend(tx, action, book, entry)
            booked += 1
        _carry_halts(tx, book, actions["symbol_change"], now)
        closes = closes_after(closes, actions)
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


def _entries(
    tx: Read, book: str, session: date, actions: Mapping[ActionKind, Mapping[str, CorporateAction]], closes: Mapping[str, Micros]
) -> Iterator[tuple[CorporateAction, Entry]]:
    """What the actions of one ex date do to the book. Each entry is to be posted before the next one is asked for."""
    before = holdings(tx, book)
    made: Entry | None
    for kind, of_kind in actions.items():
        for action in (action for symbol, action in of_kind.items() if symbol in before and kind != "symbol_change"):
            quantity = before[action.symbol].quantity
            if kind == "dividend":
                made = dividend_entry(action, book, quantity)
            elif kind == "split":
                made = split_entry(action, book, before[action.symbol], _price(action, book, session, closes, quantity))
            else:
                made = delisting_entry(action, book, holding(tx, book, action.symbol), quantity)
            if made is not None:
                yield action, made
    changes = [action for symbol, action in actions["symbol_change"].items() if symbol in before]
    if not changes:
        return
    left = holdings(tx, book)
    leaving = {action.symbol for action in changes}
    held = {symbol: own for symbol, own in left.items() if symbol not in leaving}
    for action in changes:
        made = symbol_change_entry(action, book, left.get(action.symbol, FLAT), held.get(action.new_symbol, FLAT))
        if made is not None:
            cost = sum(line.amount for line in made.postings if line.account == "cost" and line.symbol == action.new_symbol)
            into = held.get(action.new_symbol, FLAT)
            held[action.new_symbol] = Holding(into.quantity + left[action.symbol].quantity, Micros(into.cost + cost))
            yield action, made


def _carry_halts(tx: Write, book: str, changes: Mapping[str, CorporateAction], now: datetime) -> None:
    """A halt of a symbol holds for its company under the new one, held or not."""
    for each in active(tx, book, now) if changes else ():
        if each.scope == "symbol" and each.symbol in changes:
            reason = f"{each.reason} (of {each.symbol} before it changed its symbol)"
            halt(
                tx,
                scope="symbol",
                book=book,
                symbol=changes[each.symbol].new_symbol,
                side=each.side,
                kind=each.kind,
                control=each.control,
                keep_orders=each.keep_orders,
                reason=reason,
                author=each.author,
                now=now,
                expires_at=each.expires_at,
            )


def _price(action: CorporateAction, book: str, session: date, closes: Mapping[str, Micros], quantity: int) -> Micros:
    price = closes.get(action.symbol, Micros(0))
    if price < 1 and has_fraction(quantity, action):
        raise DataError(
            f"{action.symbol} {session}: the {action.ratio_new}:{action.ratio_old} split leaves book {book} a fraction of a share "
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
