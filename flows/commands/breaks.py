"""`grodt breaks`: differences between our ledger and the broker as work items; deposits and withdrawals that answer them."""

import re
import time
from dataclasses import asdict
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.commands.options import Author, Book, Json, Reason, author_of
from flows.commands.tables import cell, show, show_json, tell
from flows.progress import out
from grodt.errors import ConfigError
from grodt.money import Micros, decimal, micros

if TYPE_CHECKING:
    from grodt.ledger.account_says import Says
    from grodt.ledger.break_evidence import Evidence

_AMOUNT = re.compile(r"[+-]?[0-9]+(\.[0-9]{1,6})?")
Number = Annotated[int, typer.Argument(help="Number of the break, from `grodt breaks`.")]
Again = Annotated[bool, typer.Option("--again", help="The same amount moved once more in the same session.")]
Amount = Annotated[str, typer.Argument(help="USD, such as 25000 or 125.50.")]

breaks = typer.Typer(help="Breaks: where our ledger and the broker differ, and what people do about it.", invoke_without_command=True)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(breaks, name="breaks")
    app.command("deposit")(deposit)
    app.command("withdraw")(withdraw)


@breaks.callback()
def show_breaks(
    context: typer.Context,
    book: Book = None,
    everything: Annotated[bool, typer.Option("--all", help="Resolved ones too.")] = False,
    as_json: Json = False,
) -> None:
    """Open breaks: where our ledger and the broker differ, and corporate actions that came too late to be applied."""
    if context.invoked_subcommand is not None:
        return
    from flows.at_home import break_age_days, chosen_book, ledger_at_home
    from grodt.ledger.breaks import all_breaks, open_breaks
    from grodt.reports.rows import break_row
    from tasks.environment import clock, environment

    name, now = chosen_book(book), clock(environment())()
    with ledger_at_home() as ledger, ledger.read() as tx:
        found = all_breaks(tx, name) if everything else open_breaks(tx, name)
        days = break_age_days(name)
        rows = [break_row(tx, each, now) | {"overdue": each.is_overdue(days, now)} for each in found]
    columns = ["break_id", "kind", "symbol", "ours", "theirs", "difference", "unit", "value", "first_seen", "age_days", "overdue", "owner"]
    title = f"breaks of {name}" if everything else f"open breaks of {name}"
    show(
        title,
        [*columns, *(["resolution"] if everything else [])],
        rows,
        as_json=as_json,
        empty="none",
        most_places=6,
        optional=("value", "overdue", "owner"),
    )
    first = next((each.break_id for each in found if each.resolved_at is None), None)
    if first is not None and not as_json:
        out.print(f"why: grodt breaks explain {first}; ours to theirs: grodt breaks correct {first} --reason WHY", soft_wrap=True)
        out.print(f"when its cause is mended: grodt breaks resolve {first} --reason WHY, and then grodt rearm", soft_wrap=True)


@breaks.command("assign")
def assign(
    break_id: Number,
    person: Annotated[str, typer.Argument(help="Who works it from now on.")],
    author: Author = None,
    as_json: Json = False,
) -> None:
    """Give a break to a person. Who gave it to whom, and when, is kept: `grodt breaks explain` shows it."""
    from flows.at_home import ledger_at_home
    from grodt.ledger.breaks import assign_break
    from grodt.reports.rows import break_row
    from tasks.environment import clock, environment

    now = clock(environment())()
    with ledger_at_home() as ledger, ledger.write() as tx:
        found = assign_break(tx, break_id, person, author=author_of(author), now=now)
        row = break_row(tx, found, now)
    tell([f"break {break_id} of book {found.book} is {found.owner}'s"], row, as_json=as_json)


@breaks.command("explain")
def explain(break_id: Number, as_json: Json = False) -> None:
    """What the ledger has around a break: orders with their events, fills, booked or not, and what moved the figure that differs."""
    from flows.at_home import ledger_at_home
    from grodt.ledger.break_evidence import evidence_of
    from grodt.ledger.breaks import find_break
    from grodt.reports.rows import break_row
    from tasks.environment import clock, environment

    now = clock(environment())()
    with ledger_at_home() as ledger, ledger.read() as tx:
        found = find_break(tx, break_id)
        row, evidence = break_row(tx, found, now), evidence_of(tx, found)
    if as_json:
        moved = [each | {"amount": _amount(each["amount"], evidence.symbol)} for each in evidence.entries]
        told = [each | {"price": decimal(each["price"]), "commission": decimal(each["commission"])} for each in evidence.fills]
        unbooked = [each | {"price": decimal(each["price"]), "commission": decimal(each["commission"])} for each in evidence.unbooked]
        said = [_said(each) for each in evidence.said]
        given = [asdict(each) for each in evidence.assignments]
        around = {"assignments": given, "orders": evidence.orders, "fills": told, "unbooked": unbooked, "said": said, "entries": moved}
        show_json([row | {"from": evidence.start, "to": evidence.end, "elsewhere": evidence.elsewhere} | around])
    else:
        _print(row, evidence)


@breaks.command("resolve")
def resolve(break_id: Number, reason: Reason, author: Author = None, as_json: Json = False) -> None:
    """Close a break whose cause is mended. It changes no position: a difference that is still there comes back with the next cycle."""
    from flows.at_home import ledger_at_home
    from grodt.ledger.breaks import find_break, resolve_break
    from grodt.reports.rows import break_row
    from tasks.environment import clock, environment

    now = clock(environment())()
    with ledger_at_home() as ledger, ledger.write() as tx:
        resolve_break(tx, break_id, reason, author_of(author), now)
        row = break_row(tx, find_break(tx, break_id), now)
    tell([f"break {break_id} is resolved; a halt of its book holds until `grodt rearm --reason WHY`"], row, as_json=as_json)


@breaks.command("correct")
def correct(
    break_id: Number,
    reason: Reason,
    price: Annotated[str | None, typer.Option("--price", help="USD that a share was paid with; without it no cash moves.")] = None,
    booked_as: Annotated[
        str, typer.Option("--as", help="What cash was: interest, fee, dividend, deposit, withdrawal or correction.")
    ] = "correction",
    author: Author = None,
    as_json: Json = False,
) -> None:
    """Ask for what brings our side to theirs: an entry; or the end of an order that the broker has no more, once it has said so again.

    A second person's approval books it and resolves the break.
    """
    from flows.at_home import lake_at_home, ledger_at_home
    from grodt.execution.ending import propose_end
    from grodt.execution.pricing import require_priced
    from grodt.ledger.acts import in_words
    from grodt.ledger.breaks import require_open
    from grodt.ledger.cash_entries import as_cash_kind
    from grodt.ledger.corrections import propose_correction
    from grodt.reports.rows import request_row
    from tasks.environment import clock, environment
    from tasks.wiring import books, broker_of

    paid, by, now = None if price is None else _micros("--price", price), author_of(author), clock(environment())
    kind = as_cash_kind(booked_as)
    with ledger_at_home() as ledger:
        with ledger.read() as tx:
            found = require_open(tx, break_id)
        if found.difference.kind == "order" and paid is None and kind == "correction":
            with broker_of(found.book) as broker:
                if broker is None:
                    raise ConfigError(f"break {break_id}: book {found.book} has no account that could be asked for the order")
                asked = propose_end(ledger, broker, break_id, by=by, reason=reason, now=now, sleep=time.sleep)
        else:
            described = books().book(found.book)
            with ledger.write() as tx:
                require_priced(tx, found, lake_at_home(ledger), described.source, described.exchange)
                following = described.exchange.next
                asked = propose_correction(tx, break_id, paid, booked_as=kind, following=following, by=by, reason=reason, now=now())
    tell([in_words(asked)], request_row(asked), as_json=as_json)


def deposit(amount: Amount, reason: Reason, book: Book = None, again: Again = False, author: Author = None, as_json: Json = False) -> None:
    """Book cash that was brought into the account at the broker."""
    from flows.at_home import calendar_of, chosen_book, ledger_at_home
    from grodt.ledger.corrections import deposit as book_deposit
    from tasks.environment import clock, environment

    name, paid = chosen_book(book), _micros("AMOUNT", amount)
    with ledger_at_home() as ledger, ledger.write() as tx:
        following, now = calendar_of(name).next, clock(environment())()
        entry = book_deposit(tx, name, paid, following, again=again, by=author_of(author), reason=reason, now=now)
    made = {"book": name, "session": entry.session, "amount": decimal(paid), "entry_id": entry.entry_id}
    tell([f"deposit of {decimal(paid)} USD booked in session {entry.session} of book {name}"], made, as_json=as_json)


def withdraw(amount: Amount, reason: Reason, book: Book = None, again: Again = False, author: Author = None, as_json: Json = False) -> None:
    """Ask for cash to be booked as taken out of the account at the broker. A second person's approval books it."""
    from flows.at_home import calendar_of, chosen_book, ledger_at_home
    from grodt.ledger.acts import in_words
    from grodt.ledger.corrections import ask_to_withdraw
    from grodt.reports.rows import request_row
    from tasks.environment import clock, environment

    name, paid = chosen_book(book), _micros("AMOUNT", amount)
    with ledger_at_home() as ledger, ledger.write() as tx:
        following, now = calendar_of(name).next, clock(environment())()
        asked = ask_to_withdraw(tx, name, paid, following, again=again, by=author_of(author), reason=reason, now=now)
    tell([in_words(asked)], request_row(asked), as_json=as_json)


def _micros(name: str, text: str) -> Micros:
    if _AMOUNT.fullmatch(text) is None:
        raise ConfigError(f"{name} {text!r} is no amount in USD with at most six decimals, such as 125.50")
    try:
        return micros(text)
    except ValueError as error:
        raise ConfigError(f"{name}: {error}") from None


def _amount(amount: int, symbol: str) -> int | Decimal:
    return amount if symbol else decimal(amount)


def _said(each: "Says") -> dict[str, Any]:
    told = each.kept.activity
    return {
        "activity_id": told.activity_id,
        "code": told.code,
        "kind": told.kind,
        "amount": decimal(told.amount),
        "day": told.day,
        "symbol": told.symbol,
        "words": told.words,
        "ours": None if each.ours is None else decimal(each.ours),
        "reason": each.kept.reason,
        "to_do": each.to_do,
    }


def _print(row: dict[str, Any], evidence: "Evidence") -> None:
    from rich.tree import Tree

    value = "not known" if row["value"] is None else f"{cell(row['value'], 2)} USD"
    what = " ".join(filter(None, (row["kind"], row["symbol"])))
    tree = Tree(f"break {row['break_id']} of book {row['book']}: {what}", guide_style="dim")
    tree.add(f"ours {cell(row['ours'], 6)}, theirs {cell(row['theirs'], 6)} {row['unit']}, worth {value}")
    tree.add(f"first seen in {row['first_seen']}, {row['age_days']} days ago, last in {row['last_seen']} by {row['run_id']}")
    tree.add(f"owner: {row['owner'] or 'nobody yet'}" + (f"; resolved: {row['resolution']}" if row["resolution"] else ""))
    for assignment in evidence.assignments:
        tree.add(str(assignment))
    if evidence.elsewhere:
        tree.add(evidence.elsewhere)
    span = f"of {evidence.start} to {evidence.end}"
    if evidence.symbol:
        branch = tree.add(f"orders in {evidence.symbol} decided {span}" + ("" if evidence.orders else ": none"))
        for each in evidence.orders:
            of_order = branch.add(f"{each['session']} {each['side']} {each['quantity']:,}: {each['state']} ({each['client_order_id']})")
            for event in each["events"]:
                reason = f": {event['reason']}" if event["reason"] else ""
                of_order.add(f"{cell(event['recorded_at'], 0)} {event['state']}, {event['filled_quantity']:,} filled{reason}")
        branch = tree.add(f"fills {span}" + ("" if evidence.fills else ": none"))
        for each in evidence.fills:
            branch.add(
                f"{each['session']} {each['side']} {each['quantity']:,} at {cell(decimal(each['price']), 4)} ({each['execution_id']})"
            )
    if evidence.unbooked:
        branch = tree.add("fills that the broker told and that are not booked")
        for each in evidence.unbooked:
            terms = f"{each['session']} {each['side']} {each['quantity']:,} {each['symbol']} at {cell(decimal(each['price']), 4)}"
            branch.add(f"{terms} ({each['execution_id']} of {each['client_order_id']}): {each['reason']}")
    if evidence.said:
        branch = tree.add("what the account says, and the ledger does not have")
        for says in evidence.said:
            branch.add(str(says))
    unit = "shares" if evidence.symbol else "USD"
    branch = tree.add(
        f"entries that moved {'the position' if evidence.symbol else 'cash'}, {span}" + ("" if evidence.entries else ": none")
    )
    for each in evidence.entries:
        branch.add(f"{each['session']} {each['kind']} {cell(_amount(each['amount'], evidence.symbol), 2)} {unit}: {each['memo']}")
    out.print(tree)
