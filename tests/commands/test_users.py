"""users: who may log in at the desk. No password is ever an argument."""

import io
import json
import sys
from pathlib import Path

import pytest

from grodt.desk.passwords import Passwords
from tests.cycles.driver import Home
from tests.flows.commands import Command, Ended
from tests.ledger.world import open_ledger


@pytest.fixture
def new(tmp_path: Path) -> Home:
    """A home with a ledger that nothing is in."""
    open_ledger(tmp_path).close()
    return Home(tmp_path)


def _typed(grodt: Command, home: Home, password: str, *arguments: str) -> Ended:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdin", io.StringIO(f"{password}\n"))
        return grodt(home, *arguments)


def test_users_are_added_changed_and_removed_by_name(grodt: Command, new: Home) -> None:
    assert grodt(new, "users").out == "users of the desk: none; grodt users add NAME --role ROLE\n"
    added = _typed(grodt, new, "correct horse battery", "users", "add", "ann", "--role", "viewer", "--author", "root")
    assert (added.status, added.out) == (0, "user ann is viewer\n")
    assert grodt(new, "users", "role", "ann", "approver", "--author", "root").out == "user ann is approver\n"
    assert _typed(grodt, new, "another horse battery", "users", "password", "ann", "--author", "ann").status == 0
    (row,) = json.loads(grodt(new, "users", "--json").out)
    assert row == {"name": "ann", "role": "approver", "changed_at": "2026-11-21T12:00:00+00:00", "changed_by": "ann"}
    ((kept,),) = new.sql("SELECT password_hash FROM user_changes ORDER BY change_id DESC LIMIT 1")
    assert Passwords().fits(kept, "another horse battery")
    assert grodt(new, "users", "remove", "ann", "--author", "root").out == "user ann, approver, can log in no more\n"
    assert json.loads(grodt(new, "users", "--json").out) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["add", "ann", "--role", "boss"], "role 'boss' is none of viewer, trader, approver"),
        (["add", "Ann B", "--role", "viewer"], "user name 'Ann B': use 1 to 64 small letters"),
        (["add", "ann", "--role", "viewer"], "a password has 12 to 256 characters; this one has 5"),
        (["password", "bob"], "there is no user 'bob'; `grodt users` lists them"),
    ],
)
def test_wrong_use_changes_nothing(grodt: Command, new: Home, arguments: list[str], message: str) -> None:
    ended = _typed(grodt, new, "short", "users", *arguments)
    assert (ended.status, ended.out) == (2, "")
    assert ended.err.startswith(f"error: {message}")
    assert new.sql("SELECT * FROM user_changes") == []
