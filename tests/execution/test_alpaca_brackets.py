"""Brackets at Alpaca through faults drawn from a seed: each is there once, and the fills of its legs are booked to the right orders."""

from collections.abc import Mapping
from random import Random

import pytest

from grodt.errors import BrokerUnavailable, OrderOutcomeUnknown
from grodt.execution import settle
from grodt.ledger.fills import fills_in
from grodt.ledger.orders import find_orders, pairs_of
from grodt.ledger.postings import holdings
from grodt.orders.states import OrderState
from tests.brokers.alpaca_desk import opened_at
from tests.brokers.brackets import legs
from tests.brokers.world import BOOK, MON, TUE, WED, market
from tests.execution.desk import Desk, FaultyBroker
from tests.execution.test_alpaca_faults import _spoilt_questions, _spoilt_sends
from tests.execution.test_withdrawing import decided
from tests.fakes.alpaca_trading import FakeTrading, evening
from tests.fakes.http import Fault
from tests.ledger.people import rearmed

HELD = {"AAPL": 10, "IBM": 25, "KO": 40}
FLAT = dict.fromkeys(HELD, "100")
PAIRS = [each for symbol, quantity in HELD.items() for each in legs(symbol, quantity, "95", "105")]
KEYS = [each.client_order_id for each in PAIRS]


@pytest.mark.parametrize("seed", range(6))
def test_each_bracket_is_there_once_and_its_fills_are_those_of_its_legs(desk: Desk, seed: int) -> None:
    draw = Random(seed)

    def paired() -> Mapping[str, str]:
        with desk.real_ledger.read() as tx:
            return pairs_of(tx, BOOK)

    with FakeTrading(evening(MON), "1000000").served() as account:
        with opened_at(account) as broker:
            desk.broker = FaultyBroker(broker, desk.fuse)
            run = desk.open(MON)
            desk.decide(run, HELD)
            desk.send(run)
            account.play(market(TUE, FLAT))
            run = desk.open(TUE)
            settle(desk.ledger, None, desk.broker, None, [market(TUE, FLAT)], run=run, file=desk.file, now=desk.now)
        decided(desk, run, PAIRS)
        account.fail(*_spoilt_sends(draw), *_spoilt_questions(draw))
        for _ in range(40):  # each round is a process of its own, which knows what the ledger knows
            with opened_at(account, paired=paired) as broker:
                desk.broker = FaultyBroker(broker, desk.fuse)
                try:
                    desk.send(run)
                    break
                except (OrderOutcomeUnknown, BrokerUnavailable):
                    with desk.real_ledger.write() as tx:
                        rearmed(tx, BOOK, desk.now())
        with desk.real_ledger.read() as tx:
            assert [find_orders(tx, [key])[key].state for key in KEYS] == [OrderState.ACCEPTED] * len(KEYS)
        assert len(account.orders) == len(HELD) + len(KEYS)

        told = market(WED, FLAT, ranges={"AAPL": ("94", "106"), "IBM": ("96", "106"), "KO": ("96", "104")})
        account.play(told)
        with opened_at(account, paired=paired) as broker:
            desk.broker = FaultyBroker(broker, desk.fuse)
            account.fail(*_spoilt_questions(draw))
            run = desk.open(WED)
            for _ in range(40):
                try:
                    settle(desk.ledger, None, desk.broker, None, [told], run=run, file=desk.file, now=desk.now)
                    break
                except BrokerUnavailable:
                    continue
            with desk.real_ledger.read() as tx:
                assert {each.client_order_id for each in fills_in(tx, BOOK, WED)} == {KEYS[0], KEYS[3]}
                states = {key: each.state for key, each in find_orders(tx, KEYS).items()}
                assert {symbol: each.quantity for symbol, each in holdings(tx, BOOK).items()} == {"KO": 40}
            over, still = [OrderState.FILLED, OrderState.CANCELLED], [OrderState.ACCEPTED] * 2
            assert [states[key] for key in KEYS] == [*over, *over[::-1], *still]
            broker.cancel(KEYS[5])
            assert broker.open_orders() == ()


def test_a_fill_of_a_leg_that_no_page_shows_any_more_is_still_that_leg_s(desk: Desk) -> None:
    with FakeTrading(evening(MON), "1000000").served() as account, opened_at(account) as broker:
        account.move("AAPL", 10, "100")
        stop, take = legs("AAPL", 10, "95", "105", MON)
        for each in (stop, take):
            assert broker.submit(each, MON).state is OrderState.ACCEPTED
        for number in range(1_200):  # others' orders, later than ours, on the pages that are looked through
            account.take(client_order_id=f"other {number}", qty="1", status="canceled")
        account.play(market(TUE, {"AAPL": "94"}))
        with opened_at(account, paired=lambda: {take.client_order_id: stop.client_order_id}) as later:
            assert [fill.client_order_id for fill in later.fills(TUE)] == [stop.client_order_id]


def test_legs_of_somebody_else_are_none_of_ours(desk: Desk) -> None:
    with FakeTrading(evening(MON), "1000000").served() as account, opened_at(account) as broker:
        account.move("AAPL", 10, "100")
        stop, _ = legs("AAPL", 10, "95", "105", MON)
        broker.submit(stop, MON)
        account.fail(Fault(method="GET"))
        with opened_at(account) as stranger:  # whose ledger knows of no bracket
            assert stop.client_order_id not in {each.client_order_id for each in stranger.open_orders()}
            assert stranger.find(stop.client_order_id) is None
