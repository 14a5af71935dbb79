"""A corporate action whose ex date its source corrects is one row of the lake, and the past is as it was known."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from grodt.bars.adjustment import adjusted
from grodt.bars.taken_back import TakenBack
from grodt.execution.refresh import Refreshed
from grodt.instruments import Instrument
from grodt.lake import Snapshot
from grodt.ledger.manifest import LedgerManifest, snapshot_as_of
from tests.execution.desk import Fuse, Killed
from tests.execution.test_backfill import fill
from tests.execution.test_refresh import FRI, MON, START, TUE, Depot
from tests.execution.test_revisions import THU, Nights, night

NEW_YEARS_EVE, WED = date(2013, 12, 31), date(2014, 1, 8)
type Row = tuple[str, date, str]


def split(ex_date: date, new: int = 5, symbol: str = "B") -> tuple[Any, ...]:
    """Some shares for four, so that a price that does not follow at once is no leap."""
    return (symbol, ex_date, "split", None, new, 4, None, None)


def dividend(ex_date: date, cash: int = 1, pay_date: date | None = None, symbol: str = "B") -> tuple[Any, ...]:
    return (symbol, ex_date, "dividend", pay_date, None, None, cash, None)


class Told(Nights):
    """A depot, and what its source tells of corporate actions."""

    def tells(self, *actions: tuple[Any, ...]) -> None:
        self.depot.source.actions = list(actions)

    def night(self, session: date, *actions: tuple[Any, ...], **changed: Any) -> Refreshed:
        """The cycle of a session in whose night the source tells those, and no others."""
        self.tells(*actions)
        self.depot.now = night(session)
        return self.depot.cycle(session, **changed)

    def seen(self, as_of: datetime | None = None) -> Snapshot:
        return self.depot.read(lambda tx: snapshot_as_of(tx, as_of or self.depot.now))

    def actions(self, seen: Snapshot | None = None) -> list[Row]:
        rows = self.depot.lake.read("corporate_actions", seen or self.seen()).cast({"kind": pl.String})
        return sorted(rows.select("symbol", "ex_date", "kind").rows())

    def versions(self) -> list[list[Row]]:
        """What each version of the lake had, each once."""
        manifest = LedgerManifest(self.depot.real_ledger)
        every = [self.actions(manifest.snapshot(version)) for version in range(1, manifest.snapshot().version + 1)]
        return [rows for at, rows in enumerate(every) if at == 0 or rows != every[at - 1]]

    def is_whole(self) -> bool:
        """Whether the files are those listed, and a glob shows what the lake has."""
        rows = pl.read_parquet(self.depot.lake.root / "corporate_actions" / "**/*.parquet")
        assert sorted(rows.select("symbol", "ex_date", "kind").rows()) == self.actions()
        return self.depot.lake.verify(LedgerManifest(self.depot.real_ledger).snapshot()) == []


@pytest.fixture
def told(tmp_path: Path, template: Path) -> Iterator[Told]:
    opened = Told(Depot(tmp_path / "depot", template))
    yield opened
    opened.depot.close()


@pytest.mark.parametrize("action", [split, dividend])
def test_the_commit_that_brings_the_new_date_takes_the_old_one_back(told: Told, action: Any) -> None:
    told.night(FRI, action(FRI))
    found = told.night(MON, action(MON))
    kind = action(FRI)[2]
    assert found.taken_back == (TakenBack("scripted", "B", kind, FRI, MON),)
    assert str(found.taken_back[0]) == f"B {kind} 2014-01-03 is taken back: source 'scripted' tells it as of 2014-01-06 now"
    assert told.versions() == [[], [("B", FRI, kind)], [("B", MON, kind)]]
    assert told.actions(told.seen(night(FRI))) == [("B", FRI, kind)]
    assert told.is_whole()


def test_a_date_that_is_corrected_to_an_earlier_one_is_taken_back_too(told: Told) -> None:
    told.night(FRI)
    told.night(MON, split(MON))
    assert told.night(TUE, split(FRI)).taken_back == (TakenBack("scripted", "B", "split", MON, FRI),)
    assert told.versions() == [[], [("B", MON, "split")], [("B", FRI, "split")]]
    assert told.is_whole()


@pytest.mark.parametrize(("before", "after"), [(NEW_YEARS_EVE, THU), (THU, NEW_YEARS_EVE)])
def test_the_two_dates_may_lie_in_two_years_which_are_two_questions(told: Told, before: date, after: date) -> None:
    told.night(THU, split(before))
    assert told.night(FRI, split(after)).taken_back == (TakenBack("scripted", "B", "split", before, after),)
    assert told.actions() == [("B", after, "split")]
    assert told.is_whole()


def test_what_the_source_still_tells_under_both_dates_stays_under_both(told: Told) -> None:
    told.night(FRI, split(FRI))
    assert told.night(MON, split(FRI), split(MON)).taken_back == ()
    assert told.actions() == [("B", FRI, "split"), ("B", MON, "split")]


def test_one_that_came_while_the_old_date_was_still_told_takes_its_place_once_it_is_not(told: Told) -> None:
    told.night(FRI, split(FRI))
    told.night(MON, split(FRI), split(MON))
    assert told.night(TUE, split(MON)).taken_back == (TakenBack("scripted", "B", "split", FRI, MON),)
    assert told.actions() == [("B", MON, "split")]
    assert told.actions(told.seen(night(MON))) == [("B", FRI, "split"), ("B", MON, "split")]


def test_the_later_of_two_stays_when_it_is_left_out_for_a_night_beside_the_older_one(told: Told) -> None:
    both = dividend(THU, pay_date=WED), dividend(MON, pay_date=WED)
    told.night(FRI, both[0])
    told.night(MON, *both)
    assert told.night(TUE, both[0]).taken_back == ()
    assert told.actions() == [("B", THU, "dividend"), ("B", MON, "dividend")]


def test_one_that_is_merely_not_told_any_more_stays(told: Told) -> None:
    told.night(FRI, split(FRI))
    assert told.night(MON).taken_back == ()
    assert told.actions() == [("B", FRI, "split")]


def test_where_neither_date_is_told_any_more_both_stay(told: Told) -> None:
    told.night(FRI, split(FRI))
    told.night(MON, split(FRI), split(MON))
    assert told.night(TUE).taken_back == ()
    assert told.actions() == [("B", FRI, "split"), ("B", MON, "split")]


def test_an_answer_that_does_not_cover_the_old_date_takes_nothing_back(told: Told) -> None:
    told.depot.revisions = 0
    told.night(FRI, split(FRI))
    assert told.night(MON, split(MON)).taken_back == ()
    assert told.actions() == [("B", FRI, "split"), ("B", MON, "split")]


@pytest.mark.parametrize(
    ("before", "after", "is_same"),
    [
        (dividend(FRI), dividend(MON), True),
        (dividend(FRI), dividend(MON, 2), False),
        (dividend(FRI), split(MON), False),
        (dividend(FRI), dividend(MON, symbol="C"), False),
        (dividend(THU), dividend(MON), True),  # four days
        (dividend(NEW_YEARS_EVE), dividend(MON), False),  # six: a weekly one about a holiday
        (dividend(NEW_YEARS_EVE, pay_date=TUE), dividend(MON, pay_date=TUE), True),  # one payment
        (dividend(NEW_YEARS_EVE, pay_date=TUE), dividend(MON, pay_date=WED), False),
        (split(NEW_YEARS_EVE), split(MON), True),
        (split(NEW_YEARS_EVE), split(MON, 6), False),
    ],
)
def test_what_is_of_the_same_terms_is_as_the_ledger_says(told: Told, before: Any, after: Any, is_same: bool) -> None:
    told.depot.revisions = 5
    told.night(FRI, before)
    assert [each.ex_date for each in told.night(MON, after).taken_back] == ([before[1]] if is_same else [])
    assert told.actions() == sorted(row[:3] for row in ([after] if is_same else [before, after]))


def test_where_one_date_is_left_of_several_it_takes_the_place_of_each(told: Told) -> None:
    told.depot.revisions = 5
    told.night(FRI, split(THU), split(FRI))
    assert [each.ex_date for each in told.night(MON, split(MON)).taken_back] == [THU, FRI]
    assert told.actions() == [("B", MON, "split")]
    assert told.is_whole()


def test_a_delisting_and_a_change_of_symbol_are_not_judged_and_stay_under_both_dates(told: Told) -> None:
    def ends(day: date) -> tuple[tuple[Any, ...], ...]:
        return ("B", day, "delisting", None, None, None, 13, None), ("C", day, "symbol_change", None, None, None, None, "E")

    told.night(FRI, *ends(FRI))
    assert told.night(MON, *ends(MON)).taken_back == ()
    assert told.actions() == [(symbol, day, kind) for symbol, kind in (("B", "delisting"), ("C", "symbol_change")) for day in (FRI, MON)]


def test_the_other_rows_of_the_file_stay_as_they_are(told: Told) -> None:
    others = dividend(FRI, symbol="A"), dividend(FRI), split(FRI, symbol="D")
    told.night(FRI, split(FRI), *others)
    before = told.depot.lake.read("corporate_actions", told.seen())
    told.night(MON, split(MON), *others)
    after = told.depot.lake.read("corporate_actions", told.seen())
    key = ["symbol", "ex_date", "kind"]
    assert after.join(before, on=key, how="semi").sort(key).equals(before.join(after, on=key, how="semi").sort(key))
    assert after.join(before, on=key, how="anti").select("symbol", "ex_date", "known_at").rows() == [("B", MON, night(MON))]
    assert after.height == 4


def test_a_revision_in_the_same_file_is_of_the_same_version(told: Told) -> None:
    told.night(FRI, split(FRI), dividend(FRI, symbol="A"))
    told.night(MON, split(MON), dividend(FRI, 2, symbol="A"))
    rows = told.depot.lake.read("corporate_actions", told.seen()).sort("symbol")
    assert rows.select("symbol", "ex_date", "cash_per_share").rows() == [("A", FRI, 2), ("B", MON, None)]
    assert told.is_whole()


def test_asking_again_changes_nothing(told: Told) -> None:
    told.night(FRI, split(FRI))
    told.night(MON, split(MON))
    stands = {path: path.stat().st_mtime_ns for path in (told.depot.lake.root / "corporate_actions").rglob("*.parquet")}
    assert told.night(TUE, split(MON)).taken_back == ()
    assert {path: path.stat().st_mtime_ns for path in (told.depot.lake.root / "corporate_actions").rglob("*.parquet")} == stands


def test_a_source_that_goes_back_to_the_former_date_is_followed(told: Told) -> None:
    told.night(FRI, split(FRI))
    told.night(MON, split(MON))
    assert told.night(TUE, split(FRI)).taken_back == (TakenBack("scripted", "B", "split", MON, FRI),)
    assert [told.actions(told.seen(night(day))) for day in (FRI, MON, TUE)] == [[("B", day, "split")] for day in (FRI, MON, FRI)]
    assert told.is_whole()


def test_a_run_that_was_pinned_before_reads_what_it_read(told: Told) -> None:
    first = told.night(FRI, split(FRI))
    told.night(MON, split(MON))
    assert told.actions(told.depot.refresh(told.depot.open(FRI)).snapshot) == told.actions(first.snapshot) == [("B", FRI, "split")]


@pytest.mark.parametrize("adjust", ["split", "total"])
def test_adjusted_prices_count_it_once_and_those_of_then_are_as_they_were(told: Told, adjust: Any) -> None:
    def series(as_of: datetime) -> pl.DataFrame:
        seen = told.seen(as_of)
        bars, actions = (told.depot.lake.read(table, seen, symbols=["B"]) for table in ("bars_1d", "corporate_actions"))
        return adjusted(bars, actions, adjust).select("session", "close").filter(pl.col("session") >= THU)

    told.depot.source.prices |= {("B", day): 16.0 for day in (MON, TUE)}  # four fifths from Monday on
    told.night(FRI, split(FRI))
    then = series(night(FRI))
    assert then.rows() == [(THU, 20.0), (FRI, 25.0)]  # as it was told, and wrong
    told.night(MON, split(MON))
    now = series(night(MON))
    assert now.rows() == [(THU, 20.0), (FRI, 20.0), (MON, 20.0)]
    assert series(night(FRI)).equals(then)
    told.night(TUE, split(MON))
    assert series(night(TUE)).filter(pl.col("session") <= MON).equals(now)  # what comes later changes no value of before


def test_a_symbol_that_is_asked_for_no_more_is_as_it_was_until_a_backfill_asks(told: Told) -> None:
    def without_b(session: date) -> tuple[Instrument, ...]:
        return tuple(each for each in told.depot.source.instruments(session) if each.symbol != "B")

    told.night(FRI, split(FRI))
    assert told.night(MON, split(MON), universe=without_b).taken_back == ()
    assert told.actions() == [("B", FRI, "split")]
    assert fill(told.depot, START, MON, again=True).taken_back == (TakenBack("scripted", "B", "split", FRI, MON),)
    assert told.actions() == [("B", MON, "split")]


@pytest.mark.parametrize("apart", [15, 30])
def test_a_backfill_that_asks_again_takes_back_what_no_night_has_asked_for(told: Told, apart: int) -> None:
    before = MON - timedelta(days=apart)
    told.night(FRI, split(before))
    told.night(MON, split(MON))
    assert len(told.actions()) == 2
    plain, again = fill(told.depot, START, MON), fill(told.depot, START, MON, again=True)
    assert (plain.taken_back, again.taken_back) == ((), (TakenBack("scripted", "B", "split", before, MON),))
    assert told.actions() == [("B", MON, "split")]
    assert fill(told.depot, START, MON, again=True).taken_back == ()
    assert told.is_whole()


def test_the_answer_to_a_gap_takes_back_too(told: Told) -> None:
    told.depot.revisions = 0
    told.depot.source.left_out = {("B", FRI)}
    told.night(FRI, dividend(FRI))
    told.night(MON, dividend(MON))
    told.depot.source.left_out = set()
    found = fill(told.depot, START, MON)
    assert (found.healed, found.taken_back) == (1, (TakenBack("scripted", "B", "dividend", FRI, MON),))
    assert told.actions() == [("B", MON, "dividend")]
    assert told.is_whole()


def test_merged_files_are_as_those_they_are_made_of(told: Told) -> None:
    told.night(FRI, split(FRI), dividend(FRI, symbol="A"))
    told.night(MON, split(MON), dividend(FRI, symbol="A"))
    told.night(TUE, split(TUE), dividend(FRI, symbol="A"))  # Monday's file has no row any more
    before = [told.actions(told.seen(night(day))) for day in (FRI, MON, TUE)]
    told.night(date(2014, 2, 3), split(TUE), dividend(FRI, symbol="A"))
    files = [file for file in told.seen().of("corporate_actions") if file.first_session is None]
    assert files == []
    assert [told.actions(told.seen(night(day))) for day in (FRI, MON, TUE)] == before
    assert told.actions() == before[-1] == [("A", FRI, "dividend"), ("B", TUE, "split")]
    assert told.is_whole()


def test_one_in_a_merged_file_is_taken_back_as_well(told: Told) -> None:
    told.depot.revisions = 60
    told.night(FRI, split(FRI), dividend(FRI, symbol="A"))
    told.night(MON, split(FRI), dividend(FRI, symbol="A"))
    last = date(2014, 2, 3)
    told.night(last, split(FRI), dividend(FRI, symbol="A"))
    told.night(date(2014, 2, 4), split(date(2014, 1, 31)), dividend(FRI, symbol="A"))
    assert told.actions() == [("A", FRI, "dividend"), ("B", date(2014, 1, 31), "split")]
    assert told.actions(told.seen(night(last))) == [("A", FRI, "dividend"), ("B", FRI, "split")]
    assert told.is_whole()


@pytest.mark.parametrize("after", [(split(MON), dividend(MON, symbol="A")), (split(THU), dividend(THU, symbol="A"))])
def test_a_kill_at_any_commit_ends_where_the_undisturbed_run_ends(tmp_path: Path, template: Path, after: Any) -> None:
    def world(name: str, at: int | None) -> tuple[Told, Fuse]:
        fuse = Fuse(None)
        told = Told(Depot(tmp_path / name, template, fuse))
        told.night(FRI, split(FRI), dividend(FRI, symbol="A"))
        fuse.steps.clear()
        fuse.at = at
        try:
            told.night(MON, *after)
        except Killed:
            fuse.at = None
            told.depot.dead.add("here")
            told.night(MON, *after)
        return told, fuse

    def files(told: Told) -> dict[str, bytes]:
        root = told.depot.lake.root
        return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*.parquet*"))}

    undisturbed, fuse = world("undisturbed", None)
    steps, want = len(fuse.steps), files(undisturbed)
    assert undisturbed.actions() == sorted(row[:3] for row in after)
    undisturbed.depot.close()
    assert steps >= 4
    for at in range(steps):
        told, _ = world(f"killed-{at}", at)
        assert told.versions()[-1] == sorted(row[:3] for row in after), at
        standing = {path: content for path, content in files(told).items() if not path.startswith("_history")}
        assert standing == {path: content for path, content in want.items() if not path.startswith("_history")}, at
        assert told.is_whole()
        told.depot.close()
