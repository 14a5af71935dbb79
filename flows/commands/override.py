"""`grodt override`: lifting a control for a while, which takes two people."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from flows.commands.options import Author, Book, Json, Reason, author_of
from flows.commands.tables import tell
from grodt.errors import ConfigError
from grodt.sessions import require_utc


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("override")(override)


def override(
    control: Annotated[int, typer.Argument(help="Number of the control, as in docs/risk.md; never 1, 13 or 29.")],
    reason: Reason,
    book: Book = None,
    symbol: Annotated[str | None, typer.Option("--symbol", help="Only for this symbol.")] = None,
    cycles: Annotated[int | None, typer.Option("--cycles", help="For so many cycles, 1 to 10, and no longer than 7 days.")] = None,
    until: Annotated[str | None, typer.Option("--until", help="Until an instant, such as 2026-11-21T12:00:00Z.")] = None,
    author: Author = None,
    as_json: Json = False,
) -> None:
    """Ask for a control to be lifted for a while. A second person must approve it; it expires by itself, and the evidence names both."""
    from flows.at_home import chosen_book, ledger_at_home, require_traded
    from grodt.ledger.overrides import ask_override, require_liftable, what_is_asked
    from grodt.reports.rows import request_row
    from tasks.environment import clock, environment

    name, who = chosen_book(book), author_of(author)
    require_liftable(control, symbol or "")
    end = None if until is None else _instant(until)
    with ledger_at_home() as ledger, ledger.write() as tx:
        if symbol is not None:
            require_traded(tx, name, symbol)
        request = ask_override(
            tx,
            book=name,
            control=control,
            symbol=symbol or "",
            cycles=cycles,
            until=end,
            by=who,
            reason=reason,
            now=clock(environment())(),
        )
    asked = f"{request.asked_by} asks to {what_is_asked(request)}"
    before = f"{request.expires_at:%Y-%m-%d %H:%M} UTC"
    then = f"it lifts nothing until another person agrees, before {before}: grodt approve {request.short} --reason WHY"
    tell([asked, then], request_row(request), as_json=as_json)


def _instant(text: str) -> datetime:
    try:
        return require_utc(datetime.fromisoformat(text), "--until").astimezone(UTC)
    except ValueError as error:
        raise ConfigError(f"--until {text!r}: {error}; write it as 2026-11-21T12:00:00Z") from None
