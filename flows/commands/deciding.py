"""Commands by which people decide what waits for them: waiting, approve, reject."""

from typing import TYPE_CHECKING, Annotated

import typer

from flows.commands.options import Author, Book, Json, Reason, author_of
from flows.commands.tables import show, show_json, tell
from flows.progress import out

if TYPE_CHECKING:
    from grodt.ledger.requests import Verdict

Id = Annotated[str, typer.Argument(help="Its id, or the first 6 characters or more; `grodt waiting` lists them.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (waiting, approve, reject):
        app.command(command.__name__)(command)


def waiting(
    request_id: Annotated[
        str | None, typer.Argument(help="Its id, or the first 6 characters or more, to see one with all it would change.")
    ] = None,
    book: Book = None,
    as_json: Json = False,
) -> None:
    """What waits for people: baskets to be sent, limits to be raised, halts to be ended. Of every book if none is named."""
    from flows.at_home import chosen_book, ledger_at_home
    from grodt.ledger.acts import still_waiting
    from grodt.ledger.requests import waiting as found
    from grodt.reports.rows import request_row
    from tasks.environment import clock, environment

    if request_id is not None:
        _show_one(request_id, as_json)
        return
    name = None if book is None else chosen_book(book)
    with ledger_at_home() as ledger, ledger.read() as tx:
        rows = [request_row(each) for each in still_waiting(tx, found(tx, clock(environment())(), name))]
    title = "waiting for people" if name is None else f"waiting for people: {name}"
    columns = ["id", "kind", "book", "what", "asked_by", "reason", "still_needed", "expires_at"]
    show(title, columns, rows, as_json=as_json, empty="nothing", optional=("reason",))
    if rows and not as_json:
        out.print("grodt waiting ID shows one; grodt approve ID --reason WHY, or grodt reject ID --reason WHY, decides it", soft_wrap=True)


def approve(request_id: Id, reason: Reason, author: Author = None, as_json: Json = False) -> None:
    """Agree to something that waits. The last one needed carries it out."""
    _decide(request_id, "approve", reason, author, as_json)


def reject(request_id: Id, reason: Reason, author: Author = None, as_json: Json = False) -> None:
    """Turn down something that waits. One rejection is enough."""
    _decide(request_id, "reject", reason, author, as_json)


def _show_one(request_id: str, as_json: bool) -> None:
    from flows.at_home import ledger_at_home
    from flows.commands.baskets import show_request
    from grodt.ledger.planned import orders_in_words
    from grodt.ledger.requests import find_request
    from grodt.reports.rows import request_row
    from tasks.environment import clock, environment

    now = clock(environment())()
    with ledger_at_home() as ledger, ledger.read() as tx:
        found = find_request(tx, request_id)
        orders = orders_in_words(tx, found, now)
    if as_json:
        show_json([request_row(found) | {"state": found.state(now), "orders": orders or None}])
    else:
        show_request(found, now, orders)


def _decide(request_id: str, verdict: "Verdict", reason: str, author: str | None, as_json: bool) -> None:
    from flows.at_home import ledger_at_home
    from flows.commands.baskets import show_subject
    from flows.waking import let_go_on, suspended_run
    from grodt.ledger.acts import act
    from grodt.reports.rows import request_row
    from tasks.environment import clock, environment

    who = author_of(author)
    with ledger_at_home() as ledger, ledger.write() as tx:
        now = clock(environment())()
        acted = act(tx, request_id, verdict, by=who, reason=reason, now=now)
        waits = suspended_run(tx, acted.request, now)
    made = acted.request
    if not as_json:
        show_subject(made)
    word = {"approve": "approved", "reject": "rejected"}[verdict]
    where = f" of book {made.book}" if made.book else ""
    lines = [f"{word} by {made.decisions[-1].person}: {made.kind} {made.short}{where}, {acted.what}", acted.then]
    woken = let_go_on(waits, made)
    if woken:
        lines.append("the flow run that waits in the Prefect UI goes on with it by itself")
    tell(lines, request_row(made) | {"state": made.state(now), "then": acted.then, "flow_run_goes_on": woken}, as_json=as_json)
