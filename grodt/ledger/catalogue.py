"""What stands in a ledger's database, asked of its own catalogue."""

from sqlalchemy import Connection, Row

#: Columns of one table by name, each with its place in the primary key, from 1; 0 where it has none.
_COLUMNS = {
    "sqlite": "SELECT name, pk FROM pragma_table_info('{table}') ORDER BY name",
    "postgresql": """
        SELECT a.attname, coalesce(array_position(i.indkey::int2[], a.attnum) + 1, 0) FROM pg_attribute AS a
        LEFT JOIN pg_index AS i ON i.indrelid = a.attrelid AND i.indisprimary
        WHERE a.attrelid = to_regclass('{table}') AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attname
    """,
}
_FIRST_TABLE = {
    "sqlite": "SELECT 1 FROM sqlite_master LIMIT 1",
    "postgresql": "SELECT 1 FROM pg_class WHERE relnamespace = current_schema()::regnamespace LIMIT 1",
}
_TABLE = {
    "sqlite": "SELECT 1 FROM sqlite_master WHERE name = '{table}'",
    "postgresql": "SELECT 1 WHERE to_regclass('{table}') IS NOT NULL",
}


def is_sqlite(connection: Connection) -> bool:
    """Whether the ledger is an SQLite file; otherwise it is in a PostgreSQL database."""
    return connection.dialect.name == "sqlite"


def placeholder(connection: Connection) -> str:
    """What stands for a parameter in SQL for the driver itself."""
    return "?" if is_sqlite(connection) else "%s"


def has_table(connection: Connection, table: str) -> bool:
    """Whether the table is there."""
    return _first(connection, _TABLE, table) is not None


def has_anything(connection: Connection) -> bool:
    """Whether anything at all is there."""
    return _first(connection, _FIRST_TABLE) is not None


def columns(connection: Connection, table: str) -> list[tuple[str, int]]:
    """Columns of a table by name, each with its place in the primary key, from 1; 0 where it has none."""
    query = _COLUMNS[connection.dialect.name].format(table=table)
    return [(str(name), int(place)) for name, place in connection.exec_driver_sql(query)]


def _first(connection: Connection, queries: dict[str, str], table: str = "") -> Row[tuple[object, ...]] | None:
    return connection.exec_driver_sql(queries[connection.dialect.name].format(table=table)).first()
