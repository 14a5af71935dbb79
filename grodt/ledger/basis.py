"""What a mark rests on: what the ledger has of a session and of those before it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from grodt.ledger.entries import Holding
from grodt.ledger.marks import Mark, latest_mark
from grodt.ledger.postings import cash, deposited, holdings, receivable
from grodt.ledger.transaction import Read
from grodt.ledger.valuation import Close, value_book
from grodt.money import Micros


@dataclass(frozen=True, slots=True)
class Basis:
    """A book as it stands in a session: without what is booked in later ones, which is of their marks.

    Attributes:
        book, session: whose and when.
        holdings: positions by symbol, ascending.
        cash, receivable: micros.
        previous: the mark of the close before; None: there is none.
        flows: deposits less withdrawals since that mark, micros.
    """

    book: str
    session: date
    holdings: Mapping[str, Holding]
    cash: Micros
    receivable: Micros
    previous: Mark | None
    flows: Micros

    def value(self, closes: Mapping[str, Close]) -> Mark:
        """The mark at those closes; see `value_book`."""
        return value_book(
            self.book,
            self.session,
            holdings=self.holdings,
            cash=self.cash,
            receivable=self.receivable,
            closes=closes,
            previous=self.previous,
            flows=self.flows,
        )


def basis_of(tx: Read, book: str, session: date) -> Basis:
    """What the mark of a session rests on.

    Money that people bring in or take out once a session is marked is of the next one, though the run that marked it may still be at
    work and mark it again. So nothing of a later session counts here, and marking again says what it said.
    """
    previous = latest_mark(tx, book, before=session)
    return Basis(
        book,
        session,
        holdings(tx, book, session),
        cash(tx, book, session),
        receivable(tx, book, session),
        previous,
        deposited(tx, book, None if previous is None else previous.session, session),
    )
