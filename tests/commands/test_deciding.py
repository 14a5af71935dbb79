"""waiting, approve, reject: what people see of what waits for them, and what they say to it."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from grodt.ledger.requests import Request, ask
from grodt.ledger.unit import Ledger
from tests.cycles.driver import Home
from tests.flows.commands import Command

NOW = datetime(2015, 12, 5, 12, tzinfo=UTC)
_DECISIONS = "SELECT person, verdict, reason FROM decisions ORDER BY person"


def _ask(home: Home, *, people: int = 1, name: str = "ab12" * 16) -> Request:
    ledger = Ledger.open(f"sqlite:///{home.folder / 'ledger.db'}")
    try:
        with ledger.write() as tx:
            subject = {"session": "2015-11-25", "run_id": "small-eod-2015-11-25", "orders": [{}, {}, {}]}
            until = NOW + timedelta(hours=2)
            return ask(
                tx, kind="basket", book="small", subject=subject, people=people, by="risk", reason="above 1", now=NOW, expires_at=until,
                request_id=name,
            )  # fmt: skip
    finally:
        ledger.close()


def test_nothing_waits(grodt: Command, home: Home) -> None:
    ended = grodt(home, "waiting")
    assert (ended.status, ended.out) == (0, "waiting for people: nothing\n")
    assert json.loads(grodt(home, "waiting", "--json", "--book", "small").out) == []


def test_what_waits_is_listed_with_who_must_do_what_by_when(grodt: Command, home: Home) -> None:
    _ask(home, people=2)
    lines = grodt(home, "waiting").out.splitlines()
    (line,) = [each for each in lines if "ab12ab12ab12" in each]
    for part in ("basket", "small", "3 orders of session 2015-11-25", "risk", "above 1", "2015-12-05 14:00 UTC"):
        assert part in line
    assert lines[-1] == "grodt approve ID --reason WHY, or grodt reject ID --reason WHY"
    (row,) = json.loads(grodt(home, "waiting", "--json").out)
    assert (row["request_id"], row["still_needed"], row["agreed"], row["expires_at"]) == ("ab12" * 16, 2, [], "2015-12-05T14:00:00+00:00")


def test_two_people_approve(grodt: Command, home: Home) -> None:
    _ask(home, people=2)
    one = grodt(home, "approve", "ab12ab", "--reason", "seen", "--author", "ann")
    assert one.out.splitlines() == [
        "approved by ann: basket ab12ab12ab12 of book small, 3 orders of session 2015-11-25",
        "1 more must agree before 2015-12-05 14:00 UTC: grodt approve ab12ab12ab12 --reason WHY",
    ]
    again = grodt(home, "approve", "ab12ab", "--reason", "sure", "--author", "ANN")
    assert (again.status, again.out) == (2, "")
    assert again.err == "error: basket ab12ab12ab12: ann has decided it (approve); another person must decide\n"
    two = grodt(home, "approve", "ab12ab12ab12", "--reason", "seen too", "--author", "bob")
    assert two.out.splitlines()[1].endswith("grodt run --book small --session 2015-11-25")
    assert home.sql(_DECISIONS) == [("ann", "approve", "seen"), ("bob", "approve", "seen too")]
    assert grodt(home, "waiting").out == "waiting for people: nothing\n"


def test_one_rejects(grodt: Command, home: Home) -> None:
    _ask(home)
    ended = grodt(home, "reject", "ab12ab", "--reason", "too large", "--author", "ann")
    assert ended.out.splitlines()[0] == "rejected by ann: basket ab12ab12ab12 of book small, 3 orders of session 2015-11-25"
    assert home.sql(_DECISIONS) == [("ann", "reject", "too large")]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["ab12", "--reason", "r"], "'ab12' is too short for an id"),
        (["cd34cd", "--reason", "r"], "nothing waits under 'cd34cd'; `grodt waiting` lists what does"),
        (["ab12ab", "--reason", " "], "every act on a book needs a reason; give it with --reason"),
        (["ab12ab", "--reason", "r", "--author", "automatic"], "author 'automatic' is no person; say who with --author"),
    ],
)
def test_wrong_use_decides_nothing(grodt: Command, home: Home, arguments: list[str], message: str) -> None:
    _ask(home)
    for command in ("approve", "reject"):
        ended = grodt(home, command, *arguments)
        assert (ended.status, ended.out) == (2, "")
        assert ended.err.startswith(f"error: {message}")
    assert home.sql(_DECISIONS) == []
