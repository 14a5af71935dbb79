"""An entry that works on beside the legs of what is held, and a basket that withdraws all three: together they go, or none does."""

from dataclasses import replace
from typing import Any

import pytest

from grodt.execution import Sent
from grodt.ledger.halts import halt
from grodt.ledger.orders import find_orders
from grodt.ledger.runs import Run
from grodt.orders.order import Order
from grodt.orders.states import OrderState
from tests.brokers.brackets import legs
from tests.brokers.world import BOOK, MON, TUE, WED, market, order, usd
from tests.execution.desk import Desk
from tests.execution.test_withdrawing import decided

#: Of Tuesday: what protects 100 AAPL since 100 USD, and an order for 50 more that does not fill.
PAIR = legs("AAPL", 100, "95", "105")
ENTRY = replace(order("AAPL", 50, TUE), order_type="limit", time_in_force="gtc", price=usd("80"))
OLD = [ENTRY, *PAIR]
#: Of Wednesday: fewer more, and legs for what is held.
FEWER, ANEW = order("AAPL", 30, WED), legs("AAPL", 100, "96", "106", WED)
SELL, SMALLER = order("AAPL", -40, WED), legs("AAPL", 60, "95", "105", WED)

_REDUCE = {"scope": "book", "side": "reduce_only"}
_BUYS = {"scope": "symbol", "symbol": "AAPL", "side": "buys"}


def _wednesday(desk: Desk, *orders: Order) -> Run:
    desk.cycle(MON, [], {"AAPL": 100})
    run = desk.open(TUE)
    desk.settle(run, market(TUE, {"AAPL": "100"}))
    desk.send(decided(desk, run, OLD))
    run = desk.open(WED)
    desk.settle(run, market(WED, {"AAPL": "100"}))
    assert _open(desk) == _ids(OLD)
    return decided(desk, run, orders, _ids(OLD))


def _ids(orders: list[Order]) -> list[str]:
    return sorted(each.client_order_id for each in orders)


def _open(desk: Desk) -> list[str]:
    return [each.client_order_id for each in desk.paper.open_orders()]


@pytest.mark.parametrize("orders", [[SELL, *SMALLER], [*ANEW, FEWER]], ids=["sold in part", "fewer more"])
def test_what_takes_their_place_goes_out_when_all_three_are_over(desk: Desk, orders: list[Order]) -> None:
    run = _wednesday(desk, *orders)
    assert desk.send(run) == Sent(orders=3, accepted=3)
    assert _open(desk) == _ids(orders)


@pytest.mark.parametrize("what", [_REDUCE, _BUYS], ids=["all but reductions", "buys"])
def test_where_a_halt_stops_what_opens_in_their_place_all_three_stay(desk: Desk, what: dict[str, Any]) -> None:
    run = _wednesday(desk, *ANEW, FEWER)
    with desk.real_ledger.write() as tx:
        halt(tx, book=BOOK, kind="pause", keep_orders=True, reason="storm", author="ann", now=desk.now(), **what)
    assert desk.send(run) == Sent(orders=3, cancelled=3)
    assert _open(desk) == _ids(OLD)
    with desk.real_ledger.read() as tx:
        states = {each.state for each in find_orders(tx, _ids([*ANEW, FEWER])).values()}
    assert states == {OrderState.CANCELLED}


def test_where_a_halt_stops_all_but_reductions_what_is_sold_and_its_legs_take_their_place(desk: Desk) -> None:
    run = _wednesday(desk, SELL, *SMALLER)
    with desk.real_ledger.write() as tx:
        halt(tx, book=BOOK, kind="pause", keep_orders=True, reason="storm", author="ann", now=desk.now(), **_REDUCE)
    assert desk.send(run) == Sent(orders=3, accepted=3)
    assert _open(desk) == _ids([SELL, *SMALLER])


def test_an_entry_that_has_filled_since_the_decision_leaves_its_symbol_to_the_next_cycle(desk: Desk) -> None:
    run = _wednesday(desk, SELL, *SMALLER)
    key = ENTRY.client_order_id
    desk.paper._connection.execute("UPDATE orders SET state = 'filled', filled_quantity = 50 WHERE client_order_id = ?", [key])
    assert desk.send(run) == Sent(orders=3, cancelled=3)
    assert not {SELL.client_order_id, *_ids(list(SMALLER))} & set(_open(desk))
    with desk.real_ledger.read() as tx:
        (reason,) = {each.reason for each in find_orders(tx, _ids([SELL, *SMALLER])).values()}
    assert reason == f"not sent: {key} has filled 50 and not the 0 that the basket was decided on; decided anew next time"
