"""Another order stands under an id of ours at the broker: it is none of ours, from its answer to its fills."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from grodt.brokers.alpaca import AlpacaBroker
from grodt.brokers.protocol import BrokerOrder
from grodt.errors import ReconciliationBreak
from grodt.execution import Settled, settle
from grodt.execution.outcome import described, is_same
from grodt.ledger.breaks import open_breaks
from grodt.ledger.halts import active
from grodt.ledger.orders import orders_of
from grodt.ledger.postings import holdings, settled
from grodt.ledger.runs import Run
from grodt.orders.states import OrderState
from tests.brokers.alpaca_desk import opened_at
from tests.brokers.world import BOOK, MON, TUE, WED, market, order, usd
from tests.execution.desk import Desk, FaultyBroker
from tests.fakes.alpaca_trading import FakeTrading, evening
from tests.ledger.people import rearmed

OURS = order("KO", 60, MON)
LIMIT = replace(OURS, order_type="limit", time_in_force="gtc", price=usd("99"))
SAID = BrokerOrder(OURS.client_order_id, "v", "KO", OURS.side, 60, OrderState.ACCEPTED, 0)
TERMS = replace(SAID, order_type="limit", time_in_force="gtc", price=Decimal("99.00"))


class TestItIsOurs:
    def test_where_the_broker_says_all_that_we_sent_or_nothing_else(self) -> None:
        assert is_same(LIMIT, TERMS)
        assert is_same(LIMIT, SAID)

    @pytest.mark.parametrize(
        "said",
        [
            {"symbol": "PEP"},
            {"quantity": 61},
            {"order_type": "market"},
            {"time_in_force": "day"},
            {"price": Decimal("99.01")},
            {"client_order_id": "another"},
        ],
    )
    def test_and_not_where_it_says_anything_else(self, said: dict[str, object]) -> None:
        assert not is_same(LIMIT, replace(TERMS, **said))  # type: ignore[arg-type]

    @pytest.mark.parametrize(("filled", "ours"), [(0, True), (60, True), (61, False)])
    def test_of_one_that_is_over_what_filled_alone_may_be_said(self, filled: int, ours: bool) -> None:
        over = replace(TERMS, quantity=max(1, filled), filled_quantity=filled, state=OrderState.CANCELLED, says_quantity=False)
        assert is_same(LIMIT, over) == ours
        assert described(over) == f"buy {filled} filled of KO limit gtc at 99 as v"


@pytest.fixture
def account() -> Iterator[FakeTrading]:
    """Where an earlier life of the book has bought 100 KO under the id that 60 KO have now."""
    with FakeTrading(evening(MON), "1000000").served() as opened:
        opened.take(client_order_id=OURS.client_order_id, symbol="KO", side="buy", qty="100", type="market", time_in_force="opg")
        yield opened


@pytest.fixture
def broker(account: FakeTrading) -> Iterator[AlpacaBroker]:
    with opened_at(account) as opened:
        yield opened


@pytest.fixture
def monday(desk: Desk, broker: AlpacaBroker) -> Run:
    """60 KO and 10 IBM are decided, and sent as far as it goes."""
    desk.broker = FaultyBroker(broker, desk.fuse)
    run = desk.open(MON)
    desk.decide(run, {"KO": 60, "IBM": 10})
    with pytest.raises(ReconciliationBreak, match="we sent buy 60 KO market opg, the broker has buy 100 KO market opg as"):
        desk.send(run)
    return run


def _settled(desk: Desk, run: Run, *sessions: date) -> Settled:
    markets = [market(each, {"KO": "100", "IBM": "100"}) for each in sessions]
    return settle(desk.ledger, None, desk.broker, None, markets, run=run, file=desk.file, now=desk.now)


def _halted(desk: Desk) -> list[str]:
    with desk.real_ledger.read() as tx:
        return [each.symbol for each in active(tx, BOOK, desk.now())]


def test_ours_is_over_its_symbol_is_halted_and_the_rest_goes_out(desk: Desk, monday: Run) -> None:
    assert _halted(desk) == ["KO"]
    assert desk.send(monday).accepted == 1
    with desk.real_ledger.read() as tx:
        states = {each.order.symbol: each.state for each in orders_of(tx, monday.run_id)}
    assert states == {"KO": OrderState.REJECTED, "IBM": OrderState.SUBMITTED}


def test_its_fills_are_a_break_that_a_person_works_and_settling_goes_on(desk: Desk, monday: Run, account: FakeTrading) -> None:
    desk.send(monday)
    account.play(market(TUE, {"KO": "100", "IBM": "100"}))
    with desk.real_ledger.write() as tx:
        rearmed(tx, BOOK, desk.now())
    tuesday = desk.open(TUE)
    assert (_settled(desk, tuesday, TUE).unbooked, _halted(desk)) == (1, ["KO"])
    with desk.real_ledger.read() as tx:
        assert (settled(tx, BOOK), {symbol: held.quantity for symbol, held in holdings(tx, BOOK).items()}) == (TUE, {"IBM": 10})
    with pytest.raises(ReconciliationBreak):
        desk.reconcile(tuesday)
    with desk.real_ledger.write() as tx:
        assert [(each.difference.kind, each.difference.symbol) for each in open_breaks(tx, BOOK)] == [("position", "KO"), ("cash", "")]
        rearmed(tx, BOOK, desk.now())
    # Told again, it is no news: what a person has ended is not halted anew.
    assert (_settled(desk, desk.open(WED), TUE, WED).unbooked, _halted(desk)) == (0, [])


def test_it_is_not_taken_for_too_much_of_an_order_that_no_answer_was_heard_of(
    desk: Desk, broker: AlpacaBroker, account: FakeTrading
) -> None:
    desk.broker = FaultyBroker(broker, desk.fuse)
    run = desk.open(MON)
    _settled(desk, run, MON)
    desk.decide(run, {"KO": 60})
    account.play(market(TUE, {"KO": "100"}))
    assert _settled(desk, run, MON, TUE).unbooked == 1
    assert _halted(desk) == ["KO"]
