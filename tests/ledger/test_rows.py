"""Rows by the thousand: however many are inserted by one statement, each is there, in its order and sealed."""

import pytest
from sqlalchemy import text

from grodt.errors import GrodtError
from grodt.ledger.audit import seal_of
from grodt.ledger.postings import Entry, Posting, balances, post_all
from grodt.ledger.rows import insert_rows, rows_of
from grodt.ledger.tables_postings import carried, entries
from grodt.ledger.unit import Ledger
from grodt.ledger.verify_chain import verify_chain
from tests.ledger.world import BOOK, NOW, SESSION

NAMES = ("entry_id", "kind", "book", "session", "memo", "digest", "run_id", "recorded_at")
CARRIED = ("book", "account", "asset", "symbol", "amount")
ADDS = "ON CONFLICT (book, account, asset, symbol) DO UPDATE SET amount = carried.amount + excluded.amount"


def _entry(number: int) -> tuple[str, ...]:
    return (f"deposit:{number:04}", "deposit", BOOK, "2026-11-19", f"number {number}", "d", "run", "2026-11-20T21:30:00.000000Z")


@pytest.mark.parametrize("count", [0, 1, 99, 100, 101, 250])
def test_each_row_is_there_and_sealed_in_the_order_given(ledger: Ledger, count: int) -> None:
    rows = [_entry(number) for number in reversed(range(count))]
    with ledger.write() as tx:
        insert_rows(tx, entries, NAMES, rows)
    with ledger.read() as tx:
        assert sorted(
            rows_of(tx, f"SELECT {', '.join(NAMES)} FROM entries WHERE entry_id IN {{keys}}", [row[0] for row in rows])
        ) == sorted(rows)
        sealed = tx.connection.execute(text("SELECT seals FROM audit WHERE table_name = 'entries'")).scalars().all()
    order = sorted(range(len(NAMES)), key=NAMES.__getitem__)
    expected = b"".join(seal_of("entries", [NAMES[at] for at in order], [row[at] for at in order]) for row in rows)
    assert b"".join(map(bytes, sealed)) == expected


def test_a_row_that_is_refused_leaves_none_of_those_before_it(ledger: Ledger) -> None:
    rows = [_entry(number) for number in range(150)]
    with pytest.raises(GrodtError), ledger.write() as tx:
        insert_rows(tx, entries, NAMES, [*rows, rows[3]])
    with ledger.read() as tx:
        assert tx.connection.execute(text("SELECT count(*) FROM entries")).scalar_one() == 0
        assert verify_chain(tx, None).rows == 0


def test_what_is_carried_adds_up_over_statements(ledger: Ledger) -> None:
    rows = [(BOOK, "cash", "USD", f"S{number:03}", number + 1) for number in range(230)]
    with ledger.write() as tx:
        insert_rows(tx, carried, CARRIED, rows, clash=ADDS)
        insert_rows(tx, carried, CARRIED, rows[:101], clash=ADDS)
    with ledger.read() as tx:
        found = balances(tx, BOOK)
    assert found == {("cash", "USD", f"S{number:03}"): (number + 1) * (2 if number < 101 else 1) for number in range(230)}


def test_entries_by_the_hundred_post_what_one_after_the_other_does(ledger: Ledger) -> None:
    lines = (Posting("cash", "USD", "", 5), Posting("capital", "USD", "", -5))
    made = [Entry(f"deposit:{number}", "deposit", BOOK, SESSION, "", lines) for number in range(120)]
    with ledger.write() as tx:
        assert len(post_all(tx, made, "run", NOW)) == 120
        assert post_all(tx, made, "run", NOW) == ()
    with ledger.read() as tx:
        assert balances(tx, BOOK) == {("capital", "USD", ""): -600, ("cash", "USD", ""): 600}
        assert tx.connection.execute(text("SELECT count(*), count(DISTINCT entry_id) FROM postings")).one() == (240, 120)
        assert verify_chain(tx, None).findings == ()
