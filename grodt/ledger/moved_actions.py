"""Corporate actions that come once more under another ex date: the source has corrected the date of one that is booked.

An action is identified by symbol, kind and ex date, so a corrected date is a second action. The lake takes the former one back where the
source denies it (`grodt.bars.taken_back`); what is booked stays booked. Where the book has one of the same terms near it, the second is
applied neither by the book nor at the paper broker: money is not booked twice by itself. It is a break, which a person works.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from sqlalchemy import ColumnElement, func, select

from grodt.bars.corporate_actions import (
    SAME_DAYS,
    SAME_DIVIDEND_DAYS,
    CorporateAction,
    entitlement,
    is_same_but_date,
    may_be_same,
    split,
)
from grodt.bars.market import SessionMarket
from grodt.ledger.breaks import Break, record_breaks
from grodt.ledger.entries import CURRENCY, SHARES, delisting_id, dividend_id, entitled_by, split_id, split_memo, symbol_change_id
from grodt.ledger.rows import rows_of
from grodt.ledger.tables_breaks import breaks
from grodt.ledger.tables_postings import entries, postings
from grodt.ledger.transaction import Read, Write
from grodt.money import Micros

_ENTRY_ID = {"split": split_id, "dividend": dividend_id, "delisting": delisting_id, "symbol_change": symbol_change_id}
_AS_OF = ", booked as of "
_NEAR = [timedelta(days=days) for days in range(1, SAME_DAYS + 1)]
#: What entries say of their terms; of a dividend's, when it is paid if that is later than its ex date, and what it came to.
_BOOKED = """
    SELECT e.entry_id, e.memo, d.pay_date, coalesce(sum(CASE WHEN p.account = 'dividend' THEN -p.amount ELSE 0 END), 0)
    FROM entries AS e JOIN postings AS p ON p.entry_id = e.entry_id LEFT JOIN dividends AS d ON d.entry_id = e.entry_id
    WHERE e.entry_id IN {keys} GROUP BY e.entry_id, e.memo, d.pay_date
"""


@dataclass(frozen=True, slots=True)
class Moved:
    """An action, and the other ex date that one of the same terms is booked as of."""

    action: CorporateAction
    booked: date


def without_moved(tx: Read, book: str, market: SessionMarket) -> tuple[SessionMarket, tuple[Moved, ...]]:
    """A session's market without the actions that the book has under another ex date, and these.

    It is to be asked before the session is played or booked: broker and book then apply the same. Of a session whose actions are applied it
    says the same as before.
    """
    elsewhere = booked_as_of(tx, book, market.actions)
    moved: list[Moved] = []
    kept: list[CorporateAction] = []
    for action in sorted(market.actions, key=lambda action: action.ex_date):
        # One session may have several ex dates, where those before it are no sessions.
        beside = [each.ex_date for each in kept if is_same_but_date(each, action)]
        booked = beside[0] if beside else elsewhere.get(action)
        if booked is None:
            kept.append(action)
        else:
            moved.append(Moved(action, booked))
    if not moved:
        return market, ()
    held_back = {each.action for each in moved}
    return replace(market, actions=tuple(action for action in market.actions if action not in held_back)), tuple(moved)


def record_moved(tx: Write, book: str, session: date, moved: Iterable[Moved], run_id: str, now: datetime) -> None:
    """Record a break for each that would have come to something. In the transaction that applies the session's others, after them."""
    found = (missed_of(tx, book, each.action, each.booked) for each in moved)
    record_breaks(tx, book, session, [each for each in found if each is not None], run_id, now)


def open_moved(tx: Read, book: str) -> tuple[Break, ...]:
    """The breaks of such actions that no person has resolved yet, oldest first."""
    mine = (breaks.c.book == book, breaks.c.kind == "action", breaks.c.resolved_at.is_(None), breaks.c.symbol.contains(_AS_OF))
    query = select(breaks.c.symbol, breaks.c.ours, breaks.c.theirs).where(*mine).order_by(breaks.c.break_id)
    return tuple(Break("action", row.symbol, row.ours, row.theirs) for row in tx.connection.execute(query))


def is_moved(found: Break) -> bool:
    """Whether a break is of an action that is booked under another ex date."""
    return found.kind == "action" and _AS_OF in found.symbol


def in_words(found: Break, number: int | str) -> str:
    """What such a break is and how it ends, under its number; "" of any other one."""
    if not is_moved(found):
        return ""
    action, _, booked = found.symbol.partition(_AS_OF)
    return (
        f"{action} was not applied: one of the same terms is booked as of {booked}. Where the source has corrected the date, "
        f"`grodt breaks resolve {number} --reason WHY`; where both are real, `grodt breaks correct` the position or cash that the broker "
        "shows first"
    )


def booked_as_of(tx: Read, book: str, actions: Iterable[CorporateAction]) -> dict[CorporateAction, date]:
    """The nearest other ex date as of which the book has an action of the same symbol, kind and terms, of those that have one near.

    Two dividends are of the same terms where they come to the same for the shares that the booked one was paid on.
    """
    others = {action: _other_ids(book, action) for action in actions if action.kind in ("split", "dividend")}
    booked = {
        entry_id: (memo, None if pay_date is None else date.fromisoformat(pay_date), int(amount))
        for entry_id, memo, pay_date, amount in rows_of(tx, _BOOKED, {entry_id for days in others.values() for entry_id in days})
    }

    def is_same(action: CorporateAction, entry_id: str, ex_date: date) -> bool:
        if entry_id not in booked:
            return False
        memo, pay_date, amount = booked[entry_id]
        if not may_be_same(action, ex_date, pay_date):
            return False
        return memo == split_memo(action) if action.kind == "split" else amount == entitlement(entitled_by(memo), action)

    found = {action: [day for entry_id, day in days.items() if is_same(action, entry_id, day)] for action, days in others.items()}
    return {action: days[0] for action, days in found.items() if days}


def missed_of(tx: Read, book: str, action: CorporateAction, booked: date | None) -> Break | None:
    """What our books made of an action under its ex date against what they should have; None where these are equal.

    Args:
        tx: the transaction.
        book: whose.
        action: the action.
        booked: another ex date that one of the same terms is booked as of.
    """
    before = _posted(tx, book, action, SHARES, entries.c.session < action.ex_date)
    this = entries.c.entry_id == _ENTRY_ID[action.kind](book, action)
    if action.kind == "split":
        # The fraction is paid in cash; shares alone tell whether it was applied.
        ours, theirs = before + _posted(tx, book, action, SHARES, this), split(before, action, Micros(0)).quantity
    elif action.kind == "symbol_change":
        ours, theirs = before + _posted(tx, book, action, SHARES, this), 0
    else:
        ours, theirs = _posted(tx, book, action, CURRENCY, this), entitlement(before, action)
    key = f"{action.symbol} {action.kind} {action.ex_date}{'' if booked is None else f'{_AS_OF}{booked}'}"
    return Break("action", key, ours, theirs) if ours != theirs else None


def _other_ids(book: str, action: CorporateAction) -> dict[str, date]:
    """What its entry would be called under other ex dates that it may have been told as, and these, the nearest first."""
    most = SAME_DIVIDEND_DAYS if action.kind == "dividend" and action.pay_date is None else SAME_DAYS
    stem = _ENTRY_ID[action.kind](book, action).removesuffix(f"{action.ex_date}")
    days = [action.ex_date + sign * each for each in _NEAR[:most] for sign in (-1, 1)]
    return {f"{stem}{day}": day for day in days}


def _posted(tx: Read, book: str, action: CorporateAction, asset: str, which: ColumnElement[bool]) -> int:
    """Shares of the symbol, or cash paid and owed, posted by those entries."""
    accounts = ["position"] if asset == SHARES else ["cash", "receivable"]
    about = [postings.c.symbol == action.symbol] if asset == SHARES else []
    query = (
        select(func.coalesce(func.sum(postings.c.amount), 0))
        .join(entries, entries.c.entry_id == postings.c.entry_id)
        .where(postings.c.book == book, postings.c.asset == asset, postings.c.account.in_(accounts), *about, which)
    )
    return int(tx.connection.execute(query).scalar_one())
