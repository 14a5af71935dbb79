"""The `grodt` command.

Nothing heavy is imported before a command needs it: the Prefect server is started first, and the libraries load meanwhile.
"""

import sys
from typing import Annotated

import typer

import grodt
from flows.commands import (
    account,
    backup,
    breaks,
    catalog,
    check_signal,
    deciding,
    explain,
    halts,
    ingest,
    intraday,
    limits,
    look,
    override,
    profit,
    reconcile,
    replay,
    research,
    run,
    services,
    users,
    verify,
    versions,
)
from flows.progress import fail
from grodt.errors import GrodtError

_INTERRUPTED = 130

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Takes a trading book from market data to reconciled positions. Exit status: 0 done, 1 failed, 2 wrong use, 3 halted.",
)
for commands in (
    run,
    replay,
    research,
    ingest,
    intraday,
    look,
    profit,
    limits,
    override,
    explain,
    catalog,
    check_signal,
    halts,
    reconcile,
    breaks,
    deciding,
    versions,
    account,
    verify,
    backup,
    users,
    services,
):
    commands.register(app)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"grodt {grodt.__version__}")
        raise typer.Exit


@app.callback()
def root(version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")] = False) -> None:
    """Options before the command."""


def main() -> None:
    """Run the command and end with its status."""
    try:
        app()
    except GrodtError as error:
        fail(str(error))
        sys.exit(error.exit_status)
    except SystemExit as end:
        if end.code == _INTERRUPTED:  # Typer turns Ctrl-C into this status, without a word
            fail("interrupted; run the same command again and it goes on where it stopped")
        raise
