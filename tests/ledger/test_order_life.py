"""Whatever is told of an order in whatever order, its life in the ledger is one that the table of states allows."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grodt.ledger.baskets import approve_basket, record_basket
from grodt.ledger.order_life import transition
from grodt.ledger.orders import events_of, find_order
from grodt.ledger.sent import rejects_in_a_row
from grodt.ledger.unit import Ledger, Write
from grodt.ledger.verify import verify_ledger
from grodt.orders.states import OrderState
from tests.ledger.world import BOOK, NOW, basket, count, order, sent, started, undone
from tests.orders.test_states import LIFE

S = OrderState
_ORDERED = 100
_FITS = {
    S.FILLED: lambda filled: filled == _ORDERED,
    S.PARTIALLY_FILLED: lambda filled: 0 < filled < _ORDERED,
    S.REJECTED: lambda filled: filled == 0,
    S.DENIED: lambda filled: filled == 0,
}


@given(told=st.lists(st.tuples(st.sampled_from(S), st.sampled_from([0, 40, 60, _ORDERED])), max_size=12))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_life_is_a_walk_through_the_table_and_what_is_refused_writes_nothing(ledger: Ledger, told: list[tuple[OrderState, int]]) -> None:
    one = order(quantity=_ORDERED)
    with undone(ledger) as tx:
        run = started(tx)
        made = basket([one], run.run_id)
        record_basket(tx, made, run.run_id, NOW)
        approve_basket(tx, made.hash, "automatic", NOW)
        walked = [(S.APPROVED, 0)]
        for new, filled in told:
            state, before = walked[-1]
            late = new is S.SUBMITTED and state in (S.ACCEPTED, S.PARTIALLY_FILLED, S.FILLED)
            legal = new in LIFE[state] and before <= filled and _FITS.get(new, lambda _filled: True)(filled)
            if (new, filled) == (state, before) or late or legal:
                transition(tx, one.client_order_id, new, run_id=run.run_id, now=NOW, filled_quantity=filled)
                walked += [(new, filled)] if legal and not late and (new, filled) != (state, before) else []
            else:
                with pytest.raises(ValueError, match=r"may not follow|filled"):
                    transition(tx, one.client_order_id, new, run_id=run.run_id, now=NOW, filled_quantity=filled)
        assert [(each.state, each.filled_quantity) for each in events_of(tx, one.client_order_id)] == walked
        found = find_order(tx, one.client_order_id)
        assert found is not None
        assert (found.state, found.filled_quantity) == walked[-1]
        (life,) = [each for each in verify_ledger(tx, BOOK) if each.invariant == 4]
        assert life.findings == ()


def test_an_answer_of_before_that_comes_after_the_venues_changes_nothing(tx: Write) -> None:
    one = order()
    run = sent(tx, [one])
    before = count(tx, "order_events")
    transition(tx, one.client_order_id, S.SUBMITTED, run_id=run.run_id, now=NOW)
    found = find_order(tx, one.client_order_id)
    assert found is not None
    assert (found.state, count(tx, "order_events")) == (S.ACCEPTED, before)


def test_that_a_venue_has_acknowledged_an_order_does_not_end_a_row_of_rejects(tx: Write) -> None:
    taken, refused = order("AAPL"), order("MSFT")
    run = started(tx)
    record_basket(tx, basket([taken, refused], run.run_id), run.run_id, NOW)
    for one, state in ((taken, S.SUBMITTED), (refused, S.REJECTED)):
        transition(tx, one.client_order_id, S.SENDING, run_id=run.run_id, now=NOW)
        transition(tx, one.client_order_id, state, run_id=run.run_id, now=NOW)
    assert rejects_in_a_row(tx, run.run_id) == 1
    transition(tx, taken.client_order_id, S.ACCEPTED, run_id=run.run_id, now=NOW)
    assert rejects_in_a_row(tx, run.run_id) == 1
