"""A book whose broker is another account than the one that its orders and positions are at."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import flows.cancelling
from flows.cancelling import cancel_what_it_covers
from grodt.brokers.protocol import Broker
from grodt.errors import BrokerUnavailable, ConfigError
from grodt.execution.accounts import require_same_account, same_account
from grodt.ledger.accounts import account_of, ask_for_account, orders_at_account
from grodt.ledger.acts import act, in_words
from grodt.ledger.baskets import approve_basket, record_basket
from grodt.ledger.fills import record_fill
from grodt.ledger.halts import halt
from grodt.ledger.order_life import transition
from grodt.ledger.orders import find_order
from grodt.orders.basket import Basket
from grodt.orders.fill import Fill
from grodt.orders.states import OrderState
from tests.brokers.world import BOOK, MON, TUE, order, usd
from tests.execution.desk import TERMS, FaultyBroker, PaperBroker, make_basket
from tests.execution.test_opening import CAPITAL, Office

PAPER, LIVE, NEW_KEY = "alpaca paper, key 0a1b2c3d4e5f", "alpaca live, key 5f4e3d2c1b0a", "alpaca paper, key 777777777777"
IBM = order("IBM", 20, MON)


class Named(FaultyBroker):
    """A broker of an account by that name."""

    def __init__(self, inner: Broker, account: str) -> None:
        super().__init__(inner)
        self._name = account

    @property
    def account(self) -> str:
        return self._name


@pytest.fixture
def office(tmp_path: Path, template: Path) -> Iterator[Office]:
    """A book at a paper account whose Monday's basket is approved."""
    opened = Office(tmp_path, template)
    opened.broker = Named(opened.paper, PAPER)
    run = opened.open().run
    basket: Basket = make_basket(run, [IBM])
    with opened.ledger.write() as tx:
        record_basket(tx, basket, run.run_id, opened.now)
        approve_basket(tx, basket.hash, "automatic", opened.now)
    opened.die()
    yield opened
    opened.close()


def _move(office: Office, state: OrderState, **given: str) -> None:
    with office.ledger.write() as tx:
        transition(tx, IBM.client_order_id, state, run_id="demo-eod-2026-03-02", now=office.now, **given)


def _state(office: Office) -> OrderState:
    found = office.read(lambda tx: find_order(tx, IBM.client_order_id))
    assert found is not None
    return found.state


@pytest.fixture
def other(tmp_path: Path) -> Iterator[PaperBroker]:
    """Another account, which has nothing."""
    with PaperBroker(tmp_path / "other.db", BOOK, CAPITAL, TERMS) as opened:
        yield opened


@pytest.mark.parametrize("state", [OrderState.SENDING, OrderState.UNKNOWN, OrderState.ACCEPTED, OrderState.APPROVED])
def test_an_order_that_was_sent_is_not_looked_for_at_another_account(office: Office, other: PaperBroker, state: OrderState) -> None:
    """It works in the paper account, and the live one never had it: the next cycle would have given it up."""
    _move(office, OrderState.SENDING)
    if state is not OrderState.SENDING:
        _move(office, state)
    office.broker = Named(other, LIVE)
    before = office.content()
    there = f"book demo is at account {PAPER!r} and its broker is account {LIVE!r} now. It has there: order {IBM.client_order_id} ("
    with pytest.raises(ConfigError, match=re.escape(there) + "buy 20 IBM.*Nothing was opened.*grodt account --book demo --reason WHY"):
        office.open(TUE)
    assert office.content() == before


def test_it_is_looked_for_where_it_was_sent(office: Office, other: PaperBroker) -> None:
    _move(office, OrderState.SENDING)
    office.paper.submit(IBM, MON)
    office.broker = Named(other, LIVE)
    with pytest.raises(ConfigError, match="Nothing was opened"):
        office.open(TUE)
    office.broker = Named(office.paper, PAPER)
    office.open(TUE)
    assert _state(office) is OrderState.ACCEPTED


def test_positions_and_fills_that_are_not_booked_keep_the_book_at_its_account(office: Office, other: PaperBroker) -> None:
    _move(office, OrderState.SENDING)
    _move(office, OrderState.ACCEPTED)
    with office.ledger.write() as tx:
        transition(tx, IBM.client_order_id, OrderState.FILLED, run_id="r", now=office.now, filled_quantity=20, venue_order_id="v-1")
    office.broker = Named(other, LIVE)
    with pytest.raises(ConfigError, match=r"\(buy 20 IBM, filled\)\. Nothing"):
        office.open(TUE)
    with office.ledger.write() as tx:
        record_fill(tx, Fill("x", IBM.client_order_id, "IBM", IBM.side, 20, usd("100"), usd("0"), TUE, office.now), BOOK, "r", office.now)
    with pytest.raises(ConfigError, match=r"It has there: 20 IBM\. Nothing"):
        office.open(TUE)


def test_what_was_never_sent_keeps_no_book_and_goes_nowhere_late(office: Office, other: PaperBroker) -> None:
    office.broker = Named(other, LIVE)
    office.open(TUE)
    assert office.read(lambda tx: account_of(tx, BOOK)) == LIVE
    assert (other.open_orders(), _state(office)) == ((), OrderState.CANCELLED)


def test_a_ledger_that_knows_no_account_goes_on_and_knows_it_from_then_on(tmp_path: Path, template: Path) -> None:
    opened = Office(tmp_path, template)
    opened.open()
    assert opened.read(lambda tx: account_of(tx, BOOK)) == "paper demo"
    opened.close()


def test_an_account_under_a_new_key_is_the_same_where_it_has_an_order_of_ours_by_its_own_id(office: Office, other: PaperBroker) -> None:
    _move(office, OrderState.SENDING)
    told = office.paper.submit(IBM, MON)
    _move(office, OrderState.ACCEPTED, venue_order_id=told.venue_order_id)
    office.broker = Named(office.paper, NEW_KEY)
    office.broker.down = True
    with pytest.raises(BrokerUnavailable):
        office.open(TUE)
    office.broker.down = False
    office.open(TUE)
    assert office.read(lambda tx: account_of(tx, BOOK)) == NEW_KEY
    assert _state(office) is OrderState.ACCEPTED
    office.die()
    office.broker = Named(other, PAPER)  # an account that has none of ours
    with pytest.raises(ConfigError, match="Nothing was opened"):
        office.open(TUE)


def test_two_people_say_that_what_the_book_has_is_at_another_account(office: Office, other: PaperBroker) -> None:
    _move(office, OrderState.SENDING)
    office.broker = Named(other, LIVE)
    with office.ledger.write() as tx:
        asked = ask_for_account(tx, BOOK, LIVE, by="ann", reason="moved", now=office.now)
        assert f"and no more at {PAPER!r}, with all it has: order {IBM.client_order_id}" in in_words(asked)
        assert asked.missing == 1
        act(tx, asked.request_id, "approve", by="bob", reason="seen", now=office.now)
        assert account_of(tx, BOOK) == LIVE
        with pytest.raises(ConfigError, match="is at account 'alpaca live, key 5f4e3d2c1b0a' already"):
            ask_for_account(tx, BOOK, LIVE, by="ann", reason="again", now=office.now)
    office.open(TUE)


def test_a_request_is_of_what_the_book_had_when_it_was_asked(office: Office) -> None:
    with office.ledger.write() as tx:
        asked = ask_for_account(tx, BOOK, LIVE, by="ann", reason="moved", now=office.now)
    _move(office, OrderState.SENDING)
    with office.ledger.write() as tx, pytest.raises(ConfigError, match="what the book has there has changed since"):
        act(tx, asked.request_id, "approve", by="bob", reason="seen", now=office.now)


def test_a_halt_says_that_it_cancelled_nothing_at_another_account(
    office: Office, other: PaperBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    _move(office, OrderState.SENDING)
    office.paper.submit(IBM, MON)
    office.broker = Named(other, LIVE)

    @contextmanager
    def broker_of(_book: str) -> Iterator[Broker]:
        yield office.broker

    monkeypatch.setattr(flows.cancelling, "broker_of", broker_of)
    with office.ledger.write() as tx:
        made = halt(tx, scope="book", book=BOOK, reason="r", author="ann", now=office.now)
    (failed,) = cancel_what_it_covers(office.ledger, made, lambda: office.now).failed
    assert f"{made} holds, but no order was cancelled, because this account would be asked for what it never had" in str(failed)
    office.broker = Named(office.paper, PAPER)
    assert cancel_what_it_covers(office.ledger, made, lambda: office.now).failed == ()
    assert (office.paper.open_orders(), other.orders([IBM.client_order_id])) == ((), {})


def test_a_paper_account_that_was_never_opened_is_not_asked_for_what_is_elsewhere(office: Office) -> None:
    _move(office, OrderState.SENDING)
    with pytest.raises(ConfigError, match="its broker is account 'paper demo' now"):
        require_same_account(office.ledger, None, BOOK, "Nothing was compared")


def test_an_order_at_the_account_of_before_says_nothing_of_the_one_that_the_book_is_at_now(office: Office, other: PaperBroker) -> None:
    """It came to one that has the same place and another key, when nothing was left: going back is no change of a key."""
    _move(office, OrderState.SENDING)
    told = office.paper.submit(IBM, MON)
    _move(office, OrderState.ACCEPTED, venue_order_id=told.venue_order_id)
    _move(office, OrderState.CANCELLED)
    assert office.read(lambda tx: orders_at_account(tx, BOOK, 3)) == {IBM.client_order_id: told.venue_order_id}
    office.broker = Named(other, NEW_KEY)
    office.open(TUE)
    assert office.read(lambda tx: (account_of(tx, BOOK), orders_at_account(tx, BOOK, 3))) == (NEW_KEY, {})
    office.broker = Named(office.paper, PAPER)
    assert same_account(office.ledger, office.broker, BOOK) == ""
