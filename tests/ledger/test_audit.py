"""The audit chain: what is chained, and that whatever is changed by hand is found."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from grodt.ledger import tables_halts, tables_people, tables_users
from grodt.ledger.append_only import APPEND_ONLY
from grodt.ledger.audit import FACTS, GENESIS, chain_hash, seal_of, seals_of
from grodt.ledger.audit_facts import facts_in
from grodt.ledger.postings import deposit_entry, post
from grodt.ledger.tables import metadata
from grodt.ledger.unit import Ledger
from grodt.ledger.verify_chain import Chain, verify_chain
from grodt.money import micros
from tests.ledger.by_hand import by_hand
from tests.ledger.facts import one_of_each
from tests.ledger.world import BOOK, NOW, SESSION, count


def _checked(ledger: Ledger, head: str | None = None) -> Chain:
    with ledger.read() as tx:
        return verify_chain(tx, head)


def _stands(ledger: Ledger) -> list[tuple[object, ...]]:
    """Everything that may be altered by hand."""
    with ledger.read() as tx:
        return [tuple(row) for table in metadata.sorted_tables for row in tx.connection.execute(text(f"SELECT * FROM {table.name}"))]


def test_every_append_only_table_is_chained_but_postings_which_their_entry_s_digest_covers() -> None:
    assert set(APPEND_ONLY) - FACTS == {"postings", "evidence"}
    assert FACTS - set(APPEND_ONLY) == {"risk_checks"}


def test_a_seal_is_of_the_columns_that_are_not_null() -> None:
    assert seal_of("t", ["a", "b"], [1, "x"]) == seal_of("t", ["a", "b", "c"], [1, "x", None])
    assert seal_of("t", ["a", "b"], [1, "x"]) != seal_of("u", ["a", "b"], [1, "x"])


def test_what_is_written_is_chained_in_its_own_transaction(ledger: Ledger) -> None:
    one_of_each(ledger)
    with ledger.read() as tx:
        rows = tx.connection.execute(text("SELECT * FROM audit ORDER BY sequence")).all()
        assert [row.sequence for row in rows] == list(range(1, len(rows) + 1))
        assert {row.table_name for row in rows} == FACTS - {
            *tables_people.APPEND_ONLY,
            *tables_halts.APPEND_ONLY,
            *tables_users.APPEND_ONLY,
        }
        previous = GENESIS
        for row in rows:
            assert (row.previous, row.hash) == (previous, chain_hash(row.sequence, row.table_name, row.seals, previous))
            previous = row.hash
        for table in FACTS:
            written = b"".join(row.seals for row in rows if row.table_name == table)
            assert sorted(seal for _, seal in facts_in(tx.connection, table)) == sorted(
                written[at : at + 16] for at in range(0, len(written), 16)
            )


def test_what_is_rolled_back_leaves_nothing_in_the_chain(ledger: Ledger) -> None:
    with suppress(KeyError), ledger.write() as tx:
        post(tx, deposit_entry(BOOK, micros(1), "USD", SESSION), "run", NOW)
        raise KeyError
    with ledger.read() as tx:
        assert count(tx, "audit") == 0
    assert _checked(ledger) == Chain(0, 0, GENESIS, ())


def test_a_transaction_that_adds_no_fact_adds_nothing_to_the_chain(ledger: Ledger) -> None:
    one_of_each(ledger)
    before = _checked(ledger)
    with ledger.write() as tx:
        tx.connection.execute(text("UPDATE runs SET code_version = 'other'"))
    assert _checked(ledger) == before


def test_facts_that_sql_of_one_s_own_inserts_unannounced_are_refused(ledger: Ledger) -> None:
    def unannounced() -> None:
        with ledger.write() as tx:
            tx.connection.exec_driver_sql("INSERT INTO settlements VALUES ('demo', '2026-11-20', 'run', 'now')")

    with pytest.raises(ValueError, match="settlements: facts were inserted and not announced"):
        unannounced()
    with ledger.read() as tx:
        assert count(tx, "settlements") == 0


_ALTERED = {
    "order_events": ("UPDATE order_events SET reason = 'x' WHERE event_id = 2", "order_events event_id 2 is not as it was written"),
    "fills": ("UPDATE fills SET number = 7", "fills execution_id demo-eod-20261119-AAPL-0-1 is not as it was written"),
    "orders": ("UPDATE orders SET reference_price = 1", "orders client_order_id demo-eod-20261119-AAPL-0 is not as it was written"),
    "evidence": (
        """UPDATE evidence SET checks = replace(checks, '"AAPL":0.25,', '"AAPL":0.2500000000000001,')""",
        "risk_checks run_id demo-eod-2026-11-19, attempt 1 is not as it was written",
    ),
    "evidence shown twice": (
        """UPDATE evidence SET checks = replace(checks, '"AAPL":0.25,', '"AAPL":0.25,"AAPL":0.25,')""",
        "risk_checks run_id demo-eod-2026-11-19, attempt 1 is not as it was written",
    ),
    "evidence unreadable": (
        "UPDATE evidence SET checks = substr(checks, 2)",
        "risk_checks run_id demo-eod-2026-11-19, attempt 1 is not as it was written",
    ),
    "lake_files": ("UPDATE lake_files SET source = 'mine'", "lake_files path bars_1d/demo/2026/a.parquet, version 1 is not"),
}


@pytest.mark.parametrize(("statement", "finding"), _ALTERED.values(), ids=_ALTERED)
def test_a_fact_that_is_altered_by_hand_is_found_and_named(ledger: Ledger, statement: str, finding: str) -> None:
    one_of_each(ledger)
    before = _stands(ledger)
    assert _checked(ledger).findings == ()
    by_hand(ledger, statement)
    assert _stands(ledger) != before
    (found,) = _checked(ledger).findings
    assert found.startswith(finding)


def test_a_fact_that_is_removed_by_hand_is_found_with_what_was_written_beside_it(ledger: Ledger) -> None:
    one_of_each(ledger)
    by_hand(ledger, "DELETE FROM order_events WHERE event_id = 2")
    (found,) = _checked(ledger).findings
    assert found.startswith("order_events: 1 of ")
    assert " facts are gone; the first was written by audit " in found
    assert found.endswith(", together with order_events event_id 1")


def test_a_fact_that_is_inserted_by_hand_is_found_and_named(ledger: Ledger) -> None:
    one_of_each(ledger)
    by_hand(ledger, "INSERT INTO settlements VALUES ('demo', '2026-11-23', 'run', 'now')")
    assert _checked(ledger).findings == (
        "settlements book demo, session 2026-11-23 is not as it was written, or was never written by GRODT",
    )


def test_a_chain_that_is_cut_or_altered_is_found(ledger: Ledger) -> None:
    one_of_each(ledger)
    by_hand(ledger, "UPDATE audit SET facts = facts WHERE sequence = 3", "DELETE FROM audit WHERE sequence = 2")
    assert _checked(ledger).findings == ("audit 2 is missing: 3 follows 1; the chain was cut",)


def test_seals_that_were_swapped_for_others_break_the_chain(ledger: Ledger) -> None:
    one_of_each(ledger)
    other = "SELECT o.seals FROM audit AS o WHERE o.facts = 1 ORDER BY o.sequence DESC LIMIT 1"
    by_hand(ledger, f"UPDATE audit SET seals = ({other}) WHERE sequence = (SELECT min(sequence) FROM audit WHERE facts = 1)")
    (found,) = _checked(ledger).findings
    assert found.endswith("does not follow from the row before it")


def test_a_chain_cut_at_its_end_with_its_facts_is_found_by_a_head_kept_elsewhere(ledger: Ledger) -> None:
    with ledger.write() as tx:
        post(tx, deposit_entry(BOOK, micros(1), "USD", SESSION), "run", NOW)
    early = _checked(ledger).head
    one_of_each(ledger)
    late = _checked(ledger)
    assert _checked(ledger, early).findings == ()
    with ledger.read() as tx:
        last = tx.connection.execute(text("SELECT table_name FROM audit ORDER BY sequence DESC LIMIT 1")).scalar_one()
    assert last == "withdrawals"
    by_hand(ledger, "DELETE FROM withdrawals", f"DELETE FROM audit WHERE sequence = {late.rows}")
    assert _checked(ledger).findings == ()
    (found,) = _checked(ledger, late.head).findings
    assert found.startswith(f"no row of the chain has the head {late.head}")


@given(st.lists(st.tuples(*[st.none() | st.text() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)] * 3), max_size=5))
def test_seals_of_many_facts_are_those_of_each_alone(rows: list[tuple[object, ...]]) -> None:
    assert seals_of('of "x"', ("b", "c", "a"), rows) == [seal_of('of "x"', ("a", "b", "c"), (a, b, c)) for b, c, a in rows]
