"""The lake's manifest and the coverage of its sources."""

from dataclasses import replace
from datetime import date, datetime, timedelta, timezone

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from grodt.ledger.manifest import LedgerManifest, commit_files, coverage, extend_coverage, snapshot, snapshot_as_of
from grodt.ledger.unit import Ledger, Write
from tests.examples import examples
from tests.ledger.facts import lake_file
from tests.ledger.world import MINUTE, NEXT, NOW, SESSION, undone


def test_an_empty_lake_is_version_zero(ledger: Ledger) -> None:
    empty = LedgerManifest(ledger).snapshot()
    assert (empty.version, empty.files) == (0, ())


def test_a_commit_makes_a_version_that_keeps_every_column(tx: Write) -> None:
    file, without_sessions = lake_file(), replace(lake_file("runs/a.parquet", "b" * 64, "runs"), first_session=None, last_session=None)
    assert commit_files(tx, [file, without_sessions], NOW) == 1
    assert snapshot(tx).files == (file, without_sessions)
    assert snapshot(tx, tables=["runs"]).files == (without_sessions,)
    assert snapshot(tx, tables=[]).files == ()


def test_a_snapshot_of_one_session_has_the_files_that_may_hold_rows_of_it(tx: Write) -> None:
    file, without_sessions = lake_file(), replace(lake_file("runs/a.parquet", "b" * 64, "runs"), first_session=None, last_session=None)
    commit_files(tx, [file, without_sessions], NOW)
    day = timedelta(days=1)
    for session in (SESSION, NEXT):
        assert snapshot(tx, session=session).files == (file, without_sessions)
    for session in (SESSION - day, NEXT + day):
        assert snapshot(tx, session=session).files == (without_sessions,)


def test_the_same_files_again_make_no_version(tx: Write) -> None:
    commit_files(tx, [lake_file()], NOW)
    assert commit_files(tx, [lake_file()], NOW) == 1
    assert commit_files(tx, [], NOW) == 1


def test_a_new_version_of_a_path_supersedes_and_the_old_snapshot_stays(tx: Write) -> None:
    old, new = lake_file(sha256="a" * 64), lake_file(sha256="b" * 64)
    commit_files(tx, [old], NOW)
    before = snapshot(tx)
    assert commit_files(tx, [new], NOW) == 2
    assert snapshot(tx).files == (new,)
    assert snapshot(tx, 1) == before
    assert snapshot(tx).digest != before.digest
    assert commit_files(tx, [old], NOW) == 3
    assert snapshot(tx).digest == before.digest


def test_one_commit_holds_one_version_of_a_path(tx: Write) -> None:
    with pytest.raises(ValueError, match="2 files have 1 paths"):
        commit_files(tx, [lake_file(sha256="a" * 64), lake_file(sha256="b" * 64)], NOW)


def test_a_removed_path_is_in_no_later_snapshot_and_in_every_earlier_one(ledger: Ledger, tx: Write) -> None:
    one, other, merged = lake_file("a", "a" * 64), lake_file("b", "b" * 64), lake_file("c", "c" * 64)
    commit_files(tx, [one, other], NOW)
    before = snapshot(tx)
    assert commit_files(tx, [merged], NOW + MINUTE, removed=["a", "b"]) == 2
    assert snapshot(tx).files == (merged,)
    assert snapshot(tx, 1) == before
    assert snapshot_as_of(tx, NOW) == before
    assert snapshot_as_of(tx, NOW + MINUTE).files == (merged,)


def test_a_removed_path_may_come_back_and_go_again(tx: Write) -> None:
    commit_files(tx, [lake_file()], NOW)
    assert commit_files(tx, [], NOW, removed=[lake_file().path]) == 2
    assert snapshot(tx).files == ()
    assert commit_files(tx, [lake_file()], NOW) == 3
    assert snapshot(tx).files == (lake_file(),)
    assert commit_files(tx, [], NOW, removed=[lake_file().path]) == 4
    assert [len(snapshot(tx, version).files) for version in range(5)] == [0, 1, 0, 1, 0]


def test_removing_what_is_not_there_makes_no_version(tx: Write) -> None:
    commit_files(tx, [lake_file()], NOW)
    assert commit_files(tx, [], NOW, removed=["nowhere"]) == 1
    assert commit_files(tx, [lake_file()], NOW, removed=["nowhere"]) == 1


def test_one_commit_does_not_add_and_remove_a_path(tx: Write) -> None:
    with pytest.raises(ValueError, match="1 files have 1 paths, 1 are removed"):
        commit_files(tx, [lake_file()], NOW, removed=[lake_file().path])


def test_digests_are_those_of_the_lake_now_and_versions_are_all_there_ever_were(ledger: Ledger) -> None:
    old, new, other = lake_file(sha256="a" * 64), lake_file(sha256="b" * 64), lake_file("runs/a.parquet", "c" * 64, "runs")
    with ledger.write() as tx:
        commit_files(tx, [old, other], NOW)
        commit_files(tx, [new], NOW, removed=[other.path])
    manifest = LedgerManifest(ledger)
    assert manifest.digests(["bars_1d", "runs"]) == {new.path: new.sha256}
    assert manifest.digests(["runs"]) == {}
    assert manifest.versions() == (old, new, other)
    assert {file.path for file in manifest.snapshot(1).files} == {old.path, other.path}


@pytest.mark.parametrize("version", [-1, 1])
def test_a_version_that_is_not_there_is_refused(tx: Write, version: int) -> None:
    with pytest.raises(ValueError, match=f"no version {version}; its latest is 0"):
        snapshot(tx, version)


def test_the_lake_as_of_an_instant_is_its_last_version_committed_by_then(tx: Write) -> None:
    old, new = lake_file(sha256="a" * 64), lake_file(sha256="b" * 64)
    commit_files(tx, [old], NOW)
    commit_files(tx, [new, lake_file("runs/a.parquet", "c" * 64, "runs")], NOW + MINUTE)
    assert snapshot_as_of(tx, NOW - timedelta(microseconds=1)) == snapshot(tx, 0)
    assert snapshot_as_of(tx, NOW) == snapshot(tx, 1)
    assert snapshot_as_of(tx, NOW.astimezone(timezone(timedelta(hours=-5)))) == snapshot(tx, 1)
    assert snapshot_as_of(tx, NOW + MINUTE) == snapshot_as_of(tx, NOW + timedelta(days=9)) == snapshot(tx)
    assert snapshot_as_of(tx, NOW + MINUTE, tables=["bars_1d"]).files == (new,)


def test_an_instant_between_commits_of_a_clock_that_went_back_shows_neither_the_later_nor_what_came_after_it(tx: Write) -> None:
    for minute, sha256 in ((0, "a"), (2, "b"), (1, "c")):
        commit_files(tx, [lake_file(sha256=sha256 * 64)], NOW + minute * MINUTE)
    assert snapshot_as_of(tx, NOW + MINUTE) == snapshot(tx, 1)
    assert snapshot_as_of(tx, NOW + 2 * MINUTE) == snapshot(tx, 3)


def test_an_instant_without_a_zone_is_refused(tx: Write) -> None:
    with pytest.raises(ValueError, match=r"as_of .* has no time zone"):
        snapshot_as_of(tx, datetime(2026, 11, 20, 12))


@examples(30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    commits=st.lists(
        st.tuples(st.dictionaries(st.sampled_from("abcd"), st.sampled_from("0123")), st.sets(st.sampled_from("abcd"))), max_size=6
    )
)
def test_every_version_shows_the_latest_of_each_path_at_that_commit(ledger: Ledger, commits: list[tuple[dict[str, str], set[str]]]) -> None:
    with undone(ledger) as tx:
        lake: dict[str, str] = {}
        expected = {0: dict(lake)}
        for commit, leaving in commits:
            removed = leaving - commit.keys()
            lake = {path: sha for path, sha in (lake | commit).items() if path not in removed}
            version = commit_files(tx, [lake_file(path, sha * 64) for path, sha in commit.items()], NOW, removed=removed)
            expected[version] = dict(lake)
        for version, files in expected.items():
            assert {file.path: file.sha256[0] for file in snapshot(tx, version).files} == files


def test_coverage_grows_at_both_ends_and_over_overlap(tx: Write) -> None:
    extend_coverage(tx, "demo", ["A", "B"], date(2024, 1, 1), date(2024, 12, 31), "run")
    extend_coverage(tx, "demo", ["A"], date(2025, 1, 1), date(2025, 6, 30), "run")
    extend_coverage(tx, "demo", ["A"], date(2023, 1, 1), date(2023, 12, 31), "run")
    extend_coverage(tx, "demo", ["B", "C"], date(2024, 3, 1), date(2025, 3, 1), "run")
    extend_coverage(tx, "demo", ["B"], date(2024, 3, 1), date(2024, 3, 1), "run")
    assert coverage(tx, "demo") == {
        "A": (date(2023, 1, 1), date(2025, 6, 30)),
        "B": (date(2024, 1, 1), date(2025, 3, 1)),
        "C": (date(2024, 3, 1), date(2025, 3, 1)),
    }
    assert coverage(tx, "other") == {}


@pytest.mark.parametrize(
    ("start", "end", "hole"),
    [
        (date(2024, 2, 3), date(2024, 2, 9), "2024-02-01 to 2024-02-02"),
        (date(2023, 12, 1), date(2023, 12, 30), "2023-12-31 to 2023-12-31"),
    ],
)
def test_coverage_has_no_holes(tx: Write, start: date, end: date, hole: str) -> None:
    extend_coverage(tx, "demo", ["A"], date(2024, 1, 1), date(2024, 1, 31), "run")
    with pytest.raises(ValueError, match=f"would leave a hole, {hole}"):
        extend_coverage(tx, "demo", ["A"], start, end, "run")


def test_an_empty_range_is_refused(tx: Write) -> None:
    with pytest.raises(ValueError, match="is empty"):
        extend_coverage(tx, "demo", ["A"], date(2024, 1, 2), date(2024, 1, 1), "run")
