"""`grodt explain`: the chain from bars to position of one symbol in one session."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.commands.options import Book, Json
from flows.commands.tables import cell, show_json
from flows.progress import out
from grodt.errors import ConfigError
from grodt.sessions import parse_session
from grodt.slots import CLOSE, slot_named

if TYPE_CHECKING:
    from rich.tree import Tree

    from grodt.reports.explanation import Explanation

_NONE = "none"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("explain")(explain)


def explain(
    symbol: Annotated[str, typer.Argument(help="The ticker.")],
    session: Annotated[str | None, typer.Option("--session", "-s", help="Session of the decision, YYYY-MM-DD; else the latest.")] = None,
    at: Annotated[str | None, typer.Option("--at", "-t", help="Slot of an intraday book, such as 10:30; else the latest.")] = None,
    book: Book = None,
    as_json: Json = False,
) -> None:
    """Why the book did what it did in a symbol: bars, signals, target, each verdict, order, fills, position."""
    from flows.at_home import calendar_of, chosen_book, lake_at_home, ledger_at_home, require_traded
    from grodt.ledger.runs import runs_in, runs_of
    from grodt.reports.explanation import as_facts
    from grodt.reports.explanation import explain as explain_run
    from tasks.environment import clock, environment
    from tasks.wiring import books

    day = None if session is None else parse_session(session)
    name = chosen_book(book)
    with ledger_at_home() as ledger, ledger.read() as tx:
        require_traded(tx, name, symbol)
        latest = next(iter(runs_of(tx, name, 1)), None)
        of = day or (latest.session if latest is not None else None)
        runs = runs_in(tx, name, of) if of is not None else ()
        wanted = None if at is None else at.replace(":", "")
        run = next((each for each in runs if wanted in (None, each.slot) and (wanted or each.slot != CLOSE)), None)
        if run is None and at is not None:
            have = ", ".join(sorted(each.slot or "its end" for each in runs)) or "none"
            raise ConfigError(f"book {name} has not run slot {at} of session {of or 'any'}; it has run {have}")
        if run is None:
            if day is None:
                raise ConfigError(f"book {name} has not run yet: `grodt run --book {name}`")
            calendar_of(name).require_session(day)
            raise ConfigError(f"book {name} has not run for session {day}: `grodt run --book {name} --session {day}`, or name another")
        config = books().book(name)
        within = slot_named(config.within.rule(), config.exchange, run.session, run.slot).at if run.slot else None
        found = explain_run(tx, lake_at_home(ledger), run, config.source, symbol, clock(environment())(), within)
    if as_json:
        show_json([as_facts(found)])
    else:
        out.print(_tree(found, symbol))


def _tree(found: "Explanation", symbol: str) -> "Tree":
    from rich.tree import Tree

    run = found.run
    tree = Tree(f"{symbol} in {run['run_id']}, {run['state']}", guide_style="dim")
    code = f"GRODT {run['code_version']}" + (f" (code {run['code_hash'][:12]})" if run["code_hash"] else "")
    limits = "" if run["limits_version"] is None else f", limits v{run['limits_version']}"
    tree.add(f"run: attempt {run['attempts']}, snapshot {run['snapshot']}, configuration {run['config_hash'][:12]}, {code}{limits}")
    _branch(tree, "bar", [_line(bar, ("open", "high", "low", "close", "volume", "known_at", "file")) for bar in found.bars])
    if found.quarantine:
        _branch(tree, "quarantined", [_line(row, ("rule", "value", "bound")) for row in found.quarantine])
    if found.actions:
        _branch(tree, "corporate actions", [_line(row, tuple(row)) for row in found.actions])
    if found.regimes:
        _branch(tree, "regime", [_regime(row) for row in found.regimes])
    _branch(tree, "signals", [f"{row['signal']}: {_line(row, ('value', 'forecast'))}" for row in found.signals])
    wanted = ("forecast", "volatility", "target_weight", "current_quantity", "target_quantity", "reference_price")
    _branch(tree, "target", [_line(row, wanted) for row in found.target])
    _branch(tree, "risk", [_check(row) for row in found.checks])
    for asked in found.basket:
        branch = tree.add(asked["words"])
        for each in asked["decisions"]:
            branch.add(f"{_words(each['at'])} {each['person']}: {each['verdict']}, {each['reason']}")
        for each in asked["orders"]:
            branch.add(f"in it: {each['side']} {each['quantity']:,} at a reference of {_words(each['reference_price'])}")
    orders = tree.add("orders" if found.orders else f"orders: {_NONE}")
    for order in found.orders:
        approved = f", basket {order['basket_hash'][:12]} approved by {order['approved_by'] or 'nobody yet'}"
        at = f"{order['side']} {order['quantity']:,} at a reference of {_words(order['reference_price'])}"
        role = f"{order['role'].replace('_', ' ')} of a bracket, " if order["role"] else ""
        price = f", {order['order_type']} at {_words(order['order_price'])}" if order["order_price"] is not None else ""
        branch = orders.add(f"{role}{at}{price}: {order['state']}{approved} ({order['client_order_id']})")
        if order["protects"]:
            branch.add(f"closes what {order['protects']} opened or added to")
        if order["strategies"]:
            branch.add("of it " + ", ".join(f"{who} has {share:,}" for who, share in order["strategies"].items()))
        for event in order["events"]:
            reason = f": {event['reason']}" if event["reason"] else ""
            branch.add(f"{_words(event['at'])} {event['state']}, {event['filled_quantity']:,} filled{reason}")
        for fill in order["fills"]:
            price = f"{fill['quantity']:,} at {_words(fill['price'])}, commission {_words(fill['commission'])}"
            branch.add(f"fill in session {fill['session']}: {price} ({fill['execution_id']})")
        for leg in order["legs"]:
            branch.add(_leg(leg))
    held = ("quantity", "average_cost", "price", "price_session", "market_value", "unrealised_profit", "weight")
    _branch(
        tree,
        "position at the close" if run["slot"] else "position at the close, before these orders",
        [_line(row, held) for row in found.position],
    )
    return tree


def _leg(leg: Mapping[str, Any]) -> str:
    at = f" at {_words(leg['order_price'])}" if leg["order_price"] is not None else ""
    filled = "".join(f"; {each['quantity']:,} filled at {_words(each['price'])} in session {each['session']}" for each in leg["fills"])
    reason = f", {leg['reason']}" if leg["reason"] else ""
    what = f"{leg['role'].replace('_', ' ')} of {leg['quantity']:,}{at}, sent in session {leg['session']}"
    return f"{what}: {leg['state']}{reason}{filled} ({leg['client_order_id']})"


def _branch(tree: "Tree", title: str, lines: Iterable[str]) -> None:
    shown = list(lines)
    branch = tree.add(title if shown else f"{title}: {_NONE}")
    for line in shown:
        branch.add(line)


def _regime(row: Mapping[str, Any]) -> str:
    measured = f"{row['regime'] or 'not known'}" + ("" if row["confidence"] is None else f", confidence {_words(row['confidence'])}")
    off = f"; off: {row['switched_off'] or _NONE}" + (f" ({row['reason']})" if row["reason"] else "")
    return f"{row['of']}: {measured}; in force: {row['in_force'] or 'not known'}{off}"


def _check(row: Mapping[str, Any]) -> str:
    about = row["symbol"] or row["scope"]
    reason = f" ({row['reason']})" if row["reason"] else ""
    figures = f"value {_words(row['value'])}, limit {_words(row['limit'])}, headroom {_words(row['headroom'])}"
    limits = "".join(f"; {each['name']} by {each['set_by']} {each['set_at']:%Y-%m-%d}" for each in row["limits"])
    return f"{row['control']:>2} {row['name']} of {about}: {row['verdict']}, {figures}{reason}{limits}"


def _line(row: Mapping[str, Any], names: Iterable[str]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {_words(row[name])}" for name in names if row[name] is not None)


def _words(value: object) -> str:
    if value is None:
        return _NONE
    words = cell(value, 4)
    return words.rstrip("0").rstrip(".") if isinstance(value, float | Decimal) else words
