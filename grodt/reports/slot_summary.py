"""What a slot, or the close, of an intraday book did, in words and small tables."""

from datetime import time

import polars as pl

from grodt.execution.approving import Answer
from grodt.execution.marking import Marked
from grodt.ledger.runs import Run
from grodt.money import decimal
from grodt.reports.export import Exported
from grodt.reports.markdown import table
from grodt.reports.summary import ORDER_COLUMNS, RISK_COLUMNS, orders_rows, risk_rows


def slot_summary(
    run: Run,
    exported: Exported,
    marked: Marked,
    *,
    snapshot: str,
    links: dict[str, str],
    basket: Answer | None,
    not_flat: str | None = None,
) -> str:
    """A slot in Markdown: figures, the session's orders so far, what risk changed, what is held.

    Args:
        run: the cycle.
        exported: its figures and tables.
        marked: what it was worth.
        snapshot: the data it read.
        links: name and place of lake, ledger and report.
        basket: what was said of it; None at the close.
        not_flat: what is kept over night although the book was to be flat, as `kept_over_night` says it.
    """
    figures, mark = exported.figures, marked.mark
    held: list[list[object]] = [
        [symbol, f"{each.quantity:,}", f"{decimal(marked.closes[symbol].price):,.4f}"] for symbol, each in sorted(marked.holdings.items())
    ]
    parts = [
        f"# {run.book} · {run.session} {run.slot} · {figures.state}",
        f"Equity **{decimal(mark.equity):,.2f} USD**, {decimal(mark.profit):+z,.2f} in this session, drawdown {mark.drawdown:z.2%} from "
        f"{decimal(mark.high_water_mark):,.2f}. Exposure {mark.gross:.1%} gross, {mark.net:z.1%} net.",
        table(
            ["symbols with a bar", "with a forecast", "orders", "fills", "positions", "open breaks"],
            [[figures.bars, figures.signals, figures.orders, figures.fills, figures.positions, figures.breaks]],
        ),
        *([f"**Not flat**: {not_flat}."] if not_flat is not None else []),
        *([f"**{exported.change}**"] if exported.change else []),
        *([f"**Approval**: {basket}."] if basket is not None and basket.request is not None else []),
        *_section("Orders of this session, largest first", ORDER_COLUMNS, orders_rows(exported, run.session)),
        *_section("What risk clipped, refused or halted", RISK_COLUMNS, _changed(exported, run)),
        *_section("Held", ["symbol", "quantity", "price"], held),
        f"Run `{figures.run_id}`, data `{snapshot}`.",
        *(f"{name}: `{place}`" for name, place in links.items()),
    ]
    return "\n\n".join(parts) + "\n"


def kept_over_night(marked: Marked, flat_by: time) -> str | None:
    """What a book that was to be flat by then holds at its close, largest first, with what it is worth; None if it is flat."""
    worth = {symbol: each.quantity * marked.closes[symbol].price for symbol, each in marked.holdings.items() if each.quantity}
    if not worth:
        return None
    largest = sorted(worth, key=lambda symbol: (-abs(worth[symbol]), symbol))
    named = ", ".join(f"{symbol} {marked.holdings[symbol].quantity:,}" for symbol in largest)
    value = decimal(sum(map(abs, worth.values())))
    kept = f"to be flat by {flat_by:%H:%M}, the book keeps {value:,.2f} USD over night"
    return f"{kept}, because not all that it sold or bought back was filled: {named}"


def _changed(exported: Exported, run: Run) -> list[list[object]]:
    frame = exported.frames.get(("risk_checks", run.session), pl.DataFrame())
    return risk_rows(exported, run.session) if frame.height else []


def _section(title: str, header: list[str], rows: list[list[object]]) -> list[str]:
    return [f"## {title}", table(header, rows) if rows else "None."]
