"""`grodt account`, and what other commands say while a book's orders and positions are at another account."""

import json
from datetime import UTC, datetime

import pytest

from grodt.ledger.accounts import ask_for_account
from grodt.ledger.acts import act
from grodt.ledger.unit import Ledger
from tests.cycles.driver import Home
from tests.flows.commands import Command

FORMER = "alpaca live, key 5f4e3d2c1b0a"


@pytest.fixture
def moved(home: Home) -> Home:
    """By the ledger, the book is at an account at Alpaca; the books file has a paper broker."""
    ledger = Ledger.open(f"sqlite:///{home.folder / 'ledger.db'}")
    now = datetime(2015, 12, 5, tzinfo=UTC)
    with ledger.write() as tx:
        asked = ask_for_account(tx, "small", FORMER, by="ann", reason="live", now=now)
        act(tx, asked.request_id, "approve", by="bob", reason="live", now=now)
    ledger.close()
    return home


def test_a_book_elsewhere_is_compared_and_cancelled_nowhere_until_two_people_say_where_it_is(grodt: Command, moved: Home) -> None:
    there = f"book small is at account '{FORMER}' and its broker is account 'paper small' now. It has there: order small-eod-20151125-"
    compared, halted = grodt(moved, "reconcile"), grodt(moved, "halt", "--reason", "r", "--author", "ann")
    assert (compared.status, there in compared.err, "Nothing was compared" in compared.err) == (2, True, True)
    assert (halted.status, there in halted.err, "holds, but no order was cancelled" in halted.err) == (2, True, True)
    assert moved.sql("SELECT count(*) FROM cancels") == [(0,)]
    asked = json.loads(grodt(moved, "account", "--reason", "typing error", "--author", "ann", "--json").out)
    (request,) = asked if isinstance(asked, list) else (asked,)
    assert grodt(moved, "approve", request["request_id"][:12], "--reason", "seen", "--author", "bob").status == 0
    assert moved.sql("SELECT account, how, author FROM account_changes ORDER BY change_id") == [
        ("paper small", "first", "automatic"),
        (FORMER, "people", "ann and bob"),
        ("paper small", "people", "ann and bob"),
    ]
    assert grodt(moved, "reconcile").status == 0


def test_there_is_nothing_to_ask_where_the_book_is_at_its_broker(grodt: Command, home: Home) -> None:
    ended = grodt(home, "account", "--reason", "r", "--author", "ann")
    assert (ended.status, ended.out) == (2, "")
    assert "book small is at account 'paper small' already: there is nothing to ask for" in ended.err
