"""Cycles that send entries with their legs, or withdraw legs, trade and send new ones, killed at their instants and run again."""

import random
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from grodt.ledger.unit import Ledger
from grodt.ledger.verify import verify_ledger
from tests.cycles.bracket_world import FRI, MON, TUE, WED, bracket_home
from tests.faults.homes import copied, life
from tests.faults.points import Undisturbed, differences, killed_again, rerun, run_undisturbed
from tests.faults.test_postgres import OnPostgres
from tests.postgres import PostgresServer

pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module")
def wednesday(folder: Path) -> Undisturbed:
    """Wednesday without a fault: RISE is sold in part, so its legs make way for smaller ones."""
    started = bracket_home(folder / "brackets")
    with life():
        started.run(MON, TUE)
    return run_undisturbed(started, [WED], folder / "on-wednesday")


@pytest.mark.parametrize("kills", [2, pytest.param(25, marks=pytest.mark.long)])
def test_killed_while_legs_make_way_and_run_again_it_ends_the_same(wednesday: Undisturbed, folder: Path, kills: int) -> None:
    assert sum("RISE" in each and f"small-eod-{WED}" in each for each in wednesday.facts["withdrawals"]) == 2
    late = [left for left in wednesday.remains if left.first > wednesday.instants // 2]  # decisions, cancels and sends
    for left in random.Random(3).sample(late, kills):
        home = copied(left.home, folder / f"again-{left.first}-of-{kills}")
        assert rerun(replace(left, home=home), wednesday) == [], str(left)


@pytest.fixture(scope="module")
def monday(folder: Path) -> Undisturbed:
    """Monday and Tuesday without a fault: entries go out with their legs, one of which fills in the session of its entry."""
    started = bracket_home(folder / "entries", falls=TUE)
    started.folder.mkdir()
    return run_undisturbed(started, [MON, TUE], folder / "on-monday")


@pytest.mark.parametrize("kills", [2, pytest.param(25, marks=pytest.mark.long)])
def test_killed_while_entries_go_out_with_their_legs_and_run_again_it_ends_the_same(monday: Undisturbed, folder: Path, kills: int) -> None:
    assert sum("FALL-3" in each for each in monday.facts["fills"]) == 1
    for left in random.Random(8).sample(monday.remains, kills):
        home = copied(left.home, folder / f"entries-{left.first}-of-{kills}")
        assert rerun(replace(left, home=home), monday) == [], str(left)


@pytest.mark.long
def test_killed_again_during_the_recovery_legs_are_sent_once(wednesday: Undisturbed) -> None:
    draw = random.Random(5)
    late = [left for left in wednesday.remains if left.first > wednesday.instants // 2]
    for left in draw.sample(late, 6):
        assert killed_again(left, wednesday, draw.random(), wednesday.remains[0].home.folder.parent / "again") == [], str(left)


@pytest.mark.long
def test_a_ledger_on_postgres_ends_as_one_in_a_file(postgres: PostgresServer, folder: Path) -> None:
    in_file = bracket_home(folder / "in-file", falls=TUE)
    other = bracket_home(folder / "in-database", falls=TUE)
    in_database = OnPostgres(other.folder, other.books, other.book, other.now, url=postgres.new_ledger())
    week = (MON, TUE, WED, FRI)
    with life():
        in_file.run(*week)
        in_database.run(*week)
    assert in_database.sql("SELECT count(*) FROM fills JOIN orders USING (client_order_id) WHERE role = 'stop'") == [(2,)]
    expected, found = ({table: rows for table, rows in home.facts().items() if table != "runs"} for home in (in_file, in_database))
    assert differences(expected, found) == []  # of runs a truth value is told as a number by the one, and as such by the other
    with closing(Ledger.open(in_database.url)) as ledger, ledger.read() as tx:
        assert [finding for check in verify_ledger(tx) for finding in check.findings] == []
