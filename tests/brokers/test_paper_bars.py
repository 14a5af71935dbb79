"""Orders for the day at the paper broker, bar by bar."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from grodt.bars.market import SessionMarket, TradingFigures
from grodt.brokers.fills import FillAt, FillTerms
from grodt.brokers.paper import PaperBroker
from grodt.errors import SessionError
from grodt.money import micros
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
    broker.advance(market(MON, {}))
    late, begins = of_day("A", 5), instant(MON, 15) + timedelta(minutes=28)
    broker.submit(replace(late, works_from=begins), MON)
    assert (broker.starts(MON), broker.starts(TUE)) == ((begins,), ())
    whole = bar(15, "10", 1e6)
    broker.play_bar(whole)
    assert state(broker, late)[:2] == ("accepted", 0)
    broker.cancel(late.client_order_id)
    assert broker.starts(MON) == (begins,)
    broker.play_bar(whole, [replace(whole, opens_at=begins)])
    assert state(broker, late)[:2] == ("cancelled", 0)


@pytest.mark.parametrize("fill_at", ["open", "close"])
def test_what_begins_within_a_bar_fills_in_its_rest_and_changes_nothing_of_what_was_there_before(tmp_path: Path, fill_at: FillAt) -> None:
    """A tenth of 400 shares, 360 of them from 15:28 and 100 from 15:40 on; nobody trades B after 15:28."""
    terms = replace(TERMS, fill_at=fill_at, slippage_bps=Decimal(10), impact=Decimal(1))
    begins, then = (instant(MON, 15) + timedelta(minutes=minute) for minute in (28, 40))
    figures = {symbol: TradingFigures(average_value=1e6, volatility=0.02) for symbol in "AB"}

    def traded(at: datetime, opened: str, **volume: float) -> SessionMarket:
        found = market(MON, dict.fromkeys(volume, opened), volume=volume, at_close=dict.fromkeys(volume, "12"))
        return replace(found, opens_at=at, closes_at=instant(MON, 16), figures=figures)

    whole = traded(instant(MON, 15), "10", A=400.0, B=400.0)
    rests = [traded(begins, "11", A=360.0), traded(then, "11.5", A=100.0)]
    first, other = of_day("A", 30, leg=1), of_day("B", 100, leg=2)
    after, last, nobody = (of_day(symbol, 20, leg=leg) for symbol, leg in (("A", 3), ("A", 4), ("B", 5)))
    late = [replace(after, works_from=begins), replace(last, works_from=then), replace(nobody, works_from=begins)]
    told = []
    for name, orders in (("alone", [first, other]), ("beside", [*late, first, other])):
        with PaperBroker(tmp_path / name, BOOK, usd("100000"), terms, intraday=True) as broker:
            broker.advance(market(MON, {}))
            for each in orders:
                broker.submit(each, MON)
            for _ in range(2):  # again: nothing
                broker.play_bar(whole, rests)
            told.append({fill.client_order_id: (fill.quantity, fill.price, fill.filled_at) for fill in broker.fills(MON)})
    alone, beside = told
    assert {name: beside[name] for name in alone} == alone
    assert [alone[each.client_order_id][0] for each in (first, other)] == [30, 40]
    quantity, price, filled_at = beside.pop(after.client_order_id)
    assert (quantity, filled_at) == (6, begins if fill_at == "open" else instant(MON, 16))  # 36 less 30
    assert price > micros("11" if fill_at == "open" else "12") * 1.001
    assert beside.keys() == alone.keys()
