"""The life of an order, as a table: which state may follow which, and which word of a broker comes too late to say anything."""

import itertools

import pytest

from grodt.orders.states import OPEN, TERMINAL, OrderState, is_told_late, may_follow, require_transition

S = OrderState
#: What may follow each state; nothing else may.
LIFE = {
    S.PLANNED: {S.APPROVED, S.DENIED, S.CANCELLED},
    S.APPROVED: {S.SENDING, S.DENIED, S.CANCELLED},
    S.SENDING: {S.APPROVED, S.SUBMITTED, S.ACCEPTED, S.REJECTED, S.UNKNOWN, S.CANCELLED},
    S.UNKNOWN: {S.SENDING, S.SUBMITTED, S.ACCEPTED, S.REJECTED, S.CANCELLED},
    S.SUBMITTED: {S.ACCEPTED, S.PARTIALLY_FILLED, S.FILLED, S.CANCELLED, S.EXPIRED, S.REJECTED, S.REPLACED},
    S.ACCEPTED: {S.PARTIALLY_FILLED, S.FILLED, S.CANCELLED, S.EXPIRED, S.REJECTED, S.REPLACED},
    S.PARTIALLY_FILLED: {S.PARTIALLY_FILLED, S.FILLED, S.CANCELLED, S.EXPIRED, S.REPLACED},
    S.FILLED: set(),
    S.CANCELLED: {S.PARTIALLY_FILLED, S.FILLED},
    S.EXPIRED: {S.PARTIALLY_FILLED, S.FILLED},
    S.REJECTED: set(),
    S.REPLACED: {S.PARTIALLY_FILLED, S.FILLED},
    S.DENIED: set(),
}


def test_the_table_has_every_state_that_the_issue_names() -> None:
    assert [str(state) for state in S] == [
        *["planned", "approved", "sending", "submitted", "accepted", "partially_filled", "filled", "cancelled", "expired", "rejected"],
        *["unknown", "replaced", "denied"],
    ]
    assert set(LIFE) == set(S)


@pytest.mark.parametrize(("old", "new"), list(itertools.product(S, S)), ids=str)
def test_a_step_is_legal_where_the_table_has_it_and_else_is_refused(old: S, new: S) -> None:
    assert may_follow(old, new) == (new in LIFE[old])
    if new in LIFE[old]:
        require_transition("x", old, new)
    else:
        with pytest.raises(ValueError, match=f"order x: {new} may not follow {old}"):
            require_transition("x", old, new)


def test_that_a_broker_has_an_order_is_told_late_of_one_that_its_venue_has_acknowledged() -> None:
    late = {(old, new) for old, new in itertools.product(S, S) if is_told_late(old, new)}
    assert late == {(S.ACCEPTED, S.SUBMITTED), (S.PARTIALLY_FILLED, S.SUBMITTED), (S.FILLED, S.SUBMITTED)}


def test_terminal_states_absorb_all_but_a_late_fill() -> None:
    fills = {S.PARTIALLY_FILLED, S.FILLED}
    assert {state: LIFE[state] for state in TERMINAL} == {
        state: fills if state in {S.CANCELLED, S.EXPIRED, S.REPLACED} else set() for state in TERMINAL
    }


def test_an_order_is_sent_only_when_it_is_approved_or_after_an_unknown_send() -> None:
    assert {old for old in S if may_follow(old, S.SENDING)} == {S.APPROVED, S.UNKNOWN}


def test_every_state_that_is_not_terminal_leads_to_one_that_is() -> None:
    for state in set(S) - TERMINAL:
        reached, new = {state}, {state}
        while new:
            new = {after for before in new for after in LIFE[before]} - reached
            reached |= new
        assert reached & TERMINAL
    assert not OPEN & TERMINAL
