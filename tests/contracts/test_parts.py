"""What every broker must do of orders that fill in parts: each part is told once, by one id for ever, however often it is asked for."""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from grodt.bars.market import SessionMarket
from grodt.brokers.protocol import Broker, BrokerOrder
from grodt.errors import ReconciliationBreak
from grodt.execution import settle
from grodt.ledger.baskets import approve_basket, record_basket
from grodt.ledger.fills import fills_of_order
from grodt.ledger.orders import find_orders
from grodt.ledger.postings import holding
from grodt.ledger.runs import Run
from grodt.ledger.verify import verify_ledger
from grodt.orders.order import Order
from grodt.orders.states import OPEN, OrderState
from tests.brokers.world import BOOK, MON, THU, TUE, WED, instant, market, order, usd
from tests.contracts.parting import PARTING, TOLD, Parting
from tests.contracts.venues import TAKEN, Venue, paper_in_parts
from tests.execution.desk import Desk, FaultyBroker, make_basket

#: They go on for two sessions more with an order for the open.
VENUES_THAT_CARRY = {"paper in parts": paper_in_parts}
#: 250 at the open or better, for as long as it takes; and at the next open alone.
LASTING = replace(order("AAPL", 250), order_type="limit", time_in_force="gtc", price=usd("120"))
ONCE = order("AAPL", 250)


@pytest.fixture(params=sorted(PARTING))
def parting(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Parting]:
    with PARTING[request.param](tmp_path) as opened:
        yield opened


@pytest.fixture(params=sorted(TOLD))
def told(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Parting]:
    with TOLD[request.param](tmp_path) as opened:
        yield opened


def _found(broker: Broker, sent: Order) -> BrokerOrder:
    found = broker.find(sent.client_order_id)
    assert found is not None
    assert broker.orders([sent.client_order_id]) == {sent.client_order_id: found}
    assert broker.open_orders() == ((found,) if found.state in OPEN else ())
    return found


def _asked(venue: Parting, sent: Order) -> tuple[OrderState, int, list[str]]:
    """State and quantity filled, asked for twice, and the ids of its fills, whose figures must be those of the order, and of the venue."""
    broker = venue.broker
    found, fills = _found(broker, sent), broker.fills(MON)
    assert (_found(broker, sent), broker.fills(MON)) == (found, fills)
    ids = [each.execution_id for each in fills]
    assert ids == venue.executions()
    assert len(set(ids)) == len(ids)
    assert {each.client_order_id for each in fills} <= {sent.client_order_id}
    assert {(each.symbol, each.side, each.unreadable) for each in fills} <= {(sent.symbol, sent.side, "")}
    assert sum(each.quantity for each in fills) == found.filled_quantity
    assert broker.positions() == ({sent.symbol: found.filled_quantity} if found.filled_quantity else {})
    return found.state, found.filled_quantity, ids


def test_an_order_that_fills_in_parts_is_open_until_they_add_up_to_it(parting: Parting) -> None:
    broker = parting.broker
    cash = broker.cash()
    assert broker.submit(LASTING, MON).state in TAKEN
    state, filled, none = _asked(parting, LASTING)
    assert (state in TAKEN, filled, none) == (True, 0, [])
    told: list[str] = []
    for session, volume, filled in ((TUE, 1_000, 100), (WED, 500, 150), (THU, 10_000, 250)):
        parting.play(market(session, {"AAPL": "100"}, volume={"AAPL": volume}))
        ended = OrderState.FILLED if filled == 250 else OrderState.PARTIALLY_FILLED
        state, done, ids = _asked(parting, LASTING)
        assert (state, done) == (ended, filled)
        assert ids[: len(told)] == told
        assert len(ids) > len(told)
        told = ids
        assert {each.session for each in broker.fills(session)} == {session}
        assert [each.execution_id for each in broker.fills(session)] == ids[-len(broker.fills(session)) :]
        assert broker.submit(LASTING, MON) == broker.find(LASTING.client_order_id)
    assert broker.cash() == cash - sum(each.quantity * each.price + each.commission for each in broker.fills(MON))


def test_a_cancel_of_an_order_that_filled_in_part_keeps_the_part(parting: Parting) -> None:
    broker = parting.broker
    broker.submit(LASTING, MON)
    parting.play(market(TUE, {"AAPL": "100"}, volume={"AAPL": 1_000}))
    _, _, before = _asked(parting, LASTING)
    for _ in range(2):
        broker.cancel(LASTING.client_order_id)
        assert _asked(parting, LASTING) == (OrderState.CANCELLED, 100, before)
    parting.play(market(WED, {"AAPL": "100"}, volume={"AAPL": 10_000}))
    assert _asked(parting, LASTING) == (OrderState.CANCELLED, 100, before)


def test_of_an_order_for_one_session_the_part_that_filled_is_kept_and_the_rest_is_over(parting: Parting) -> None:
    broker = parting.broker
    broker.submit(ONCE, MON)
    parting.play(market(TUE, {"AAPL": "100"}, volume={"AAPL": 1_000}))
    state, filled, before = _asked(parting, ONCE)
    assert (state in (OrderState.EXPIRED, OrderState.CANCELLED), filled) == (True, 100)  # not every venue knows an expiry
    assert _found(broker, ONCE).reason
    parting.play(market(WED, {"AAPL": "100"}, volume={"AAPL": 10_000}))
    assert _asked(parting, ONCE) == (state, 100, before)


def test_parts_of_one_session_are_told_as_they_trade_however_the_list_tells_them(told: Parting) -> None:
    broker = told.broker
    broker.submit(LASTING, MON)
    told.disturb()
    done = 0
    for hour, quantity in ((15, 70), (16, 1), (17, 129), (18, 50)):
        told.trade(instant(TUE, hour), LASTING.client_order_id, quantity)
        done += quantity
        ended = OrderState.FILLED if done == 250 else OrderState.PARTIALLY_FILLED
        for _ in range(3):
            assert _asked(told, LASTING)[:2] == (ended, done)
    assert [each.quantity for each in broker.fills(MON)] == [70, 1, 129, 50]
    assert broker.fills(WED) == ()


# -- and the ledger books each part once


class _Book:
    """A book at a venue, whose order was sent on Monday evening."""

    def __init__(self, desk: Desk, venue: Parting, sent: Order) -> None:
        self.desk, self.venue, self.sent = desk, venue, sent
        desk.broker = FaultyBroker(venue.broker, desk.fuse)
        run = desk.open(MON)
        with desk.ledger.write() as tx:
            basket = make_basket(run, [sent])
            record_basket(tx, basket, run.run_id, desk.now())
            approve_basket(tx, basket.hash, "automatic", desk.now())
        assert desk.send(run).accepted == 1

    def settled(self, run: Run, *markets: SessionMarket) -> tuple[OrderState, int, list[str]]:
        """The order and the ids of its fills in the ledger once these sessions are settled, three times over, and both sides agree."""
        for _ in range(3):
            found = self.booked(run, *markets)
            self.desk.reconcile(run)
        return found

    def booked(self, run: Run, *markets: SessionMarket) -> tuple[OrderState, int, list[str]]:
        """The same, settled once."""
        desk = self.desk
        settle(desk.ledger, None, desk.broker, None, markets, run=run, file=desk.file, now=desk.now)
        with desk.real_ledger.read() as tx:
            found = find_orders(tx, [self.sent.client_order_id])[self.sent.client_order_id]
            booked = [each.fill for each in fills_of_order(tx, self.sent.client_order_id)]
            assert holding(tx, BOOK, "AAPL").quantity == sum(each.quantity for each in booked) == found.filled_quantity
            assert [finding for check in verify_ledger(tx, BOOK) if check.invariant <= 4 for finding in check.findings] == []
        return found.state, found.filled_quantity, [each.execution_id for each in booked]


@pytest.fixture
def book(told: Parting, tmp_path: Path) -> Iterator[Callable[[Order], _Book]]:
    (tmp_path / "ledger").mkdir()
    with closing(Desk(tmp_path / "ledger")) as desk:
        told.disturb()
        yield partial(_Book, desk, told)


def test_parts_that_come_over_several_asks_are_booked_once_and_a_cancel_keeps_them(told: Parting, book: Callable[[Order], _Book]) -> None:
    ours = book(LASTING)
    name = LASTING.client_order_id
    tuesday = [market(TUE, {"AAPL": "100"})]
    told.trade(instant(TUE, 15), name, 70)
    told.trade(instant(TUE, 16), name, 30)
    assert ours.settled(ours.desk.open(TUE), *tuesday) == (OrderState.PARTIALLY_FILLED, 100, told.executions())
    wednesday = [*tuesday, market(WED, {"AAPL": "100"})]
    told.trade(instant(WED, 15), name, 50)
    told.broker.cancel(name)
    cancelled = (OrderState.CANCELLED, 150, told.executions())
    assert ours.settled(ours.desk.open(WED), *wednesday) == cancelled
    assert len(cancelled[2]) == 3
    told.play(market(THU, {"AAPL": "100"}))
    assert ours.settled(ours.desk.open(THU), *wednesday, market(THU, {"AAPL": "100"})) == cancelled


def test_of_an_order_for_one_session_the_part_that_filled_is_booked_once(told: Parting, book: Callable[[Order], _Book]) -> None:
    ours = book(ONCE)
    tuesday = market(TUE, {"AAPL": "100"}, volume={"AAPL": 1_000})
    told.play(tuesday)
    state, filled, ids = ours.settled(ours.desk.open(TUE), tuesday)
    assert (state in (OrderState.EXPIRED, OrderState.CANCELLED), filled, ids) == (True, 100, told.executions())
    wednesday = market(WED, {"AAPL": "100"})
    told.play(wednesday)
    assert ours.settled(ours.desk.open(WED), tuesday, wednesday) == (state, 100, ids)


def test_a_part_that_is_told_after_its_order_is_over_is_booked_once_and_the_order_ends_with_it(
    told: Parting, book: Callable[[Order], _Book]
) -> None:
    ours = book(LASTING)
    name = LASTING.client_order_id
    told.trade(instant(TUE, 15), name, 70)
    told.trade(instant(TUE, 16), name, 30)
    told.broker.cancel(name)
    whole = told.executions()
    tell = told.withhold()
    tuesday = market(TUE, {"AAPL": "100"})
    state, filled, booked = ours.booked(ours.desk.open(TUE), tuesday)
    assert (state, filled, booked) == (OrderState.PARTIALLY_FILLED, 70, whole[:1])  # it may not be over before all of it is booked
    with pytest.raises(ReconciliationBreak):
        ours.desk.reconcile(ours.desk.open(TUE))
    tell()
    assert ours.booked(ours.desk.open(WED), tuesday, market(WED, {"AAPL": "100"})) == (OrderState.CANCELLED, 100, whole)


# -- orders that a broker carries over to further sessions


@pytest.fixture(params=sorted(VENUES_THAT_CARRY))
def carrying(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Venue]:
    with VENUES_THAT_CARRY[request.param](tmp_path) as opened:
        yield opened


def test_an_order_that_is_carried_over_stays_open_until_its_parts_add_up_to_it(carrying: Venue) -> None:
    broker, advance = carrying
    cash = broker.cash()
    buy = order("AAPL", 250)
    broker.submit(buy, MON)
    advance(market(TUE, {"AAPL": "100"}, volume={"AAPL": 1_000}))
    found = broker.find(buy.client_order_id)
    assert found is not None
    assert (found.state, found.filled_quantity, found.quantity) == (OrderState.PARTIALLY_FILLED, 100, 250)
    assert broker.open_orders() == (found,)
    assert broker.positions() == {"AAPL": 100}
    advance(market(WED, {"AAPL": "101"}, volume={"AAPL": 10_000}))
    found = broker.find(buy.client_order_id)
    assert found is not None
    assert (found.state, found.filled_quantity) == (OrderState.FILLED, 250)
    assert broker.open_orders() == ()
    fills = broker.fills(MON)
    assert [(fill.session, fill.quantity) for fill in fills] == [(TUE, 100), (WED, 150)]
    assert len({fill.execution_id for fill in fills}) == 2
    assert {fill.client_order_id for fill in fills} == {buy.client_order_id}
    assert broker.cash() == cash - sum(fill.quantity * fill.price + fill.commission for fill in fills)


def test_a_cancel_of_one_that_is_carried_over_keeps_the_part_that_filled(carrying: Venue) -> None:
    broker, advance = carrying
    buy = order("AAPL", 250)
    broker.submit(buy, MON)
    advance(market(TUE, {"AAPL": "100"}, volume={"AAPL": 1_000}))
    broker.cancel(buy.client_order_id)
    advance(market(WED, {"AAPL": "100"}))
    found = broker.find(buy.client_order_id)
    assert found is not None
    assert (found.state, found.filled_quantity) == (OrderState.CANCELLED, 100)
    assert (broker.positions(), broker.open_orders()) == ({"AAPL": 100}, ())


def test_what_is_carried_over_and_does_not_fill_in_time_expires(carrying: Venue) -> None:
    broker, advance = carrying
    buy = order("AAPL", 350)
    broker.submit(buy, MON)
    advance(market(TUE, {"AAPL": "100"}, volume={"AAPL": 1_000}))
    advance(market(WED, {}))
    advance(market(THU, {"AAPL": "100"}, volume={"AAPL": 1_000}))
    found = broker.find(buy.client_order_id)
    assert found is not None
    assert (found.state, found.filled_quantity) == (OrderState.EXPIRED, 200)
    assert found.reason
    assert broker.open_orders() == ()
