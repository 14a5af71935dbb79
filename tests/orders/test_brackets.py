"""Where the legs of a bracket lie, and what a bracket may say."""

from datetime import date
from decimal import Decimal
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grodt.errors import ConfigError
from grodt.money import micros
from grodt.orders.brackets import BracketTerms, LegPrices, opened_by
from grodt.orders.order import Order
from grodt.orders.terms import OrderTerms

FIVE_AND_TEN = BracketTerms(Decimal(500), Decimal(1000))
CENT = 10_000


def test_legs_lie_on_both_sides_of_the_average_price_of_the_entry() -> None:
    assert FIVE_AND_TEN.prices(100, micros(10_000), CENT) == LegPrices(micros(95), micros(110))
    assert FIVE_AND_TEN.prices(-100, -micros(10_000), CENT) == LegPrices(micros(105), micros(90))
    assert BracketTerms(Decimal(500)).prices(100, micros(10_000), CENT) == LegPrices(micros(95), 0)


@given(
    quantity=st.integers(-(10**6), 10**6).filter(bool),
    price=st.integers(100_000, 10**10),
    stop=st.integers(1, 9_000),
    take=st.integers(1, 9_000),
    tick=st.sampled_from([1, 100, 10_000]),
)
def test_no_leg_is_nearer_than_its_distance_and_none_a_tick_farther(quantity: int, price: int, stop: int, take: int, tick: int) -> None:
    found = BracketTerms(Decimal(stop), Decimal(take)).prices(quantity, quantity * price, tick)
    for at, bps, above in ((found.stop, stop, quantity < 0), (found.take_profit, take, quantity > 0)):
        exact = Decimal(price) * (10_000 + (bps if above else -bps)) / 10_000
        assert at % tick == 0
        assert (0 <= at - exact < tick) if above else (0 <= exact - at < tick or at == tick)


@pytest.mark.parametrize(
    ("close", "long", "passed"),
    [(96, True, ""), (95, True, "stop"), (110, True, "take_profit"), (104, False, ""), (106, False, "stop"), (90, False, "take_profit")],
)
def test_a_close_at_a_leg_has_passed_it(close: int, long: bool, passed: str) -> None:
    prices = FIVE_AND_TEN.prices(100 if long else -100, micros(10_000) if long else -micros(10_000), CENT)
    assert prices.passed(micros(close), long=long) == passed


@pytest.mark.parametrize(
    ("given_terms", "message"),
    [
        ({"stop_bps": Decimal(0)}, "order.bracket.stop_bps is 0; it must be from 1 to 9000"),
        ({"stop_bps": Decimal("NaN")}, "order.bracket.stop_bps is NaN"),
        ({"stop_bps": Decimal(500), "take_profit_bps": Decimal(9001)}, "order.bracket.take_profit_bps is 9001"),
        ({"stop_bps": Decimal(500), "cool_off_sessions": -1}, "order.bracket.cool_off_sessions is -1; it must be from 0"),
    ],
)
def test_what_no_bracket_is_says_which_number_and_its_bounds(given_terms: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        BracketTerms(**given_terms)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["limit", "stop"])
def test_a_book_whose_closing_orders_may_never_fill_has_no_brackets(kind: Literal["limit", "stop"]) -> None:
    with pytest.raises(ConfigError, match=rf"order\.bracket goes with market orders, and order\.type is {kind}"):
        OrderTerms(kind, Decimal(5), "gtc", FIVE_AND_TEN)
    assert not OrderTerms(bracket=FIVE_AND_TEN).is_default


def test_an_order_that_is_no_leg_cannot_be_made_one() -> None:
    from grodt.risk.approved import _approve

    with pytest.raises(ValueError, match="'close' at 1000000 is no leg"):
        Order.leg(_approve("A", -1, micros(1), micros(1)), "close", "demo", "eod", None, protects="")  # type: ignore[arg-type]


def test_what_closes_goes_out_with_the_legs_of_its_symbol_before_what_opens() -> None:
    from grodt.orders.basket import build_basket
    from grodt.risk.approved import _approve

    day = date(2026, 3, 4)
    wanted = {"A": 900, "B": -40, "C": -10, "D": 5}
    approved = [_approve(symbol, quantity, micros(10)) for symbol, quantity in wanted.items()]
    made = [_approve(symbol, -60, micros(10), micros(9)) for symbol in ("B", "D", "E")]
    legs = [Order.leg(each, "stop", "demo", "eod", day, protects="") for each in made]
    identity = {"book": "demo", "kind": "eod", "session": day, "run_id": "r"}
    basket = build_basket(approved, **identity, closing={"C": ""}, legs=legs)  # type: ignore[arg-type]
    assert [(each.symbol, each.role) for each in basket.orders] == [
        ("B", ""), ("B", "stop"), ("C", "close"), ("D", "stop"), ("E", "stop"), ("A", ""), ("D", ""),
    ]  # fmt: skip
    assert [each.symbol for each in build_basket(approved, **identity).orders] == ["B", "C", "A", "D"]  # type: ignore[arg-type]


def test_legs_of_an_entry_go_out_right_behind_it() -> None:
    from grodt.orders.basket import build_basket
    from grodt.risk.approved import _approve

    session = date(2026, 3, 4)
    bought = [_approve(symbol, quantity, micros(10)) for symbol, quantity in (("AAA", 10), ("BBB", 20))]
    stop, take = (_approve("AAA", -10, micros(10), micros(price)) for price in (9, 11))
    made = [
        Order.leg(stop, "stop", "book", "eod", session, other=take, attached=True),
        Order.leg(take, "take_profit", "book", "eod", session, other=stop, attached=True),
    ]
    basket = build_basket(bought, book="book", kind="eod", session=session, run_id="run", legs=made)
    name = f"book-eod-{session:%Y%m%d}"
    assert [order.client_order_id for order in basket.orders] == [f"{name}-{each}" for each in ("BBB-0", "AAA-0", "AAA-3", "AAA-4")]
    assert {order.protects for order in basket.orders if order.attached} == {f"{name}-AAA-0"}
    with pytest.raises(ValueError, match=r"legs are attached to .*-AAA-0, which it does not have"):
        build_basket(bought[1:], book="book", kind="eod", session=session, run_id="run", legs=made)


@pytest.mark.parametrize(
    ("traded", "held", "opened"), [(10, 0, 10), (10, 5, 10), (-10, 5, 5), (-5, 10, 0), (10, -25, 0), (30, -25, 5), (-3, -3, 3)]
)
def test_what_an_order_opens_is_what_it_does_not_close(traded: int, held: int, opened: int) -> None:
    assert opened_by(traded, held) == opened
