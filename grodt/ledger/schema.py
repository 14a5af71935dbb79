"""Bringing a ledger to the schema of this version, and checking that it is there."""

from pathlib import Path

from sqlalchemy import Connection

from grodt.errors import ConfigError
from grodt.ledger import catalogue, tables_audit
from grodt.ledger.append_only import APPEND_ONLY
from grodt.ledger.audit import EVIDENCE, EVIDENCE_COLUMNS
from grodt.ledger.engine import LedgerUnusable
from grodt.ledger.tables import metadata

#: The newest migration. Importing Alembic costs a third of a second, so a ledger already here never asks it.
HEAD = "0030"

_MIGRATIONS = Path(__file__).with_name("migrations")


def version(connection: Connection) -> str | None:
    """The migration the ledger is at; None for a new one."""
    return version_of(connection) if catalogue.has_table(connection, "alembic_version") else None


def version_of(connection: Connection) -> str | None:
    """The migration of a ledger that has been opened."""
    row = connection.exec_driver_sql("SELECT version_num FROM alembic_version").first()
    return None if row is None else str(row[0])


def upgrade(connection: Connection, name: str) -> None:
    """Run the migrations that are missing, inside the connection's transaction.

    Raises:
        ConfigError: a newer GRODT wrote the ledger, or a server's database does not store Unicode.
        LedgerUnusable: it is a database, but not a ledger.
    """
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    from grodt.ledger.migrations.checks import compare_by_bytes

    found = version(connection)
    if found is None and catalogue.has_anything(connection):
        raise LedgerUnusable(f"{name} is a database but not a ledger: move it away, or point GRODT_HOME or GRODT_LEDGER elsewhere")
    if not catalogue.is_sqlite(connection):
        encoding = connection.exec_driver_sql("SHOW server_encoding").scalar_one()
        if encoding != "UTF8":
            raise ConfigError(f"ledger {name} stores {encoding}, not UTF8: make it with createdb --encoding=UTF8 --template=template0")
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, HEAD)
    except CommandError as error:
        raise ConfigError(
            f"ledger {name} is at schema {found}, which this GRODT (schema {HEAD}) does not know: use the newer GRODT that wrote it"
        ) from error
    compare_by_bytes(connection)


def require_expected(connection: Connection, name: str) -> None:
    """Check tables, columns, the view of evidence and append-only triggers against `tables` and its neighbours.

    Raises:
        LedgerUnusable: something is missing; names it.
    """
    expected = {(table.name, column.name) for table in metadata.tables.values() for column in table.columns}
    expected |= {(EVIDENCE, name) for name in ("run_id", "attempt", *EVIDENCE_COLUMNS)}
    acts = ("update", "delete") if catalogue.is_sqlite(connection) else ("update", "delete", "truncate")
    expected |= {("trigger", f"{table}_no_{act}") for table in (*APPEND_ONLY, *tables_audit.APPEND_ONLY) for act in acts}
    missing = sorted(f"{table}.{column}" for table, column in expected - catalogue.objects(connection))
    if missing:
        raise LedgerUnusable(f"ledger {name} lacks {', '.join(missing)}: it was altered by hand; restore the latest backup")
