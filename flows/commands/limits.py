"""`grodt limits`: the limits in force and how much of each is used; their history; changing them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from flows.commands.options import Author, Book, Json, Reason, author_of
from flows.commands.tables import show, show_json, tell
from flows.progress import out

if TYPE_CHECKING:
    from grodt.ledger.limits import Changed
    from grodt.reports.limits_in_use import LimitInUse
    from grodt.risk.limit_values import Key, Value

#: Cells of a bar.
_CELLS = 10
Name = Annotated[str, typer.Argument(help="The limit, such as symbol_weight; `grodt limits` lists them.")]
Symbol = Annotated[str | None, typer.Option("--symbol", help="Only for this symbol.")]
Group = Annotated[str | None, typer.Option("--group", help='Only for this group (sector); "*" for each that is not named.')]

limits = typer.Typer(help="The limits of a book in force, and how much of each its latest cycle used.", invoke_without_command=True)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(limits, name="limits")


@limits.callback()
def show_limits(context: typer.Context, book: Book = None, as_json: Json = False) -> None:
    """The limits of a book in force, and how much of each its latest cycle used."""
    if context.invoked_subcommand is not None:
        return
    from flows.at_home import chosen_book, ledger_at_home
    from grodt.ledger.limits import differences, limits_in_force
    from grodt.reports.limits_in_use import limits_in_use
    from grodt.reports.rows import limit_row
    from tasks.wiring import books

    name = chosen_book(book)
    file = books().book(name).limits
    with ledger_at_home() as ledger, ledger.read() as tx:
        in_force = limits_in_force(tx, name, file)
        found = limits_in_use(tx, name, in_force)
    if as_json:
        show_json([limit_row(each, found.run.run_id if found.run else None) for each in found.limits])
        return
    used = f", used as {found.run.run_id} found it" if found.run else "; no cycle was judged yet"
    columns = ["limit", "of", "in_force", "use", "used", "closest", "set_by", "set_at"]
    show(f"limits of {name}{used}", columns, [_line(each) for each in found.limits], as_json=False, empty="none", optional=("closest",))
    tell_differences(differences(file, in_force.limits))


def tell_differences(found: Sequence[object]) -> None:
    """Say which limits of the books file are not those in force, and how to make them so."""
    for each in found:
        out.print(f"not in force: {each}", soft_wrap=True)
    if len(found) > 1:
        out.print("all of them as the books file has them: grodt limits adopt --reason WHY", soft_wrap=True)


@limits.command()
def history(
    name: Annotated[str | None, typer.Argument(help="The limit; all if none is named.")] = None, book: Book = None, as_json: Json = False
) -> None:
    """Who set which limit, when, from what to what, and why."""
    from flows.at_home import chosen_book, ledger_at_home
    from grodt.ledger.limits import limit_history
    from grodt.reports.rows import change_row
    from grodt.risk.limit_values import require_name

    whose = chosen_book(book)
    wanted = None if name is None else require_name(name)
    with ledger_at_home() as ledger, ledger.read() as tx:
        rows = [change_row(each) for each in limit_history(tx, whose, wanted)]
    columns = ["changed_at", "limit", "of", "before", "after", "author", "reason"]
    empty = "nothing yet: its first cycle takes them from the books file"
    show(f"limits of {whose}, as they were set", columns, rows, as_json=as_json, empty=empty)


@limits.command("set")
def set_limit(
    name: Name,
    value: Annotated[str, typer.Argument(help="The new value, as the books file would have it; for `restricted`: yes.")],
    reason: Reason,
    book: Book = None,
    symbol: Symbol = None,
    group: Group = None,
    author: Author = None,
    as_json: Json = False,
) -> None:
    """Set a limit. Tighter holds at once; what gives the book more room waits for a second person."""
    from grodt.risk.limit_values import Key, read_value

    key = Key(name, symbol or "", group or "")
    _change_one(key, read_value(key, value), book, reason, author, as_json)


@limits.command()
def unset(
    name: Name,
    reason: Reason,
    book: Book = None,
    symbol: Symbol = None,
    group: Group = None,
    author: Author = None,
    as_json: Json = False,
) -> None:
    """Take away the limit that a symbol or group has of its own, or a symbol from the restricted list."""
    from grodt.risk.limit_values import Key

    _change_one(Key(name, symbol or "", group or "").require_fitting(), None, book, reason, author, as_json)


@limits.command()
def adopt(reason: Reason, book: Book = None, author: Author = None, as_json: Json = False) -> None:
    """Make the limits those of the books file: what is tighter holds at once, the rest waits for a second person as one request."""
    from flows.at_home import chosen_book, ledger_at_home
    from grodt.ledger.limits import change_limits, differences, limits_in_force
    from tasks.environment import clock, environment
    from tasks.wiring import books

    whose, who = chosen_book(book), author_of(author)
    file = books().book(whose).limits
    with ledger_at_home() as ledger, ledger.write() as tx:
        found = differences(file, limits_in_force(tx, whose, file).limits)
        changes = [(each.key, each.file) for each in found]
        made = change_limits(tx, whose, file, changes, by=who, reason=reason, now=clock(environment())()) if changes else None
    if made is None:
        tell([f"the limits of {whose} in force are those of the books file"], {"in_force": [], "request": None}, as_json=as_json)
    else:
        _tell(made, as_json)


def _change_one(key: "Key", value: "Value | None", book: str | None, reason: str, author: str | None, as_json: bool) -> None:
    from flows.at_home import chosen_book, ledger_at_home, require_group, require_traded
    from grodt.ledger.limits import change_limits
    from tasks.environment import clock, environment
    from tasks.wiring import books

    whose, who = chosen_book(book), author_of(author)
    file = books().book(whose).limits
    if key.group and value is not None:
        require_group(whose, key.group)
    with ledger_at_home() as ledger, ledger.write() as tx:
        if key.symbol and value is not None:
            require_traded(tx, whose, key.symbol)
        made = change_limits(tx, whose, file, [(key, value)], by=who, reason=reason, now=clock(environment())())
    _tell(made, as_json)


def _tell(made: "Changed", as_json: bool) -> None:
    from grodt.ledger.limits import what_is_asked
    from grodt.reports.rows import change_row, request_row

    lines = [f"in force: {each}" for each in made.made]
    request = made.request
    if request is not None:
        until = f"{request.expires_at:%Y-%m-%d %H:%M} UTC"
        who = " and ".join(request.agreed)
        lines.append(f"waits, since it gives the book more room: {what_is_asked(request)}")
        lines.append(f"asked by {who}; another person, before {until}: grodt approve {request.short} --reason WHY")
    tell(
        lines,
        {"in_force": [change_row(each) for each in made.made], "request": None if request is None else request_row(request)},
        as_json=as_json,
    )


def _line(each: "LimitInUse") -> dict[str, object]:
    from grodt.ledger.limits import shown
    from grodt.reports.rows import limit_of

    use = each.use
    return {
        "limit": each.key.name,
        "of": limit_of(each.key),
        "in_force": shown(each.value),
        "use": "" if use.value is None else f"{use.value:,.6g}",
        "used": _bar(use.used),
        "closest": use.symbol,
        "set_by": "books file, from the next cycle on" if each.set_by is None else each.set_by.author,
        "set_at": None if each.set_by is None else each.set_by.at,
    }


def _bar(used: float | None) -> str:
    if used is None:
        return ""
    full = min(max(round(used * _CELLS), 0), _CELLS)
    return f"{'█' * full}{'░' * (_CELLS - full)} {used:.0%}"
