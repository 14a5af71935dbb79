"""Cash that buys are to be paid with is not taken out."""

from dataclasses import replace

import pytest

from grodt.errors import ConfigError
from grodt.ledger.acts import act
from grodt.ledger.baskets import record_basket
from grodt.ledger.corrections import ask_to_withdraw, book_withdrawal
from grodt.ledger.fills import record_fill
from grodt.ledger.leases import acquire, release
from grodt.ledger.order_life import transition
from grodt.ledger.postings import cash, deposit_entry, post, record_settlement
from grodt.ledger.requests import Request
from grodt.ledger.reserved import Reserved, reserved_for_buys
from grodt.ledger.unit import Write
from grodt.money import Micros, micros
from grodt.orders.order import Order, Side
from grodt.orders.states import OrderState as S
from tests.ledger.world import BOOK, MINUTE, NOW, SESSION, basket, fill, order, sent, started

#: 100 shares at 93.70, as `order` makes them.
COST = micros("9370")


def _approved(tx: Write, *orders: Order) -> str:
    run = started(tx)
    record_basket(tx, basket(orders, run.run_id), run.run_id, NOW)
    return run.run_id


def _steps(tx: Write, one: Order, *states: S) -> None:
    run_id = _approved(tx, one)
    for state in states:
        transition(tx, one.client_order_id, state, run_id=run_id, now=NOW)


@pytest.mark.parametrize("states", [(), (S.SENDING,), (S.SENDING, S.UNKNOWN), (S.SENDING, S.ACCEPTED)])
def test_a_buy_is_reserved_for_from_its_approval_on(tx: Write, states: tuple[S, ...]) -> None:
    _steps(tx, order(), *states)
    assert reserved_for_buys(tx, BOOK) == Reserved(1, COST)
    assert reserved_for_buys(tx, "us") == Reserved(0, micros(0))


@pytest.mark.parametrize("states", [(S.DENIED,), (S.CANCELLED,), (S.SENDING, S.REJECTED), (S.SENDING, S.ACCEPTED, S.EXPIRED)])
def test_and_until_it_is_over(tx: Write, states: tuple[S, ...]) -> None:
    _steps(tx, order(), *states)
    assert reserved_for_buys(tx, BOOK) == Reserved(0, micros(0))


def test_what_is_booked_of_it_is_paid(tx: Write) -> None:
    one = order()
    run = sent(tx, [one])
    record_fill(tx, fill(one, quantity=30), BOOK, run.run_id, NOW)
    assert reserved_for_buys(tx, BOOK) == Reserved(1, micros("6559"))


def test_a_fill_that_is_told_and_not_booked_is_not_paid_yet(tx: Write) -> None:
    one = order()
    run = sent(tx, [one])
    transition(tx, one.client_order_id, S.PARTIALLY_FILLED, run_id=run.run_id, now=NOW, filled_quantity=30)
    assert reserved_for_buys(tx, BOOK) == Reserved(1, COST)


def test_the_higher_of_its_price_and_what_it_was_decided_at_counts(tx: Write) -> None:
    above, below = (
        replace(order(symbol), order_type="limit", time_in_force="gtc", price=micros(price))
        for symbol, price in (("AAPL", 95), ("IBM", 90))
    )
    _approved(tx, above, below)
    assert reserved_for_buys(tx, BOOK) == Reserved(2, Micros(COST + micros(9500)))


def test_sells_and_legs_of_brackets_are_not_paid_for(tx: Write) -> None:
    leg = replace(order("IBM"), role="stop", order_type="stop", time_in_force="gtc", price=micros(110))
    _approved(tx, order(side=Side.SELL), leg)
    assert reserved_for_buys(tx, BOOK) == Reserved(0, micros(0))


def _ask(tx: Write, amount: str) -> Request:
    return ask_to_withdraw(tx, BOOK, micros(amount), lambda day: day, by="ann", reason="paid out", now=NOW)


def _book_of(tx: Write, amount: str) -> None:
    post(tx, deposit_entry(BOOK, micros(amount), "USD", SESSION), "run", NOW)
    record_settlement(tx, BOOK, SESSION, "run", NOW)


def test_no_more_is_asked_for_than_open_buys_leave(tx: Write) -> None:
    _book_of(tx, "10000")
    sent(tx, [order()])
    said = (
        r"book demo has 10000\.000000 USD in cash, of which 9370\.000000 USD are reserved for 1 buy that may still be filled .*: "
        r"630\.000000 USD are free, less than 630\.000001\. Wait for them, or cancel them; .*--as withdrawal"
    )
    with pytest.raises(ConfigError, match=said):
        _ask(tx, "630.000001")
    asked = _ask(tx, "630")
    act(tx, asked.request_id, "approve", by="bob", reason="yes", now=NOW)
    assert cash(tx, BOOK) == COST, "enough for the buy"


def test_a_buy_that_is_approved_after_a_withdrawal_was_asked_for_comes_before_it(tx: Write) -> None:
    _book_of(tx, "10000")
    asked = _ask(tx, "9000")
    one = order()
    run = sent(tx, [one])
    with pytest.raises(ConfigError, match=r"can no longer be decided: book demo has .* 9370\.000000 USD are reserved for 1 buy"):
        act(tx, asked.request_id, "approve", by="bob", reason="yes", now=NOW + MINUTE)
    assert cash(tx, BOOK) == micros(10_000)
    transition(tx, one.client_order_id, S.CANCELLED, run_id=run.run_id, now=NOW + MINUTE)
    act(tx, asked.request_id, "approve", by="bob", reason="yes", now=NOW + MINUTE)
    assert cash(tx, BOOK) == micros(1_000)


def test_more_than_the_cash_is_reserved_leaves_nothing_free(tx: Write) -> None:
    _book_of(tx, "9000")
    sent(tx, [order(), order("IBM")])
    with pytest.raises(ConfigError, match=r"18740\.000000 USD are reserved for 2 buys .*: 0\.000000 USD are free, less than 1\.000000"):
        _ask(tx, "1")


def test_nothing_is_taken_out_while_a_cycle_is_at_work_that_may_be_deciding_what_to_buy(tx: Write) -> None:
    _book_of(tx, "10000")
    asked = _ask(tx, "9000")
    lease = acquire(tx, f"book:{BOOK}", "host:1", NOW, 2 * MINUTE)
    with pytest.raises(
        ConfigError, match=r"book demo: a cycle is at work \(host:1, until 2026-11-20 21:32:00 UTC\) .*: approve the withdra"
    ):
        act(tx, asked.request_id, "approve", by="bob", reason="yes", now=NOW + MINUTE)
    assert cash(tx, BOOK) == micros(10_000)
    release(tx, lease)
    book_withdrawal(tx, asked, NOW + MINUTE)
    assert cash(tx, BOOK) == micros(1_000)


def test_the_lease_of_a_cycle_that_was_killed_holds_a_withdrawal_up_until_it_expires(tx: Write) -> None:
    _book_of(tx, "10000")
    asked = _ask(tx, "9000")
    acquire(tx, f"book:{BOOK}", "host:1", NOW, MINUTE)
    act(tx, asked.request_id, "approve", by="bob", reason="yes", now=NOW + MINUTE)
    assert cash(tx, BOOK) == micros(1_000)
