"""Commands by which a person acts on a book: halt, rearm, resolve."""

import getpass
from typing import Annotated

import typer

from flows.commands.options import Book, Reason
from flows.progress import out
from grodt.errors import ConfigError

Author = Annotated[str | None, typer.Option("--author", help="Who; the login name if not given.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (halt, rearm, resolve):
        app.command(command.__name__)(command)


def halt(
    reason: Reason,
    book: Book = None,
    symbol: Annotated[str | None, typer.Option("--symbol", help="Only this symbol of the book.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All books.")] = False,
    author: Author = None,
) -> None:
    """Halt a book, a symbol of it, or all books: nothing is sent until somebody re-arms it."""
    from flows.desk import chosen_book, ledger_at_home
    from grodt.ledger.halts import HaltScope
    from grodt.ledger.halts import halt as record
    from tasks.environment import clock, environment

    if everything and (book or symbol):
        raise ConfigError("--all halts every book: leave --book and --symbol away")
    name = "" if everything else chosen_book(book)
    scope: HaltScope = "all" if everything else ("symbol" if symbol else "book")
    with ledger_at_home() as ledger, ledger.write() as tx:
        made = record(
            tx, scope=scope, book=name, symbol=symbol or "", reason=reason, author=author or getpass.getuser(), now=clock(environment())()
        )
    out.print(str(made), soft_wrap=True)


def rearm(
    reason: Reason,
    book: Book = None,
    everything: Annotated[bool, typer.Option("--all", help="The halts on all books.")] = False,
    author: Author = None,
) -> None:
    """End the halts of a book and its symbols, or those on all books."""
    from flows.desk import chosen_book, ledger_at_home
    from grodt.ledger.halts import rearm as record
    from tasks.environment import clock, environment

    if everything and book:
        raise ConfigError("--all ends the halts on every book: leave --book away")
    name = "" if everything else chosen_book(book)
    with ledger_at_home() as ledger, ledger.write() as tx:
        ended = record(tx, book=name, reason=reason, author=author or getpass.getuser(), now=clock(environment())())
    for each in ended:
        out.print(f"ended: {each}", soft_wrap=True)
    if not ended:
        out.print("no halt held", soft_wrap=True)


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
        resolve_break(tx, break_id, reason, author or getpass.getuser(), clock(environment())())
    out.print(f"break {break_id} resolved")
