"""Changes that several revisions make, in SQLite and in PostgreSQL."""

import re
from typing import Any

import sqlalchemy as sa
from alembic import op

from grodt.ledger.catalogue import is_sqlite
from grodt.ledger.definitions import append_only


def widen_check(table: str, old: str, new: str) -> None:
    """Let a CHECK of the table accept more.

    Args:
        table: which.
        old: a part of its definition, as it was written: texts in quotes, with commas between them.
        new: what stands there from now on.

    Raises:
        ValueError: the definition is not the one expected.
    """
    if is_sqlite(op.get_bind()):
        _rewrite_definition(table, old, new)
    else:
        _replace_check(table, _as_array(old), _as_array(new))


def forbid_changes(*tables: str) -> None:
    """Make tables append-only: triggers refuse every update and delete, and in PostgreSQL every truncation."""
    for statement in append_only(op.get_bind().dialect.name, tables):
        op.execute(statement)


def only_where(condition: str) -> dict[str, Any]:
    """Options of an index of the rows alone for which the condition holds."""
    return {"sqlite_where": sa.text(condition), "postgresql_where": sa.text(condition)}


def set_aside(table: str, name: str) -> None:
    """Rename a table that is made anew, and in PostgreSQL, which has one list of names for all of them, its key and running number."""
    op.rename_table(table, name)
    connection = op.get_bind()
    if is_sqlite(connection):
        return
    op.execute(f"ALTER INDEX pk_{table} RENAME TO pk_{name}")
    numbers = """
        SELECT s.relname FROM pg_class AS s JOIN pg_depend AS d ON d.objid = s.oid AND d.refobjid = to_regclass(%s)
        WHERE s.relkind = 'S' AND d.deptype = 'a'
    """
    for sequence in connection.exec_driver_sql(numbers, (name,)).scalars().all():
        op.execute(f"ALTER SEQUENCE {sequence} RENAME TO {name}{sequence.removeprefix(table)}")


def compare_by_bytes(connection: sa.Connection) -> None:
    """Let every text sort and compare by its bytes, as in SQLite, whatever the language of PostgreSQL's database.

    At the end of each upgrade, and before a view is made, for its columns cannot be altered any more.
    """
    if is_sqlite(connection):
        return
    query = """
        SELECT table_name, string_agg('ALTER ' || quote_ident(column_name) || ' TYPE text COLLATE "C"', ', ')
        FROM information_schema.columns JOIN information_schema.tables USING (table_schema, table_name)
        WHERE table_schema = current_schema() AND table_type = 'BASE TABLE' AND data_type = 'text' AND collation_name IS NULL
        GROUP BY 1 ORDER BY 1
    """
    for table, changes in connection.exec_driver_sql(query).all():
        connection.exec_driver_sql(f"ALTER TABLE {table} {changes}")


def _rewrite_definition(table: str, old: str, new: str) -> None:
    """SQLite cannot alter a CHECK.

    No row is touched by it, so the text of the table's definition is changed, as https://www.sqlite.org/lang_altertable.html
    describes for such changes; a rebuilt table would lose what refers to it.
    """
    connection = op.get_bind()
    definition = connection.exec_driver_sql("SELECT sql FROM sqlite_schema WHERE type = 'table' AND name = ?", (table,)).scalar_one()
    if definition.count(old) != 1:
        raise ValueError(f"table {table} is not as earlier revisions made it: {definition}")
    version = connection.exec_driver_sql("PRAGMA schema_version").scalar_one()
    connection.exec_driver_sql("PRAGMA writable_schema = ON")
    connection.exec_driver_sql("UPDATE sqlite_schema SET sql = ? WHERE type = 'table' AND name = ?", (definition.replace(old, new), table))
    connection.exec_driver_sql(f"PRAGMA schema_version = {int(version) + 1}")
    connection.exec_driver_sql("PRAGMA writable_schema = OFF")


def _replace_check(table: str, old: str, new: str) -> None:
    query = "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = to_regclass(%s) AND contype = 'c'"
    checks = op.get_bind().exec_driver_sql(query, (table,)).all()
    found = [(name, definition) for name, definition in checks if old in definition]
    if len(found) != 1 or found[0][1].count(old) != 1:
        raise ValueError(f"table {table} is not as earlier revisions made it: {checks}")
    ((name, definition),) = found
    op.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}, ADD CONSTRAINT {name} {definition.replace(old, new)}")


def _as_array(written: str) -> str:
    """As PostgreSQL tells a list of texts: `= ANY (ARRAY['a'::text, 'b'::text])`."""
    return re.sub(r"('[^']*')", r"\1::text", written).replace(")", "]")
