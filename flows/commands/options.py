"""Options that commands share."""

import getpass
from typing import Annotated

import typer

from grodt.errors import ConfigError

Book = Annotated[
    str | None, typer.Option("--book", "-b", help="The book; needed where the books file describes several and none is `demo`.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs instead of a table.")]
Reason = Annotated[str, typer.Option("--reason", "-r", help="Why, for the record.")]
Author = Annotated[str | None, typer.Option("--author", help="Who; the login name if not given.")]


def author_of(given: str | None) -> str:
    """Who acts: the name given, or the login name.

    Raises:
        ConfigError: none was given and this process has no login name.
    """
    if given is not None:
        return given
    try:
        return getpass.getuser()
    except OSError:
        raise ConfigError("this process has no login name: say who with --author") from None
