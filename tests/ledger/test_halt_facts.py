"""Halts, and the marks that losses are measured from since they were ended, are held against their facts; those of before facts too."""

from contextlib import closing
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, text

from grodt.ledger import schema
from grodt.ledger.halts import active, end_halts, find_halt, halt, last_armed
from grodt.ledger.losses import loss_marks
from grodt.ledger.marks import Mark, record_mark
from grodt.ledger.tables_halts import halt_ends, halt_starts, halts
from grodt.ledger.unit import Ledger
from grodt.ledger.verify import verify_ledger
from grodt.money import Micros, micros
from tests.ledger.by_hand import by_hand
from tests.ledger.world import BOOK, MINUTE, NEXT, NOW, order, sent
from tests.postgres import PostgresServer

_LOSS: dict[str, Any] = {"scope": "book", "book": BOOK, "side": "reduce_only", "kind": "breach", "control": 28, "author": "risk"}
_NO_MARK = {"mark_session": None, "mark_equity": None, "mark_profit": None}
_MADE = "halts are as they were made and ended"


def _found(ledger: Ledger) -> dict[str, tuple[str, ...]]:
    with ledger.read() as tx:
        return {check.what: check.findings for check in verify_ledger(tx) if not check.holds}


def _marked(ledger: Ledger) -> Mark:
    """A book that has lost a tenth of its money in one session."""
    mark = Mark(BOOK, NEXT, micros(90_000), micros(0), micros(0), micros(90_000), 0.0, 0.0, micros(90_000), 0.0, micros(-10_000))
    with ledger.write() as tx:
        record_mark(tx, mark, "run", NOW)
    return mark


def _row(number: int, **others: object) -> dict[str, object]:
    """A halt of control 28 that two people have ended, with a mark of which they know nothing."""
    ended = {"ended_at": NOW + MINUTE, "end_reason": "fine", "end_author": "ann and bob"}
    mark = {"mark_session": date(2026, 11, 18), "mark_equity": 90_000, "mark_profit": -10_000}
    made = {"halt_id": number, "strategy": "", "symbol": "", "keep_orders": 1, "reason": "loss", "started_at": NOW}
    return made | _LOSS | ended | mark | others


def _armed(ledger: Ledger, mark: Mark) -> tuple[tuple[Micros, Micros], bool]:
    with ledger.read() as tx:
        return loss_marks(tx, mark), last_armed(tx, BOOK) is not None


@pytest.mark.parametrize("number", [1, -5, 7])
@pytest.mark.parametrize("has_facts", [False, True])
def test_an_ended_halt_that_nobody_made_is_found_whatever_its_number(ledger: Ledger, number: int, has_facts: bool) -> None:
    if has_facts:
        with ledger.write() as tx:
            halt(tx, scope="symbol", book=BOOK, symbol="ZZZ", reason="odd", author="ann", now=NOW)
        number += number == 1
    mark = _marked(ledger)
    before = _armed(ledger, mark)
    assert _found(ledger) == {}
    with ledger.write() as tx:
        tx.connection.execute(insert(halts).values(_row(number)))
    assert _armed(ledger, mark) != before, "it moves what losses are measured from"
    assert _found(ledger) == {_MADE: (f"halt {number} (loss): it stands among the halts, and nobody has made it",)}


def _ended(ledger: Ledger) -> None:
    with ledger.write() as tx:
        end_halts(tx, [halt(tx, **_LOSS, reason="loss", now=NOW)], reason="looked at", author="ann and bob", now=NOW + MINUTE)


@pytest.mark.parametrize(
    "altered",
    [
        "mark_profit = mark_profit + 10000000000",
        "mark_equity = mark_equity + 1",
        "mark_session = '2026-11-18'",
        "mark_session = NULL, mark_equity = NULL, mark_profit = NULL",
    ],
)
def test_so_is_an_altered_mark_that_losses_are_measured_from(ledger: Ledger, altered: str) -> None:
    _marked(ledger)
    _ended(ledger)
    assert _found(ledger) == {}
    by_hand(ledger, f"UPDATE halts SET {altered}")
    assert _found(ledger) == {_MADE: ("halt 1 (loss): losses are measured from another mark than that of its end",)}


def test_and_one_that_was_altered_with_its_fact_is_for_the_chain(ledger: Ledger) -> None:
    _marked(ledger)
    _ended(ledger)
    by_hand(ledger, "UPDATE halts SET mark_profit = 0", "UPDATE halt_marks SET profit = 0")
    assert _found(ledger) == {"the audit chain": ("halt_marks halt_id 1 is not as it was written, or was never written by GRODT",)}


def test_a_halt_that_was_made_to_hold_again_by_hand_is_ended_again_and_stays_found(ledger: Ledger) -> None:
    mark = _marked(ledger)
    _ended(ledger)
    by_hand(ledger, "UPDATE halts SET ended_at = NULL, end_reason = NULL, end_author = NULL")
    with ledger.write() as tx:
        record_mark(tx, replace(mark, profit=micros(-9_000)), "run", NOW)
        end_halts(tx, [find_halt(tx, 1)], reason="again", author="ann and bob", now=NOW + 2 * MINUTE)
    assert _MADE in _found(ledger)
    with ledger.read() as tx:
        assert tx.connection.execute(text("SELECT count(*), min(profit) FROM halt_marks")).one() == (1, micros(-10_000))


def _of_before(url: str, monkeypatch: pytest.MonkeyPatch, *, has_facts: bool) -> None:
    """A ledger of schema 0035: halt 1 holds, 2 was ended with a mark; where it has facts, 4 is one, and 5 was put there by hand."""
    holds = {"ended_at": None, "end_reason": None, "end_author": None} | _NO_MARK
    with monkeypatch.context() as patch:
        patch.setattr(schema, "HEAD", "0035")
        patch.setattr(schema, "require_expected", lambda _connection, _path: None)
        with closing(Ledger.open(url)) as old, old.write() as tx:
            sent(tx, [order("AAPL")])
            rows = [_row(1, kind="pause", control=0, started_at=NOW + MINUTE, **holds), _row(2)]
            if has_facts:
                four = _row(4, **_NO_MARK)
                rows += [four, _row(5, **_NO_MARK)]
                started = {column.name: four[column.name] for column in halt_starts.columns if column.name in four}
                tx.connection.execute(insert(halt_starts).values(started | {"after_event": 0}))
                told = {"ended_at": four["ended_at"], "reason": four["end_reason"], "author": four["end_author"]}
                tx.connection.execute(insert(halt_ends).values(halt_id=4, after_event=0, **told))
            tx.connection.execute(insert(halts), rows)


@pytest.fixture
def url(database: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database with nothing in it."""
    if database == "sqlite":
        return f"sqlite:///{tmp_path / 'ledger.db'}"
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.new_database()


@pytest.mark.parametrize("has_facts", [False, True])
def test_halts_of_before_they_were_facts_become_facts_as_they_stand(url: str, monkeypatch: pytest.MonkeyPatch, has_facts: bool) -> None:
    _of_before(url, monkeypatch, has_facts=has_facts)
    by_hand_alone = {_MADE: ("halt 5 (loss): it stands among the halts, and nobody has made it",)} if has_facts else {}
    with closing(Ledger.open(url)) as ledger:
        ours = {what: findings for what, findings in _found(ledger).items() if what in (_MADE, "the audit chain")}
        assert ours == by_hand_alone
        with ledger.read() as tx:
            query = "SELECT s.halt_id, s.after_event, e.after_event FROM halt_starts AS s LEFT JOIN halt_ends AS e ON e.halt_id = s.halt_id"
            known = [tuple(row) for row in tx.connection.execute(text(f"{query} ORDER BY 1"))]
            assert known == [(1, -1, None), (2, -1, -1), *([(4, 0, 0)] if has_facts else [])]
            marks = [tuple(row) for row in tx.connection.execute(text("SELECT * FROM halt_marks"))]
            assert marks == [(2, "2026-11-18", 90_000, -10_000)]
            assert [each.halt_id for each in active(tx, BOOK, NOW + 2 * MINUTE)] == [1]
        with ledger.write() as tx:
            end_halts(tx, [find_halt(tx, 1)], reason="over", author="ann", now=NOW + 3 * MINUTE)
        assert _found(ledger).get(_MADE, ()) == by_hand_alone.get(_MADE, ())
        by_hand(
            ledger,
            "UPDATE halts SET ended_at = NULL, end_reason = NULL, end_author = NULL WHERE halt_id = 1",
            "UPDATE halts SET mark_profit = 0 WHERE halt_id = 2",
        )
        assert _found(ledger)[_MADE] == (
            "halt 1 (loss): it was ended and stands as one that holds",
            "halt 2 (loss): losses are measured from another mark than that of its end",
            *by_hand_alone.get(_MADE, ()),
        )


@pytest.mark.parametrize(("minutes", "held"), [(-1, True), (1, False)])
def test_of_such_a_halt_the_clock_tells_what_was_sent_while_it_held(
    url: str, monkeypatch: pytest.MonkeyPatch, minutes: int, held: bool
) -> None:
    _of_before(url, monkeypatch, has_facts=False)
    with closing(Ledger.open(url)) as ledger:
        at = NOW + minutes * MINUTE
        by_hand(ledger, f"UPDATE halts SET side = 'all', started_at = '{at:%Y-%m-%dT%H:%M:%S.%fZ}' WHERE halt_id = 1")
        found = [finding for finding in _found(ledger).get("nothing sent while a halt held", ()) if "while halt 1 held" in finding]
    assert bool(found) is held
