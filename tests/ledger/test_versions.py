"""The version a book expects, and who may say so."""

import pytest

from grodt.errors import ConfigError, VersionRefused
from grodt.ledger.runs import Identity, close_run, identity_of
from grodt.ledger.unit import Write
from grodt.ledger.versions import expect_version, expected_version, require_version, version_history
from tests.ledger.world import BOOK, MINUTE, NEXT, NOW, SESSION, started


def test_the_first_cycle_records_the_version_it_runs_with_and_the_next_ones_nothing(tx: Write) -> None:
    assert expected_version(tx, BOOK) is None
    require_version(tx, BOOK, "0.1.0", "here", NOW)
    require_version(tx, BOOK, "0.1.0", "there", NOW + MINUTE)
    (found,) = version_history(tx, BOOK)
    assert (found.version, found.before, found.author, found.at) == ("0.1.0", None, "automatic", NOW)


def test_knight_2012_a_worker_of_another_version_is_refused_naming_both_and_its_host(tx: Write) -> None:
    require_version(tx, BOOK, "0.2.0", "one", NOW)
    with pytest.raises(
        VersionRefused,
        match=r"book demo expects GRODT 0\.2\.0 since 2026-11-20 21:30 UTC \(by automatic: .*on host eight it is 0\.1\.0: nothing was "
        r"opened.*Put GRODT 0\.2\.0 on eight; or.*grodt expect --book demo --version 0\.1\.0",
    ):
        require_version(tx, BOOK, "0.1.0", "eight", NOW)
    require_version(tx, "us", "0.1.0", "eight", NOW)  # each book expects its own


def test_one_person_says_that_another_is_expected(tx: Write) -> None:
    require_version(tx, BOOK, "0.1.0", "here", NOW)
    made = expect_version(tx, BOOK, " 0.2.0 ", by="ann", reason="release", now=NOW + MINUTE)
    assert (made.version, made.before, made.author, made.reason) == ("0.2.0", "0.1.0", "ann", "release")
    require_version(tx, BOOK, "0.2.0", "here", NOW + MINUTE)
    with pytest.raises(VersionRefused, match=r"by ann: release"):
        require_version(tx, BOOK, "0.1.0", "here", NOW + MINUTE)


@pytest.mark.parametrize(
    ("version", "by", "reason", "words"),
    [
        ("0.1.0", "ann", "why", r"expects GRODT 0\.1\.0 already, by automatic"),
        (" ", "ann", "why", "a version is needed"),
        ("0.2.0", "automatic", "why", "is no person"),
        ("0.2.0", "ann", " ", "needs a reason"),
    ],
)
def test_what_cannot_be_expected_is_refused(tx: Write, version: str, by: str, reason: str, words: str) -> None:
    require_version(tx, BOOK, "0.1.0", "here", NOW)
    with pytest.raises(ConfigError, match=words):
        expect_version(tx, BOOK, version, by=by, reason=reason, now=NOW)
    assert len(version_history(tx, BOOK)) == 1


def test_since_when_a_configuration_is_at_work_and_what_was_before(tx: Write) -> None:
    first = started(tx)
    assert identity_of(tx, first) == Identity(SESSION, None)
    close_run(tx, first.run_id, "done", NOW)
    second = started(tx, NEXT)
    assert identity_of(tx, second) == Identity(SESSION, None)
    third = started(tx, NEXT, config_hash="c2")
    found = identity_of(tx, third)
    assert (found.since, found.before and found.before.run_id) == (NEXT, first.run_id)
