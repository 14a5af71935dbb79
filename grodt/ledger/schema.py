"""Bringing a ledger to the schema of this version, and checking that it is there."""

from pathlib import Path

from sqlalchemy import Connection

from grodt.errors import ConfigError
from grodt.ledger import catalogue
from grodt.ledger.engine import LedgerUnusable
from grodt.ledger.shape import differences, expected_shape, remember, shape_of

#: The newest migration. Importing Alembic costs a third of a second, so a ledger already here never asks it.
HEAD = "0036"

#: Differences that an error names.
_NAMED = 5
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
    """Compare the whole of the ledger's database with what `tables` and its neighbours make, and keep that it was found good.

    Args:
        connection: in a write transaction.
        name: of the ledger.

    Raises:
        LedgerUnusable: something differs; names the table, what stands there and what should.
    """
    apart = differences(shape_of(connection), expected_shape(connection))
    if apart:
        more = f"; and {len(apart) - _NAMED} more" if len(apart) > _NAMED else ""
        raise LedgerUnusable(
            f"ledger {name} is not as GRODT makes it: {'; '.join(apart[:_NAMED])}{more}. It was altered by hand: undo that, or restore the "
            "latest backup"
        )
    remember(connection)
