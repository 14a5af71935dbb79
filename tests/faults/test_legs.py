"""What is looked for of legs is found: each way in which they could be loose, or a position without its stop, made by hand."""

import sqlite3
from contextlib import closing
from itertools import count
from pathlib import Path

import pytest

from tests.cycles.bracket_world import MON, TUE, bracket_home
from tests.cycles.driver import Home
from tests.faults.homes import copied, life
from tests.faults.legs import loose, unprotected
from tests.new_ledgers import made_at_once

_copies = count(1)


@pytest.fixture(scope="module")
def tuesday(folder: Path) -> Home:
    """Tuesday evening: four positions, each with a stop and a take profit."""
    home = bracket_home(folder / "legs")
    with life(), made_at_once():
        home.run(MON, TUE)
    return home


def _with(home: Home, changes: str, file: str = "brokers/paper-small.db") -> Home:
    """A copy of the home, changed behind everybody's back."""
    there = copied(home, home.folder.parent / f"{next(_copies)}")
    with closing(sqlite3.connect(there.folder / file)) as connection, connection:
        for (trigger,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {trigger}")
        assert connection.execute(f"UPDATE orders SET {changes}").rowcount > 0
    return there


@pytest.fixture(scope="module")
def monday(folder: Path) -> Home:
    """Monday evening: four entries, each with its legs attached."""
    home = bracket_home(folder / "entries")
    with life(), made_at_once():
        home.run(MON)
    return home


def test_legs_of_a_sound_book_are_where_they_ought_to_be(monday: Home, tuesday: Home) -> None:
    assert loose(monday) == unprotected(monday, MON) == []
    assert loose(tuesday) == unprotected(tuesday, TUE) == []


def test_legs_whose_entry_is_over_unfilled_are_found(monday: Home) -> None:
    found = loose(_with(monday, "state = 'expired' WHERE client_order_id LIKE '%-FALL-0'"))
    assert found == [
        "FALL has live stops for ['small-eod-20151123-FALL-0'] and legs that close nothing "
        "['small-eod-20151123-FALL-3', 'small-eod-20151123-FALL-4']"
    ]


def test_an_entry_whose_stop_closes_less_than_it_opens_is_found(monday: Home) -> None:
    bare = _with(monday, "state = 'cancelled' WHERE role <> '' AND symbol = 'BOTH'")
    partly = _with(monday, "quantity = quantity - 1 WHERE role <> '' AND symbol = 'SPLT'")
    for home, symbol in ((bare, "BOTH"), (partly, "SPLT")):
        assert loose(home) == []
        assert [each.split()[0] for each in unprotected(home, MON)] == [f"small-eod-20151123-{symbol}-0"]


def test_an_entry_that_works_on_with_less_of_a_stop_than_it_may_still_add_is_found(monday: Home) -> None:
    bare = _with(monday, "state = 'cancelled' WHERE role <> '' AND symbol = 'BOTH'")
    partly = _with(monday, "quantity = quantity - 1 WHERE role <> '' AND symbol = 'SPLT'")
    assert unprotected(monday, TUE) == []
    for home, symbol in ((bare, "BOTH"), (partly, "SPLT")):
        assert [each.split(" shares")[0].split(" may add")[0] for each in unprotected(home, TUE)] == [f"small-eod-20151123-{symbol}-0"]


def test_two_stops_of_one_entry_are_found(monday: Home) -> None:
    (found,) = loose(_with(monday, "role = 'stop', other = '' WHERE role = 'take_profit' AND symbol = 'FALL'"))
    assert found.startswith("FALL has live stops for ['small-eod-20151123-FALL-0', 'small-eod-20151123-FALL-0']")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ("quantity = quantity + 1 WHERE role = 'stop' AND symbol = 'FALL'", "legs of FALL close"),
        ("role = 'stop', other = '' WHERE role = 'take_profit' AND symbol = 'FALL'", "FALL has live stops"),
        ("side = 'buy' WHERE role = 'take_profit' AND symbol = 'FALL'", "FALL has live stops"),
    ],
    ids=["too much", "two stops", "wrong side"],
)
def test_loose_legs_are_found(tuesday: Home, changes: str, said: str) -> None:
    found = loose(_with(tuesday, changes))
    assert found
    assert all("FALL" in each for each in found)
    assert any(each.startswith(said) for each in found)


def test_a_leg_that_closed_more_than_was_held_is_found(tuesday: Home) -> None:
    found = loose(_with(tuesday, "role = 'stop' WHERE role IS NULL AND symbol = 'RISE'", "ledger.db"))
    assert len(found) == 1
    assert "shares of RISE, of which 0 were held" in found[0]


def test_a_position_without_its_whole_stop_is_found(tuesday: Home) -> None:
    bare = _with(tuesday, "state = 'cancelled' WHERE role <> '' AND symbol = 'BOTH'")
    assert loose(bare) == []
    assert [each.split(":")[0] for each in unprotected(bare, TUE)] == ["BOTH"]
    partly = _with(tuesday, "quantity = quantity - 1 WHERE role <> '' AND symbol = 'SPLT'")
    assert [each.split(":")[0] for each in unprotected(partly, TUE)] == ["SPLT"]
