"""What moves an account's cash apart from fills, as a broker tells it."""

from dataclasses import dataclass
from datetime import date
from typing import Literal

from grodt.money import MICROS_PER_CENT, Micros, decimal

#: `transfer`: in or out of the account, or between accounts; `action`: what a split, merger or delisting pays; `unknown`: none of these,
#: or nobody here knows.
ActivityKind = Literal["interest", "fee", "dividend", "transfer", "action", "unknown"]


@dataclass(frozen=True, slots=True)
class CashActivity:
    """A movement of an account's cash that is no fill.

    Attributes:
        activity_id: the broker's, unique for ever; activities are deduplicated by it.
        kind: what it is to us.
        code: what it is in the broker's words, such as "FEE TAF".
        amount: micros of cash; below zero it left the account. 0 where it cannot be read.
        session: that it is counted to: its day, or the next session where that is none.
        day: that the broker dates it to.
        symbol: that it is about; "" where the broker names none.
        words: the broker's, beside the code.
        unreadable: what the broker told that cannot be read; "" as a rule.
    """

    activity_id: str
    kind: ActivityKind
    code: str
    amount: Micros
    session: date
    day: date
    symbol: str = ""
    words: str = ""
    unreadable: str = ""

    def __str__(self) -> str:
        amount = "an amount that cannot be read" if self.unreadable else f"{in_usd(self.amount)} USD"
        about = ", ".join(filter(None, (self.symbol, self.words)))
        return f"{self.code} {amount} on {self.day}{f' ({about})' if about else ''}, activity {self.activity_id}"

    @property
    def may_be_booked(self) -> bool:
        """Whether it is of a kind that is booked by itself: what an account earns and is charged, read in whole."""
        return self.kind in ("interest", "fee") and not self.unreadable and self.amount != 0


def in_usd(amount: int) -> str:
    """An amount for people, exactly: with two decimals, or as many more as it has."""
    return f"{decimal(amount):,.2f}" if amount % MICROS_PER_CENT == 0 else f"{decimal(amount).normalize():,f}"
