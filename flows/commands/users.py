"""`grodt users`: who may log in at the desk, and as what."""

import getpass
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from flows.commands.options import Author, Json, author_of
from flows.commands.tables import show, tell
from grodt.errors import ConfigError

if TYPE_CHECKING:
    from grodt.ledger.users import User

Name = Annotated[str, typer.Argument(help="By which they log in and act.")]
_ROLES = "viewer (looks), trader (halts too) or approver (decides what waits, too)"

users = typer.Typer(help="Users of the desk: who may log in, and as what.", invoke_without_command=True)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(users, name="users")


@users.callback()
def show_users(context: typer.Context, as_json: Json = False) -> None:
    """Who may log in at the desk, and as what."""
    if context.invoked_subcommand is not None:
        return
    from flows.at_home import ledger_at_home
    from grodt.ledger.users import users as found

    with ledger_at_home() as ledger, ledger.read() as tx:
        rows = [_row(each) for each in found(tx)]
    columns = ["name", "role", "changed_at", "changed_by"]
    show("users of the desk", columns, rows, as_json=as_json, empty="none; grodt users add NAME --role ROLE")


@users.command()
def add(
    name: Name, role: Annotated[str, typer.Option("--role", help=f"What they may: {_ROLES}.")], author: Author = None, as_json: Json = False
) -> None:
    """Let somebody log in. The password is asked for; where nobody is at a terminal, it is the first line of standard input."""
    from flows.at_home import ledger_at_home
    from grodt.ledger.users import add_user, require_name, require_role
    from tasks.environment import clock, environment

    who, wanted, hashed = author_of(author), require_role(role), _hashed(require_name(name))
    with ledger_at_home() as ledger, ledger.write() as tx:
        made = add_user(tx, name, wanted, hashed, by=who, now=clock(environment())())
    tell([f"user {made.name} is {made.role}"], _row(made), as_json=as_json)


@users.command("role")
def set_role(name: Name, role: Annotated[str, typer.Argument(help=f"{_ROLES}.")], author: Author = None, as_json: Json = False) -> None:
    """Give a user another role. Where they are logged in, they must log in again."""
    from flows.at_home import ledger_at_home
    from grodt.ledger.users import change_role, require_role
    from tasks.environment import clock, environment

    who, wanted = author_of(author), require_role(role)
    with ledger_at_home() as ledger, ledger.write() as tx:
        made = change_role(tx, name, wanted, by=who, now=clock(environment())())
    tell([f"user {made.name} is {made.role}"], _row(made), as_json=as_json)


@users.command()
def password(name: Name, author: Author = None, as_json: Json = False) -> None:
    """Give a user another password, asked for as `add` does. Where they are logged in, they must log in again."""
    from flows.at_home import ledger_at_home
    from grodt.ledger.users import change_password, require_user
    from tasks.environment import clock, environment

    who = author_of(author)
    with ledger_at_home() as ledger:
        with ledger.read() as tx:
            require_user(tx, name)
        hashed = _hashed(name)
        with ledger.write() as tx:
            made = change_password(tx, name, hashed, by=who, now=clock(environment())())
    tell([f"user {made.name} has another password"], _row(made), as_json=as_json)


@users.command()
def remove(name: Name, author: Author = None, as_json: Json = False) -> None:
    """Let a user log in no more, and end where they are logged in."""
    from flows.at_home import ledger_at_home
    from grodt.ledger.users import remove_user
    from tasks.environment import clock, environment

    who = author_of(author)
    with ledger_at_home() as ledger, ledger.write() as tx:
        gone = remove_user(tx, name, by=who, now=clock(environment())())
    tell([f"user {gone.name}, {gone.role}, can log in no more"], _row(gone), as_json=as_json)


def _hashed(name: str) -> str:
    from grodt.desk.passwords import Passwords, require_password

    if sys.stdin.isatty():
        given = getpass.getpass(f"Password of {name}: ")
        if getpass.getpass("Once more: ") != given:
            raise ConfigError("the two passwords differ; nothing was changed")
    else:
        given = sys.stdin.readline().rstrip("\r\n")
    return Passwords().hash(require_password(given, name))


def _row(user: "User") -> dict[str, object]:
    return {"name": user.name, "role": user.role, "changed_at": user.changed_at, "changed_by": user.author}
