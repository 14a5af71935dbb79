"""Commands by which a person acts on a book: halt, rearm, resolve."""

from typing import Annotated

import typer

from flows.commands.options import Author, Book, Reason, author_of
from flows.progress import out
from grodt.errors import ConfigError


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
    from flows.desk import chosen_book, ledger_at_home, require_traded
    from grodt.ledger.halts import HaltScope
    from grodt.ledger.halts import halt as record
    from tasks.environment import clock, environment

    if everything and (book is not None or symbol is not None):
        raise ConfigError("--all halts every book: leave --book and --symbol away")
    name, who = "" if everything else chosen_book(book), author_of(author)
    scope: HaltScope = "all" if everything else ("book" if symbol is None else "symbol")
    with ledger_at_home() as ledger, ledger.write() as tx:
        if symbol is not None:
            require_traded(tx, name, symbol)
        made = record(tx, scope=scope, book=name, symbol=symbol or "", reason=reason, author=who, now=clock(environment())())
    out.print(str(made), soft_wrap=True)
    held = "nothing" if symbol is None else f"no order in {symbol}"
    out.print(f"{held} is sent until: grodt rearm {'--all' if everything else f'--book {name}'} --reason WHY", soft_wrap=True)


def rearm(
    reason: Reason,
    book: Book = None,
    everything: Annotated[bool, typer.Option("--all", help="The halts on all books.")] = False,
    author: Author = None,
) -> None:
    """End the halts of a book and its symbols, or those on all books."""
    from flows.desk import chosen_book, ledger_at_home
    from grodt.ledger.halts import active
    from grodt.ledger.halts import rearm as record
    from tasks.environment import clock, environment

    if everything and book is not None:
        raise ConfigError("--all ends the halts on every book: leave --book away")
    name, who = "" if everything else chosen_book(book), author_of(author)
    with ledger_at_home() as ledger, ledger.write() as tx:
        ended = record(tx, book=name, reason=reason, author=who, now=clock(environment())())
        left = active(tx, name)
    for each in ended:
        out.print(f"ended: {each}", soft_wrap=True)
    if not ended:
        out.print("no halt on all books held" if everything else f"no halt of book {name} held", soft_wrap=True)
    for each in left:
        out.print(f"still holds: {each}; `grodt rearm --all --reason WHY` ends it", soft_wrap=True)


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
