"""A ledger in a PostgreSQL database: opening it, and what PostgreSQL has of its own."""

import sys
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Connection, text

from grodt.errors import ConfigError
from grodt.ledger.engine import LedgerUnusable
from grodt.ledger.postings import cash, deposit_entry, post
from grodt.ledger.tables import metadata
from grodt.ledger.unit import Ledger, LedgerRefused
from grodt.money import micros
from tests.ledger.world import BOOK, NOW, SESSION, count
from tests.postgres import PostgresServer

_CONSTRAINTS = """
    SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
    WHERE connamespace = 'public'::regnamespace AND conrelid <> 'alembic_version'::regclass
"""
_COLUMNS = """
    SELECT table_name, column_name, data_type, is_nullable, column_default FROM information_schema.columns
    WHERE table_schema = 'public' AND table_name NOT IN ('alembic_version', 'risk_checks')
"""
_INDEXES = "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename <> 'alembic_version'"


def test_migrations_make_the_tables_that_the_code_describes(postgres: PostgresServer) -> None:
    with closing(Ledger.open(postgres.new_ledger())) as made, closing(Ledger.open(postgres.new_ledger())) as described:
        with described.write() as tx:
            for table in reversed(metadata.sorted_tables):
                tx.connection.execute(text(f"DROP TABLE {table.name} CASCADE"))
            metadata.create_all(tx.connection)

        def found(connection: Connection) -> set[tuple[object, ...]]:
            return {tuple(row) for query in (_CONSTRAINTS, _COLUMNS, _INDEXES) for row in connection.execute(text(query))}

        with made.read() as ours, described.read() as theirs:
            assert found(ours.connection) == found(theirs.connection)


def test_texts_compare_by_their_bytes_whatever_the_database_s_language(postgres: PostgresServer) -> None:
    with closing(Ledger.open(postgres.new_ledger())) as ledger, ledger.read() as tx:
        query = "SELECT count(*) FROM information_schema.columns WHERE table_schema = 'public' AND data_type = 'text'"
        assert tx.connection.execute(text(query)).scalar_one() > 100
        assert tx.connection.execute(text(f"{query} AND collation_name IS DISTINCT FROM 'C'")).scalar_one() == 0


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("postgresql://", "names no database"),
        ("postgresql://host", "names no database"),
        ("postgresql://host/ledger?sslmood=off", "is none of PostgreSQL's: .*sslmood"),
    ],
)
def test_a_url_that_names_no_database_is_refused(url: str, told: str) -> None:
    with pytest.raises(ConfigError, match=f"{told}.*; write it as postgresql://user@host/database"):
        Ledger.open(url)


def test_a_server_that_is_not_there_is_named_without_the_password() -> None:
    with pytest.raises(LedgerUnusable, match=r"ledger postgresql://ann@localhost:1/ledger: .*the server is not reached") as caught:
        Ledger.open("postgresql://ann:s3cret@localhost:1/ledger")
    assert "s3cret" not in str(caught.value)


def test_another_program_s_database_is_refused_and_left_alone(postgres: PostgresServer) -> None:
    url = postgres.new_database()
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE songs (title TEXT)")
    with pytest.raises(LedgerUnusable, match="is a database but not a ledger"):
        Ledger.open(url)
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall() == [("songs",)]


def test_a_database_without_unicode_is_refused(postgres: PostgresServer) -> None:
    with pytest.raises(ConfigError, match="stores SQL_ASCII, not UTF8: make it with createdb --encoding=UTF8 --template=template0"):
        Ledger.open(postgres.new_database(encoding="SQL_ASCII"))


def test_a_writer_is_durable_even_where_the_server_would_not_wait_for_the_disk(postgres: PostgresServer) -> None:
    with closing(Ledger.open(postgres.new_ledger())) as ledger, ledger.write() as tx:
        assert tx.connection.execute(text("SHOW synchronous_commit")).scalar_one() == "on"
        assert tx.connection.execute(text("SHOW transaction_isolation")).scalar_one() == "read committed"


def test_a_connection_that_broke_between_transactions_is_made_anew(postgres: PostgresServer) -> None:
    with closing(Ledger.open(postgres.new_ledger())) as ledger:
        with ledger.write() as tx:
            post(tx, deposit_entry(BOOK, micros(1), "USD", SESSION), "run", NOW)
            database = tx.connection.execute(text("SELECT current_database()")).scalar_one()
        with psycopg.connect(postgres.url("postgres"), autocommit=True) as other:
            other.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (database,))
        with ledger.read() as tx:
            assert cash(tx, BOOK) == micros(1)


def test_a_connection_that_breaks_inside_a_transaction_leaves_nothing_of_it(postgres: PostgresServer) -> None:
    def broken(ledger: Ledger) -> None:
        with ledger.write() as tx:
            post(tx, deposit_entry(BOOK, micros(1), "USD", SESSION), "run", NOW)
            pid = tx.connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
            with psycopg.connect(postgres.url("postgres"), autocommit=True) as other:
                other.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))

    with postgres.ledger() as ledger:
        with pytest.raises(LedgerUnusable, match="the server is not reached, or went away"):
            broken(ledger)
        with ledger.write() as tx:
            assert count(tx, "entries") == 0
            post(tx, deposit_entry(BOOK, micros(2), "USD", SESSION), "run", NOW)


def test_a_number_that_does_not_fit_is_refused_whole(postgres: PostgresServer) -> None:
    def too_big(ledger: Ledger) -> None:
        with ledger.write() as tx:
            tx.connection.execute(text("UPDATE leases SET fence = 1"))
            tx.connection.execute(text(f"INSERT INTO leases (name, fence) VALUES ('x', {2**63})"))

    with postgres.ledger() as ledger, pytest.raises(LedgerRefused, match="out of range"):
        too_big(ledger)


def test_without_its_driver_the_command_to_install_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "grodt.ledger.postgres", raising=False)
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(ConfigError, match=r"needs its driver .psycopg.: uv sync --extra postgres"):
        Ledger.open("postgresql://host/ledger")


def test_a_ledger_on_a_server_is_not_copied_as_a_file_and_says_what_to_do(postgres: PostgresServer, tmp_path: Path) -> None:
    with (
        closing(Ledger.open(postgres.new_ledger())) as ledger,
        pytest.raises(ConfigError, match=r"is on a server and cannot be copied to .*: back it up with pg_dump"),
    ):
        ledger.copy_to(tmp_path / "ledger.db")
    assert not list(tmp_path.iterdir())
