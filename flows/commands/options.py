"""Options that commands share."""

from typing import Annotated

import typer

Book = Annotated[
    str | None, typer.Option("--book", "-b", help="The book; needed where the books file describes several and none is `demo`.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs instead of a table.")]
Reason = Annotated[str, typer.Option("--reason", "-r", help="Why, for the record.")]
