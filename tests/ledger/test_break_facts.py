"""What made a break, each sight of it and what ended it are facts; what is changed by hand keeps no difference from being recorded."""

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import insert, text

from grodt.errors import ConfigError
from grodt.ledger import schema
from grodt.ledger.breaks import Break, all_breaks, open_breaks, record_breaks, resolve_break
from grodt.ledger.tables_breaks import break_assignments
from grodt.ledger.unit import Ledger
from grodt.ledger.verify import verify_ledger
from grodt.ledger.verify_findings import Check
from grodt.money import micros
from tests.ledger.by_hand import by_hand
from tests.ledger.world import BOOK, MINUTE, NEXT, NOW, SESSION
from tests.postgres import PostgresServer

_POSITION = Break("position", "AAPL", 100, 90)
_CASH = Break("cash", "", 5, 6)


def _rows(ledger: Ledger, query: str) -> list[tuple[object, ...]]:
    with ledger.read() as tx:
        return [tuple(row) for row in tx.connection.execute(text(query))]


def _seen(ledger: Ledger, *found: Break) -> None:
    with ledger.write() as tx:
        record_breaks(tx, BOOK, NEXT, found, "run", NOW)


def _wrong(ledger: Ledger) -> dict[int, tuple[str, ...]]:
    with ledger.read() as tx:
        return {check.invariant: check.findings for check in verify_ledger(tx) if not check.holds}


def _kept(ledger: Ledger) -> Check:
    with ledger.read() as tx:
        (check,) = [check for check in verify_ledger(tx) if check.what == "breaks are as they were found and resolved"]
    return check


def test_each_sight_of_a_break_is_a_fact_with_what_was_known_then(ledger: Ledger) -> None:
    with ledger.write() as tx:
        record_breaks(tx, BOOK, SESSION, [_POSITION, _CASH], "run1", NOW, {"AAPL": micros(94)})
        resolve_break(tx, 2, "a fee", "ann", NOW + MINUTE)
    with ledger.write() as tx:
        record_breaks(tx, BOOK, NEXT, [replace(_POSITION, theirs=80), _CASH], "run2", NOW + MINUTE)
    assert _rows(ledger, "SELECT break_id, kind, symbol, first_session, owner FROM break_starts ORDER BY 1") == [
        (1, "position", "AAPL", f"{SESSION}", None),
        (2, "cash", "", f"{SESSION}", None),
        (3, "cash", "", f"{NEXT}", None),
    ]
    assert _rows(ledger, "SELECT break_id, session, run_id, ours, theirs, price FROM break_sights ORDER BY sight_id") == [
        (1, f"{SESSION}", "run1", 100, 90, micros(94)),
        (2, f"{SESSION}", "run1", 5, 6, None),
        (1, f"{NEXT}", "run2", 100, 80, None),
        (3, f"{NEXT}", "run2", 5, 6, None),
    ]
    assert _rows(ledger, "SELECT break_id, reason, author FROM break_resolutions") == [(2, "a fee", "ann")]
    assert _rows(ledger, "SELECT price FROM breaks WHERE break_id = 1") == [(micros(94),)]


def test_a_difference_whose_break_was_deleted_by_hand_is_recorded_under_a_number_of_its_own(ledger: Ledger) -> None:
    _seen(ledger, _POSITION)
    by_hand(ledger, "DELETE FROM breaks")
    _seen(ledger, _POSITION)
    with ledger.read() as tx:
        assert [each.break_id for each in open_breaks(tx, BOOK)] == [2]
    assert _kept(ledger).findings == ("break 1 of book demo (position AAPL): it was found and is not among the breaks any more",)


def test_a_difference_whose_break_was_put_there_by_hand_is_recorded_too(ledger: Ledger) -> None:
    by_hand(
        ledger,
        "INSERT INTO breaks (break_id, book, kind, symbol, ours, theirs, first_session, first_seen_at, last_session, last_seen_at, run_id) "
        f"VALUES (7, '{BOOK}', 'position', 'AAPL', 1, 2, '{SESSION}', '2026-11-19T21:00:00.000000Z', '{SESSION}', "
        "'2026-11-19T21:00:00.000000Z', 'mine')",
    )
    _seen(ledger, _POSITION, _CASH)
    with ledger.read() as tx:
        assert [(each.break_id, each.difference) for each in open_breaks(tx, BOOK)] == [(7, _POSITION), (8, _CASH)]


def test_a_break_that_was_opened_again_by_hand_is_not_resolved_twice(ledger: Ledger) -> None:
    _seen(ledger, _CASH)
    with ledger.write() as tx:
        resolve_break(tx, 1, "a fee", "ann", NOW)
    by_hand(ledger, "UPDATE breaks SET resolved_at = NULL, resolved_reason = NULL, resolved_author = NULL")
    with pytest.raises(ConfigError, match=r"break 1 was resolved at .* by ann \(a fee\) and made open again by hand"), ledger.write() as tx:
        resolve_break(tx, 1, "a gift", "eve", NOW + MINUTE)
    assert _rows(ledger, "SELECT resolved_at FROM breaks") == [(None,)]


def _of_before(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A ledger of schema 0034 with five breaks: nobody's, given to ann by bob, cyd's from nobody knows whom, and two that are resolved."""
    at = "'2026-11-20T21:00:00.000000Z'"
    seen = f"'{SESSION}', {at}, '{NEXT}', {at}, 'run'"
    resolved = f"{at}, 'a fee', 'ann'"
    with monkeypatch.context() as patch:
        patch.setattr(schema, "HEAD", "0034")
        patch.setattr(schema, "require_expected", lambda _connection, _path: None)
        with closing(Ledger.open(url)) as old, old.write() as tx:
            tx.connection.exec_driver_sql(
                "INSERT INTO breaks (book, kind, symbol, ours, theirs, first_session, first_seen_at, last_session, last_seen_at, run_id, "
                "resolved_at, resolved_reason, resolved_author, owner, price) VALUES "
                f"('{BOOK}', 'position', 'AAPL', 100, 90, {seen}, NULL, NULL, NULL, NULL, NULL), "
                f"('{BOOK}', 'position', 'MSFT', 100, 90, {seen}, NULL, NULL, NULL, 'ann', NULL), "
                f"('{BOOK}', 'position', 'IBM', 100, 90, {seen}, NULL, NULL, NULL, 'cyd', NULL), "
                f"('{BOOK}', 'cash', '', 5, 6, {seen}, {resolved}, NULL, NULL), "
                f"('us', 'fraction', 'IBM', 0, 5, {seen}, {resolved}, 'cyd', 94000000)"
            )
            given = {"break_id": 2, "owner": "ann", "author": "bob", "assigned_at": NOW}
            tx.connection.execute(insert(break_assignments).values(given))


def test_breaks_of_a_ledger_of_before_become_facts_as_they_stand(
    database: str, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if database == "sqlite":
        url = f"sqlite:///{tmp_path / 'ledger.db'}"
    else:
        server: PostgresServer = request.getfixturevalue("postgres")
        url = server.new_database()
    _of_before(url, monkeypatch)
    with closing(Ledger.open(url)) as ledger:
        assert _wrong(ledger) == {
            10: tuple(f"break {n} of book demo is open since {SESSION}: position {of}" for n, of in ((1, "AAPL"), (2, "MSFT"), (3, "IBM")))
        }
        assert _kept(ledger).things == 5
        with ledger.read() as tx:
            assert [len(all_breaks(tx, book)) for book in (BOOK, "us")] == [4, 1]
        assert _rows(ledger, "SELECT break_id, owner FROM break_starts ORDER BY 1") == [
            (1, None),
            (2, None),
            (3, "cyd"),
            (4, None),
            (5, "cyd"),
        ]
        _seen(ledger, replace(_POSITION, theirs=70), _CASH)
        with ledger.write() as tx:
            resolve_break(tx, 3, "sold", "bob", NOW)
        assert [finding[:7] for finding in _wrong(ledger)[10]] == ["break 1", "break 2", "break 6"]
        assert len(_rows(ledger, "SELECT * FROM break_sights")) == 7
        by_hand(ledger, "UPDATE breaks SET owner = NULL WHERE break_id = 3", "UPDATE breaks SET theirs = 6 WHERE break_id = 5")
        assert _kept(ledger).findings == (
            "break 3 of book demo (position IBM): its owner is another than it was last given to",
            "break 5 of book us (fraction IBM): its figures are others than it was last seen with",
        )
