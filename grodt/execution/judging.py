"""Ask risk about a proposal, and keep what it said before anything follows from it."""

from dataclasses import dataclass
from datetime import datetime

import polars as pl

from grodt.errors import HaltActive
from grodt.ledger.evidence import checks_of, record_checks
from grodt.ledger.halts import halt
from grodt.ledger.leases import Lease
from grodt.ledger.limits import limits_in_force
from grodt.ledger.orders import basket_of
from grodt.ledger.runs import pin_limits
from grodt.ledger.unit import Ledger
from grodt.orders.basket import Basket, build_basket
from grodt.risk.assess import assess
from grodt.risk.controls import KILL_SWITCH, RECONCILIATION
from grodt.risk.limits import Limits
from grodt.risk.proposal import Proposal

#: Controls that find a book stopped already.
_STOPPED_BEFORE = frozenset({KILL_SWITCH.number, RECONCILIATION.number})


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """What risk made of a proposal: the basket of what it approved, the evidence (`risk_checks`), and whether the basket is committed."""

    basket: Basket
    evidence: pl.DataFrame
    committed: bool = False

    @property
    def rows(self) -> int:
        """Evaluations."""
        return self.evidence.height


def judge(ledger: Ledger, lease: Lease | None, proposal: Proposal, file: Limits, *, kind: str, attempt: int, now: datetime) -> Judged:
    """Ask every control and commit the evidence. A run that has its basket is not judged again: evidence and basket stand.

    What it is judged by are the limits in force in that very transaction; the run keeps their version.

    Args:
        ledger: the book of record.
        lease: the book's.
        proposal: what is asked.
        file: limits of the books file, for those that the ledger does not know yet.
        kind: of the cycle.
        attempt: of the run.
        now: instant.

    Raises:
        HaltActive: a control stops the book; the evidence is committed, and a halt unless all it found is one that holds already or
            a break: re-arming ends halts, working breaks ends breaks, and a halt about either would outlive both.
    """
    with ledger.read() as tx:
        made = basket_of(tx, proposal.run_id)
        if made is not None:
            return Judged(made, checks_of(tx, proposal.run_id), committed=True)
    with ledger.write(lease) as tx:
        in_force = limits_in_force(tx, proposal.book, file)
        assessment = assess(proposal, in_force.limits)
        evidence = assessment.evidence
        stopped = set(assessment.halting) <= _STOPPED_BEFORE
        pin_limits(tx, proposal.run_id, in_force.version)
        record_checks(tx, evidence, attempt)
        if assessment.halt and not stopped:
            halt(tx, scope="book", book=proposal.book, reason=assessment.halt[:500], author="risk", now=now)
    if assessment.halt:
        what = "was" if stopped else "is now"
        raise HaltActive(
            f"book {proposal.book} session {proposal.session}: {assessment.halt}. Nothing was ordered and the book {what} halted; "
            f"find the cause, then `grodt rearm --book {proposal.book} --reason WHY`"
        )
    basket = build_basket(assessment.approved(), book=proposal.book, kind=kind, session=proposal.session, run_id=proposal.run_id)
    return Judged(basket, evidence)
