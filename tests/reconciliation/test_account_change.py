"""A book that comes to another account: what that account has had before is none of the book's."""

import re
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import Literal

import pytest

from grodt.errors import ReconciliationBreak
from grodt.ledger.accounts import ask_for_account, keep_account, sent_elsewhere
from grodt.ledger.acts import act
from grodt.ledger.corrections import deposit
from grodt.ledger.postings import balances, cash, holdings
from grodt.ledger.unbooked import unbooked_by_order
from tests.brokers.alpaca_desk import opened_at
from tests.brokers.world import BOOK, FRI, MON, THU, TUE, WED, market, usd
from tests.execution.desk import CASH, Desk, TellingBroker
from tests.fakes.alpaca_trading import FakeTrading, evening

FORMER, NEW = "alpaca live, key aaaaaaaaaaaa", "alpaca live, key bbbbbbbbbbbb"
How = Literal["rekeyed", "empty", "people"]


@pytest.fixture
def moved(desk: Desk) -> Iterator[Callable[[How], FakeTrading]]:
    """A book that was two sessions at one account, with its cash and nothing else; called, it goes on at another that has as much."""
    with FakeTrading(evening(MON), "1000000").served() as fake, opened_at(fake) as broker:
        desk.broker = TellingBroker(broker, desk.fuse)
        _keep(desk, FORMER)
        for day in (MON, TUE):
            _cycle(desk, day)
    with FakeTrading(evening(TUE), "1000000").served() as fake, opened_at(fake) as broker:

        def move(how: How) -> FakeTrading:
            desk.broker = TellingBroker(broker, desk.fuse)
            _move(desk, how)
            return fake

        yield move


def _keep(desk: Desk, account: str, proof: str = "") -> None:
    with desk.real_ledger.write() as tx:
        keep_account(tx, BOOK, account, proof=proof, now=desk.now())


def _move(desk: Desk, how: How) -> None:
    """Take the book as at the new account."""
    if how != "people":
        _keep(desk, NEW, proof="it has our order" if how == "rekeyed" else "")
        return
    with desk.real_ledger.write() as tx:
        asked = ask_for_account(tx, BOOK, NEW, by="ann", reason="transfer", now=desk.now())
        act(tx, asked.request_id, "approve", by="bob", reason="seen", now=desk.now())


def _cycle(desk: Desk, session: date, *also: date) -> None:
    """The book's cycle of a session, which settles earlier ones as well."""
    run = desk.open(session)
    desk.settle(run, *(market(day, {}) for day in (*also, session)))
    desk.reconcile(run)


def _booked(desk: Desk) -> dict[str, int]:
    with desk.real_ledger.read() as tx:
        return {account: amount for (account, _, _), amount in balances(tx, BOOK, ["interest", "fee", "capital"]).items()}


@pytest.mark.parametrize("how", ["empty", "people"])
def test_interest_of_before_stays_with_whoever_had_the_account(desk: Desk, moved: Callable[[How], FakeTrading], how: How) -> None:
    """On other money, which has been taken out: the account holds exactly the ledger's cash."""
    account = moved(how)
    for day in (MON - timedelta(days=20), MON, TUE, WED):
        account.charge("INT", "0", day, net_amount="42")
    run = desk.open(WED)
    desk.settle(run, market(WED, {}))
    desk.reconcile(run)
    assert _booked(desk) == {"capital": -CASH}
    account.charge("FEE", "-0.27", THU)
    _cycle(desk, THU)
    assert _booked(desk) == {"capital": -CASH, "fee": usd("0.27")}, "from the first session on that began at this account"


def test_what_came_in_its_first_session_there_is_a_break_that_names_it(desk: Desk, moved: Callable[[How], FakeTrading]) -> None:
    """Whose it is, no machine can know: it came on the day on whose evening the book did."""
    account = moved("empty")
    account.charge("INT", "42", WED)
    with pytest.raises(ReconciliationBreak) as broken:
        _cycle(desk, WED)
    assert "INT 42.00 USD on 2026-03-04" in str(broken.value)
    assert "the first session of the book at this account, which may have had it before it was the book's" in str(broken.value)
    with desk.real_ledger.write() as tx:
        deposit(tx, BOOK, usd("42"), lambda day: day, by="ann", reason="was there before", now=desk.now())
    desk.reconcile(desk.open(WED))
    _cycle(desk, THU)
    with desk.real_ledger.read() as tx:
        assert cash(tx, BOOK) == CASH + usd("42")
    assert _booked(desk) == {"capital": -CASH - usd("42")}


def test_sessions_that_its_first_cycle_there_catches_up_were_before(desk: Desk, moved: Callable[[How], FakeTrading]) -> None:
    account = moved("empty")
    for day in (WED, THU, FRI):
        account.charge("INT", "0", day, net_amount="42")
    _cycle(desk, FRI, WED, THU)
    assert _booked(desk) == {"capital": -CASH}


def test_another_key_of_the_account_is_no_other_account(desk: Desk, moved: Callable[[How], FakeTrading]) -> None:
    account = moved("rekeyed")
    account.charge("FEE", "-0.27", TUE)
    account.charge("INT", "3", WED)
    _cycle(desk, WED)
    assert _booked(desk) == {"capital": -CASH, "fee": usd("0.27"), "interest": -usd("3")}


def test_what_others_traded_there_before_is_told_and_booked_by_no_fill(desk: Desk, moved: Callable[[How], FakeTrading]) -> None:
    account = moved("empty")
    account.take(client_order_id="theirs-eod-20260303-AAPL-0", qty="5")
    account.fill("theirs-eod-20260303-AAPL-0", "5", "100")
    account.move("AAPL", "-5", "100")  # and sold again by hand
    _cycle(desk, WED)
    with desk.real_ledger.read() as tx:
        assert (holdings(tx, BOOK), cash(tx, BOOK)) == ({}, CASH)


def _unfilled_order(desk: Desk) -> str:
    """Our id of an order of the book's that expired at the former account."""
    with FakeTrading(evening(MON), "1000000").served() as fake, opened_at(fake) as broker:
        desk.broker = TellingBroker(broker, desk.fuse)
        _keep(desk, FORMER)
        monday = desk.open(MON)
        desk.settle(monday, market(MON, {}))
        (order,) = desk.decide(monday, {"AAPL": 30}).orders
        desk.send(monday)
        fake.play(market(TUE, {}))
        _cycle(desk, TUE)
    return order.client_order_id


@pytest.mark.parametrize("how", ["empty", "rekeyed", "people"])
def test_an_order_of_before_fills_where_it_was_sent_and_nowhere_else(desk: Desk, how: How) -> None:
    """A book by the same name, of another ledger, has sent its order of that session to the new account."""
    key = _unfilled_order(desk)
    with FakeTrading(evening(MON), "1000000").served() as account, opened_at(account) as broker:
        desk.broker = TellingBroker(broker, desk.fuse)
        _move(desk, how)
        account.take(client_order_id=key, qty="30", time_in_force="opg")
        account.now = evening(TUE) - timedelta(hours=8)
        account.fill(key, "30", "100")
        account.now = evening(TUE)
        if how == "empty":
            with pytest.raises(ReconciliationBreak, match=r"position +AAPL +0 +30"):
                _cycle(desk, WED)
        else:
            _cycle(desk, WED)
    with desk.real_ledger.read() as tx:
        held = {symbol: each.quantity for symbol, each in holdings(tx, BOOK).items()}
        reasons = [each.reason for each in unbooked_by_order(tx, [key]).get(key, ())]
    if how == "empty":
        assert (held, reasons) == ({}, [f"that order was sent to account '{FORMER}', where the book is no more"])
    else:
        assert (held, reasons) == ({"AAPL": 30}, [])


def test_back_at_an_account_what_was_sent_there_may_fill_late(desk: Desk) -> None:
    key = _unfilled_order(desk)
    with desk.real_ledger.write() as tx:
        keep_account(tx, BOOK, NEW, proof="", now=desk.now())
        assert sent_elsewhere(tx, BOOK, [key]) == {key: FORMER}
        keep_account(tx, BOOK, FORMER, proof="", now=desk.now())
        assert sent_elsewhere(tx, BOOK, [key]) == {}


def test_positions_and_orders_that_are_there_already_are_breaks(desk: Desk, moved: Callable[[How], FakeTrading]) -> None:
    account = moved("empty")
    account.move("MSFT", "5")
    account.take(client_order_id="by hand", qty="7")
    with pytest.raises(ReconciliationBreak) as broken:
        _cycle(desk, WED)
    assert re.search(r"position +MSFT +0 +5 ", str(broken.value))
    assert "by hand" in str(broken.value)
