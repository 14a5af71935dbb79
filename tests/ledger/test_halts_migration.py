"""A ledger whose halts had no side and no kind keeps them, with what is known of each."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from grodt.ledger import schema
from grodt.ledger.halts import active, all_halts
from grodt.ledger.unit import Ledger
from tests.ledger.world import BOOK, NOW

_AT = "2026-11-20T20:00:00.000000Z"
_OLD = [
    (1, "book", BOOK, "", "storm", "ann", None),
    (2, "all", "", "", "storm", "ann", None),
    (3, "symbol", BOOK, "AAPL", "order of unknown outcome", "execution", None),
    (4, "book", BOOK, "", "basket_above_limit: the basket", "risk", None),
    (5, "book", BOOK, "", "data_stale: the last bar", "risk", None),
    (6, "book", BOOK, "", "scale_wrong: weights", "risk", None),
    (7, "book", BOOK, "", "one close for 8 symbols", "quality gate", None),
    (8, "book", BOOK, "", "reconciliation break", "reconciliation", _AT),
]


@pytest.fixture
def old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A ledger of the revision before, with a halt of every maker."""
    path = tmp_path / "ledger.db"
    with monkeypatch.context() as patch:
        patch.setattr(schema, "HEAD", "0008")
        patch.setattr(schema, "require_expected", lambda _connection, _path: None)
        Ledger.open(f"sqlite:///{path}").close()
    with closing(sqlite3.connect(path)) as connection:
        connection.executemany(
            "INSERT INTO halts (halt_id, scope, book, symbol, reason, author, started_at, ended_at, end_reason, end_author) "
            f"VALUES (?, ?, ?, ?, ?, ?, '{_AT}', ?8, iif(?8 IS NULL, NULL, 'mended'), iif(?8 IS NULL, NULL, 'bob'))",
            [(*row[:6], _AT, row[6]) for row in _OLD],
        )
        connection.commit()
    return path


def test_every_halt_of_before_is_kept_with_its_kind(old: Path) -> None:
    ledger = Ledger.open(f"sqlite:///{old}")
    with ledger.read() as tx:
        found = {each.halt_id: each for each in all_halts(tx)}
        held = {each.halt_id for each in active(tx, BOOK, NOW)}
    ledger.close()
    assert {number: each.kind for number, each in found.items()} == {
        1: "pause",
        2: "kill",
        3: "fault",
        4: "breach",
        5: "fault",
        6: "fault",
        7: "fault",
        8: "fault",
    }
    assert held == {1, 2, 3, 4, 5, 6, 7}
    assert {(each.side, each.control, each.keep_orders, each.expires_at) for each in found.values()} == {("all", 0, True, None)}
    assert (found[3].scope, found[3].symbol, found[3].author) == ("symbol", "AAPL", "execution")
    assert (found[8].end_reason, found[8].end_author) == ("mended", "bob")


def test_what_a_book_had_earned_by_the_mark_that_was_looked_at_is_told_by_the_session_s_marks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Halt 1 was looked at at a close, 2 at a slot before its close, 3 at a slot of the session that goes on; 4 is none of these."""
    path = tmp_path / "ledger.db"
    with monkeypatch.context() as patch:
        patch.setattr(schema, "HEAD", "0026")
        patch.setattr(schema, "require_expected", lambda _connection, _path: None)
        Ledger.open(f"sqlite:///{path}").close()
    marked = "cash, receivable, positions_value, equity, gross, net, high_water_mark, drawdown, profit, run_id, recorded_at"
    values = f"?, 0, 0, ?, 0, 0, ?, 0, ?, 'r', '{_AT}'"
    with closing(sqlite3.connect(path)) as connection:
        for session, equity, profit in [("2026-11-17", 95, -5), ("2026-11-18", 90, -5)]:
            connection.execute(
                f"INSERT INTO marks (book, session, {marked}) VALUES ('demo', ?, {values})", (session, *[equity] * 3, profit)
            )
        for slot, equity, profit in [("1030", 80, -10), ("1100", 70, -20)]:
            row = ("2026-11-19", slot, *[equity] * 3, profit)
            connection.execute(f"INSERT INTO slot_marks (book, session, slot, {marked}) VALUES ('demo', ?, ?, {values})", row)
        connection.executemany(
            "INSERT INTO halts (halt_id, scope, book, strategy, symbol, side, kind, control, keep_orders, reason, author, started_at, "
            "ended_at, end_reason, end_author, mark_session, mark_equity) "
            f"VALUES (?, 'book', 'demo', '', '', 'reduce_only', 'breach', 28, 0, 'loss', 'risk', '{_AT}', '{_AT}', 'seen', 'ann', ?, ?)",
            [(1, "2026-11-17", 95), (2, "2026-11-18", 88), (3, "2026-11-19", 80), (4, None, None)],
        )
        connection.commit()
    Ledger.open(f"sqlite:///{path}").close()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT halt_id, mark_profit FROM halts ORDER BY 1").fetchall() == [(1, -5), (2, -7), (3, -10), (4, None)]
