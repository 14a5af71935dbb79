"""Opening a ledger, its transactions, and what keeps its facts facts."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import text

from grodt.errors import ConfigError, GrodtError, TransientError
from grodt.ledger import schema, tables_lake, tables_orders, tables_postings
from grodt.ledger.halts import halt
from grodt.ledger.postings import cash, deposit_entry, post
from grodt.ledger.schema import HEAD
from grodt.ledger.tables import metadata
from grodt.ledger.unit import Ledger, LedgerLocked, LedgerRefused, LedgerUnusable, Write
from grodt.ledger.verify import verify_ledger
from grodt.money import micros
from tests.ledger.facts import one_of_each
from tests.ledger.world import BOOK, NOW, SESSION, count, url_of


def deposit(tx: Write, amount: str = "100") -> None:
    post(tx, deposit_entry(BOOK, micros(amount), "USD", SESSION), "run", NOW)


def test_the_newest_migration_is_the_one_the_code_expects() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(schema.__file__).with_name("migrations")))
    assert ScriptDirectory.from_config(config).get_heads() == [schema.HEAD]


def test_a_ledger_of_a_newer_version_is_refused(own_ledger: Ledger) -> None:
    with own_ledger.write() as tx:
        tx.connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(ConfigError, match=rf"at schema 9999, which this GRODT .schema {HEAD}. does not know"):
        Ledger.open(url_of(own_ledger))
    with (
        pytest.raises(LedgerUnusable, match=rf"brought to schema 9999 since this process opened it, which writes schema {HEAD}"),
        own_ledger.write(),
    ):
        pytest.fail("it wrote under a schema it does not know")


def test_a_ledger_without_one_of_its_triggers_is_refused(own_ledger: Ledger, database: str) -> None:
    with own_ledger.write() as tx:
        tx.connection.execute(text(f"DROP TRIGGER postings_no_update{' ON postings' if database == 'postgresql' else ''}"))
    with pytest.raises(LedgerUnusable, match=r"trigger postings_no_update of postings is missing"):
        Ledger.open(url_of(own_ledger))


def test_a_clean_exit_commits(ledger: Ledger) -> None:
    with ledger.write() as tx:
        deposit(tx)
    with ledger.read() as tx:
        assert cash(tx, BOOK) == micros(100)


def test_its_state_is_another_one_once_anything_is_committed_by_whomever(ledger: Ledger) -> None:
    seen = [ledger.state(), ledger.state()]
    assert seen[0] == seen[1]
    for number in range(3):
        with ledger.write() as tx:
            halt(tx, scope="book", book=BOOK, reason=str(number), author="ann", now=NOW)
        seen.append(ledger.state())
    assert len(set(seen)) == 4
    with closing(Ledger.open(url_of(ledger))) as other, other.write() as tx:
        deposit(tx)
    assert ledger.state() not in seen


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, GrodtError])
def test_any_exception_rolls_back(ledger: Ledger, error: type[BaseException]) -> None:
    def half_done() -> None:
        with ledger.write() as tx:
            deposit(tx)
            raise error

    with pytest.raises(error):
        half_done()
    with ledger.read() as tx:
        assert count(tx, "entries") == count(tx, "postings") == 0


def test_a_read_transaction_sees_one_instant(ledger: Ledger) -> None:
    with ledger.read() as reader:
        assert cash(reader, BOOK) == 0
        with ledger.write() as tx:
            deposit(tx)
        assert cash(reader, BOOK) == 0
    with ledger.read() as reader:
        assert cash(reader, BOOK) == micros(100)


def test_a_reader_cannot_write(ledger: Ledger) -> None:
    def writing() -> None:
        with ledger.read() as tx:
            tx.connection.execute(text("DELETE FROM runs"))

    with pytest.raises(LedgerUnusable, match="it may not be written"):
        writing()


def test_a_second_writer_waits_a_bounded_time_and_then_fails_clearly(ledger: Ledger) -> None:
    impatient = Ledger.open(url_of(ledger), busy_seconds=0.05)

    def second() -> None:
        with impatient.write() as tx:
            deposit(tx)

    with ledger.write() as tx:
        with pytest.raises(LedgerLocked, match=r"locked by another writer for 0.05 s and nothing was written") as caught:
            second()
        deposit(tx)
    assert not isinstance(caught.value, TransientError)
    second()
    with ledger.read() as reader:
        assert cash(reader, BOOK) == micros(100)
    impatient.close()


def test_readers_and_opening_wait_for_no_writer(ledger: Ledger) -> None:
    with ledger.write() as tx:
        deposit(tx)
        other = Ledger.open(url_of(ledger), busy_seconds=0.01)
        with other.read() as reader:
            assert cash(reader, BOOK) == 0
        other.close()


def test_what_breaks_a_rule_of_the_tables_is_refused_whole(ledger: Ledger) -> None:
    def broken() -> None:
        with ledger.write() as tx:
            deposit(tx)
            tx.connection.execute(text("INSERT INTO settlements VALUES ('demo', NULL, 'r', 'now')"))

    with pytest.raises(LedgerRefused, match=r"settlements.session|\"session\" of relation \"settlements\""):
        broken()
    with ledger.read() as tx:
        assert count(tx, "entries") == 0


def test_an_order_of_no_run_is_refused(ledger: Ledger) -> None:
    def orphan() -> None:
        with ledger.write() as tx:
            tx.connection.execute(text("INSERT INTO baskets VALUES ('no such run', 'h', 'b', 'eod', '2026-11-20', 0, 'now')"))

    with pytest.raises(LedgerRefused, match=r"(?i)foreign key"):
        orphan()


def test_facts_cannot_be_changed_deleted_or_replaced(ledger: Ledger, database: str) -> None:
    one_of_each(ledger)

    def tamper(table: str, sql: str) -> None:
        with ledger.write() as tx:
            assert count(tx, table) > 0
            tx.connection.execute(text(sql))

    for table in (*tables_lake.APPEND_ONLY, *tables_orders.APPEND_ONLY, *tables_postings.APPEND_ONLY):
        column = next(iter(metadata.tables[table].columns)).name
        all_of_it = {"sqlite": f"INSERT OR REPLACE INTO {table} SELECT * FROM {table}", "postgresql": f"TRUNCATE {table} CASCADE"}
        for sql in (f"UPDATE {table} SET {column} = {column}", f"DELETE FROM {table}", all_of_it[database]):
            with pytest.raises(LedgerRefused, match="is append-only" if "TRUNCATE" in sql else f"{table} is append-only"):
                tamper(table, sql)


def test_a_kill_inside_a_transaction_leaves_nothing_of_it(ledger: Ledger) -> None:
    program = """if True:
        import os, signal, sys
        from datetime import UTC, date, datetime
        from grodt.ledger.unit import Ledger
        from grodt.ledger.postings import deposit_entry, post
        from grodt.money import micros
        ledger = Ledger.open(sys.argv[1])
        now = datetime(2026, 1, 1, tzinfo=UTC)
        with ledger.write() as tx:
            post(tx, deposit_entry("demo", micros(1), "USD", date(2026, 1, 1)), "run", now)
        with ledger.write() as tx:
            post(tx, deposit_entry("demo", micros(1), "USD", date(2026, 1, 2)), "run", now)
            os.kill(os.getpid(), signal.SIGKILL)
    """
    assert subprocess.run([sys.executable, "-c", program, url_of(ledger)], check=False).returncode == -9
    with ledger.write() as tx:
        assert cash(tx, BOOK) == micros(1)
    with ledger.read() as tx:
        assert not any(check.findings for check in verify_ledger(tx))


def test_threads_share_a_ledger(ledger: Ledger) -> None:
    def one(day: int) -> None:
        with ledger.write() as tx:
            post(tx, deposit_entry(f"book{day}", micros(1), "USD", SESSION), "run", NOW)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(one, range(40)))
    with ledger.read() as tx:
        assert count(tx, "entries") == 40
