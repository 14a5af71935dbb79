"""What a basket would change, in Markdown: for the Prefect UI and the report."""

from collections.abc import Mapping
from typing import Any

from grodt.execution.changes import Changes
from grodt.ledger.requests import Request
from grodt.money import decimal
from grodt.reports.markdown import number, table

POSITION_COLUMNS = ("symbol", "now", "order", "after", "price", "value", "weight")
PRICE_COLUMNS = ("symbol", "side", "shares", "order", "of a bracket", "price", "reference price")
CHECK_COLUMNS = ("control", "name", "symbol", "value", "limit", "headroom", "verdict", "reason")
_MOST_POSITIONS = 40


def question(request: Request) -> str:
    """What people are asked about a basket, with all that it would change."""
    changes = Changes.read(request.subject["changes"])
    who = f"{request.missing} of {request.people} people must still agree"
    agreed = "".join(f" {each.person} agreed: {each.reason}." for each in request.decisions)
    return "\n\n".join(
        [
            f"# Basket {request.short} of book {request.book}, session {request.subject['session']}",
            f"{who}, before **{request.expires_at:%Y-%m-%d %H:%M} UTC**.{agreed}",
            *sections(changes),
            *_prices(request.subject),
        ]
    )


def _prices(subject: Mapping[str, Any]) -> list[str]:
    """Limits and stops, legs of brackets among them, and what is cancelled before the basket goes out; nothing where there is none."""
    rows = [
        [
            each["symbol"],
            each["side"],
            f"{each['quantity']:,}",
            f"{each['order_type']} {each['time_in_force']}",
            each.get("role", "").replace("_", " "),
            f"{decimal(each['price']):,.4f}",
            f"{decimal(each['reference_price']):,.4f}",
        ]
        for each in subject["orders"]
        if "price" in each
    ]
    found = ["## Limits and stops", table(PRICE_COLUMNS, rows)] if rows else []
    withdrawn = subject.get("withdraws", [])
    return found + ([f"Cancelled before it goes out: {', '.join(withdrawn)}."] if withdrawn else [])


def sections(changes: Changes) -> list[str]:
    """The book now and after, positions, and checks close to their limit."""
    shown = changes.positions[:_MOST_POSITIONS]
    more = len(changes.positions) - len(shown)
    kept = changes.more_checks
    return [
        table(("", "now", "after"), book_rows(changes)),
        f"Orders worth **{decimal(changes.value):,.2f} USD**, {changes.value / changes.equity:.1%} of equity; expected cost "
        f"{decimal(changes.cost):,.2f} USD.",
        "## Positions",
        table(POSITION_COLUMNS, position_rows(changes)[:_MOST_POSITIONS]) + (f"\n\nand {more:,} more" if more else ""),
        "## Checks that did not pass, or are close to their limit",
        (table(CHECK_COLUMNS, check_rows(changes)) if changes.checks else "None.") + (f"\n\nand {kept:,} more" if kept else ""),
    ]


def book_rows(changes: Changes) -> list[list[str]]:
    """Exposure and cash, now and after."""
    pairs = {
        "gross exposure": (changes.gross_now, changes.gross_after),
        "net exposure": (changes.net_now, changes.net_after),
        "cash": (changes.cash_now, changes.cash_after),
    }
    return [[name, *(f"{decimal(each):,.2f} ({_share(each / changes.equity)})" for each in pair)] for name, pair in pairs.items()]


def position_rows(changes: Changes) -> list[list[str]]:
    """Each symbol, largest order first."""
    return [
        [
            each.symbol,
            f"{each.now:,}" + (f" {each.working:+,} open" if each.working else ""),
            f"{each.order:+,}" if each.order else "",
            f"{each.after:,}",
            f"{decimal(each.price):,.4f}",
            f"{decimal(each.value):,.2f}",
            _share(each.weight),
        ]
        for each in changes.positions
    ]


def check_rows(changes: Changes) -> list[list[str]]:
    """Each check, those that did not pass first."""
    return [
        [
            str(each.control),
            each.name,
            each.symbol,
            number(each.value),
            number(each.limit),
            number(each.headroom),
            each.verdict,
            each.reason,
        ]
        for each in changes.checks
    ]


def _share(value: float) -> str:
    return f"{value:z.2%}"
