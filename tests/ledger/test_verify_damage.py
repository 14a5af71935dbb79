"""A value that no GRODT writes ends no verify: the check that meets it fails, the row is named, and the other checks are made."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from grodt.ledger.later_checks import BASKET, record_later
from grodt.ledger.unit import Ledger, LedgerUnusable
from grodt.ledger.verify import verify_ledger
from grodt.ledger.verify_damage import looked, within
from grodt.ledger.verify_findings import SHOWN, Check, Found
from grodt.risk.check import Check as RiskCheck
from tests.ledger.by_hand import by_hand
from tests.ledger.world import NEXT, NOW, open_ledger, started

_CHECKS = 17
_INFINITE = {"sqlite": "9e999", "postgresql": "'Infinity'"}
#: SQLite's own error of a value, and PostgreSQL's.
_NO_NUMBER = {
    "sqlite": "SELECT sum(a) FROM (SELECT 9223372036854775807 AS a UNION ALL SELECT 1) AS much",
    "postgresql": "SELECT CAST('much' AS bigint)",
}
_STOPPED = "a damaged value ended the check: "


def _wrong(ledger: Ledger) -> dict[str, Check]:
    """The checks that do not hold, by what they are of, after all of them were made."""
    with ledger.read() as tx:
        found = verify_ledger(tx)
    assert len(found) == _CHECKS
    return {check.what: check for check in found if not check.holds}


def test_a_session_that_is_no_date_is_named(traded: Ledger) -> None:
    by_hand(traded, "UPDATE settlements SET session = '2026-11-2x'")
    wrong = _wrong(traded)
    assert list(wrong) == ["orders and their fills go forward only", "the audit chain"]
    assert wrong["orders and their fills go forward only"].findings == (
        "settlement of book demo, session 2026-11-2x: that is no date, so it is not known up to when fills were to come",
    )
    assert wrong["the audit chain"].findings == (
        "settlements book demo, session 2026-11-2x is not as it was written, or was never written by GRODT",
    )


def test_a_number_that_is_not_finite_is_a_fact_that_was_altered(traded: Ledger, database: str) -> None:
    with traded.write() as tx:
        run = started(tx, session=NEXT)
        record_later(tx, run, BASKET, [RiskCheck(32, "slippage", "book", "", value, 0.1, "pass", "") for value in (0.01, 0.02)], NOW)
    by_hand(traded, f"UPDATE later_checks SET bound = {_INFINITE[database]} WHERE check_id = 2")
    wrong = _wrong(traded)
    assert {what: check.findings for what, check in wrong.items()} == {
        "the audit chain": ("later_checks check_id 2 is not as it was written, or was never written by GRODT",)
    }


def test_amounts_whose_sum_has_no_64_bits_are_of_the_entry_that_has_them(traded: Ledger) -> None:
    by_hand(traded, "UPDATE postings SET amount = 9223372036854775807 WHERE entry_id LIKE 'deposit%'")
    wrong = _wrong(traded)
    assert wrong["postings of an entry sum to zero"].findings == (
        "entry deposit:demo:2026-11-19 is out of balance by 18,446,744,073,709,551,614 USD",
    )
    assert wrong["postings are those their entries' digests are of"].findings == (
        "entry deposit:demo:2026-11-19 has other postings, or another memo or session, than it was booked with",
    )
    assert not wrong["balances carried on are the sums of their postings"].holds


@pytest.mark.parametrize(("halves", "total"), [((-(2**63), 2**63 - 1), "-1"), ((-(2**32), 2**32 - 1), "-1"), ((-(2**63), -1), None)])
def test_sums_by_halves_are_exact(traded: Ledger, halves: tuple[int, int], total: str | None) -> None:
    one, other = halves
    by_hand(
        traded,
        f"UPDATE postings SET amount = {one} WHERE entry_id LIKE 'deposit%' AND account = 'cash'",
        f"UPDATE postings SET amount = {other} WHERE entry_id LIKE 'deposit%' AND account <> 'cash'",
    )
    findings = _wrong(traded)["postings of an entry sum to zero"].findings
    assert findings == (f"entry deposit:demo:2026-11-19 is out of balance by {total or f'{-(2**63) - 1:,}'} USD",)


_UNDECODABLE = {
    "a fill's symbol": (
        "UPDATE fills SET symbol = {} WHERE number = 1",
        "fills execution_id demo-eod-20261119-AAPL-0-1",
        ["positions and cash come from fills, actions and postings", "what strategies hold adds up to what the book holds"],
    ),
    "an entry's memo": (
        "UPDATE entries SET memo = {} WHERE kind = 'deposit'",
        "entries entry_id deposit:demo:2026-11-19",
        ["postings are those their entries' digests are of"],
    ),
    "the run of evidence": ("UPDATE evidence SET run_id = {}", r"risk_checks run_id \udcffA, attempt 1", []),
    "the path of a file": ("UPDATE lake_files SET path = {}", r"lake_files path \udcffA, version 1", ["decided on what was known"]),
}


@pytest.fixture
def of_sqlite(traded: Ledger, database: str) -> Ledger:
    """PostgreSQL takes no text that is no UTF-8, and gives none."""
    if database != "sqlite":
        pytest.skip("a server checks its texts")
    return traded


@pytest.mark.parametrize(("statement", "fact", "also"), _UNDECODABLE.values(), ids=_UNDECODABLE)
def test_a_text_that_is_no_utf_8_is_of_the_fact_that_has_it(of_sqlite: Ledger, statement: str, fact: str, also: list[str]) -> None:
    by_hand(of_sqlite, statement.format("CAST(x'ff41' AS TEXT)"))
    wrong = _wrong(of_sqlite)
    chain = wrong["the audit chain"].findings
    assert chain[0] == f"{fact} is not as it was written, or was never written by GRODT"
    assert "no UTF-8" in chain[1]
    assert set(wrong) >= set(also)
    findings = [finding for check in wrong.values() for finding in check.findings]
    assert all(finding.encode().decode() == finding for finding in findings), "any terminal can show them"


def test_one_that_is_no_fact_is_of_the_check_that_reads_it(of_sqlite: Ledger) -> None:
    by_hand(of_sqlite, "UPDATE fills SET symbol = CAST(x'ff41' AS TEXT) WHERE number = 1", "UPDATE runs SET slot = CAST(x'fe' AS TEXT)")
    wrong = _wrong(of_sqlite)
    (finding,) = wrong["one order of an intent, its id a function of the intent"].findings
    assert finding.startswith("it read a text that is no UTF-8: Could not decode to UTF-8 column 'slot'")
    assert "the audit chain" in wrong


def test_a_connection_refuses_such_texts_again_afterwards(of_sqlite: Ledger) -> None:
    by_hand(of_sqlite, "UPDATE fills SET symbol = CAST(x'ff41' AS TEXT) WHERE number = 1")
    assert _wrong(of_sqlite)
    damaged = r"not decode to UTF-8 column 'symbol'.*it is damaged: `grodt verify` names the row"
    with pytest.raises(LedgerUnusable, match=damaged), of_sqlite.read() as tx:
        tx.connection.execute(text("SELECT symbol FROM fills")).all()


def test_what_was_found_before_a_damaged_value_is_kept_and_the_next_check_is_made(ledger: Ledger, database: str) -> None:
    with ledger.read() as tx:

        def wrong() -> Iterator[str]:
            yield from map(str, range(SHOWN + 2))
            tx.connection.execute(text(_NO_NUMBER[database])).all()

        checked, things, findings = looked(tx, lambda: Found("9 rows", 9, wrong()))
        assert (checked, things, findings[:-1]) == ("9 rows", 9, ("0", "1", "2", "3", "4", "and 2 more"))
        assert findings[-1].startswith(_STOPPED)
        assert looked(tx, lambda: Found("1 row", 1, iter(()))) == ("1 row", 1, ())
        assert tx.connection.execute(text("SELECT 1")).scalar_one() == 1


@pytest.mark.parametrize("error", [ValueError("no date"), KeyError("side"), OverflowError("too large"), ZeroDivisionError("nothing")])
def test_a_check_that_a_damaged_value_ends_at_once_does_not_hold(ledger: Ledger, error: Exception) -> None:
    def check() -> Found:
        raise error

    with ledger.read() as tx:
        found = looked(tx, check)
    assert found == ("not to its end", 1, (f"{_STOPPED}{type(error).__name__}: {error}",))


def test_a_database_that_is_away_is_no_finding(tmp_path: Path) -> None:
    away = sqlite3.OperationalError("disk I/O error")
    away.sqlite_errorcode = sqlite3.SQLITE_IOERR_READ

    def work() -> None:
        raise OperationalError("SELECT", None, away)

    with closing(open_ledger(tmp_path)) as ledger, pytest.raises(LedgerUnusable, match="disk I/O error"), ledger.read() as tx:
        within(tx, work)
