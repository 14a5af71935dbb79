"""Commands by which a person works breaks: resolve."""

from typing import Annotated

import typer

from flows.commands.options import Author, Reason, author_of
from flows.progress import out


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("resolve")(resolve)


def resolve(
    break_id: Annotated[int, typer.Argument(help="Number of the break, from `grodt breaks`.")],
    reason: Reason,
    author: Author = None,
) -> None:
    """Close a break whose cause is mended. It changes no position: a difference that is still there comes back with the next cycle."""
    from flows.desk import ledger_at_home
    from grodt.ledger.breaks import resolve_break
    from tasks.environment import clock, environment

    with ledger_at_home() as ledger, ledger.write() as tx:
        resolve_break(tx, break_id, reason, author_of(author), clock(environment())())
    out.print(f"break {break_id} is resolved; a halt of its book holds until `grodt rearm --reason WHY`", soft_wrap=True)
