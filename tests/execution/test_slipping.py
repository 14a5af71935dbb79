"""Controls 19 and 32 when fills are booked."""

from dataclasses import replace
from typing import Any

import pytest

from grodt.errors import HaltActive
from grodt.ledger.fills import fills_in
from grodt.ledger.halts import Halt, active
from grodt.ledger.later_checks import evidence_of
from grodt.ledger.postings import settled
from grodt.money import micros
from grodt.orders.states import OrderState
from tests.brokers.brackets import legs
from tests.brokers.world import BOOK, MON, TUE, WED, market, order
from tests.execution.desk import Desk
from tests.execution.test_withdrawing import decided
from tests.ledger.people import rearmed
from tests.risk.proposals import limits


def _halts(desk: Desk) -> list[Halt]:
    with desk.real_ledger.read() as tx:
        return list(active(tx, BOOK, desk.now()))


def _evidence(desk: Desk) -> list[tuple[Any, ...]]:
    """Of Tuesday's run."""
    with desk.real_ledger.read() as tx:
        return evidence_of(tx, "demo-eod-2026-03-03").select("control", "scope", "symbol", "value", "limit", "verdict").rows()


def _sent(desk: Desk, quantities: dict[str, int], **bounds: Any) -> None:
    """Orders decided on Monday at 100."""
    desk.file = limits(**bounds)
    run = desk.open(MON)
    desk.settle(run, market(MON, {}))
    desk.decide(run, quantities)
    desk.send(run)


def test_a_fill_too_far_from_its_reference_is_an_alert_and_halts_nothing_by_itself(desk: Desk) -> None:
    """100 decided, 110.055 filled: 0.10055 of it, above a tenth. 109 is not."""
    _sent(desk, {"AAPL": 10, "IBM": 10}, slippage=0.1, slippages_in_a_row=2)
    found = desk.settle(desk.open(TUE), market(TUE, {"AAPL": "110", "IBM": "109"}))
    (one,) = found.slipped
    assert str(one) == (
        "AAPL 2026-03-03: slippage_above_limit: filled too far from the reference price (control 32: value is 0.10055, limit 0.1)"
    )
    assert _halts(desk) == []
    assert _evidence(desk) == [
        (19, "book", "", 10.0, 10.0, "pass"),
        (32, "order", "AAPL", pytest.approx(0.10055), 0.1, "alert"),
        (32, "book", "", pytest.approx(0.10055), 0.1, "alert"),
    ]


def test_so_many_in_a_row_halt_the_book_once_they_are_booked(desk: Desk) -> None:
    _sent(desk, {"AAPL": 10, "IBM": 10, "MSFT": 10}, slippage=0.1, slippages_in_a_row=2)
    run = desk.open(TUE)
    with pytest.raises(HaltActive, match=r"book demo is now halted: halt 1 \(breach\).*control 32: .*What was filled is booked"):
        desk.settle(run, market(TUE, {"AAPL": "111", "IBM": "112", "MSFT": "100"}), market(WED, {}))
    with desk.real_ledger.read() as tx:
        assert len(fills_in(tx, BOOK, TUE)) == 3
        assert settled(tx, BOOK) == TUE
    assert [row[5] for row in _evidence(desk)] == ["pass", "alert", "alert", "halt"]
    (made,) = _halts(desk)
    assert (made.scope, made.side, made.kind, made.control, made.keep_orders) == ("book", "all", "breach", 32, False)


def test_a_fill_near_its_reference_ends_the_row(desk: Desk) -> None:
    _sent(desk, {"AAPL": 10, "IBM": 10, "MSFT": 10}, slippage=0.1, slippages_in_a_row=2)
    # in the order sent: AAPL, IBM, MSFT
    assert len(desk.settle(desk.open(TUE), market(TUE, {"AAPL": "111", "IBM": "100", "MSFT": "112"})).slipped) == 2
    assert _halts(desk) == []


@pytest.mark.parametrize(("opened", "alerts"), [("80", 3), ("130", 0)])
def test_stops_that_gap_are_alerts_and_halt_nothing_and_take_profits_filled_better_are_none(desk: Desk, opened: str, alerts: int) -> None:
    """Three positions with stops at 95 and take profits at 105; a halt would cancel what is left of such legs in a crash."""
    symbols = ("AAPL", "IBM", "MSFT")
    desk.file = limits(slippage=0.1, slippages_in_a_row=2)
    desk.cycle(MON, [], dict.fromkeys(symbols, 10))
    run = desk.open(TUE)
    desk.settle(run, market(TUE, dict.fromkeys(symbols, "100")))
    desk.send(decided(desk, run, [leg for symbol in symbols for leg in legs(symbol, 10, "95", "105")]))
    found = desk.settle(desk.open(WED), market(WED, dict.fromkeys(symbols, opened)))
    assert found.fills == 3
    assert len(found.slipped) == alerts
    assert _halts(desk) == []


def test_the_row_is_counted_over_sessions_and_anew_once_people_have_armed_the_book(desk: Desk) -> None:
    _sent(desk, {"AAPL": 10}, slippage=0.1, slippages_in_a_row=2)
    run = desk.open(TUE)
    desk.settle(run, market(TUE, {"AAPL": "111"}))
    desk.decide(run, {"IBM": 10, "MSFT": 10})
    desk.send(run)
    with pytest.raises(HaltActive, match=r"in 2 fills in a row, the last MSFT in session 2026-03-04"):
        desk.settle(desk.open(WED), market(WED, {"MSFT": "112"}))
    with desk.real_ledger.write() as tx:
        rearmed(tx, BOOK, desk.now())
    desk.settle(desk.open(WED), market(WED, {"MSFT": "112"}))
    assert _halts(desk) == []


def test_knight_2012_more_filled_than_was_ordered_halts_the_book_and_books_nothing(desk: Desk) -> None:
    """A broker that reports a fill of 6 and another of 6 for an order of 10."""
    _sent(desk, {"AAPL": 10})
    desk.paper.advance(market(TUE, {"AAPL": "100"}))
    (whole,) = desk.paper.fills(TUE)
    desk.paper.fills = lambda _since: (  # type: ignore[method-assign]
        replace(whole, execution_id="a", quantity=6),
        replace(whole, execution_id="b", quantity=6),
    )
    with pytest.raises(HaltActive, match=r"children_exceed_parent: .*6 shares more would make 12 filled of 10 ordered"):
        desk.settle(desk.open(TUE), market(TUE, {"AAPL": "100"}))
    (made,) = _halts(desk)
    assert (made.kind, made.control) == ("breach", 19)
    assert _evidence(desk) == [(19, "order", "AAPL", 12.0, 10.0, "halt")]
    with desk.real_ledger.read() as tx:
        assert fills_in(tx, BOOK, TUE) == ()
        assert settled(tx, BOOK) == MON


@pytest.mark.parametrize(
    ("told", "value"),
    [
        ({"quantity": 15}, 15),
        ({"filled_quantity": 12, "state": OrderState.FILLED}, 12),
        ({"quantity": 12, "filled_quantity": 4, "state": OrderState.PARTIALLY_FILLED}, 12),
    ],
)
def test_an_order_that_is_larger_at_the_broker_halts_the_book(desk: Desk, told: dict[str, Any], value: int) -> None:
    _sent(desk, {"AAPL": 10})
    key = order("AAPL", 10).client_order_id
    there = desk.paper.find(key)
    assert there is not None
    desk.paper.orders = lambda _ids: {key: replace(there, **told)}  # type: ignore[method-assign]
    with pytest.raises(HaltActive, match=rf"children_exceed_parent: .*\(control 19: value is {value}, limit 10\): {key} at the broker"):
        desk.settle(desk.open(TUE), market(TUE, {}))
    assert [made.control for made in _halts(desk)] == [19]
    assert _evidence(desk) == [(19, "order", "AAPL", float(value), 10.0, "halt")]


def test_a_price_is_judged_by_its_distance_on_either_side(desk: Desk) -> None:
    _sent(desk, {"AAPL": 10, "IBM": 10}, slippage=0.1, slippages_in_a_row=3)
    found = desk.settle(desk.open(TUE), market(TUE, {"AAPL": "89", "IBM": "91"}))
    assert [(each.fill.symbol, each.fill.price) for each in found.slipped] == [("AAPL", micros("89.0445"))]
