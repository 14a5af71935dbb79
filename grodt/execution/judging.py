"""Ask risk about a proposal, and keep what it said before anything follows from it."""

from dataclasses import dataclass
from datetime import datetime

import polars as pl

from grodt.errors import HaltActive
from grodt.ledger.evidence import checks_of, record_checks
from grodt.ledger.halts import halt
from grodt.ledger.leases import Lease
from grodt.ledger.orders import basket_of
from grodt.ledger.unit import Ledger
from grodt.orders.basket import Basket, build_basket
from grodt.risk.assess import assess
from grodt.risk.limits import Limits
from grodt.risk.proposal import Proposal


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """What risk made of a proposal: the basket of what it approved, and the evidence (`risk_checks`)."""

    basket: Basket
    evidence: pl.DataFrame

    @property
    def rows(self) -> int:
        """Evaluations."""
        return self.evidence.height


def judge(ledger: Ledger, lease: Lease | None, proposal: Proposal, limits: Limits, *, kind: str, attempt: int, now: datetime) -> Judged:
    """Ask every control and commit the evidence. A run that has its basket is not judged again: evidence and basket stand.

    Raises:
        HaltActive: a control halts the book; evidence and halt are committed.
    """
    with ledger.read() as tx:
        made = basket_of(tx, proposal.run_id)
        if made is not None:
            return Judged(made, checks_of(tx, proposal.run_id))
    assessment = assess(proposal, limits)
    evidence = assessment.evidence
    with ledger.write(lease) as tx:
        record_checks(tx, evidence, attempt)
        if assessment.halt:
            halt(tx, scope="book", book=proposal.book, reason=assessment.halt[:500], author="risk", now=now)
    if assessment.halt:
        raise HaltActive(
            f"book {proposal.book} session {proposal.session}: {assessment.halt}. Nothing was ordered and the book is halted; "
            f"find the cause, then `grodt rearm --book {proposal.book} --reason …`"
        )
    basket = build_basket(assessment.approved(), book=proposal.book, kind=kind, session=proposal.session, run_id=proposal.run_id)
    return Judged(basket, evidence)
