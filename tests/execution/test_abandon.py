"""An unfinished cycle whose session has passed: nothing of it goes out late."""

from dataclasses import replace

import pytest

from grodt.errors import BrokerUnavailable
from grodt.execution import Abandoned, abandon
from grodt.ledger.halts import active
from grodt.ledger.orders import LedgerOrder, orders_of
from grodt.ledger.runs import Run, find_run
from grodt.orders.states import OrderState
from tests.brokers.world import BOOK, MON, TUE, market
from tests.execution.desk import Desk, Killed


@pytest.fixture
def half_sent(desk: Desk) -> Run:
    """AAPL is accepted, IBM is being sent when the process dies, MSFT has not gone."""
    run = desk.open(MON)
    desk.settle(run, market(MON, {}))
    desk.decide(run, {"AAPL": 30, "IBM": 20, "MSFT": 10})

    def die(number: int) -> None:
        if number == 1:
            raise Killed

    desk.broker.before_send = die
    with pytest.raises(Killed):
        desk.send(run)
    return run


def _abandon(desk: Desk, earlier: Run) -> Abandoned:
    return abandon(desk.ledger, None, desk.broker, earlier, run=desk.open(TUE), now=desk.now, sleep=desk.pauses.append)


def _orders(desk: Desk, run: Run) -> dict[str, LedgerOrder]:
    with desk.real_ledger.read() as tx:
        return {each.order.symbol: each for each in orders_of(tx, run.run_id)}


def test_what_was_not_sent_is_cancelled_and_what_was_stays_to_be_settled(desk: Desk, half_sent: Run) -> None:
    assert _abandon(desk, half_sent) == Abandoned(half_sent.run_id, cancelled=2, adopted=0)
    found = _orders(desk, half_sent)
    assert found["AAPL"].state is OrderState.ACCEPTED
    assert (found["IBM"].state, found["IBM"].reason) == (OrderState.CANCELLED, "the broker never had it")
    assert (found["MSFT"].state, found["MSFT"].reason) == (OrderState.CANCELLED, "not sent before the session ended")
    with desk.real_ledger.read() as tx:
        closed = find_run(tx, half_sent.run_id)
    assert closed is not None
    assert closed.state == "abandoned"
    assert desk.settle(desk.open(TUE), market(TUE, {"AAPL": "100"})).fills == 1
    desk.reconcile(desk.open(TUE))


def test_an_order_that_did_arrive_is_adopted(desk: Desk, half_sent: Run) -> None:
    ibm = _orders(desk, half_sent)["IBM"].order
    desk.paper.submit(ibm, MON)
    desk.broker.hide.add(0)
    assert _abandon(desk, half_sent) == Abandoned(half_sent.run_id, cancelled=1, adopted=1)
    assert _orders(desk, half_sent)["IBM"].state is OrderState.ACCEPTED


def test_another_order_under_our_id_is_not_taken_for_ours(desk: Desk, half_sent: Run) -> None:
    ibm = _orders(desk, half_sent)["IBM"].order
    desk.paper.submit(replace(ibm, quantity=21), MON)
    assert _abandon(desk, half_sent).cancelled == 2
    ended = _orders(desk, half_sent)["IBM"]
    assert (ended.state, ended.reason) == (
        OrderState.REJECTED,
        "the broker has another order under this id: buy 21 IBM market opg as paper-2",
    )
    with desk.real_ledger.read() as tx:
        assert [each.symbol for each in active(tx, BOOK, desk.now())] == ["IBM"]


def test_without_an_answer_nothing_is_given_up(desk: Desk, half_sent: Run) -> None:
    desk.broker.down = True
    with pytest.raises(BrokerUnavailable):
        _abandon(desk, half_sent)
    assert {each.state for each in _orders(desk, half_sent).values()} == {OrderState.ACCEPTED, OrderState.SENDING, OrderState.APPROVED}
