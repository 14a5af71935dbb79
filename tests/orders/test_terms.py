"""What kinds of orders there are, and at what price a book's are sent."""

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grodt.errors import ConfigError
from grodt.money import Micros
from grodt.orders.basket import build_basket
from grodt.orders.terms import MARKET_AT_OPEN, OrderTerms, problem_of
from grodt.risk.approved import _approve
from tests.brokers.world import MON
from tests.examples import examples

LIMIT = OrderTerms("limit", Decimal(20), "day")
STOP = OrderTerms("stop", Decimal(20), "day")


def _prices(terms: OrderTerms, *asked: tuple[int, int, int]) -> list[int]:
    wanted, reference, tick = (np.array(column, dtype=np.int64) for column in zip(*asked, strict=True))
    return terms.prices(wanted, reference, tick).tolist()


def test_a_limit_promises_no_more_than_its_offset_and_a_stop_waits_for_no_less() -> None:
    asked = [(10, 12_345_000, 10_000), (-10, 12_345_000, 10_000), (0, 12_345_000, 10_000)]
    assert _prices(LIMIT, *asked) == [12_360_000, 12_330_000, 0]  # 12.36969 down, 12.32031 up
    assert _prices(STOP, *asked) == [12_370_000, 12_320_000, 0]
    assert _prices(OrderTerms("limit", Decimal(-20)), *asked) == [12_320_000, 12_370_000, 0]
    assert _prices(MARKET_AT_OPEN, *asked) == [0, 0, 0]


def test_a_price_is_at_least_a_tick() -> None:
    assert _prices(OrderTerms("limit", Decimal(-5000)), (1, 10_000, 10_000)) == [10_000]


@examples(60)
@given(
    st.sampled_from(["limit", "stop"]),
    st.decimals(0, 5000, places=4),
    st.integers(10_000, 10**15),
    st.sampled_from([1, 100, 10_000]),
    st.booleans(),
)
def test_a_price_is_on_the_grid_and_within_a_tick_of_the_offset(kind: str, offset: Decimal, reference: int, tick: int, buys: bool) -> None:
    (price,) = _prices(OrderTerms(kind, offset, "day"), (1 if buys else -1, reference, tick))  # type: ignore[arg-type]
    exact = Decimal(reference) * (1 + (offset if buys else -offset) / 10_000)
    assert price % tick == 0
    assert price >= tick
    assert abs(price - exact) < tick or price == tick
    if price > tick:
        assert price >= exact if buys == (kind == "stop") else price <= exact


@pytest.mark.parametrize(
    ("kind", "offset", "tif", "told"),
    [
        ("iceberg", None, "opg", "order.type is 'iceberg'; it must be market, limit, stop"),
        ("market", None, "ioc", "order.tif is 'ioc'; of a market order of a book it must be opg, cls, day, gtc"),
        ("stop", Decimal(1), "opg", "order.tif is 'opg'; of a stop order of a book it must be day, gtc"),
        ("market", Decimal(1), "opg", "belongs to limit and stop orders"),
        ("limit", None, "opg", "they need it"),
        ("limit", Decimal(5001), "opg", "must be from -5000 to 5000"),
        ("stop", Decimal(-1), "day", "must be from 0 to 5000"),
        ("limit", Decimal("0.00001"), "day", "at most 4 decimals"),
    ],
)
def test_terms_that_do_not_fit_together_are_refused(kind: str, offset: Decimal | None, tif: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        OrderTerms(kind, offset, tif)  # type: ignore[arg-type]


def test_kinds_of_orders_that_do_not_exist_are_named() -> None:
    assert problem_of("market", "opg", None) == problem_of("limit", "fok", 1) == problem_of("stop", "gtc", 1) == ""
    assert problem_of("iceberg", "day", None) == "iceberg day orders are not known"
    assert problem_of("stop", "cls", 1) == "a stop order may be day or gtc, not cls"
    assert problem_of("limit", "day", None) == "a limit order has price None"
    assert problem_of("limit", "day", 0) == "a limit order has price 0"


def test_an_order_has_the_price_that_risk_judged_and_no_other() -> None:
    place = {"book": "demo", "kind": "eod", "session": MON, "run_id": "run"}
    priced = build_basket([_approve("A", 7, Micros(10**7), Micros(10_020_000))], terms=LIMIT, **place)  # type: ignore[arg-type]
    (order,) = priced.orders
    assert (order.order_type, order.time_in_force, order.price) == ("limit", "day", 10_020_000)
    other = build_basket([_approve("A", 7, Micros(10**7), Micros(10_010_000))], terms=LIMIT, **place)  # type: ignore[arg-type]
    assert other.hash != priced.hash
    with pytest.raises(ValueError, match="a limit order was judged with price None"):
        build_basket([_approve("A", 7, Micros(10**7))], terms=LIMIT, **place)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="a market order was judged with price 10020000"):
        build_basket([_approve("A", 7, Micros(10**7), Micros(10_020_000))], **place)  # type: ignore[arg-type]
