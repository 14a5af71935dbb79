"""--json of commands that change something: one row of what was done, and nothing else on standard output."""

import json
from typing import Any

from tests.cycles.driver import Home
from tests.flows.commands import Command

WHY = ("--reason", "drill")


def _done(grodt: Command, home: Home, *arguments: str) -> dict[str, Any]:
    ended = grodt(home, *arguments, "--json")
    assert (ended.status, ended.err) == (0, "")
    (row,) = json.loads(ended.out)
    assert isinstance(row, dict)
    return row


def test_a_halt_and_its_end(grodt: Command, home: Home) -> None:
    made = _done(grodt, home, "halt", *WHY, "--author", "ann")
    assert (made["scope"], made["book"], made["holds"], made["author"]) == ("book", "small", True, "ann")
    orders = [row[0] for row in home.broker("SELECT client_order_id FROM orders WHERE state = 'cancelled' ORDER BY 1")]
    assert orders
    assert sorted(each["client_order_id"] for each in made["cancels"]) == orders
    ended = _done(grodt, home, "rearm", *WHY, "--author", "ann")
    assert ended == {"ended": [made["halt_id"]], "waiting": [], "still_holds": [], "request": None}


def test_a_kill_is_ended_by_two(grodt: Command, home: Home) -> None:
    made = _done(grodt, home, "halt", "--kill", *WHY, "--author", "ann")
    asked = _done(grodt, home, "rearm", *WHY, "--author", "ann")
    assert (asked["ended"], asked["waiting"]) == ([], [made["halt_id"]])
    decided = _done(grodt, home, "approve", asked["request"]["request_id"], *WHY, "--author", "bob")
    assert (decided["state"], decided["agreed"], decided["still_needed"]) == ("approved", ["ann", "bob"], 0)
    assert _done(grodt, home, "rearm", *WHY, "--author", "ann")["ended"] == []


def test_limits_that_hold_at_once_and_that_wait(grodt: Command, home: Home) -> None:
    changed = _done(grodt, home, "limits", "set", "symbol_weight", "0.01", *WHY, "--author", "ann")
    assert [(each["limit"], each["after"], each["author"]) for each in changed["in_force"]] == [("symbol_weight", "0.01", "ann")]
    assert changed["request"] is None
    wider = _done(grodt, home, "limits", "adopt", *WHY, "--author", "ann")
    assert (wider["in_force"], wider["request"]["kind"], wider["request"]["still_needed"]) == ([], "limit", 1)
    turned_down = _done(grodt, home, "reject", wider["request"]["id"], *WHY, "--author", "bob")
    assert turned_down["state"] == "rejected"
    own = _done(grodt, home, "limits", "set", "restricted", "yes", "--symbol", "RISE", *WHY, "--author", "ann")
    assert own["in_force"][0]["symbol"] == "RISE"
    assert _done(grodt, home, "limits", "unset", "restricted", "--symbol", "RISE", *WHY, "--author", "ann")["request"]["book"] == "small"


def test_limits_that_are_those_of_the_file(grodt: Command, home: Home) -> None:
    assert _done(grodt, home, "limits", "adopt", *WHY) == {"in_force": [], "request": None}


def test_an_override_and_a_version(grodt: Command, home: Home) -> None:
    asked = _done(grodt, home, "override", "5", "--cycles", "2", *WHY, "--author", "ann")
    assert (asked["asked_by"], asked["people"]) == ("ann", 2)
    expected = _done(grodt, home, "expect", "--version", "0.9", *WHY, "--author", "ann")
    assert (expected["book"], expected["version"], expected["author"]) == ("small", "0.9", "ann")


def test_money_and_breaks(grodt: Command, home: Home) -> None:
    booked = _done(grodt, home, "deposit", "25.50", *WHY, "--author", "ann")
    assert (booked["amount"], booked["session"]) == ("25.500000", "2015-11-27")
    ((entry,),) = home.sql("SELECT entry_id FROM entries WHERE memo LIKE '%drill%'")
    assert booked["entry_id"] == entry
    asked = _done(grodt, home, "withdraw", "25.50", *WHY, "--author", "ann")
    assert (asked["kind"], asked["still_needed"]) == ("withdrawal", 1)
