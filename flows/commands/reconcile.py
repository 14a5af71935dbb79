"""`grodt reconcile`: whether our ledger is what the broker has, now."""

from typing import Any

import typer

from flows.commands.options import Book, Json
from flows.commands.tables import money, show
from flows.progress import out
from grodt.errors import ConfigError, DataError


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("reconcile")(reconcile)


def reconcile(book: Book = None, as_json: Json = False) -> None:
    """Compare the ledger with the broker as both stand now, and change neither. Status 1 where they differ."""
    from flows.at_home import charges_bps, chosen_book, ledger_at_home
    from grodt.execution.accounts import require_same_account
    from grodt.ledger.breaks import open_breaks
    from grodt.ledger.postings import settled
    from grodt.money import decimal
    from grodt.reconciliation import compared
    from tasks.wiring import broker_of

    name = chosen_book(book)
    with ledger_at_home() as ledger:
        with ledger.read() as tx:
            session = settled(tx, name)
            known = {(each.difference.kind, each.difference.symbol): each.break_id for each in open_breaks(tx, name)}
        if session is None:
            raise ConfigError(f"book {name} has settled no session yet, so there is nothing to compare: `grodt run --book {name}` first")
        with broker_of(name) as broker:
            if broker is None:
                raise ConfigError(f"book {name} is at another account than its paper broker, which was never opened: see `grodt account`")
            require_same_account(ledger, broker, name, "Nothing was compared")
            found = compared(ledger, broker, name, session, charges_bps(name))
    rows: list[dict[str, Any]] = [
        {
            "kind": each.kind,
            "symbol": each.symbol,
            "ours": each.shown(each.ours),
            "theirs": each.shown(each.theirs),
            "difference": each.shown(each.ours - each.theirs),
            "unit": "USD" if each.in_cash else "shares",
            "break": known.get((each.kind, each.symbol)),
        }
        for each in found.breaks
    ]
    fills, charges = (
        (f"{found.waiting} fills of later sessions" if found.waiting else ""),
        (f"{found.charges} charges" if found.charges else ""),
    )
    what = " and ".join(filter(None, (fills, charges)))
    waiting = f"; {what} wait to be booked" if what else ""
    title = f"{name}, settled through {session}"
    if rows or as_json:
        show(title, ["kind", "symbol", "ours", "theirs", "difference", "unit", "break"], rows, as_json=as_json, empty="", most_places=6)
    else:
        ours = found.ours
        out.print(
            f"{title}: ledger and broker agree on {len(ours.positions):,} positions, {len(ours.open_orders):,} open orders and "
            f"{money(decimal(ours.cash))} USD{waiting}",
            soft_wrap=True,
        )
    if rows:
        raise DataError(
            f"book {name}: ledger and broker differ in {len(rows)} place{'s' if len(rows) > 1 else ''}{waiting}. Nothing is recorded "
            "and nothing halted: the book's next cycle books what has filled since, and makes breaks of the rest"
            + "".join(f"\nthe account says: {told}: {why}" for told, why in found.not_booked.items())
        )
