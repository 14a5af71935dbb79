"""Bringing a ledger's file to the schema of this version, and checking that it is there."""

from pathlib import Path

from sqlalchemy import Connection

from grodt.errors import ConfigError
from grodt.ledger import tables_audit
from grodt.ledger.append_only import APPEND_ONLY
from grodt.ledger.audit import EVIDENCE, EVIDENCE_COLUMNS
from grodt.ledger.engine import LedgerUnusable
from grodt.ledger.tables import metadata

#: The newest migration. Importing Alembic costs a third of a second, so a file already here never asks it.
HEAD = "0014"

_MIGRATIONS = Path(__file__).with_name("migrations")


def version(connection: Connection) -> str | None:
    """The migration the file is at; None for a new file."""
    present = connection.exec_driver_sql("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'").first()
    if present is None:
        return None
    row = connection.exec_driver_sql("SELECT version_num FROM alembic_version").first()
    return None if row is None else str(row[0])


def upgrade(connection: Connection, path: Path) -> None:
    """Run the migrations that are missing, inside the connection's transaction.

    Raises:
        ConfigError: a newer GRODT wrote the file.
        LedgerUnusable: the file is a database, but not a ledger.
    """
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    found = version(connection)
    if found is None and connection.exec_driver_sql("SELECT 1 FROM sqlite_master").first() is not None:
        raise LedgerUnusable(f"{path} is a database but not a ledger: move the file away or point GRODT_HOME elsewhere")
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, HEAD)
    except CommandError as error:
        raise ConfigError(
            f"ledger {path} is at schema {found}, which this GRODT (schema {HEAD}) does not know: use the newer GRODT that wrote it"
        ) from error


def require_expected(connection: Connection, path: Path) -> None:
    """Check tables, columns, the view of evidence and append-only triggers against `tables` and its neighbours.

    Raises:
        LedgerUnusable: something is missing; names it.
    """
    rows = connection.exec_driver_sql(
        "SELECT m.name, c.name FROM sqlite_master AS m JOIN pragma_table_info(m.name) AS c WHERE m.type IN ('table', 'view')"
        " UNION ALL SELECT 'trigger', name FROM sqlite_master WHERE type = 'trigger'"
    )
    found = {(str(table), str(column)) for table, column in rows}
    expected = {(table.name, column.name) for table in metadata.tables.values() for column in table.columns}
    expected |= {(EVIDENCE, name) for name in ("run_id", "attempt", *EVIDENCE_COLUMNS)}
    expected |= {("trigger", f"{table}_no_{act}") for table in (*APPEND_ONLY, *tables_audit.APPEND_ONLY) for act in ("update", "delete")}
    missing = sorted(f"{table}.{column}" for table, column in expected - found)
    if missing:
        raise LedgerUnusable(f"ledger {path} lacks {', '.join(missing)}: it was altered by hand; restore the latest backup")
