"""waiting, approve, reject: what people see of what waits for them, and what they say to it."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from tests.cycles.driver import Home
from tests.cycles.small_world import MON, books_text, small_home
from tests.flows.commands import Command

#: Monday's close is at 21:00 UTC; its basket can wait until two minutes before Tuesday's open.
NOW = "2015-11-24T03:00:00Z"
UNTIL = "2015-11-24 14:28 UTC"
_DECISIONS = "SELECT person, verdict, reason FROM decisions ORDER BY person"


@pytest.fixture(scope="module")
def asking(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A book that asks two people about Monday's basket. Only to be read."""
    home = small_home(tmp_path_factory.mktemp("asking"), now=NOW)
    assert home.books is not None
    home.books.write_text(books_text(approval="two"))
    home.run(MON)
    return home


@pytest.fixture
def waits(asking: Home, tmp_path: Path) -> Home:
    """The same, to be changed."""
    shutil.copytree(asking.folder, tmp_path / "home")
    return replace(asking, folder=tmp_path / "home")


@pytest.fixture(scope="module")
def basket(asking: Home) -> str:
    """As much of its hash as people type."""
    return str(asking.sql("SELECT request_id FROM requests")[0][0])[:12]


def test_nothing_waits(grodt: Command, three_days: Home) -> None:
    ended = grodt(three_days, "waiting")
    assert (ended.status, ended.out) == (0, "waiting for people: nothing\n")
    assert json.loads(grodt(three_days, "waiting", "--json", "--book", "small").out) == []


def test_what_waits_is_listed_with_who_must_do_what_by_when(grodt: Command, asking: Home, basket: str) -> None:
    lines = grodt(asking, "waiting").out.splitlines()
    (line,) = [each for each in lines if basket in each]
    for part in ("basket", "small", "5 orders of session 2015-11-23, worth 899,822.02 USD", "risk", "book small asks for approval", UNTIL):
        assert part in line
    assert lines[-1].startswith("grodt waiting ID shows one; grodt approve ID --reason WHY")
    (row,) = json.loads(grodt(asking, "waiting", "--json").out)
    assert (row["id"], row["still_needed"], row["agreed"], row["expires_at"]) == (basket, 2, [], "2015-11-24T14:28:00+00:00")


def test_one_is_shown_with_all_that_it_would_change(grodt: Command, asking: Home, basket: str) -> None:
    shown = grodt(asking, "waiting", basket[:6]).out
    for part in (
        "2 of 2, before 2015-11-24 14:28 UTC",
        "nobody has said anything",
        "899,822.02",  # gross exposure after
        "99,637.83",  # cash after
        "4,114",  # shares of GONE
        "buying power",  # has less than a tenth of its limit left
        "orders worth 899,822.02 USD, 90.0% of equity; expected cost 540.15 USD",
    ):
        assert part in shown
    (row,) = json.loads(grodt(asking, "waiting", basket, "--json").out)
    changes = row["subject"]["changes"]
    assert (row["state"], changes["cost"], changes["gross_after"]) == ("waiting", 540_148_400, 899_822_020_000)
    assert row["orders"] == "5 planned"


def test_two_people_approve(grodt: Command, waits: Home, basket: str) -> None:
    one = grodt(waits, "approve", basket[:6], "--reason", "seen", "--author", "ann")
    assert "the book now and after" in one.out
    assert one.out.splitlines()[-2:] == [
        f"approved by ann: basket {basket} of book small, 5 orders of session 2015-11-23, worth 899,822.02 USD",
        f"1 more must agree before {UNTIL}: grodt approve {basket} --reason WHY",
    ]
    again = grodt(waits, "approve", basket, "--reason", "sure", "--author", "ANN")
    assert (again.status, again.out) == (2, "")
    assert again.err == f"error: basket {basket}: ann has decided it (approve); another person must decide\n"
    two = grodt(waits, "approve", basket, "--reason", "seen too", "--author", "bob")
    assert two.out.splitlines()[-1].endswith("grodt run --book small --session 2015-11-23")
    assert waits.sql(_DECISIONS) == [("ann", "approve", "seen"), ("bob", "approve", "seen too")]
    assert grodt(waits, "waiting").out == "waiting for people: nothing\n"


def test_one_rejects(grodt: Command, waits: Home, basket: str) -> None:
    ended = grodt(waits, "reject", basket, "--reason", "too large", "--author", "ann")
    assert f"rejected by ann: basket {basket} of book small" in ended.out
    assert ended.out.splitlines()[-1].startswith("nothing of it is sent, and the cycle ends when it is run: grodt run --book small")
    assert waits.sql(_DECISIONS) == [("ann", "reject", "too large")]
    assert json.loads(grodt(waits, "waiting", basket, "--json").out)[0]["orders"] == "5 denied: rejected by ann: too large"
    waits.run(MON)
    denied = json.loads(grodt(waits, "orders", "--json").out)
    assert [(each["state"], each["reason"]) for each in denied] == [("denied", "rejected by ann: too large")] * 5
    report = (waits.folder / "reports/small/2015-11-23.md").read_text()
    assert f"**Approval**: basket {basket} of book small was rejected by ann: too large; nothing of it was sent." in report
    assert "- ann, 2015-11-24 03:00 UTC: reject, too large" in report
    assert "| gross exposure | 0.00 (0.00%) | 899,822.02 (89.98%) |" in report
    assert f"basket {basket} of book small was rejected by ann: too large" in grodt(waits, "status").out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["ab12", "--reason", "r"], "'ab12' is too short for an id"),
        (["00000000", "--reason", "r"], "nothing waits under '00000000'; `grodt waiting` lists what does"),
        (["BASKET", "--reason", " "], "every act on a book needs a reason; give it with --reason"),
        (["BASKET", "--reason", "r", "--author", "automatic"], "author 'automatic' is no person; say who with --author"),
    ],
)
def test_wrong_use_decides_nothing(grodt: Command, asking: Home, basket: str, arguments: list[str], message: str) -> None:
    for command in ("approve", "reject"):
        ended = grodt(asking, command, *(basket if each == "BASKET" else each for each in arguments))
        assert (ended.status, ended.out) == (2, "")
        assert ended.err.startswith(f"error: {message}")
    assert asking.sql(_DECISIONS) == []


def test_status_says_what_waits_and_who_approved_what(grodt: Command, waits: Home, basket: str) -> None:
    asked = f"basket {basket}, 5 orders of session 2015-11-23, worth 899,822.02 USD, asked by risk: 2 more must agree before {UNTIL}"
    assert asked in grodt(waits, "status").out
    assert json.loads(grodt(waits, "status", "--json").out)[0]["waiting"] == [asked]
    orders = grodt(waits, "orders").out
    assert orders.count(" planned ") == 5
    assert f"basket {basket} of book small waits for 2 people" in orders.splitlines()[-1]
    assert {(each["state"], each["filled_quantity"]) for each in json.loads(grodt(waits, "orders", "--json").out)} == {("planned", 0)}
    assert json.loads(grodt(waits, "status", "--json").out)[0]["planned_orders"] == 5
    for name in ("ann", "bob"):
        grodt(waits, "approve", basket, "--reason", f"{name} looked", "--author", name)
    waits.run(MON)
    shown = grodt(waits, "status").out
    assert f"basket {basket} of book small is approved by ann and bob" in shown
    assert "bob, 2015-11-24 03:00 UTC: approve, bob looked" in shown
    report = (waits.folder / "reports/small/2015-11-23.md").read_text()
    assert f"**Approval**: basket {basket} of book small is approved by ann and bob." in report


def test_explain_shows_the_order_that_waits_and_who_let_it_go(grodt: Command, waits: Home, basket: str) -> None:
    shown = grodt(waits, "explain", "RISE", "--session", "2015-11-23").out
    assert f"basket {basket} of book small waits for 2 people until {UNTIL}" in shown
    assert "in it: buy 2,915 at a reference of 61.74" in shown
    assert f"planned, basket {basket} approved by nobody yet" in shown
    assert "2015-11-24 03:00 UTC planned, 0 filled" in shown
    for name in ("ann", "bob"):
        grodt(waits, "approve", basket, "--reason", f"{name} looked", "--author", name)
    waits.run(MON)
    shown = grodt(waits, "explain", "RISE", "--session", "2015-11-23").out
    assert "2015-11-24 03:00 UTC ann: approve, ann looked" in shown
    assert f"accepted, basket {basket} approved by ann and bob" in shown
    (found,) = json.loads(grodt(waits, "explain", "RISE", "--session", "2015-11-23", "--json").out)
    assert [each["state"] for each in found["orders"][0]["events"]] == ["planned", "approved", "sending", "accepted"]
    assert (found["basket"][0]["state"], found["orders"][0]["approved_by"]) == ("approved", "ann and bob")
