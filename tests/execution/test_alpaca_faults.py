"""A basket to Alpaca and back through faults drawn from a seed: each order is there once, and both books agree in the end."""

from decimal import Decimal
from random import Random

import pytest

from grodt.errors import BrokerUnavailable, HaltActive, OrderOutcomeUnknown
from grodt.execution import send, settle
from grodt.ledger.halts import halt
from grodt.ledger.orders import orders_of
from grodt.ledger.postings import cash, holdings
from grodt.ledger.runs import Run
from grodt.orders.states import OPEN, OrderState
from tests.brokers.alpaca_desk import opened_at
from tests.brokers.world import BOOK, MON, TUE, market
from tests.execution.desk import Desk, FaultyBroker
from tests.fakes.alpaca_trading import FakeTrading, evening
from tests.fakes.http import Fault
from tests.ledger.people import rearmed

QUANTITIES = {"AAPL": 10, "IBM": 25, "KO": 40, "MSFT": 5, "XOM": 12}
OPENS = {"AAPL": "101", "IBM": "99.5", "KO": "50.01", "MSFT": "300.3", "XOM": "80"}
_ROUNDS = 30


def _spoilt_sends(draw: Random) -> list[Fault]:
    kinds = [
        Fault(504, method="POST", taken=True),
        Fault(504, method="POST"),
        Fault(500, method="POST", taken=True),
        Fault(429, method="POST"),
        Fault(408, method="POST"),
        Fault(break_off="reset", method="POST", taken=True),
        Fault(break_off="reset", method="POST"),
        Fault(break_off="cut", method="POST"),
        Fault(spoil=lambda body: body[:-9], method="POST"),
        Fault(method="POST"),
    ]
    return draw.choices(kinds, k=8)


def _spoilt_questions(draw: Random) -> list[Fault]:
    return draw.choices([Fault(503, method="GET"), Fault(break_off="reset", method="GET"), Fault(method="GET")], [2, 1, 3], k=12)


def _sent(desk: Desk, run: Run) -> int:
    """Send as often as it takes, a person re-arming in between; how often."""
    for number in range(1, _ROUNDS):
        try:
            desk.send(run)
        except (OrderOutcomeUnknown, BrokerUnavailable):
            with desk.real_ledger.write() as tx:
                rearmed(tx, BOOK, desk.now())
        else:
            return number
    raise AssertionError(f"not sent in {_ROUNDS} rounds")


def test_a_kill_that_is_committed_while_an_order_waits_for_the_next_minutes_quota_keeps_it(desk: Desk) -> None:
    with FakeTrading(evening(MON), "1000000").served() as account, opened_at(account) as broker:
        account.allowed_in_a_window = 3
        advance = account.advance

        def storm(seconds: float) -> None:
            with desk.real_ledger.write() as tx:
                halt(tx, scope="book", book=BOOK, kind="kill", reason="storm", author="ann", now=desk.now())
            advance(seconds)

        account.advance = storm  # type: ignore[method-assign]
        monday = desk.open(MON)
        desk.decide(monday, {"AAPL": 10, "IBM": 20, "KO": 30, "MSFT": 40})
        with pytest.raises(HaltActive, match=r"AAPL-0 and what follows it .*storm"):
            send(desk.ledger, None, broker, monday, file=desk.file, windows=desk.windows, now=desk.now, sleep=desk.pauses.append)
        assert [each["symbol"] for each in account.orders] == ["MSFT", "KO", "IBM"]
        with desk.real_ledger.read() as tx:
            assert [each.state for each in orders_of(tx, monday.run_id)] == [OrderState.SUBMITTED] * 3 + [OrderState.APPROVED]


@pytest.mark.parametrize("seed", range(8))
def test_each_order_is_there_once_and_both_books_agree(desk: Desk, seed: int) -> None:
    draw = Random(seed)
    with FakeTrading(evening(MON), "1000000").served() as account, opened_at(account) as broker:
        desk.broker = FaultyBroker(broker, desk.fuse)
        monday = desk.open(MON)
        basket = desk.decide(monday, QUANTITIES)
        account.fail(*_spoilt_sends(draw), *_spoilt_questions(draw))
        _sent(desk, monday)
        assert sorted(str(each["client_order_id"]) for each in account.orders) == sorted(each.client_order_id for each in basket.orders)
        with desk.real_ledger.read() as tx:
            assert {each.state for each in orders_of(tx, monday.run_id)} == {OrderState.SUBMITTED}

        account.takes, account.parts = lambda order: Decimal(draw.randint(0, int(order["qty"]))), draw.randint(1, 3)
        account.doubles, account.shuffles = draw.random() < 0.5, draw
        account.play(market(TUE, OPENS))
        tuesday = desk.open(TUE)
        account.fail(*_spoilt_questions(draw))
        for _ in range(_ROUNDS):
            try:
                settle(desk.ledger, None, desk.broker, None, [market(TUE, OPENS)], run=tuesday, file=desk.file, now=desk.now)
                desk.reconcile(tuesday)
            except BrokerUnavailable:
                continue
            break
        with desk.real_ledger.read() as tx:
            assert {symbol: each.quantity for symbol, each in holdings(tx, BOOK).items()} == {s: q for s, q in account.held.items() if q}
            assert cash(tx, BOOK) == account.cash * 1_000_000
            assert {each.state for each in orders_of(tx, monday.run_id)} <= {OrderState.FILLED, OrderState.EXPIRED}
            assert not {each.state for each in orders_of(tx, monday.run_id)} & OPEN
        account.recover()
        desk.reconcile(tuesday)
