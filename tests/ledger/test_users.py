"""Users of the desk: what the last act on a name says holds."""

from datetime import timedelta

import pytest

from grodt.errors import ConfigError
from grodt.ledger.unit import Ledger, LedgerRefused, Write
from grodt.ledger.users import (
    add_user,
    change_password,
    change_role,
    deny_token,
    find_user,
    is_denied,
    remove_user,
    require_role,
    users,
)
from tests.ledger.by_hand import by_hand
from tests.ledger.test_audit import _checked
from tests.ledger.world import MINUTE, NOW, count


def test_a_user_is_what_the_last_act_made_of_them(tx: Write) -> None:
    add_user(tx, "ann", "viewer", "h1", by="root", now=NOW)
    add_user(tx, "bob", "trader", "h2", by="root", now=NOW)
    after = change_role(tx, "ann", "approver", by="eve", now=NOW + MINUTE)
    assert (after.role, after.password_hash, after.author) == ("approver", "h1", "eve")
    assert change_password(tx, "ann", "h3", by="ann", now=NOW + MINUTE).change_id > after.change_id
    remove_user(tx, "bob", by="eve", now=NOW + MINUTE)
    assert [(each.name, each.role, each.password_hash) for each in users(tx)] == [("ann", "approver", "h3")]
    assert find_user(tx, "bob") is None
    assert count(tx, "user_changes") == 5
    back = add_user(tx, "bob", "viewer", "h4", by="eve", now=NOW + MINUTE)
    assert (back.role, find_user(tx, "bob")) == ("viewer", back)


def test_each_role_may_what_those_before_it_may(tx: Write) -> None:
    may = {role: add_user(tx, role, role, "h", by="root", now=NOW) for role in map(require_role, ("viewer", "trader", "approver"))}
    allowed = {(name, role) for name, user in may.items() for role in map(require_role, may) if user.may(role)}
    both = {("viewer", "viewer"), ("trader", "viewer"), ("trader", "trader")}
    assert allowed == both | {("approver", role) for role in may}


@pytest.mark.parametrize("name", ["", "Ann", "аnn", "ann b", "-ann", "a" * 65, "ann\n", "risk", "automatic"])
def test_names_that_could_be_taken_for_another_are_refused(tx: Write, name: str) -> None:
    with pytest.raises(ConfigError):
        add_user(tx, name, "viewer", "h", by="root", now=NOW)
    assert users(tx) == ()


def test_there_is_no_second_user_of_a_name_and_none_that_nobody_added(tx: Write) -> None:
    add_user(tx, "ann", "viewer", "h", by="root", now=NOW)
    with pytest.raises(ConfigError, match="there is a user ann already"):
        add_user(tx, "ann", "approver", "h", by="root", now=NOW)
    for act in (lambda: change_role(tx, "bob", "viewer", by="root", now=NOW), lambda: remove_user(tx, "bob", by="root", now=NOW)):
        with pytest.raises(ConfigError, match="there is no user 'bob'"):
            act()
    with pytest.raises(ConfigError, match="role 'boss' is none of viewer, trader, approver"):
        require_role("boss")


def test_a_role_that_is_changed_by_hand_is_refused_and_found_where_it_was_forced(ledger: Ledger) -> None:
    def forced() -> None:
        with ledger.write() as tx:
            tx.connection.exec_driver_sql("UPDATE user_changes SET role = 'approver'")

    with ledger.write() as tx:
        add_user(tx, "ann", "viewer", "h", by="root", now=NOW)
    with pytest.raises(LedgerRefused, match="user_changes is append-only"):
        forced()
    by_hand(ledger, "UPDATE user_changes SET role = 'approver'")
    assert _checked(ledger).findings[0].startswith("user_changes change_id 1 is not as it was written")


def test_a_denied_token_is_remembered_until_its_own_end(tx: Write) -> None:
    deny_token(tx, "one", expires_at=NOW + MINUTE, now=NOW)
    deny_token(tx, "one", expires_at=NOW + MINUTE, now=NOW)
    assert (is_denied(tx, "one"), is_denied(tx, "two")) == (True, False)
    deny_token(tx, "two", expires_at=NOW + timedelta(hours=1), now=NOW + MINUTE)
    assert (is_denied(tx, "one"), count(tx, "denied_tokens")) == (False, 1)
