"""Orders, their ids, and the life they may lead."""

import itertools
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grodt.money import Micros
from grodt.orders.order import CLIENT_ORDER_ID_LENGTH, Order, Side, client_order_id
from grodt.risk.approved import _approve

SESSION = date(2026, 11, 20)


def test_a_short_id_can_be_read() -> None:
    assert client_order_id("demo", "eod", SESSION, "AAPL") == "demo-eod-20261120-AAPL-0"
    assert client_order_id("demo", "eod", SESSION, "AAPL", 2) == "demo-eod-20261120-AAPL-2"


@given(st.text(min_size=1, max_size=60), st.text(min_size=1, max_size=60), st.integers(0, 3))
def test_an_id_is_a_pure_function_that_fits_every_venue(book: str, symbol: str, leg: int) -> None:
    found = client_order_id(book, "eod", SESSION, symbol, leg)
    assert found == client_order_id(book, "eod", SESSION, symbol, leg)
    assert len(found) <= CLIENT_ORDER_ID_LENGTH
    assert found.isascii()


@pytest.mark.parametrize("book", ["demo", "a-book-with-twenty-c"])
def test_ids_of_different_intents_differ(book: str) -> None:
    symbols = ["A", "A-0", "Ä", "B" * 30, "B" * 31, "B" * 30 + "C"]
    sessions = [SESSION, SESSION + timedelta(days=1)]
    found = [client_order_id(book, "eod", session, symbol, leg) for session, symbol, leg in itertools.product(sessions, symbols, range(3))]
    assert len(set(found)) == len(found)


def test_an_order_recorded_is_the_order_that_was_made() -> None:
    made = Order.of(_approve("A", -7, Micros(21_280_000)), "demo", "eod", SESSION)
    read = Order.recorded(
        client_order_id=made.client_order_id,
        book="demo",
        session=SESSION,
        symbol="A",
        side=Side("sell"),
        quantity=7,
        reference_price=21_280_000,
        order_type="market",
        time_in_force="opg",
    )
    assert read == made


def test_a_recorded_quantity_is_above_zero() -> None:
    with pytest.raises(ValueError, match="recorded quantity 0 is not above zero"):
        Order.recorded(
            client_order_id="x",
            book="demo",
            session=SESSION,
            symbol="A",
            side=Side.BUY,
            quantity=0,
            reference_price=1,
            order_type="market",
            time_in_force="opg",
        )
