"""Limits in the ledger: where they begin, who changes them, and what two people are needed for."""

from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from grodt.errors import ConfigError
from grodt.ledger.acts import act
from grodt.ledger.limits import (
    TERM,
    Changed,
    begin_limits,
    change_limits,
    differences,
    limit_history,
    limits_in_force,
    limits_set,
    limits_version,
)
from grodt.ledger.requests import waiting
from grodt.ledger.unit import Write
from grodt.risk.limit_values import RULES, Key, Value, values_of
from grodt.risk.limits import Limits, SymbolLimits
from tests.ledger.by_hand import forced
from tests.ledger.world import BOOK, MINUTE, NOW
from tests.risk.proposals import limits

FILE = limits(order_value=100.0)
VALUE = Key("order_value")


def changed(tx: Write, *changes: tuple[Key, Value | None], by: str = "ann", file: Limits = FILE) -> Changed:
    return change_limits(tx, BOOK, file, changes, by=by, reason="seen", now=NOW)


def value(tx: Write) -> float:
    return limits_in_force(tx, BOOK, FILE).limits.order_value


def test_the_books_file_gives_the_first_values_and_later_ones_change_nothing(tx: Write) -> None:
    assert limits_in_force(tx, BOOK, FILE).limits == FILE
    assert limits_version(tx, BOOK) == 0
    begin_limits(tx, BOOK, FILE, NOW)
    version = limits_version(tx, BOOK)
    begin_limits(tx, BOOK, limits(order_value=7.0, restricted=("AAPL",)), NOW)
    found = limits_in_force(tx, BOOK, limits(order_value=7.0))
    assert (found.limits, found.version, limits_version(tx, BOOK)) == (FILE, version, version)
    assert {each.author for each in found.set_by.values()} == {"books file"}
    assert {each.key.name for each in limit_history(tx, BOOK)} == set(RULES)


def test_a_limit_that_is_new_in_a_version_begins_with_the_books_file_and_no_other_does(tx: Write) -> None:
    begin_limits(tx, BOOK, FILE, NOW)
    forced(tx, "limit_changes", "DELETE FROM limit_changes WHERE name = 'drawdown'")
    later = limits(order_value=7.0, drawdown=0.15)
    assert limits_in_force(tx, BOOK, later).limits.drawdown == 0.15
    begin_limits(tx, BOOK, later, NOW + MINUTE)
    found = limits_in_force(tx, BOOK, later)
    assert (found.limits.drawdown, found.limits.order_value) == (0.15, 100.0)
    assert found.set_by[Key("drawdown")].at == NOW + MINUTE


def test_tighter_holds_at_once_with_who_when_from_what_to_what_and_why(tx: Write) -> None:
    done = changed(tx, (VALUE, 50.0))
    assert done.request is None
    assert value(tx) == 50.0
    last = limit_history(tx, BOOK, "order_value")[-1]
    assert done.made == (last,)
    assert (last.before, last.after, last.author, last.reason, last.at, last.request_id) == (100.0, 50.0, "ann", "seen", NOW, None)


def test_more_room_waits_for_a_second_person_and_holds_from_then_on(tx: Write) -> None:
    asked = changed(tx, (VALUE, 200.0)).request
    assert asked is not None
    assert value(tx) == 100.0
    with pytest.raises(ConfigError, match="another person must decide"):
        act(tx, asked.short, "approve", by="ann", reason="again", now=NOW + MINUTE)
    assert value(tx) == 100.0
    acted = act(tx, asked.short, "approve", by="bob", reason="checked", now=NOW + MINUTE)
    assert acted.then == "from now on: order_value from 100.0 to 200.0"
    assert value(tx) == 200.0
    last = limit_history(tx, BOOK, "order_value")[-1]
    assert (last.author, last.reason, last.request_id, last.at) == ("ann and bob", "seen", asked.request_id, NOW + MINUTE)


def test_what_is_rejected_or_not_approved_in_time_changes_nothing(tx: Write) -> None:
    first = changed(tx, (VALUE, 200.0)).request
    assert first is not None
    act(tx, first.short, "reject", by="bob", reason="no", now=NOW)
    second = changed(tx, (VALUE, 200.0)).request
    assert second is not None
    with pytest.raises(ConfigError, match="expired"):
        act(tx, second.short, "approve", by="bob", reason="late", now=NOW + TERM)
    assert value(tx) == 100.0


def test_more_room_than_was_asked_from_is_refused_when_the_limit_was_tightened_meanwhile(tx: Write) -> None:
    asked = changed(tx, (VALUE, 200.0)).request
    assert asked is not None
    changed(tx, (VALUE, 10.0), by="cleo")
    with pytest.raises(ConfigError, match=r"can no longer be decided: order_value is 10\.0 now and was 100\.0; ask for it anew"):
        act(tx, asked.short, "approve", by="bob", reason="ok", now=NOW + MINUTE)
    assert value(tx) == 10.0


def test_of_several_changes_the_tighter_hold_and_the_others_are_one_request(tx: Write) -> None:
    done = changed(tx, (VALUE, 200.0), (Key("turnover"), 5.0), (Key("drawdown"), 0.5), (Key("restricted", symbol="AAPL"), True))
    assert [str(each) for each in done.made] == ["turnover from 10.0 to 5.0", "restricted of AAPL from not set to yes"]
    assert done.request is not None
    act(tx, done.request.short, "approve", by="bob", reason="ok", now=NOW)
    found = limits_in_force(tx, BOOK, FILE).limits
    assert (found.order_value, found.turnover, found.drawdown, found.restricted) == (200.0, 5.0, 0.5, ("AAPL",))


def test_a_limit_of_a_symbol_or_group_is_set_and_taken_away(tx: Write) -> None:
    own = Key("symbol_weight", symbol="AAPL")
    changed(tx, (own, 0.05), (Key("group_weight", group="tech"), 0.3))
    found = limits_in_force(tx, BOOK, FILE)
    assert (found.limits.overrides, dict(found.limits.group_weight)) == ({"AAPL": SymbolLimits(symbol_weight=0.05)}, {"tech": 0.3})
    asked = changed(tx, (own, None)).request  # from then on the book's 1.0 holds
    assert asked is not None
    act(tx, asked.short, "approve", by="bob", reason="ok", now=NOW)
    assert limits_in_force(tx, BOOK, FILE).limits.overrides == {}
    changed(tx, (Key("symbol_weight"), 0.02), (own, 0.02))
    assert changed(tx, (own, None)).request is None  # the book's is as tight


@pytest.mark.parametrize(
    ("key", "new", "words"),
    [
        (VALUE, 0.0, r"limit order_value is 0\.0; it must be a finite number above 0"),
        (VALUE, 1e13, "limit order_value is 10000000000000"),
        (VALUE, 100.0, r"limit order_value is 100\.0 already"),
        (VALUE, None, "limit order_value cannot be taken away"),
        (Key("symbol_weight", symbol="AAPL"), None, "limit symbol_weight of AAPL is not set already"),
        (Key("volatility_low"), 1.0, r"volatility_low is 1\.0 and volatility_high 1\.0; the first must be below"),
    ],
)
def test_what_cannot_be_is_refused_by_the_books_file_s_own_rules(tx: Write, key: Key, new: Value | None, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        changed(tx, (key, new))
    assert limits_in_force(tx, BOOK, FILE).limits == FILE


@pytest.mark.parametrize("name", ["", " ", "books file", "Risk"])
def test_a_person_is_needed(tx: Write, name: str) -> None:
    with pytest.raises(ConfigError, match="is no person"):
        changed(tx, (VALUE, 50.0), by=name)
    assert value(tx) == 100.0


def test_limits_of_an_earlier_version_are_what_held_then(tx: Write) -> None:
    begin_limits(tx, BOOK, FILE, NOW)
    first = limits_version(tx, BOOK)
    changed(tx, (VALUE, 50.0))
    changed(tx, (VALUE, 40.0), (Key("restricted", symbol="IBM"), True))
    assert {key: each.after for key, each in limits_set(tx, BOOK, first).items()} == values_of(FILE)
    assert [limits_set(tx, BOOK, first + each)[VALUE].after for each in range(3)] == [100.0, 50.0, 40.0]
    assert limits_in_force(tx, BOOK, FILE).version == first + 3


def test_a_limit_that_a_later_version_adds_does_not_hide_what_was_set_before_it(tx: Write) -> None:
    begin_limits(tx, BOOK, FILE, NOW)
    asked = changed(tx, (VALUE, 200.0)).request
    assert asked is not None
    forced(tx, "limit_changes", "DELETE FROM limit_changes WHERE name = 'drawdown'")
    assert limits_set(tx, BOOK, limits_version(tx, BOOK))[VALUE].after == 100.0
    with pytest.raises(ConfigError, match="the ledger of book demo does not know limit drawdown yet, which this version needs"):
        act(tx, asked.short, "approve", by="bob", reason="ok", now=NOW)
    begin_limits(tx, BOOK, FILE, NOW)


def test_a_limit_of_an_earlier_version_holds_nothing(tx: Write) -> None:
    begin_limits(tx, BOOK, FILE, NOW)
    forced(tx, "limit_changes", "UPDATE limit_changes SET name = 'lunch_break' WHERE name = 'drawdown'")
    found = limits_in_force(tx, BOOK, FILE)
    assert found.limits == FILE
    assert Key("lunch_break") not in found.set_by


def test_books_have_limits_of_their_own(tx: Write) -> None:
    changed(tx, (VALUE, 50.0))
    assert limits_in_force(tx, "us", FILE).limits == FILE
    assert limit_history(tx, "us") == ()


def test_what_the_books_file_has_otherwise_is_named_with_the_command_that_makes_it_so() -> None:
    in_force = limits(order_value=50.0, group_weight={"tech": 0.3}, overrides={"AAPL": SymbolLimits(order_quantity=5)})
    file = limits(order_value=100.0, restricted=("IBM",))
    assert [str(each) for each in differences(file, in_force)] == [
        "order_value is 50.0 and the books file says 100.0: grodt limits set order_value 100.0 --reason WHY",
        "restricted of IBM is not set and the books file says yes: grodt limits set restricted yes --symbol IBM --reason WHY",
        "order_quantity of AAPL is 5 and the books file says not set: grodt limits unset order_quantity --symbol AAPL --reason WHY",
        "group_weight of tech is 0.3 and the books file says not set: grodt limits unset group_weight --group 'tech' --reason WHY",
    ]
    assert differences(file, file) == ()


def test_the_same_request_is_not_doubled(tx: Write) -> None:
    first = changed(tx, (VALUE, 200.0)).request
    assert changed(tx, (VALUE, 200.0), by="bob").request == first
    assert len(waiting(tx, NOW + timedelta(hours=1), BOOK)) == 1


def test_history_is_never_changed(tx: Write) -> None:
    begin_limits(tx, BOOK, FILE, NOW)
    for act_of in ("UPDATE limit_changes SET author = 'eve'", "DELETE FROM limit_changes"):
        with pytest.raises(IntegrityError, match="limit_changes is append-only"), tx.connection.begin_nested():
            tx.connection.execute(text(act_of))
