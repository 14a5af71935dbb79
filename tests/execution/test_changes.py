"""What people are shown of a basket: figures worked by hand."""

import json
from decimal import Decimal

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grodt.bars.market import TradingFigures
from grodt.brokers.fills import FillTerms
from grodt.execution.changes import MOST_CHECKS, Changes, changes_of, expected_cost
from grodt.money import Micros, micros
from grodt.orders.order import Order
from tests.brokers.world import order

USD = 1_000_000
_CHECKS = {
    "control": pl.Int16(),
    "name": pl.String(),
    "symbol": pl.String(),
    "value": pl.Float64(),
    "limit": pl.Float64(),
    "headroom": pl.Float64(),
    "verdict": pl.String(),
    "reason": pl.String(),
}


def _evidence(*rows: tuple[int, str, float | None, float | None, str]) -> pl.DataFrame:
    content = [
        (number, f"control {number}", symbol, value, limit, None if value is None or limit is None else limit - value, verdict, "")
        for number, symbol, value, limit, verdict in rows
    ]
    return pl.DataFrame(content, schema=_CHECKS, orient="row")


def _changes(orders: list[Order], evidence: pl.DataFrame | None = None, cost: int = 0) -> Changes:
    """A book of 10,000: long 30 A at 100, short 20 B at 50, 20 of C at 10 working; cash 8,000."""
    return changes_of(
        orders,
        symbols=("A", "B", "C", "D"),
        position=np.array([30, -20, 0, 0], dtype=np.int64),
        working=np.array([0, 0, 20, 0], dtype=np.int64),
        price=np.array([100, 50, 10, 7], dtype=np.int64) * USD,
        equity=10_000 * USD,
        cash=8_000 * USD,
        cost=Micros(cost),
        evidence=_evidence() if evidence is None else evidence,
    )


def test_the_book_now_and_after() -> None:
    found = _changes([order("A", -10), order("B", 5, price="50")], cost=2 * USD)
    assert [(each.symbol, each.now, each.working, each.order, each.after, each.value // USD, each.weight) for each in found.positions] == [
        ("A", 30, 0, -10, 20, 2_000, 0.2),
        ("B", -20, 0, 5, -15, -750, -0.075),
        ("C", 0, 20, 0, 20, 200, 0.02),
    ]
    assert (found.gross_now // USD, found.gross_after // USD) == (4_000, 2_950)
    assert (found.net_now // USD, found.net_after // USD) == (2_000, 1_450)
    # 1,000 in for A, 250 out for B, 200 out for what works in C, and 2 of cost
    assert (found.cash_now // USD, found.cash_after // USD) == (8_000, 8_548)
    assert found.value == 1_250 * USD


def test_checks_that_failed_come_first_and_then_those_with_least_left() -> None:
    evidence = _evidence(
        (2, "A", 50.0, 100.0, "pass"),  # half is left
        (9, "A", 0.099, 0.1, "pass"),  # a hundredth
        (8, "A", 95.0, 100.0, "pass"),  # a twentieth
        (18, "A", 1.0, 1.0, "pass"),  # counts the order itself
        (29, "", 0.0, 0.0, "pass"),  # of a limit of nothing, nothing is left
        (4, "B", 120.0, 100.0, "clip"),
        (6, "B", None, 1.0, "reject"),
    )
    assert [(each.control, each.verdict) for each in _changes([], evidence).checks] == [
        (4, "clip"),
        (6, "reject"),
        (9, "pass"),
        (8, "pass"),
    ]


def test_more_checks_than_people_read_are_counted() -> None:
    evidence = _evidence(*[(2, f"S{number:03}", 99.0, 100.0, "pass") for number in range(MOST_CHECKS + 7)])
    found = _changes([], evidence)
    assert (len(found.checks), found.more_checks) == (MOST_CHECKS, 7)


def test_it_is_kept_as_json_and_read_back_the_same() -> None:
    found = _changes([order("A", -10)], _evidence((6, "B", None, 1.0, "reject")), cost=3)
    assert Changes.read(json.loads(json.dumps(found.plain(), allow_nan=False))) == found


def test_the_cost_is_slippage_and_commission_of_every_order_whole() -> None:
    """10 bps of 1,000 is 1 and of 500 is 0.50; commission is 0.25 each, and a cap on participation lets an order fill in the end."""
    terms = FillTerms(slippage_bps=Decimal(10), minimum_commission=micros("0.25"), participation=Decimal("0.01"))
    assert expected_cost([order("A", 10), order("B", -10, price="50")], terms, {}) == micros("2.00")


def test_impact_is_the_square_root_law() -> None:
    """k 1, σ 2 %, an order of a hundredth of the average value: 0.02 · √0.01 = 20 bps of 1,000 is 2."""
    terms = FillTerms(impact=Decimal(1))
    orders = [order("A", 10), order("B", 10)]
    figures = {"A": TradingFigures(100_000.0, 0.02), "B": TradingFigures(0.0, float("nan"))}
    assert expected_cost(orders, terms, figures) == micros("2.00")


def test_no_order_costs_nothing() -> None:
    assert expected_cost([], FillTerms(slippage_bps=Decimal(10)), {}) == 0


@given(
    st.lists(st.integers(-1_000, 1_000).filter(bool), min_size=1, max_size=4),
    st.integers(0, 10**9),
)
def test_what_is_paid_for_is_what_exposure_gains(quantities: list[int], cost: int) -> None:
    prices = ["100", "50", "10", "7"]
    orders = [order(symbol, quantity, price=price) for symbol, quantity, price in zip("ABCD", quantities, prices, strict=False)]
    found = _changes(orders, cost=cost)
    assert found.cash_after + found.net_after + found.cost == found.cash_now + found.net_now
    assert found.gross_after >= abs(found.net_after)
    for each in found.positions:
        assert each.after == each.now + each.working + each.order
        assert each.value == each.after * each.price


def test_a_position_is_weighed_by_equity_of_the_mark() -> None:
    assert _changes([]).positions[0].weight == pytest.approx(0.3)
