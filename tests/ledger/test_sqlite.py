"""A ledger in an SQLite file: opening it, and what SQLite has of its own."""

import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import date
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import insert, text

from grodt.errors import ConfigError
from grodt.ledger import schema
from grodt.ledger.audit_facts import facts_in
from grodt.ledger.fills import record_fill
from grodt.ledger.manifest import coverage
from grodt.ledger.postings import cash, deposit_entry, post
from grodt.ledger.sqlite import open_sqlite
from grodt.ledger.tables import metadata
from grodt.ledger.tables_postings import entries
from grodt.ledger.unit import Ledger, LedgerLocked, LedgerRefused, LedgerUnusable, Write
from grodt.money import micros
from tests.ledger.world import BOOK, NEXT, NOW, SESSION, count, fill, open_ledger, order, sent, url


def deposit(tx: Write, amount: str = "100") -> None:
    post(tx, deposit_entry(BOOK, micros(amount), "USD", SESSION), "run", NOW)


def test_a_new_ledger_makes_its_folder_and_its_tables(tmp_path: Path) -> None:
    opened = open_ledger(tmp_path / "a folder" / "50% new?#")
    with opened.read() as tx:
        assert schema.version(tx.connection) == schema.HEAD
        assert {name for (name,) in tx.connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'table'"))} == {
            *metadata.tables,
            "alembic_version",
        }
    opened.close()


def test_every_table_is_strict(migrated: Path) -> None:
    query = "SELECT name FROM pragma_table_list WHERE type = 'table' AND strict = 0 AND schema = 'main'"
    with closing(sqlite3.connect(migrated)) as connection:
        assert {name for (name,) in connection.execute(query)} == {"alembic_version", "sqlite_schema"}


def test_a_ledger_at_head_opens_without_alembic(migrated: Path, tmp_path: Path) -> None:
    shutil.copy(migrated, tmp_path / "ledger.db")
    program = f"import sys; from grodt.ledger.unit import Ledger; Ledger.open({url(tmp_path)!r}); sys.exit('alembic' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


@pytest.mark.parametrize("bad", ["ledger.db", "sqlite://", "sqlite:///", "sqlite:///:memory:", "mysql://host/ledger", ""])
def test_a_url_without_an_sqlite_file_is_refused(bad: str) -> None:
    with pytest.raises(ConfigError, match=r"names no SQLite file; write it as sqlite:////absolute/path/ledger.db"):
        Ledger.open(bad)


def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").write_text("symbol,close\n" * 1000)
    with pytest.raises(LedgerUnusable, match="it is not a ledger: move the file away"):
        open_ledger(tmp_path)
    assert (tmp_path / "ledger.db").read_text() == "symbol,close\n" * 1000


def test_another_programs_database_is_refused(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as connection:
        connection.execute("CREATE TABLE songs (title TEXT)")
    with pytest.raises(LedgerUnusable, match="is a database but not a ledger"):
        open_ledger(tmp_path)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LedgerUnusable, match="cannot be made"):
        open_ledger(tmp_path / "file" / "below")


def test_a_path_that_is_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").mkdir()
    with pytest.raises(LedgerUnusable, match="is a folder; name a file in it"):
        open_ledger(tmp_path)


def test_a_new_file_that_another_holds_is_waited_for_and_then_named(tmp_path: Path) -> None:
    database = open_sqlite(url(tmp_path), 0.05)

    def first_write() -> None:
        with database.writing():
            pytest.fail("it began")

    with closing(sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)) as other:
        other.execute("CREATE TABLE held (a INTEGER)")
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(LedgerLocked, match=r"locked by another writer for 0.05 s"):
            first_write()
    database.close()


def test_a_full_disk_writes_nothing_and_says_so(ledger_file: Path) -> None:
    def too_much(ledger: Ledger) -> None:
        with ledger.write() as tx:
            pages = tx.connection.execute(text("PRAGMA page_count")).scalar_one()
            tx.connection.execute(text(f"PRAGMA max_page_count = {pages}"))
            for day in range(1, 29):
                post(tx, deposit_entry("x" * 4000 + str(day), micros(1), "USD", SESSION), "run", NOW)

    with closing(Ledger.open(f"sqlite:///{ledger_file}")) as ledger:
        with pytest.raises(LedgerUnusable, match="the disk is full: free some space"):
            too_much(ledger)
        with ledger.read() as tx:
            assert count(tx, "entries") == 0


def test_two_processes_that_open_and_write_at_once_lose_nothing(tmp_path: Path) -> None:
    program = """if True:
        import sys
        from datetime import UTC, date, datetime, timedelta
        from grodt.ledger.unit import Ledger
        from grodt.ledger.postings import cash, deposit_entry, post
        from grodt.money import micros
        ledger = Ledger.open(sys.argv[1], busy_seconds=300)
        first = date(2020, 1, 1) + timedelta(days=1000 * int(sys.argv[2]))
        for day in range(60):
            with ledger.write() as tx:
                before = cash(tx, "demo")
                post(tx, deposit_entry("demo", micros(1), "USD", first + timedelta(days=day)), "run", datetime(2026, 1, 1, tzinfo=UTC))
                assert cash(tx, "demo") == before + micros(1)
        ledger.close()
    """
    running = [subprocess.Popen([sys.executable, "-c", program, url(tmp_path), str(number)]) for number in range(2)]
    assert [process.wait(600) for process in running] == [0, 0]
    opened = open_ledger(tmp_path)
    with opened.read() as tx:
        assert cash(tx, "demo") == micros(120)
    opened.close()


def test_writers_are_durable_and_check_foreign_keys(ledger_file: Path) -> None:
    names = ("journal_mode", "synchronous", "foreign_keys")
    with closing(Ledger.open(f"sqlite:///{ledger_file}")) as ledger, ledger.write() as tx:
        assert [tx.connection.execute(text(f"PRAGMA {name}")).scalar_one() for name in names] == ["wal", 2, 1]


def test_the_same_events_leave_the_same_facts(migrated: Path, tmp_path: Path) -> None:
    dumps = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        shutil.copy(migrated, tmp_path / name / "ledger.db")
        opened = open_ledger(tmp_path / name)
        one = order()
        with opened.write() as tx:
            run = sent(tx, [one])
            record_fill(tx, fill(one, session=NEXT), BOOK, run.run_id, NOW)
        opened.close()
        with closing(sqlite3.connect(tmp_path / name / "ledger.db")) as connection:
            dumps.append(list(connection.iterdump()))
    assert dumps[0] == dumps[1]


def test_a_ledger_of_the_first_version_keeps_its_facts_and_takes_the_new_kinds(tmp_path: Path) -> None:
    database = open_sqlite(url(tmp_path), 1.0)
    with database.writing() as connection:
        config = Config()
        config.set_main_option("script_location", str(Path(schema.__file__).with_name("migrations")))
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        connection.execute(text("INSERT INTO coverage VALUES ('demo', 'AAA', '2026-01-02', '2026-11-20', 'run')"))
        entry = "('deposit:b', 'deposit', 'b', '2026-11-20', '', 'd', 'run', '2026-11-20')"
        connection.execute(text(f"INSERT INTO entries VALUES {entry}"))
        connection.execute(text("INSERT INTO postings VALUES ('deposit:b', 0, 'b', 'cash', 'USD', '', 5)"))
    database.close()

    opened = open_ledger(tmp_path)
    with opened.write() as tx:
        assert coverage(tx, "demo") == {"AAA": (date(2026, 1, 2), date(2026, 11, 20))}
        assert coverage(tx, "demo", "1m") == {}
        assert (count(tx, "entries"), count(tx, "postings")) == (1, 1)
        chained = tx.connection.execute(text("SELECT table_name, seals FROM audit")).all()
        assert [tuple(row) for row in chained] == [("entries", seal) for _, seal in facts_in(tx.connection, "entries")]
        new = {"book": "b", "session": SESSION, "memo": "", "digest": "d", "run_id": "run", "recorded_at": NOW}
        for kind in ("symbol_change", "borrow_cost", "correction", "interest", "fee"):
            tx.connection.execute(insert(entries).values(entry_id=f"{kind}:b", kind=kind, **new))
        tx.connection.execute(text("INSERT INTO postings VALUES ('borrow_cost:b', 0, 'b', 'borrow', 'USD', 'AAPL', 5)"))
        for account in ("interest", "fee"):
            tx.connection.execute(text(f"INSERT INTO postings VALUES ('{account}:b', 0, 'b', '{account}', 'USD', '', 5)"))
        assert tx.connection.exec_driver_sql("PRAGMA integrity_check").scalar_one() == "ok"

    def unknown() -> None:
        with opened.write() as tx:
            tx.connection.execute(text("INSERT INTO entries VALUES ('x', 'merger', 'b', '2026-11-20', '', 'd', 'run', '2026-11-20')"))

    def unknown_account() -> None:
        with opened.write() as tx:
            tx.connection.execute(text("INSERT INTO postings VALUES ('borrow_cost:b', 1, 'b', 'rebate', 'USD', '', 5)"))

    with pytest.raises(LedgerRefused, match="kind_known"):
        unknown()
    with pytest.raises(LedgerRefused, match="account_known"):
        unknown_account()
    opened.close()


def test_closing_it_leaves_everything_in_the_file_also_after_it_was_watched(tmp_path: Path) -> None:
    ledger = Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}")
    ledger.state()
    with ledger.write() as tx:
        post(tx, deposit_entry(BOOK, micros(1), "USD", SESSION), "run", NOW)
    ledger.close()
    assert [each.name for each in tmp_path.iterdir()] == ["ledger.db"]
