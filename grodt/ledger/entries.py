"""Entries: what each event does to the accounts, as pure functions. Double entry: every entry sums to zero per asset.

Accounts of a book (debits are positive):

| account | asset | of a symbol | holds |
|---|---|---|---|
| position | shares | yes | shares held, negative when short |
| market | shares | yes | the other side of `position` |
| cash | currency | | cash |
| cost | currency | yes | what the position cost; negative for a short: its proceeds |
| receivable | currency | yes | dividends past their ex date and not yet paid |
| commission | currency | yes | paid |
| borrow | currency | yes | paid for borrowed shares |
| dividend, realised | currency | yes | income, so a gain is negative; a dividend that people booked has no symbol |
| interest | currency | | earned by the account's cash, negative; what it paid is positive |
| fee | currency | | charged to the account apart from fills |
| capital | currency | | deposits less withdrawals, negative |
| correction | currency | shares: yes | what corrections lost; a gain is negative |

A position is held at average cost. What closes a position relieves its cost pro rata, rounded half-even to a micro; what opens
one adds to it; a trade through zero does both. A split changes shares and leaves the cost as it is; a change of symbol moves shares and
cost to the new symbol, and leaves under the old one what was earned and is owed under it.

The id of an entry is a pure function of its event, so an event that is booked twice is booked once.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal, NamedTuple

from grodt.bars.corporate_actions import CorporateAction, entitlement, split
from grodt.errors import ConfigError
from grodt.money import Micros, divide_half_even
from grodt.orders.fill import Fill
from grodt.orders.order import Side

EntryKind = Literal[
    "deposit",
    "fill",
    "split",
    "dividend",
    "dividend_payment",
    "delisting",
    "symbol_change",
    "borrow_cost",
    "withdrawal",
    "correction",
    "interest",
    "fee",
]
Account = Literal[
    "position",
    "market",
    "cash",
    "cost",
    "receivable",
    "commission",
    "borrow",
    "dividend",
    "realised",
    "capital",
    "correction",
    "interest",
    "fee",
]

SHARES = "shares"
CURRENCY = "USD"
_INT64_MAX = 2**63 - 1
_encode = json.JSONEncoder(separators=(",", ":")).encode


class Posting(NamedTuple):
    """One line of an entry.

    Attributes:
        account: see the module.
        asset: a currency code (the amount is in micros) or "shares".
        symbol: ticker, "" where the account has none.
        amount: debit positive, never 0.
    """

    account: Account
    asset: str
    symbol: str
    amount: int


@dataclass(frozen=True, slots=True)
class Entry:
    """One event in the books: postings that sum to zero per currency, and per symbol for shares.

    Raises:
        ValueError: they do not, there are none, one is zero or leaves 64 bits.
    """

    entry_id: str
    kind: EntryKind
    book: str
    session: date
    memo: str
    postings: tuple[Posting, ...]

    def __post_init__(self) -> None:
        if not self.postings:
            raise ValueError(f"entry {self.entry_id} moves nothing")
        sums: dict[tuple[str, str], int] = {}
        for posting in self.postings:
            if posting.amount == 0 or abs(posting.amount) > _INT64_MAX:
                raise ValueError(f"entry {self.entry_id}: amount {posting.amount} of {posting.account} is zero or leaves 64 bits")
            key = (posting.asset, posting.symbol if posting.asset == SHARES else "")
            sums[key] = sums.get(key, 0) + posting.amount
        for (asset, symbol), total in sums.items():
            if total != 0:
                raise ValueError(f"entry {self.entry_id} is out of balance by {total} {' '.join(filter(None, (symbol, asset)))}")

    @property
    def digest(self) -> str:
        """SHA-256 of its content, for telling a repetition from a contradiction."""
        return entry_digest(self.entry_id, self.kind, self.book, self.session.isoformat(), self.memo, self.postings)


def entry_digest(entry_id: str, kind: str, book: str, session: str, memo: str, lines: Sequence[tuple[str, str, str, int]]) -> str:
    """The digest of an entry of that content; its session in ISO form, a line as account, asset, symbol, amount."""
    content = [entry_id, kind, book, session, memo, lines]
    return hashlib.sha256(_encode(content).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Holding:
    """A position at average cost: shares (negative when short) and their cost in micros (negative when short)."""

    quantity: int
    cost: Micros

    def after(self, entry: Entry, symbol: str) -> "Holding":
        """What an entry makes of it."""
        quantity, cost = self.quantity, self.cost
        for account, _, of, amount in entry.postings:
            if of == symbol and account == "position":
                quantity += amount
            elif of == symbol and account == "cost":
                cost = Micros(cost + amount)
        return Holding(quantity, cost)


FLAT = Holding(0, Micros(0))


def deposit_entry(book: str, amount: Micros, currency: str, session: date) -> Entry:
    """Cash brought into the book, or taken out of it when negative. One per book and session.

    Raises:
        ConfigError: books are kept in US dollars, and it is another currency.
    """
    if currency != CURRENCY:
        raise ConfigError(f"book {book}: capital is in {currency}, and the ledger keeps {CURRENCY}; give the capital in {CURRENCY}")
    lines = _lines(("cash", currency, "", amount), ("capital", currency, "", -amount))
    return Entry(f"deposit:{book}:{session}", "deposit", book, session, "deposit", lines)


def share_correction_entry(
    entry_id: str, book: str, symbol: str, held: Holding, change: int, price: Micros | None, session: date, reason: str
) -> Entry:
    """Shares that the broker has and we had not, or the other way round.

    Args:
        entry_id, book, symbol, session, reason: of the entry.
        held: the position before it.
        change: signed shares.
        price: what one was paid with, in micros: booked as a fill without commission. None: no cash moved, and the cost stays as it is,
            as in a split; of a position that ends it is a loss.

    Raises:
        ConfigError: no price, and the position opens or turns round, so that its cost cannot be known.
    """
    after = held.quantity + change
    if price is None and (held.quantity == 0 or held.quantity * after < 0):
        raise ConfigError(f"{symbol}: {held.quantity} shares would become {after}, whose cost is not known; say it with --price, a share")
    added = (-held.cost if after == 0 else 0) if price is None else cost_added(held.quantity, held.cost, change, price)
    paid = 0 if price is None else change * price
    lines = _lines(
        ("position", SHARES, symbol, change),
        ("market", SHARES, symbol, -change),
        ("cash", CURRENCY, "", -paid),
        ("cost", CURRENCY, symbol, added),
        ("correction" if price is None else "realised", CURRENCY, symbol, paid - added),
    )
    return Entry(entry_id, "correction", book, session, reason, lines)


def fill_entry(fill: Fill, book: str, held: Holding) -> Entry:
    """A fill against what is held: shares, cash, cost, commission and, for what it closes, the realised profit.

    Args:
        fill: as the broker reported it.
        book: whose.
        held: the symbol's position just before the fill.
    """
    signed = fill.quantity if fill.side is Side.BUY else -fill.quantity
    beside = fill.remainder if fill.side is Side.BUY else -fill.remainder
    added = cost_added(held.quantity, held.cost, signed, fill.price, beside)
    paid = signed * fill.price + beside
    lines = _lines(
        ("position", SHARES, fill.symbol, signed),
        ("market", SHARES, fill.symbol, -signed),
        ("cash", CURRENCY, "", -paid - fill.commission),
        ("cost", CURRENCY, fill.symbol, added),
        ("commission", CURRENCY, fill.symbol, fill.commission),
        ("realised", CURRENCY, fill.symbol, paid - added),
    )
    memo = f"{fill.side} {fill.quantity} {fill.symbol}"
    return Entry(f"fill:{fill.execution_id}", "fill", book, fill.session, memo, lines)


def cost_added(held: int, cost: int, signed: int, price: int, beside: int = 0) -> int:
    """What a fill adds to a position's cost, micros: the price of what it opens, less the cost of what it closes.

    Args:
        held, cost: shares and their cost just before the fill, micros; both negative when short.
        signed: shares, < 0 sold.
        price: micros.
        beside: micros that were paid beside signed · price, negative when earned; they are of what it opens, if it opens anything.
    """
    closing = min(abs(signed), abs(held)) if signed * held < 0 else 0
    opening = signed + closing if signed < 0 else signed - closing
    return opening * price + (beside if opening else 0) - _share_of(cost, closing, abs(held))


def split_id(book: str, action: CorporateAction) -> str:
    """Id of a split's entry."""
    return f"split:{book}:{action.symbol}:{action.ex_date}"


def split_entry(action: CorporateAction, book: str, held: Holding, price_before: Micros) -> Entry | None:
    """A split: shares change, cost stays. A fraction is sold for cash in lieu and relieves its part of the cost.

    Args:
        action: the split.
        book: whose.
        held: the position before the split.
        price_before: last close before the ex date, in micros; of no matter where no fraction arises.

    Returns:
        None when it changes nothing.
    """
    outcome = split(held.quantity, action, price_before)
    whole = abs(held.quantity) * action.ratio_new
    relieved = _share_of(held.cost, whole % action.ratio_old, whole)
    change = outcome.quantity - held.quantity
    lines = _lines(
        ("position", SHARES, action.symbol, change),
        ("market", SHARES, action.symbol, -change),
        ("cash", CURRENCY, "", outcome.cash_in_lieu),
        ("cost", CURRENCY, action.symbol, -relieved),
        ("realised", CURRENCY, action.symbol, relieved - outcome.cash_in_lieu),
    )
    return Entry(split_id(book, action), "split", book, action.ex_date, split_memo(action), lines) if lines else None


def split_memo(action: CorporateAction) -> str:
    """What a split's entry says of its terms."""
    return f"{action.symbol} split {action.ratio_new}:{action.ratio_old}"


def has_fraction(quantity: int, action: CorporateAction) -> bool:
    """Whether a split leaves a fraction of a share."""
    return abs(quantity) * action.ratio_new % action.ratio_old != 0


def dividend_id(book: str, action: CorporateAction) -> str:
    """Id of a dividend's entry."""
    return f"dividend:{book}:{action.symbol}:{action.ex_date}"


def dividend_entry(action: CorporateAction, book: str, entitled: int) -> Entry | None:
    """A dividend on its ex date: owed to us until its pay date, or paid at once where that is none or not later. A short owes it.

    Args:
        action: the dividend.
        book: whose.
        entitled: shares held at the close before the ex date.

    Returns:
        None when it comes to nothing.
    """
    amount = entitlement(entitled, action)
    account: Account = "cash" if is_paid_at_once(action) else "receivable"
    lines = _lines(
        (account, CURRENCY, "" if account == "cash" else action.symbol, amount),
        ("dividend", CURRENCY, action.symbol, -amount),
    )
    memo = f"{action.symbol} dividend on {entitled} shares"
    return Entry(dividend_id(book, action), "dividend", book, action.ex_date, memo, lines) if lines else None


def entitled_by(memo: str) -> int:
    """The shares that a dividend's entry was reckoned on, out of its memo."""
    return int(memo.split()[-2])


def is_paid_at_once(action: CorporateAction) -> bool:
    """Whether a dividend's cash comes on its ex date."""
    return action.pay_date is None or action.pay_date <= action.ex_date


def dividend_payment_id(book: str, symbol: str, ex_date: date) -> str:
    """Id of the entry that pays a dividend."""
    return f"dividend-payment:{book}:{symbol}:{ex_date}"


def dividend_payment_entry(book: str, symbol: str, ex_date: date, amount: Micros, session: date) -> Entry:
    """A dividend's payment, in the first session on or after its pay date: the receivable becomes cash."""
    lines = _lines(("cash", CURRENCY, "", amount), ("receivable", CURRENCY, symbol, -amount))
    memo = f"{symbol} dividend of {ex_date} paid"
    return Entry(dividend_payment_id(book, symbol, ex_date), "dividend_payment", book, session, memo, lines)


def delisting_id(book: str, action: CorporateAction) -> str:
    """Id of a delisting's entry."""
    return f"delisting:{book}:{action.symbol}:{action.ex_date}"


def delisting_entry(action: CorporateAction, book: str, held: Holding, entitled: int) -> Entry | None:
    """A delisting: the position goes, its final value comes as cash.

    Args:
        action: the delisting.
        book: whose.
        held: the position now, after a split of the same date.
        entitled: shares held at the close before the ex date, which the final value is per share of.

    Returns:
        None when nothing is held.
    """
    value = entitlement(entitled, action)
    lines = _lines(
        ("position", SHARES, action.symbol, -held.quantity),
        ("market", SHARES, action.symbol, held.quantity),
        ("cash", CURRENCY, "", value),
        ("cost", CURRENCY, action.symbol, -held.cost),
        ("realised", CURRENCY, action.symbol, held.cost - value),
    )
    return Entry(delisting_id(book, action), "delisting", book, action.ex_date, f"{action.symbol} delisted", lines) if lines else None


def symbol_change_id(book: str, action: CorporateAction) -> str:
    """Id of the entry of a change of symbol."""
    return f"symbol-change:{book}:{action.symbol}:{action.ex_date}"


def symbol_change_entry(action: CorporateAction, book: str, held: Holding, into: Holding) -> Entry | None:
    """A change of symbol: shares and cost go to the new one. What is held under that already is one position with them.

    Where one of the two is short, they close each other as far as they go, and what that earned is realised.

    Args:
        action: the change.
        book: whose.
        held: the position under the old symbol.
        into: the position under the new one.

    Returns:
        None when nothing is held.
    """
    closing = min(abs(held.quantity), abs(into.quantity)) if held.quantity * into.quantity < 0 else 0
    relieved = _share_of(held.cost, closing, abs(held.quantity)) + _share_of(into.cost, closing, abs(into.quantity))
    old, new = action.symbol, action.new_symbol
    lines = _lines(
        ("position", SHARES, old, -held.quantity),
        ("market", SHARES, old, held.quantity),
        ("position", SHARES, new, held.quantity),
        ("market", SHARES, new, -held.quantity),
        ("cost", CURRENCY, old, -held.cost),
        ("cost", CURRENCY, new, held.cost - relieved),
        ("realised", CURRENCY, new, relieved),
    )
    return Entry(symbol_change_id(book, action), "symbol_change", book, action.ex_date, f"{old} is {new}", lines) if lines else None


def borrow_entry(book: str, costs: Mapping[str, Micros], session: date) -> Entry | None:
    """What the shares of short positions cost to borrow for the nights before a session. One per book and session.

    Args:
        book: whose.
        costs: by symbol, ascending, none of them zero.
        session: in which it is charged.

    Returns:
        None when it costs nothing.
    """
    paid = (Posting("borrow", CURRENCY, symbol, cost) for symbol, cost in costs.items())
    lines = (*_lines(("cash", CURRENCY, "", -sum(costs.values()))), *paid)
    return Entry(f"borrow:{book}:{session}", "borrow_cost", book, session, "borrowed shares", lines) if lines else None


def _share_of(cost: int, part: int, whole: int) -> int:
    """`cost · part / whole`, rounded half-even; exactly `cost` for the whole, 0 for nothing."""
    return divide_half_even(cost * part, whole) if part else 0


def _lines(*lines: tuple[Account, str, str, int]) -> tuple[Posting, ...]:
    return tuple(Posting(*line) for line in lines if line[3] != 0)
