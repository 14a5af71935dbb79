"""Whatever of a ledger's database is not as its definitions make it is named, with its table and what should stand there."""

from typing import NamedTuple

import pytest
from sqlalchemy import Connection, text

from grodt.ledger.shape import differences, expected_shape, is_as_left, shape_of
from grodt.ledger.unit import Ledger, LedgerUnusable
from tests.ledger.world import undone, url_of


class Case(NamedTuple):
    """A change by hand: in SQLite a statement or a change of a table's text, in PostgreSQL a statement; and what is said of it."""

    sqlite: str | tuple[str, str, str]
    postgresql: str
    said: str


_SAME_VIEW = "DROP VIEW risk_checks; CREATE VIEW risk_checks AS SELECT run_id, attempt, control FROM evidence"
_SAME_INDEX = "DROP INDEX ix_orders_book_session; CREATE INDEX ix_orders_book_session ON orders (book)"
_WHOLE_INDEX = "DROP INDEX ix_breaks_open; CREATE UNIQUE INDEX ix_breaks_open ON breaks (book, kind, symbol)"
_MORE = "CREATE TABLE notes (words TEXT)"

_CASES = {
    "a table that is gone": Case("DROP TABLE expected_versions", "DROP TABLE expected_versions", "table expected_versions is missing"),
    "a table too much": Case(_MORE, _MORE, "table notes is none of GRODT's"),
    "a column that is gone": Case(
        "ALTER TABLE withdrawals DROP COLUMN booked_quantity",
        "ALTER TABLE withdrawals DROP COLUMN booked_quantity",
        "column booked_quantity of withdrawals is missing",
    ),
    "a column too much": Case(
        "ALTER TABLE orders ADD COLUMN colour TEXT",
        "ALTER TABLE orders ADD COLUMN colour TEXT",
        "column colour of orders is none of GRODT's",
    ),
    "a type": Case(
        ("withdrawals", "booked_quantity INTEGER", "booked_quantity TEXT"),
        "ALTER TABLE withdrawals ALTER booked_quantity TYPE integer",
        "column booked_quantity of withdrawals is (",
    ),
    "NOT NULL": Case(
        ("requests", "reason TEXT NOT NULL", "reason TEXT"),
        "ALTER TABLE requests ALTER reason DROP NOT NULL",
        "column reason of requests is (",
    ),
    "a primary key": Case(
        ("withdrawals", "PRIMARY KEY (run_id, client_order_id)", "PRIMARY KEY (client_order_id, run_id)"),
        "ALTER TABLE withdrawals DROP CONSTRAINT pk_withdrawals, ADD CONSTRAINT pk_withdrawals PRIMARY KEY (client_order_id, run_id)",
        "constraint pk_withdrawals of withdrawals is (PRIMARY KEY (client_order_id, run_id)) and not (PRIMARY KEY (run_id, ",
    ),
    "a unique key": Case(
        ("orders", "UNIQUE (run_id, sequence)", "UNIQUE (sequence, run_id)"),
        "ALTER TABLE orders DROP CONSTRAINT uq_orders_run_id_sequence",
        "constraint uq_orders_run_id_sequence of orders is ",
    ),
    "a foreign key": Case(
        ("orders", "REFERENCES baskets (run_id)", "REFERENCES runs (run_id)"),
        "ALTER TABLE orders DROP CONSTRAINT fk_orders_run_id_baskets, "
        "ADD CONSTRAINT fk_orders_run_id_baskets FOREIGN KEY (run_id) REFERENCES runs (run_id)",
        "constraint fk_orders_run_id_baskets of orders is (FOREIGN KEY",
    ),
    "a CHECK that says less": Case(
        ("orders", "CHECK (quantity > 0)", "CHECK (quantity > -1)"),
        "ALTER TABLE orders DROP CONSTRAINT ck_orders_quantity_positive, ADD CONSTRAINT ck_orders_quantity_positive CHECK (quantity > -1)",
        "constraint ck_orders_quantity_positive of orders is (CHECK",
    ),
    "a CHECK of another name": Case(
        ("orders", "ck_orders_quantity_positive", "ck_orders_any"),
        "ALTER TABLE orders RENAME CONSTRAINT ck_orders_quantity_positive TO ck_orders_any",
        "constraint ck_orders_quantity_positive of orders is missing (CHECK",
    ),
    "an index of other columns": Case(_SAME_INDEX, _SAME_INDEX, "index ix_orders_book_session of orders is (CREATE INDEX"),
    "an index of all rows": Case(_WHOLE_INDEX, _WHOLE_INDEX, "index ix_breaks_open of breaks is (CREATE UNIQUE INDEX"),
    "an index that is gone": Case(
        "DROP INDEX ix_orders_book_session",
        "DROP INDEX ix_orders_book_session",
        "index ix_orders_book_session of orders is missing (CREATE",
    ),
    "a trigger that does nothing": Case(
        "DROP TRIGGER orders_no_update; CREATE TRIGGER orders_no_update BEFORE UPDATE ON orders BEGIN SELECT 1; END",
        "CREATE OR REPLACE FUNCTION grodt_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$",
        "trigger orders_no_update of orders is (CREATE TRIGGER",
    ),
    "a trigger that does not fire": Case(
        "DROP TRIGGER orders_no_update", "ALTER TABLE orders DISABLE TRIGGER orders_no_update", "trigger orders_no_update of orders is "
    ),
    "a trigger too much": Case(
        "CREATE TRIGGER more BEFORE INSERT ON orders BEGIN SELECT 1; END",
        "CREATE TRIGGER more BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION grodt_append_only()",
        "trigger more of orders is none of GRODT's (CREATE TRIGGER",
    ),
    "a view": Case(_SAME_VIEW, _SAME_VIEW, "view risk_checks is ("),
    "STRICT": Case(("orders", ",\n STRICT", ""), "", "table orders is (WITHOUT ROWID) and not (STRICT WITHOUT ROWID)"),
    "WITHOUT ROWID": Case(("orders", "WITHOUT ROWID,", ""), "", "table orders is (STRICT) and not (STRICT WITHOUT ROWID)"),
}


def _change(connection: Connection, by_hand: str | tuple[str, str, str]) -> None:
    if not isinstance(by_hand, str):
        table, old, new = by_hand
        connection.exec_driver_sql("PRAGMA writable_schema = ON")
        connection.exec_driver_sql("UPDATE sqlite_schema SET sql = replace(sql, ?, ?) WHERE name = ?", (old, new, table))
        connection.exec_driver_sql("PRAGMA writable_schema = OFF")
        return
    if connection.dialect.name == "sqlite" and " BEGIN " in by_hand:
        first, _, rest = by_hand.partition("; CREATE")
        statements = [first, f"CREATE{rest}"] if rest else [first]
    else:
        statements = [by_hand] if "$$" in by_hand else by_hand.split("; ")
    for statement in statements:
        connection.execute(text(statement))


@pytest.mark.parametrize("case", _CASES.values(), ids=_CASES)
def test_what_was_altered_by_hand_is_named(ledger: Ledger, database: str, case: Case) -> None:
    by_hand = case.sqlite if database == "sqlite" else case.postgresql
    if not by_hand:
        pytest.skip("a matter of SQLite alone")
    with undone(ledger) as tx:
        good = shape_of(tx.connection)
        _change(tx.connection, by_hand)
        found = differences(shape_of(tx.connection), good)
        assert not is_as_left(tx.connection)
    assert any(case.said in each for each in found), found


def test_migrations_make_what_the_definitions_describe(ledger: Ledger) -> None:
    with undone(ledger) as tx:
        assert differences(shape_of(tx.connection), expected_shape(tx.connection)) == []


def test_a_ledger_that_was_altered_is_not_opened_and_one_that_is_as_before_again_is(own_ledger: Ledger, database: str) -> None:
    with own_ledger.write() as tx:
        tx.connection.execute(text("DROP INDEX ix_orders_book_session"))
    said = r"is not as GRODT makes it: index ix_orders_book_session of orders is missing \(CREATE INDEX .*restore the latest backup"
    with pytest.raises(LedgerUnusable, match=said):
        Ledger.open(url_of(own_ledger))
    with own_ledger.write() as tx:
        tx.connection.execute(text("CREATE  INDEX ix_orders_book_session\nON orders (book, session)"))
    Ledger.open(url_of(own_ledger)).close()
    with own_ledger.read() as tx:
        assert is_as_left(tx.connection)
