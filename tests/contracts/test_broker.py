"""What every broker must do. A new adapter joins by adding a venue to `VENUES`; a venue can be told to play a session."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from grodt.bars.market import SessionMarket
from grodt.brokers.fills import FillTerms
from grodt.brokers.paper import PaperBroker
from grodt.brokers.protocol import Broker
from grodt.orders.order import Side
from grodt.orders.states import OrderState
from tests.brokers.world import BOOK, MON, TUE, WED, market, order, usd

Venue = tuple[Broker, Callable[[SessionMarket], None]]


def _paper(folder: Path) -> Venue:
    broker = PaperBroker(folder / "paper.db", BOOK, usd("100000"), FillTerms.of(5.0, 1.0))
    return broker, broker.advance


VENUES = {"paper": _paper}


@pytest.fixture(params=sorted(VENUES))
def venue(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Venue]:
    broker, advance = VENUES[request.param](tmp_path)
    yield broker, advance
    if isinstance(broker, PaperBroker):
        broker.close()


def test_an_order_is_accepted_and_found_by_our_id(venue: Venue) -> None:
    broker, _ = venue
    buy = order("AAPL", 10)
    taken = broker.submit(buy, MON)
    assert taken.state is OrderState.ACCEPTED
    assert taken.venue_order_id
    assert (taken.symbol, taken.side, taken.quantity, taken.filled_quantity) == ("AAPL", Side.BUY, 10, 0)
    assert broker.find(buy.client_order_id) == taken
    assert broker.orders([buy.client_order_id, "never sent"]) == {buy.client_order_id: taken}
    assert broker.open_orders() == (taken,)


def test_an_order_the_broker_never_had_is_none(venue: Venue) -> None:
    broker, _ = venue
    assert broker.find("never sent") is None
    assert broker.orders([]) == {}


def test_the_same_order_sent_twice_is_one_order(venue: Venue) -> None:
    broker, advance = venue
    buy = order("AAPL", 10)
    assert broker.submit(buy, MON) == broker.submit(buy, MON)
    assert len(broker.open_orders()) == 1
    advance(market(TUE, {"AAPL": "100"}))
    assert broker.submit(buy, MON).state is OrderState.FILLED
    assert broker.positions() == {"AAPL": 10}


def test_another_order_under_a_known_id_is_rejected_and_changes_nothing(venue: Venue) -> None:
    broker, _ = venue
    buy = order("AAPL", 10)
    taken = broker.submit(buy, MON)
    refused = broker.submit(order("AAPL", 11), MON)
    assert (refused.state, refused.reason) == (OrderState.REJECTED, "client_order_id must be unique")
    assert broker.find(buy.client_order_id) == taken


def test_open_orders_are_sorted_by_our_id(venue: Venue) -> None:
    broker, _ = venue
    for symbol in ("MSFT", "AAPL", "IBM"):
        broker.submit(order(symbol, 1), MON)
    assert [each.symbol for each in broker.open_orders()] == ["AAPL", "IBM", "MSFT"]


def test_a_fill_moves_position_and_cash_by_its_own_figures(venue: Venue) -> None:
    broker, advance = venue
    before = broker.cash()
    broker.submit(order("AAPL", 10), MON)
    broker.submit(order("IBM", 5), MON)
    advance(market(TUE, {"AAPL": "100", "IBM": "33.33"}))
    fills = broker.fills(0)
    assert [fill.number for fill in fills] == sorted({fill.number for fill in fills})
    assert len({fill.execution_id for fill in fills}) == len(fills)
    assert {fill.symbol: fill.quantity for fill in fills} == {"AAPL": 10, "IBM": 5} == broker.positions()
    assert all(fill.session == TUE and fill.filled_at.tzinfo is not None for fill in fills)
    assert broker.cash() == before - sum(fill.quantity * fill.price + fill.commission for fill in fills)
    assert broker.open_orders() == ()
    assert broker.fills(fills[0].number) == fills[1:]
    assert broker.fills(fills[-1].number) == ()


def test_a_position_sold_out_is_absent(venue: Venue) -> None:
    broker, advance = venue
    broker.submit(order("AAPL", 10), MON)
    advance(market(TUE, {"AAPL": "100"}))
    broker.submit(order("AAPL", -10, TUE), TUE)
    advance(market(WED, {"AAPL": "101"}))
    assert broker.positions() == {}


def test_an_order_in_a_symbol_that_does_not_trade_expires(venue: Venue) -> None:
    broker, advance = venue
    buy = order("AAPL", 10)
    broker.submit(buy, MON)
    advance(market(TUE, {"IBM": "1"}))
    found = broker.find(buy.client_order_id)
    assert found is not None
    assert found.state is OrderState.EXPIRED
    assert found.reason
    assert broker.positions() == {}


def test_a_cancelled_order_does_not_fill_and_a_cancel_of_what_is_over_does_nothing(venue: Venue) -> None:
    broker, advance = venue
    kept, dropped = order("AAPL", 10), order("IBM", 10)
    broker.submit(kept, MON)
    broker.submit(dropped, MON)
    broker.cancel(dropped.client_order_id)
    advance(market(TUE, {"AAPL": "100", "IBM": "100"}))
    broker.cancel(kept.client_order_id)
    broker.cancel("never sent")
    assert {each.symbol: each.state for each in broker.orders([kept.client_order_id, dropped.client_order_id]).values()} == {
        "AAPL": OrderState.FILLED,
        "IBM": OrderState.CANCELLED,
    }
    assert broker.positions() == {"AAPL": 10}
