"""`grodt account`: that what a book has is at another account of a broker by now, which takes two people."""

import typer

from flows.commands.options import Author, Book, Json, Reason, author_of
from flows.commands.tables import tell
from grodt.errors import ConfigError


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("account")(account)


def account(reason: Reason, book: Book = None, author: Author = None, as_json: Json = False) -> None:
    """Ask for a book to be taken as at its broker's account of now, with its open orders and positions. A second person must approve it."""
    from flows.at_home import chosen_book, ledger_at_home
    from grodt.ledger.accounts import ask_for_account
    from grodt.ledger.acts import in_words
    from grodt.reports.rows import request_row
    from tasks.environment import clock, environment
    from tasks.wiring import broker_of

    name, who = chosen_book(book), author_of(author)
    with broker_of(name) as broker:
        if broker is None:
            raise ConfigError(f"book {name} has a paper broker whose account was never opened: `grodt run --book {name}` opens it")
        now = broker.account
    with ledger_at_home() as ledger, ledger.write() as tx:
        asked = ask_for_account(tx, name, now, by=who, reason=reason, now=clock(environment())())
    tell([in_words(asked)], request_row(asked), as_json=as_json)
