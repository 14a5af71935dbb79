"""Two orders that are one at the broker: by its number, in one symbol, at one account."""

from typing import Literal

import pytest

from grodt.ledger.accounts import ask_for_account, keep_account
from grodt.ledger.acts import act
from grodt.ledger.baskets import approve_basket, record_basket
from grodt.ledger.order_life import transition
from grodt.ledger.transaction import Write
from grodt.ledger.verify_orders import check_ids
from grodt.orders.order import Order
from grodt.orders.states import OrderState
from tests.ledger.world import BOOK, MINUTE, NEXT, NOW, SESSION, basket, order, started

FIRST, SECOND = order("AAPL", session=SESSION), order("AAPL", session=NEXT)
AS_ONE = f"orders {FIRST.client_order_id} and {SECOND.client_order_id} of book demo are one order at the broker, paper-1 of AAPL"


def _at_broker(tx: Write, *orders: Order, number: str = "paper-1", minutes: int = 0) -> None:
    """Orders of one run that the broker has taken under a number of its own, and that it has cancelled since."""
    now, run = NOW + minutes * MINUTE, started(tx, orders[0].session)
    made = basket(orders, run.run_id, orders[0].session)
    record_basket(tx, made, run.run_id, now)
    approve_basket(tx, made.hash, "automatic", now)
    for each in orders:
        transition(tx, each.client_order_id, OrderState.SENDING, run_id=run.run_id, now=now)
        transition(tx, each.client_order_id, OrderState.ACCEPTED, run_id=run.run_id, now=now, venue_order_id=number)
        transition(tx, each.client_order_id, OrderState.CANCELLED, run_id=run.run_id, now=now)


def _moved(tx: Write, how: Literal["rekeyed", "empty", "people"], account: str, minutes: int) -> None:
    now = NOW + minutes * MINUTE
    if how == "people":
        asked = ask_for_account(tx, BOOK, account, by="ann", reason="transfer", now=now)
        act(tx, asked.request_id, "approve", by="bob", reason="seen", now=now)
    else:
        keep_account(tx, BOOK, account, proof="it has our order" if how == "rekeyed" else "", now=now)


def _found(tx: Write) -> list[str]:
    return [*check_ids(tx, None).findings]


def test_two_orders_of_a_symbol_under_one_number_are_found(tx: Write) -> None:
    _at_broker(tx, FIRST)
    _at_broker(tx, SECOND, minutes=1)
    assert _found(tx) == [AS_ONE]
    assert [*check_ids(tx, "another").findings] == []


def test_a_venue_that_numbers_orders_per_symbol_gives_one_number_to_two(tx: Write) -> None:
    _at_broker(tx, order("BTC/USDT"), order("ETH/USDT"), number="123")
    assert _found(tx) == []
    _at_broker(tx, order("BTC/USDT", session=NEXT), number="123", minutes=1)
    (found,) = _found(tx)
    assert found.endswith("are one order at the broker, 123 of BTC/USDT")


@pytest.mark.parametrize(("how", "found"), [("empty", []), ("people", []), ("rekeyed", [AS_ONE])])
def test_another_account_may_give_the_number_again_and_another_key_of_it_may_not(
    tx: Write, how: Literal["rekeyed", "empty", "people"], found: list[str]
) -> None:
    keep_account(tx, BOOK, "paper demo", proof="", now=NOW)
    _at_broker(tx, FIRST)
    _moved(tx, how, "alpaca paper, key 0a1b2c3d4e5f", minutes=1)
    _at_broker(tx, SECOND, minutes=2)
    assert _found(tx) == found


def test_a_paper_file_that_is_begun_anew_after_the_book_was_elsewhere_gives_the_numbers_again(tx: Write) -> None:
    keep_account(tx, BOOK, "paper demo", proof="", now=NOW)
    _at_broker(tx, FIRST)
    _moved(tx, "empty", "alpaca paper, key 0a1b2c3d4e5f", minutes=1)
    _moved(tx, "empty", "paper demo", minutes=2)
    _at_broker(tx, SECOND, minutes=3)
    assert _found(tx) == []


def test_an_order_that_two_people_took_along_has_the_number_that_its_new_account_gave(tx: Write) -> None:
    """It was on its way when the book moved, and was found at the new account afterwards."""
    keep_account(tx, BOOK, "paper demo", proof="", now=NOW)
    run = started(tx)
    made = basket([FIRST], run.run_id)
    record_basket(tx, made, run.run_id, NOW)
    approve_basket(tx, made.hash, "automatic", NOW)
    transition(tx, FIRST.client_order_id, OrderState.SENDING, run_id=run.run_id, now=NOW)
    _moved(tx, "people", "alpaca paper, key 0a1b2c3d4e5f", minutes=1)
    transition(tx, FIRST.client_order_id, OrderState.ACCEPTED, run_id=run.run_id, now=NOW + 2 * MINUTE, venue_order_id="paper-1")
    _at_broker(tx, SECOND, minutes=3)
    assert _found(tx) == [AS_ONE]
