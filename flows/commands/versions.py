"""`grodt expect`: which version of GRODT a book is to be run by."""

from dataclasses import asdict
from typing import Annotated

import typer

from flows.commands.options import Author, Book, Json, Reason, author_of
from flows.commands.tables import tell


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("expect")(expect)


def expect(
    version: Annotated[str, typer.Option("--version", help="The version, such as the one that `grodt --version` prints.")],
    reason: Reason,
    book: Book = None,
    author: Author = None,
    as_json: Json = False,
) -> None:
    """Record which version of GRODT a book expects: a worker of another one refuses to open its cycles."""
    from flows.at_home import chosen_book, ledger_at_home
    from grodt.ledger.versions import expect_version
    from tasks.environment import clock, environment

    name, who = chosen_book(book), author_of(author)
    with ledger_at_home() as ledger, ledger.write() as tx:
        made = expect_version(tx, name, version, by=who, reason=reason, now=clock(environment())())
    before = "" if made.before is None else f"; until now it was {made.before}"
    tell([f"book {name} expects GRODT {made.version} from now on{before}"], {"book": name, **asdict(made)}, as_json=as_json)
