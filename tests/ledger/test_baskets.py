"""Baskets and their approvals."""

import pytest

from grodt.errors import ConfigError
from grodt.ledger.baskets import approvals_of, approve_basket, basket_of, record_basket
from grodt.ledger.orders import orders_of
from grodt.ledger.unit import Write
from grodt.orders.order import Side
from grodt.orders.states import OrderState
from tests.ledger.world import MINUTE, NOW, basket, count, order, started

S = OrderState


def test_a_basket_comes_back_as_it_was_made(tx: Write) -> None:
    run = started(tx)
    made = basket([order("MSFT", Side.SELL, 7), order("AAPL")], run.run_id)
    assert basket_of(tx, run.run_id) is None
    record_basket(tx, made, run.run_id, NOW)
    found = basket_of(tx, run.run_id)
    assert found == made
    assert found is not None
    found.require_intact()
    assert [(o.order.symbol, o.state, o.filled_quantity, o.basket_hash) for o in orders_of(tx, run.run_id)] == [
        ("MSFT", S.APPROVED, 0, made.hash),
        ("AAPL", S.APPROVED, 0, made.hash),
    ]


def test_the_same_basket_again_changes_nothing(tx: Write) -> None:
    run = started(tx)
    for _ in range(2):
        record_basket(tx, basket([order()], run.run_id), run.run_id, NOW)
    assert (count(tx, "baskets"), count(tx, "orders"), count(tx, "order_events")) == (1, 1, 1)


def test_another_basket_of_the_run_is_refused(tx: Write) -> None:
    run = started(tx)
    record_basket(tx, basket([order()], run.run_id), run.run_id, NOW)
    with pytest.raises(ConfigError, match="what was made is what is sent"):
        record_basket(tx, basket([order(quantity=101)], run.run_id), run.run_id, NOW)


def test_a_basket_of_another_run_or_book_is_refused(tx: Write) -> None:
    run = started(tx)
    with pytest.raises(ValueError, match="does not belong to run"):
        record_basket(tx, basket([order()], "other"), run.run_id, NOW)
    with pytest.raises(ValueError, match="does not belong to run"):
        record_basket(tx, basket([order(book="us")], run.run_id), run.run_id, NOW)


def test_an_empty_basket_is_a_decision_too(tx: Write) -> None:
    run = started(tx)
    made = basket([], run.run_id)
    record_basket(tx, made, run.run_id, NOW)
    assert basket_of(tx, run.run_id) == made
    assert orders_of(tx, run.run_id) == ()


def test_an_approval_keeps_who_and_when(tx: Write) -> None:
    run = started(tx)
    made = basket([order()], run.run_id)
    with pytest.raises(ConfigError, match="there is no basket"):
        approve_basket(tx, made.hash, "ann", NOW)
    record_basket(tx, made, run.run_id, NOW)
    assert approvals_of(tx, made.hash) == ()
    for by, at in (("ann", NOW), ("ann", NOW + MINUTE), ("bob", NOW + MINUTE)):
        approve_basket(tx, made.hash, by, at)
    assert [(each.by, each.at) for each in approvals_of(tx, made.hash)] == [("ann", NOW), ("bob", NOW + MINUTE)]
    assert count(tx, "basket_approvals") == 2
