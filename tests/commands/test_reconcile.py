"""grodt reconcile: both sides as they stand now, neither changed."""

import json
import sqlite3
from contextlib import closing

import pytest

from grodt.errors import DataError
from tests.cycles.driver import Home
from tests.cycles.small_world import FRI
from tests.flows.commands import Command


def test_sides_that_agree(grodt: Command, three_days: Home) -> None:
    before = three_days.everything()
    ended = grodt(three_days, "reconcile")
    assert (ended.status, ended.err) == (0, "")
    ((positions,),) = three_days.broker("SELECT count(*) FROM positions")
    ((orders,),) = three_days.broker("SELECT count(*) FROM orders WHERE state IN ('accepted', 'partially_filled')")
    assert orders, "the last basket is at the broker"
    ((cash,),) = three_days.broker("SELECT cash FROM account")
    assert ended.out == (
        f"small, settled through 2015-11-25: ledger and broker agree on {positions} positions, {orders} open orders "
        f"and {cash / 10**6:,.2f} USD\n"
    )
    assert json.loads(grodt(three_days, "reconcile", "--json").out) == []
    assert three_days.everything() == before


def test_differences_are_shown_and_neither_recorded_nor_halted(grodt: Command, home: Home) -> None:
    with closing(sqlite3.connect(home.folder / "brokers/paper-small.db")) as account:
        account.execute("UPDATE account SET cash = cash - 50000")
        account.execute("UPDATE positions SET quantity = quantity + 3 WHERE symbol = (SELECT min(symbol) FROM positions)")
        account.commit()
    before = home.everything()
    ended = grodt(home, "reconcile", "--json")
    shares, money = json.loads(ended.out)
    assert ended.status == 1
    assert (shares["kind"], shares["difference"], shares["unit"]) == ("position", -3, "shares")
    assert (money["kind"], money["difference"], money["break"]) == ("cash", "0.050000", None)
    assert "book small: ledger and broker differ in 2 places. Nothing is recorded and nothing halted" in ended.err
    assert home.everything() == before


def test_a_difference_that_is_a_break_already_has_its_number(grodt: Command, home: Home) -> None:
    grodt(home, "deposit", "5", "--reason", "never wired", "--author", "ann")
    (money,) = json.loads(grodt(home, "reconcile", "--json").out)
    assert (money["difference"], money["break"]) == ("5.000000", None)


@pytest.mark.parametrize("command", [["reconcile"], ["backup"], ["halt", "--reason", "seen enough", "--author", "ann"]])
@pytest.mark.parametrize("left", [None, b""])
def test_a_paper_account_whose_file_is_lost_is_not_taken_for_an_empty_one(
    grodt: Command, home: Home, command: list[str], left: bytes | None
) -> None:
    file = home.folder / "brokers/paper-small.db"
    for each in file.parent.glob("paper-small.db*"):
        each.unlink()
    file.with_name("paper-small.db-wal").write_bytes(b"a log without its file")
    if left is not None:
        file.write_bytes(left)
    ended = grodt(home, *command)
    assert ended.status == 1
    assert f"its paper broker's file is not there: restore it from a backup, to {file}" in ended.err
    assert not file.exists() or file.stat().st_size == 0
    with pytest.raises(DataError, match="its paper broker's file is not there"):
        home.run(FRI)
    assert not file.exists() or file.stat().st_size == 0
