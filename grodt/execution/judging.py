"""Ask risk about a proposal, and keep what it said before anything follows from it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

import numpy as np
import polars as pl

from grodt.errors import HaltActive
from grodt.execution.brackets import Brackets, legs_of
from grodt.execution.breaching import STOPPED_BEFORE, halt_on_gates, latch
from grodt.execution.decision import BookState
from grodt.execution.resting import without
from grodt.ledger.baskets import basket_of
from grodt.ledger.evidence import checks_of, record_checks
from grodt.ledger.leases import Lease
from grodt.ledger.limits import limits_in_force
from grodt.ledger.overrides import take_overrides
from grodt.ledger.runs import pin_limits
from grodt.ledger.unit import Ledger
from grodt.orders.attribution import Wanted
from grodt.orders.basket import Basket, build_basket
from grodt.orders.slicing import Slicing
from grodt.orders.terms import MARKET_AT_OPEN, OrderTerms
from grodt.risk.assess import Assessment, assess, tell_withdrawn
from grodt.risk.controls import UNPROTECTED, WITHDRAWN_BEFORE_ACTION, Control
from grodt.risk.exits import ApprovedExit, ask_protection, assess_exits
from grodt.risk.limits import Limits
from grodt.risk.proposal import Proposal


@dataclass(frozen=True, slots=True, eq=False)
class Beside:
    """What a basket has beside the orders that follow targets.

    Attributes:
        state: the book without the rests that are withdrawn, as the proposal has it.
        withdrawn: our ids of these rests, each with the shares that were booked as filled.
        brackets: of the book; None where it has none.
        closing: symbols whose position is given up because a close has passed a leg's price, with what each order protects.
        before_action: symbols in which orders stand that are withdrawn because a corporate action is announced.
    """

    state: BookState
    withdrawn: Mapping[str, int] = field(default_factory=dict)
    brackets: Brackets | None = None
    closing: Mapping[str, str] = field(default_factory=dict)
    before_action: frozenset[str] = frozenset()


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

    @property
    def without_a_stop(self) -> tuple[str, ...]:
        """Symbols of positions of which control 36 says that some or all stays without a stop."""
        return self._failing(UNPROTECTED)

    @property
    def before_action(self) -> tuple[str, ...]:
        """Symbols in which control 37 refuses an order, or something is withdrawn, because a corporate action is announced."""
        return self._failing(WITHDRAWN_BEFORE_ACTION)

    def _failing(self, control: Control) -> tuple[str, ...]:
        found = self.evidence.filter((pl.col("control") == control.number) & (pl.col("verdict") != "pass"))
        return tuple(found["symbol"].unique().sort().to_list())


def judge(
    ledger: Ledger,
    lease: Lease | None,
    proposal: Proposal,
    file: Limits,
    *,
    kind: str,
    slot: str = "",
    attempt: int,
    now: datetime,
    wanted: Wanted | None = None,
    terms: OrderTerms = MARKET_AT_OPEN,
    slicing: Slicing | None = None,
    beside: Beside | None = None,
) -> Judged:
    """Ask every control and commit the evidence. A run that has its basket is not judged again: evidence and basket stand.

    What it is judged by are the limits and overrides in force in that very transaction; the run keeps the limits' version.

    Args:
        ledger: the book of record.
        lease: the book's.
        proposal: what is asked.
        file: limits of the books file, for those that the ledger does not know yet.
        kind: of the cycle.
        slot: of the cycle; "" at the end of a day.
        attempt: of the run.
        now: instant.
        wanted: what each strategy asks for, in a book of several.
        terms: what the book's orders are, as the proposal has their prices.
        slicing: how large orders of a slot are sliced; None: they are not.
        beside: what the basket has beside the orders; None: nothing.

    Raises:
        HaltActive: a control stops the book; the evidence is committed, and a halt unless all it found is one that holds already or
            a break: re-arming ends halts, working breaks ends breaks, and a halt about either would outlive both.

    What control 28 finds makes a halt as well, but none that stops the cycle: the basket only reduces, and so does every one after it until
    two people end it.
    """
    with ledger.read() as tx:
        made = basket_of(tx, proposal.run_id)
        if made is not None:
            return Judged(made, checks_of(tx, proposal.run_id), committed=True)
    with ledger.write(lease) as tx:
        in_force = limits_in_force(tx, proposal.book, file)
        overrides = take_overrides(tx, proposal.book, proposal.run_id, now)
        assessment = assess(replace(proposal, overrides=overrides) if overrides else proposal, in_force.limits)
        legs: tuple[ApprovedExit, ...] = ()
        withdrawn = {} if beside is None else beside.withdrawn
        if beside is not None and beside.brackets is not None:
            brackets = replace(beside.brackets, working=beside.brackets.working - withdrawn.keys())
            assessment, legs, first = _judge_legs(beside.state, brackets, assessment, in_force.limits)
            withdrawn = {**withdrawn, **first}
        if beside is not None and beside.before_action:
            assessment = tell_withdrawn(assessment, beside.before_action)
        evidence = assessment.evidence
        stopped = set(assessment.halting) <= STOPPED_BEFORE
        pin_limits(tx, proposal.run_id, in_force.version)
        record_checks(tx, evidence, attempt)
        if assessment.halt and not stopped:
            halt_on_gates(tx, proposal.book, assessment, now)
        if assessment.loss:
            latch(tx, proposal.book, assessment.loss, now)
    if assessment.halt:
        what = "was" if stopped else "is now"
        raise HaltActive(
            f"book {proposal.book} session {proposal.session}: {assessment.halt}. Nothing was ordered and the book {what} halted; "
            f"find the cause, then `grodt rearm --book {proposal.book} --reason WHY`"
        )
    asked, approved = proposal, assessment.approved()
    protects = beside.brackets.protects if beside is not None and beside.brackets is not None else {}
    basket = build_basket(
        approved,
        book=asked.book,
        kind=kind,
        session=asked.session,
        run_id=asked.run_id,
        slot=slot,
        terms=terms,
        slicing=slicing,
        closing=None if beside is None else beside.closing,
        legs=legs_of(legs, protects, book=asked.book, kind=kind, session=asked.session),
        withdraws=withdrawn,
    )
    if wanted is not None:
        whose = wanted.attributed(basket.orders, proposal.symbols, assessment.quantity, proposal.price)
        basket = replace(basket, whose=whose)
    return Judged(basket, evidence)


def _judge_legs(
    state: BookState, brackets: Brackets, assessment: Assessment, limits: Limits
) -> tuple[Assessment, tuple[ApprovedExit, ...], dict[str, int]]:
    """The assessment with what risk says of the legs, the legs that pass, and those that make way for them with what they have filled."""
    traded = assessment.quantity
    left, opened = brackets.left(state, traded), brackets.opened(state, traded)
    wanted = replace(brackets.wanted(left), attached=brackets.attached(opened, traded, assessment.proposal.price))
    judged, passed = assess_exits(wanted, assessment, limits)
    legs = tuple(each for each in passed if each.attached or not brackets.stand_already(each))
    withdrawn = brackets.withdrawn(left, wanted, {each.stop.symbol for each in legs if not each.attached})
    if brackets.protects_positions:
        certain = without(state, tuple(each for each in state.rests if each.order.order_type != "market"))  # the others may never fill
        asked = brackets.stays_or_fills(state, certain, traded)
        stopped = np.minimum(brackets.covered(legs, withdrawn), asked)
        judged = ask_protection(judged, asked.sum(axis=0), stopped.sum(axis=0))
    return judged, legs, withdrawn
