"""An entry that works on beside the legs of what is held, and a basket that withdraws all three: together they go, or the legs stay."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from grodt.brokers.fills import FillTerms
from grodt.brokers.protocol import Broker
from grodt.errors import BrokerUnavailable, TransientError
from grodt.execution import Sent
from grodt.execution.send import send
from grodt.ledger.halts import halt
from grodt.ledger.order_life import Move, transitions
from grodt.ledger.orders import find_orders
from grodt.ledger.runs import Run
from grodt.orders.order import Order
from grodt.orders.states import OrderState
from tests.brokers.brackets import attached, legs
from tests.brokers.world import BOOK, MON, TUE, WED, market, order, usd
from tests.execution.desk import Desk
from tests.execution.test_withdrawing import _SHUT, decided, limits

#: Of Tuesday: what protects 100 AAPL since 100 USD, and an order for 50 more that does not fill.
PAIR = legs("AAPL", 100, "95", "105")
ENTRY = replace(order("AAPL", 50, TUE), order_type="limit", time_in_force="gtc", price=usd("80"))
OLD = [ENTRY, *PAIR]
#: With an entry that carries legs of its own: at the market, and carried over a session without a bar.
WITH_OWN = [order("AAPL", 50, TUE), *(OWN := attached("AAPL", 50, "95", "105")), *PAIR]
#: Of Wednesday: fewer more, and legs for what is held.
FEWER, ANEW = order("AAPL", 30, WED), legs("AAPL", 100, "96", "106", WED)
SELL, SMALLER = order("AAPL", -40, WED), legs("AAPL", 60, "95", "105", WED)

_REDUCE = {"scope": "book", "side": "reduce_only"}
_BUYS = {"scope": "symbol", "symbol": "AAPL", "side": "buys"}


@pytest.fixture
def desk(tmp_path: Path, template: Path) -> Iterator[Desk]:
    opened = Desk(tmp_path / "desk", template=template, terms=FillTerms(carry_sessions=2))
    yield opened
    opened.close()


def _wednesday(desk: Desk, *orders: Order, old: list[Order] = OLD) -> Run:
    desk.cycle(MON, [], {"AAPL": 100})
    run = desk.open(TUE)
    desk.settle(run, market(TUE, {"AAPL": "100"}))
    desk.send(decided(desk, run, old))
    run = desk.open(WED)
    desk.settle(run, market(WED, {"AAPL": "100"} if old == OLD else {"IBM": "100"}))
    assert _open(desk) == _ids(old)
    return decided(desk, run, orders, _ids(old))


def _ids(orders: list[Order]) -> list[str]:
    return sorted(each.client_order_id for each in orders)


def _open(desk: Desk) -> list[str]:
    return [each.client_order_id for each in desk.paper.open_orders()]


def _fill(desk: Desk) -> None:
    """The entry fills after the decision."""
    key = ENTRY.client_order_id
    desk.paper._connection.execute("UPDATE orders SET state = 'filled', filled_quantity = 50 WHERE client_order_id = ?", [key])


def _states(desk: Desk, orders: list[Order]) -> set[OrderState]:
    with desk.real_ledger.read() as tx:
        return {each.state for each in find_orders(tx, _ids(orders)).values()}


def _send_by(desk: Desk, broker: object, run: Run) -> Sent:
    inner: Broker = broker  # type: ignore[assignment]
    return send(desk.ledger, None, inner, run, file=limits(), windows=desk.windows, now=desk.now, sleep=desk.pauses.append)


class _Deaf:
    """A broker that does not hear the cancel of some orders, or does not answer to it."""

    def __init__(self, inner: Broker, keys: list[str], *, fails: bool = False) -> None:
        self._inner, self._keys, self._fails = inner, keys, fails

    def cancel(self, client_order_id: str) -> None:
        """Of these nothing happens."""
        if client_order_id not in self._keys:
            self._inner.cancel(client_order_id)
        elif self._fails:
            raise BrokerUnavailable(f"cancel of {client_order_id}: connection reset")

    def __getattr__(self, name: str) -> object:
        return getattr(self._inner, name)


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
    _fill(desk)
    assert desk.send(run) == Sent(orders=3, cancelled=3)
    assert not {SELL.client_order_id, *_ids(list(SMALLER))} & set(_open(desk))
    assert _open(desk) == _ids([*PAIR])
    assert desk.send(run) == Sent(orders=3, already=3)
    assert _open(desk) == _ids([*PAIR])
    with desk.real_ledger.read() as tx:
        (reason,) = {each.reason for each in find_orders(tx, _ids([SELL, *SMALLER])).values()}
    assert reason == f"not sent: {key} has filled 50 and not the 0 that the basket was decided on; decided anew next time"


@pytest.mark.parametrize("stopped_by", ["its window", "a halt"])
@pytest.mark.parametrize("old", [OLD, WITH_OWN], ids=["alone", "with legs of its own"])
def test_where_the_entry_is_over_and_what_was_to_take_their_place_may_not_go_out_the_legs_stay(
    desk: Desk, old: list[Order], stopped_by: str
) -> None:
    run = _wednesday(desk, *ANEW, FEWER, old=old)
    ended = [each for each in old if each not in PAIR]
    desk.paper.cancel(ENTRY.client_order_id)  # by a person; what it has no fill for goes with it
    with desk.real_ledger.write() as tx:
        transitions(tx, [Move(key, OrderState.CANCELLED, reason="by hand") for key in _ids(ended)], run_id=run.run_id, now=desk.now())
        if stopped_by == "a halt":
            halt(tx, book=BOOK, kind="pause", reason="storm", author="ann", now=desk.now(), **_BUYS)
    if stopped_by == "its window":
        desk.windows = _SHUT
    assert desk.send(run) == Sent(orders=3, cancelled=3)
    assert _open(desk) == _ids([*PAIR])
    assert _states(desk, [*PAIR]) == {OrderState.ACCEPTED}


@pytest.mark.parametrize("window_is_over", [False, True])
def test_an_attempt_that_ended_between_the_entry_and_the_legs_leaves_the_legs_to_the_next_one(desk: Desk, window_is_over: bool) -> None:
    run = _wednesday(desk, *ANEW, FEWER)
    with pytest.raises(BrokerUnavailable):
        _send_by(desk, _Deaf(desk.broker, _ids([*PAIR]), fails=True), run)
    assert _states(desk, [ENTRY]) == {OrderState.CANCELLED}
    assert _open(desk) == _ids([*PAIR])
    if window_is_over:
        desk.windows = _SHUT
    assert desk.send(run) == (Sent(orders=3, cancelled=3) if window_is_over else Sent(orders=3, accepted=3))
    assert _open(desk) == _ids([*PAIR] if window_is_over else [*ANEW, FEWER])


def test_while_the_entry_is_not_known_to_be_over_the_legs_stay_and_another_attempt_does_it_all(desk: Desk) -> None:
    run = _wednesday(desk, *ANEW, FEWER)
    with pytest.raises(TransientError, match=rf"{ENTRY.client_order_id} is still accepted at the broker .* Nothing was sent in AAPL"):
        _send_by(desk, _Deaf(desk.broker, [ENTRY.client_order_id]), run)
    assert _open(desk) == _ids(OLD)
    assert desk.send(run) == Sent(orders=3, accepted=3)
    assert _open(desk) == _ids([*ANEW, FEWER])


def test_where_nothing_takes_their_place_legs_go_all_the_same_but_those_of_an_entry_that_has_filled(desk: Desk) -> None:
    """The basket leaves the position without them, as before a split."""
    run = _wednesday(desk, order("IBM", 1, WED), old=WITH_OWN)
    _fill(desk)
    assert desk.send(run).accepted == 1
    assert _open(desk) == _ids([order("IBM", 1, WED), *OWN])
    assert _states(desk, [*PAIR]) == {OrderState.CANCELLED}
