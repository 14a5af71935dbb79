"""Printing what waits for people, with all that it would change."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from flows.commands.tables import show, show_facts
from flows.progress import out
from grodt.execution.changes import Changes
from grodt.ledger import basket_requests
from grodt.ledger.acts import kind_of
from grodt.ledger.requests import Request
from grodt.money import decimal


def show_request(request: Request, now: datetime, orders: str = "") -> None:
    """Print one request: what, who asked and why, who said what, and its subject; of a basket, what has become of its orders."""
    said = [f"{each.person}, {each.at:%Y-%m-%d %H:%M} UTC: {each.verdict}, {each.reason}" for each in request.decisions]
    show_facts(
        {
            request.kind: request.request_id,
            "book": request.book or "all",
            "what": kind_of(request).what(request),
            "asked by": f"{request.asked_by}, {request.asked_at:%Y-%m-%d %H:%M} UTC: {request.reason}",
            "said": "\n".join(said) or "nobody has said anything",
            "state": request.state(now),
            "still needed": f"{request.missing} of {request.people}, before {request.expires_at:%Y-%m-%d %H:%M} UTC",
        }
        | ({"orders": orders} if orders else {})
    )
    show_subject(request)


def show_subject(request: Request) -> None:
    """Print what a request would change, in tables where its kind has more to show than a line."""
    if request.kind == basket_requests.KIND:
        _show_changes(Changes.read(request.subject["changes"]), request.short)
        _show_prices(request.subject["orders"])
        if withdrawn := request.subject.get("withdraws"):
            out.print(f"cancelled before it goes out: {', '.join(withdrawn)}", soft_wrap=True)


def _show_prices(orders: Sequence[Mapping[str, Any]]) -> None:
    """Limits and stops, where orders have some."""
    columns = ["symbol", "side", "quantity", "order_type", "time_in_force", "price", "reference_price"]
    prices = ("price", "reference_price")
    rows = [{name: decimal(each[name]) if name in prices else each[name] for name in columns} for each in orders if "price" in each]
    if any("role" in each for each in orders):
        columns.append("of_a_bracket")
        legs = [each.get("role", "").replace("_", " ") for each in orders if "price" in each]
        rows = [row | {"of_a_bracket": leg} for row, leg in zip(rows, legs, strict=True)]
    if rows:
        show("limits and stops", columns, rows, as_json=False, empty="")


def _show_changes(changes: Changes, short: str) -> None:
    pairs = {
        "gross exposure": (changes.gross_now, changes.gross_after),
        "net exposure": (changes.net_now, changes.net_after),
        "cash": (changes.cash_now, changes.cash_after),
    }
    book = [
        {
            "": name,
            "now": decimal(now),
            "after": decimal(after),
            "now_share": _share(now / changes.equity),
            "after_share": _share(after / changes.equity),
        }
        for name, (now, after) in pairs.items()
    ]
    out.print()
    show(f"basket {short}: the book now and after", list(book[0]), book, as_json=False, empty="")
    positions = [
        {
            "symbol": each.symbol,
            "now": each.now,
            "order": each.order or None,
            "after": each.after,
            "price": decimal(each.price),
            "value": decimal(each.value),
            "weight": _share(each.weight),
        }
        | ({"open_orders": each.working} if any(one.working for one in changes.positions) else {})
        for each in changes.positions
    ]
    show("positions", list(positions[0]) if positions else [], positions, as_json=False, empty="none")
    checks = [
        {
            "control": each.control,
            "name": each.name,
            "symbol": each.symbol,
            "value": each.value,
            "limit": each.limit,
            "headroom": each.headroom,
            "verdict": each.verdict,
            "reason": each.reason,
        }
        for each in changes.checks
    ]
    title = "checks that did not pass, or are close to their limit"
    columns = [name for name in (checks[0] if checks else {}) if name != "reason" or any(row["reason"] for row in checks)]
    show(title, columns, checks, as_json=False, empty="none", most_places=6, optional=("reason",))
    if changes.more_checks:
        out.print(f"and {changes.more_checks:,} more, in the evidence (table risk_checks)", soft_wrap=True)
    cost, value = decimal(changes.cost), decimal(changes.value)
    out.print(
        f"orders worth {value:,.2f} USD, {changes.value / changes.equity:.1%} of equity; expected cost {cost:,.2f} USD", soft_wrap=True
    )


def _share(value: float) -> str:
    return f"{value:z.2%}"
