"""What a broker has told of an account's cash and is not booked, as evidence of a break of cash, with what to do about each."""

from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import func, select

from grodt.ledger.cash_activities import KeptActivity, kept_activities
from grodt.ledger.tables_postings import entries, postings
from grodt.ledger.transaction import Read
from grodt.money import MICROS_PER_CENT, Micros
from grodt.orders.cash_activity import CashActivity, in_usd

#: Days on either side of a dividend's day at the broker within which the ledger's payment of it is looked for.
_ABOUT = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Says:
    """One activity that is not booked.

    Attributes:
        kept: it, and why it is not.
        ours: of a dividend, what the ledger has of it in cash about that day, micros; None of anything else.
        to_do: how it is booked, in words.
    """

    kept: KeptActivity
    ours: Micros | None
    to_do: str

    def __str__(self) -> str:
        ours = "" if self.ours is None else f"; the ledger has {in_usd(self.ours)} USD of it"
        return f"{self.kept.activity}{ours}: {self.kept.reason}; {self.to_do}"


def account_says(tx: Read, book: str, start: date, end: date) -> tuple[Says, ...]:
    """Activities that are not booked, dated from start to end or kept since start, but for dividends that the ledger has to the cent."""
    found = []
    for kept in kept_activities(tx, book, start, end):
        ours = _dividends(tx, book, kept.activity) if kept.activity.kind == "dividend" and kept.activity.symbol else None
        if ours is None or abs(ours - kept.activity.amount) > MICROS_PER_CENT:
            found.append(Says(kept, ours, _to_do(kept.activity)))
    return tuple(found)


def _dividends(tx: Read, book: str, told: CashActivity) -> Micros:
    """Cash that the ledger has booked as dividends of the symbol about the day."""
    of_symbol = select(postings.c.entry_id).where(
        postings.c.book == book, postings.c.account.in_(["receivable", "dividend"]), postings.c.symbol == told.symbol
    )
    query = (
        select(func.coalesce(func.sum(postings.c.amount), 0))
        .join(entries, entries.c.entry_id == postings.c.entry_id)
        .where(entries.c.book == book, entries.c.kind.in_(["dividend", "dividend_payment"]), entries.c.entry_id.in_(of_symbol))
        .where(entries.c.session.between(told.day - _ABOUT, told.day + _ABOUT), postings.c.account == "cash")
    )
    return Micros(int(tx.connection.execute(query).scalar_one()))


def _to_do(told: CashActivity) -> str:
    if told.kind == "transfer" and not told.unreadable:
        act, amount = ("deposit" if told.amount > 0 else "withdraw"), in_usd(abs(told.amount)).replace(",", "")
        return f"`grodt {act} {amount} --reason WHY`"
    if told.kind == "action":
        return "see `grodt breaks` for the position, and what the source of corporate actions says"
    kind = {"interest": "interest", "fee": "fee", "dividend": "dividend"}.get(told.kind, "KIND")
    return f"`grodt breaks correct NUMBER --as {kind} --reason WHY`"
