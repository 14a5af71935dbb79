"""Changes that several revisions make."""

from alembic import op


def widen_check(table: str, old: str, new: str) -> None:
    """Let a CHECK of the table accept more.

    SQLite cannot alter one. No row is touched by it, so the text of the table's definition is changed, as
    https://www.sqlite.org/lang_altertable.html describes for such changes; a rebuilt table would lose what refers to it.

    Raises:
        ValueError: the definition is not the one expected.
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


def forbid_changes(*tables: str) -> None:
    """Make tables append-only: triggers refuse every update and delete."""
    for table in tables:
        for act in ("update", "delete"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{act} BEFORE {act.upper()} ON {table} BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            )
