"""Whether a basket may be sent: nobody need be asked, or what people have said."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from grodt.execution.stopping import require_heeded
from grodt.ledger.basket_requests import current_request, record_approved
from grodt.ledger.baskets import approve_basket, basket_of
from grodt.ledger.halts import Halt
from grodt.ledger.leases import Lease
from grodt.ledger.requests import Request, RequestState, find_request
from grodt.ledger.runs import Run
from grodt.ledger.unit import Ledger, Read
from grodt.orders.basket import Basket


@dataclass(frozen=True, slots=True)
class Answer:
    """Whether a run's basket may be sent.

    Attributes:
        state: approved, waiting, rejected or expired.
        request: what people were asked; None where nobody was: approved automatically, or too late to ask anybody.
    """

    state: RequestState
    request: Request | None = None

    @property
    def rows(self) -> int:
        """People who have agreed."""
        return 0 if self.request is None else len(self.request.agreed)

    @property
    def words(self) -> tuple[str, ...]:
        """Who said what of it, and why, first one first."""
        said = () if self.request is None else self.request.decisions
        return tuple(f"{each.person}, {each.at:%Y-%m-%d %H:%M} UTC: {each.verdict}, {each.reason}" for each in said)

    def __str__(self) -> str:
        """In one line, for people."""
        made = self.request
        if made is None:
            if self.state == "approved":
                return "approved automatically"
            return "the basket needs people, and its latest send time was over before anybody could be asked; nothing of it was sent"
        basket = f"basket {made.short} of book {made.book}"
        match self.state:
            case "approved":
                return f"{basket} is approved by {' and '.join(made.agreed)}"
            case "rejected":
                last = made.decisions[-1]
                return f"{basket} was rejected by {last.person}: {last.reason}; nothing of it was sent"
            case "expired":
                missing = f"{made.missing} of {made.people} had not agreed" if made.people > 1 else "nobody had agreed"
                return f"{basket} expired at {made.expires_at:%Y-%m-%d %H:%M} UTC, when {missing}; nothing of it was sent"
            case "waiting":
                agreed = f" ({' and '.join(made.agreed)} agreed)" if made.agreed else ""
                who = "1 person" if made.missing == 1 else f"{made.missing} people"
                return (
                    f"{basket} waits for {who}{agreed} until {made.expires_at:%Y-%m-%d %H:%M} UTC: "
                    f"grodt approve {made.short} --reason WHY, or grodt reject {made.short} --reason WHY; then run the cycle again"
                )


def answer_of(tx: Read, run: Run, now: datetime) -> Answer | None:
    """What has been said of a run's basket so far; None where it has neither made one nor asked about one."""
    made = basket_of(tx, run.run_id)
    if made is not None and not made.basis:
        return Answer("approved")
    asked = find_request(tx, made.hash) if made is not None else current_request(tx, run)
    return None if asked is None else Answer(asked.state(now), asked)


def find_answer(
    ledger: Ledger, lease: Lease | None, basket: Basket, run: Run, *, asked: Request | None, decided_with: Iterable[Halt], now: datetime
) -> Answer:
    """What has been said of the run's basket, and with the last word needed the basket and its approvals in the ledger.

    A basket that was committed without asking anybody is approved automatically.

    Args:
        ledger: the book of record.
        lease: the book's; the write checks it.
        basket: as risk approved it.
        run: whose.
        asked: what people were asked about it by this run, in this attempt or before; None: nothing.
        decided_with: halts that were active when it was decided.
        now: instant.

    Raises:
        DataError: the orders are not what was approved.
        HaltActive: a strategy was halted since it was decided; nothing is committed.
    """
    with ledger.write(lease) as tx:
        made = basket_of(tx, run.run_id)
        if made is not None and not made.basis:
            approve_basket(tx, made.hash, "automatic", now)
            return Answer("approved")
        if made is not None:
            return Answer("approved", find_request(tx, made.hash))
        if asked is None:
            return Answer("expired")
        asked = find_request(tx, asked.request_id)
        state = asked.state(now)
        if state == "approved":
            require_heeded(tx, run.book, decided_with, now)
            record_approved(tx, basket, asked, now)
        return Answer(state, asked)
