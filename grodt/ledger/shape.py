"""The shape of a ledger's database: every table, column, constraint, index, trigger and view, each with its definition.

What stands in a database is compared with what the tables' definitions make in an empty one. That takes longer than opening a ledger, so
it is done once: a digest of what was found good is kept beside it, in SQLite's `user_version` or as the comment on Alembic's table.
"""

import hashlib
from collections.abc import Iterator, Mapping
from functools import cache

from sqlalchemy import Connection, create_engine, text

from grodt.ledger import append_only, tables_audit
from grodt.ledger.definitions import VIEWS
from grodt.ledger.definitions import append_only as append_only_statements
from grodt.ledger.tables import metadata

#: What is defined, as (table, kind, name), and how. Order, white space and quotes around names do not count.
type Shape = Mapping[tuple[str, str, str], str]

_ROWS = {
    "sqlite": """
        SELECT type, tbl_name, name, sql FROM sqlite_master WHERE sql IS NOT NULL AND tbl_name <> 'alembic_version' ORDER BY 1, 2, 3
    """,
    "postgresql": """
        WITH ours AS (SELECT oid, relname, relkind FROM pg_class
          WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'v', 'p', 'm') AND relname <> 'alembic_version')
        SELECT kind, relname, name, replace(definition, quote_ident(current_schema()) || '.', '') FROM (
          SELECT 'table' AS kind, relname, relname AS name, '' AS definition FROM ours WHERE relkind <> 'v'
          UNION ALL SELECT 'view', relname, relname, pg_get_viewdef(oid) FROM ours WHERE relkind = 'v'
          UNION ALL SELECT 'column', o.relname, a.attname, format_type(a.atttypid, a.atttypmod)
            || coalesce((SELECT ' COLLATE ' || l.collname FROM pg_collation AS l
              WHERE l.oid = a.attcollation AND l.collname <> 'default'), '')
            || CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END
            || coalesce(' DEFAULT ' || regexp_replace(pg_get_expr(d.adbin, d.adrelid), '^nextval.*$', 'its next number'), '')
            FROM ours AS o JOIN pg_attribute AS a ON a.attrelid = o.oid AND a.attnum > 0 AND NOT a.attisdropped
            LEFT JOIN pg_attrdef AS d ON d.adrelid = o.oid AND d.adnum = a.attnum WHERE o.relkind <> 'v'
          UNION ALL SELECT 'constraint', o.relname, c.conname, pg_get_constraintdef(c.oid)
            FROM ours AS o JOIN pg_constraint AS c ON c.conrelid = o.oid WHERE c.contype IN ('c', 'f', 'p', 'u', 'x')
          UNION ALL SELECT 'index', o.relname, i.relname, pg_get_indexdef(i.oid)
            FROM ours AS o JOIN pg_index AS x ON x.indrelid = o.oid JOIN pg_class AS i ON i.oid = x.indexrelid
            WHERE NOT EXISTS (SELECT 1 FROM pg_constraint AS c WHERE c.conindid = i.oid AND c.contype IN ('p', 'u', 'x'))
          UNION ALL SELECT 'trigger', o.relname, t.tgname, pg_get_triggerdef(t.oid) || ' ' || t.tgenabled::text || ' ' || p.prosrc
            FROM ours AS o JOIN pg_trigger AS t ON t.tgrelid = o.oid JOIN pg_proc AS p ON p.oid = t.tgfoid WHERE NOT t.tgisinternal
        ) AS found ORDER BY 1, 2, 3
    """,
}
_REMEMBERED = {"sqlite": "PRAGMA user_version", "postgresql": "SELECT obj_description('alembic_version'::regclass, 'pg_class')"}
_REMEMBER = {"sqlite": "PRAGMA user_version = {}", "postgresql": "COMMENT ON TABLE alembic_version IS '{}'"}
#: SQLite keeps 31 bits.
_MOST = 2**31 - 1
_CONSTRAINTS = ("CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN")


def shape_of(connection: Connection) -> Shape:
    """What stands in the database, Alembic's own table apart."""
    rows = _rows(connection)
    if connection.dialect.name != "sqlite":
        return {(table, kind, name): _plain(definition) for kind, table, name, definition in rows}
    found: dict[tuple[str, str, str], str] = {}
    for kind, table, name, sql in rows:
        if kind == "table":
            found |= {(table, of, piece): definition for of, piece, definition in _pieces(_plain(sql))}
        else:
            found[table, kind, name] = _plain(sql)
    return found


def expected_shape(connection: Connection) -> Shape:
    """What the definitions make in an empty database of the same kind. In PostgreSQL it is made beside, and taken back.

    Args:
        connection: in a write transaction.
    """
    if connection.dialect.name == "sqlite":
        return _of_sqlite()
    before = connection.begin_nested()
    try:
        connection.exec_driver_sql("CREATE SCHEMA grodt_expected")
        connection.exec_driver_sql("SET LOCAL search_path TO grodt_expected")
        _make(connection)
        return shape_of(connection)
    finally:
        before.rollback()


def differences(found: Shape, expected: Shape) -> list[str]:
    """What differs, each in words with its table, and what would have to stand there."""
    return [_difference(piece, found.get(piece), expected.get(piece)) for piece in _apart(found, expected)]


def is_as_left(connection: Connection) -> bool:
    """Whether the database is, to the letter, as it was found good before."""
    return str(connection.exec_driver_sql(_REMEMBERED[connection.dialect.name]).scalar()) == _digest(connection)


def remember(connection: Connection) -> None:
    """Keep that it was found good as it is."""
    connection.exec_driver_sql(_REMEMBER[connection.dialect.name].format(_digest(connection)))


@cache
def _of_sqlite() -> Shape:
    engine = create_engine("sqlite://")
    with engine.connect() as connection:
        _make(connection)
        found = shape_of(connection)
    engine.dispose()
    return found


def _make(connection: Connection) -> None:
    from grodt.ledger.migrations.checks import compare_by_bytes

    dialect = connection.dialect.name
    metadata.create_all(connection, checkfirst=False)
    compare_by_bytes(connection)
    for statement in (*append_only_statements(dialect, (*append_only.APPEND_ONLY, *tables_audit.APPEND_ONLY)), VIEWS[dialect]):
        connection.execute(text(statement))


def _rows(connection: Connection) -> list[tuple[str, str, str, str]]:
    return [(str(a), str(b), str(c), str(d)) for a, b, c, d in connection.exec_driver_sql(_ROWS[connection.dialect.name])]


def _digest(connection: Connection) -> str:
    """Never 0, which is what SQLite has where nobody has kept any."""
    written = "\n".join(" ".join(_plain(each) for each in row) for row in _rows(connection))
    return str(int(hashlib.sha256(written.encode()).hexdigest(), 16) % _MOST + 1)


def _apart(found: Shape, expected: Shape) -> list[tuple[str, str, str]]:
    """Pieces that differ. Of a table that is missing or too much, itself alone."""
    apart = sorted(piece for piece in found.keys() | expected.keys() if found.get(piece) != expected.get(piece))
    there, wanted = {table for table, _, _ in found}, {table for table, _, _ in expected}
    whole = there ^ wanted
    return [piece for piece in apart if piece[0] not in whole or piece[1] in ("table", "view")]


def _difference(piece: tuple[str, str, str], found: str | None, expected: str | None) -> str:
    table, kind, name = piece
    what = f"{kind} {name}" if kind in ("table", "view") else f"{kind} {name} of {table}"
    if found is None:
        return f"{what} is missing" + (f" ({expected})" if expected else "")
    if expected is None:
        return f"{what} is none of GRODT's" + (f" ({found})" if found else "")
    return f"{what} is ({found}) and not ({expected})"


def _pieces(sql: str) -> Iterator[tuple[str, str, str]]:
    """Kind, name and definition of what a CREATE TABLE of SQLite has."""
    head, _, rest = sql.partition("(")
    body, options = _closing(rest)
    yield "table", head.split()[-1], " ".join(sorted(each.strip() for each in options.split(",") if each.strip()))
    for each in _parts(body):
        first, _, definition = each.partition(" ")
        if first == "CONSTRAINT":
            name, _, definition = definition.partition(" ")
            yield "constraint", name, definition
        elif first.partition("(")[0] in _CONSTRAINTS:
            yield "constraint", "without a name", each
        else:
            yield "column", first, definition


def _closing(rest: str) -> tuple[str, str]:
    """What stands before the bracket that closes, and after it."""
    depth, quoted = 1, False
    for place, character in enumerate(rest):
        quoted ^= character == "'"
        depth += 0 if quoted else (character == "(") - (character == ")")
        if depth == 0:
            return rest[:place], rest[place + 1 :]
    return rest, ""


def _parts(body: str) -> Iterator[str]:
    """Parts between commas that stand in no brackets and no quotes."""
    depth, quoted, begin = 0, False, 0
    for place, character in enumerate(body):
        quoted ^= character == "'"
        depth += 0 if quoted else (character == "(") - (character == ")")
        if character == "," and not depth and not quoted:
            yield body[begin:place].strip()
            begin = place + 1
    yield body[begin:].strip()


def _plain(sql: str) -> str:
    return " ".join(sql.replace('"', "").split())
