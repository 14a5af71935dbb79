"""Orders for the day at the paper broker, bar by bar."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from grodt.bars.market import SessionMarket
from grodt.brokers.fills import FillTerms
from grodt.brokers.paper import PaperBroker
from grodt.errors import SessionError
from grodt.orders.order import Order
from grodt.orders.states import OrderState
from tests.brokers.world import BOOK, MON, TUE, WED, instant, market, order, usd

TERMS = FillTerms(participation=Decimal("0.1"))


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[PaperBroker]:
    with PaperBroker(tmp_path / "paper.db", BOOK, usd("100000"), TERMS, intraday=True) as opened:
        yield opened


def of_day(symbol: str, quantity: int, *, leg: int = 0) -> Order:
    return replace(order(symbol, quantity, MON, "10", leg=leg), time_in_force="day")


def bar(hour: int, price: str, volume: float, symbol: str = "A") -> SessionMarket:
    """An hour of Monday in which a symbol traded."""
    opens_at = instant(MON, hour)
    return replace(market(MON, {symbol: price}, volume={symbol: volume}), opens_at=opens_at, closes_at=opens_at + timedelta(hours=1))


def state(broker: PaperBroker, sent: Order) -> tuple[str, int, str]:
    found = broker.find(sent.client_order_id)
    assert found is not None
    return found.state.value, found.filled_quantity, found.reason


def test_it_fills_bar_by_bar_with_a_share_of_each_ones_volume_and_the_rest_expires_at_the_close(broker: PaperBroker) -> None:
    broker.advance(market(MON, {}))
    sent = of_day("A", 100)
    assert broker.submit(sent, MON).state is OrderState.ACCEPTED
    broker.play_bar(bar(15, "10", 400))
    assert state(broker, sent) == ("partially_filled", 40, "")
    broker.play_bar(bar(16, "11", 0.0, "B"))
    broker.play_bar(bar(17, "12", 300))
    broker.play_bar(bar(17, "12", 300))  # again: nothing
    broker.end_day(MON)
    assert state(broker, sent) == ("expired", 70, "the rest did not fill")
    fills = [(fill.execution_id[-2:], fill.quantity, fill.price / 1e6, fill.filled_at) for fill in broker.fills(MON)]
    assert fills == [("-1", 40, 10.0, instant(MON, 15)), ("-2", 30, 12.0, instant(MON, 17))]
    assert broker.cash() == usd("100000") - usd("400") - usd("360")


def test_what_was_played_is_behind_an_order(broker: PaperBroker) -> None:
    broker.advance(market(MON, {}))
    broker.play_bar(bar(15, "10", 1e6))
    sent = of_day("A", 5)
    broker.submit(sent, MON)
    broker.play_bar(bar(15, "10", 1e6))
    assert state(broker, sent)[:2] == ("accepted", 0)
    with pytest.raises(SessionError, match="overlaps that"):
        broker.play_bar(replace(bar(15, "10", 1e6), closes_at=instant(MON, 17)))


def test_orders_for_the_day_are_taken_only_while_their_session_goes_on(broker: PaperBroker) -> None:
    assert "is not going on" in broker.submit(of_day("A", 1, leg=1), MON).reason
    broker.advance(market(MON, {}))
    broker.end_day(MON)
    assert "is not going on" in broker.submit(of_day("A", 1, leg=2), MON).reason
    broker.advance(market(TUE, {"A": "10"}))
    assert broker.submit(of_day("A", 1, leg=3), MON).state is OrderState.REJECTED
    with pytest.raises(SessionError, match="was not begun at the paper broker, or a later one was"):
        broker.play_bar(replace(bar(15, "10", 1.0), session=WED))


def test_a_bar_of_a_session_that_is_over_is_left_as_it_was_though_a_later_one_has_begun(broker: PaperBroker) -> None:
    """As where the ledger was restored to before both."""
    broker.advance(market(MON, {}))
    sent = of_day("A", 7)
    broker.submit(sent, MON)
    broker.end_day(MON)
    broker.advance(market(TUE, {"A": "10"}))
    broker.play_bar(bar(15, "10", 1e6))
    assert state(broker, sent)[:2] == ("expired", 0)


def test_an_open_leaves_orders_for_the_day_alone_and_a_bar_those_for_the_open(broker: PaperBroker) -> None:
    broker.advance(market(MON, {}))
    of_open, today = order("A", 5, MON, "10", leg=1), of_day("A", 7, leg=2)
    broker.submit(of_open, MON)
    broker.submit(today, MON)
    broker.play_bar(bar(15, "10", 1e6))
    assert (state(broker, of_open)[1], state(broker, today)[1]) == (0, 7)
    broker.end_day(MON)
    broker.advance(market(TUE, {"A": "11"}))
    assert state(broker, of_open)[1] == 5


def test_from_when_orders_work_stays_known_when_they_are_over(broker: PaperBroker) -> None:
    """A bar that began there was played, and must begin there again."""
    broker.advance(market(MON, {}))
    late, begins = of_day("A", 5), instant(MON, 15) + timedelta(minutes=28)
    broker.submit(replace(late, works_from=begins), MON)
    assert (broker.starts(MON), broker.starts(TUE)) == ((begins,), ())
    whole = bar(15, "10", 1e6)
    first = replace(whole, closes_at=begins)
    broker.play_bar(first)
    assert state(broker, late)[:2] == ("accepted", 0)
    broker.cancel(late.client_order_id)
    assert broker.starts(MON) == (begins,)
    broker.play_bar(first)
    broker.play_bar(replace(whole, opens_at=begins))
    assert state(broker, late)[:2] == ("cancelled", 0)
