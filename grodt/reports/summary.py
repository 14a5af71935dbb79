"""What a run did, in words and small tables: the Prefect artifact and the report that a person reads."""

from datetime import date

import polars as pl

from grodt.execution.approving import Answer
from grodt.execution.changes import Changes
from grodt.reports.baskets import sections
from grodt.reports.export import Exported
from grodt.reports.markdown import number, table

ORDER_COLUMNS = ["symbol", "side", "quantity", "price", "value", "state"]
RISK_COLUMNS = ["control", "name", "symbol", "value", "limit", "verdict", "reason"]
POSITION_COLUMNS = ["symbol", "quantity", "price", "value", "weight", "unrealised"]
_LARGEST = 10


def summary(book: str, exported: Exported, *, snapshot: str, links: dict[str, str], basket: Answer | None = None) -> str:
    """A run in Markdown: figures, what was ordered, what risk changed, what is held.

    Args:
        book: its book.
        exported: the closed run.
        snapshot: the data it read.
        links: name and place of lake, ledger and report.
        basket: what was said of it; None, or approved automatically, is not mentioned.
    """
    figures = exported.figures
    session = figures.session
    equity = exported.frames["equity", session].row(0, named=True)
    parts = [
        f"# {book} · {session} · {figures.state}",
        f"Equity **{equity['equity']:,.2f} USD**, profit {equity['profit']:+z,.2f} since the last mark, drawdown "
        f"{equity['drawdown']:z.2%} from {equity['high_water_mark']:,.2f}. Exposure {equity['gross_exposure']:.1%} gross, "
        f"{equity['net_exposure']:z.1%} net. Cash {equity['cash']:,.2f}, dividends receivable {equity['receivable']:,.2f}.",
        table(
            ["bars", "quarantined", "symbols with a forecast", "orders", "fills", "positions", "open breaks"],
            [[figures.bars, figures.quarantined, figures.signals, figures.orders, figures.fills, figures.positions, figures.breaks]],
        ),
        *([f"**{exported.change}**"] if exported.change else []),
        *_basket(basket),
        *_section("Orders for the next open, largest first", orders_rows(exported, session), ORDER_COLUMNS),
        *_section("What risk clipped, refused or halted", risk_rows(exported, session), RISK_COLUMNS),
        *_section("Largest positions", position_rows(exported, session), POSITION_COLUMNS),
        *_unpriced(exported, session),
        f"Run `{figures.run_id}`, data `{snapshot}`.",
        *(f"{name}: `{place}`" for name, place in links.items()),
    ]
    return "\n\n".join(parts) + "\n"


def _basket(answer: Answer | None) -> list[str]:
    """What people said of the basket, and where it was not sent what it would have been."""
    if answer is None or (answer.request is None and answer.state == "approved"):
        return []
    said = "\n".join([f"**Approval**: {answer}.", *(f"- {each}" for each in answer.words)])
    unsent = [] if answer.state == "approved" or answer.request is None else sections(Changes.read(answer.request.subject["changes"]))
    return [said, *unsent]


def orders_rows(exported: Exported, session: date) -> list[list[object]]:
    """The session's orders, largest first: symbol, side, quantity, reference price, value, state."""
    frame = exported.frames.get(("orders", session))
    if frame is None or frame.is_empty():
        return []
    valued = frame.with_columns(value=pl.col("quantity") * pl.col("reference_price").cast(pl.Float64))
    rows = valued.sort("value", "symbol", descending=[True, False]).select(
        "symbol", "side", "quantity", "reference_price", "value", "state"
    )
    return [[s, side, f"{q:,}", f"{p:,.4f}", f"{v:,.0f}", state] for s, side, q, p, v, state in rows.iter_rows()]


def risk_rows(exported: Exported, session: date) -> list[list[object]]:
    """The evaluations that were not passes: control, name, symbol, value, limit, verdict, reason."""
    frame = exported.frames["risk_checks", session].filter(pl.col("verdict") != "pass")
    return [[c, n, s, number(v), number(b), verdict, r] for c, n, s, v, b, verdict, r in frame.select(RISK_COLUMNS).iter_rows()]


def position_rows(exported: Exported, session: date) -> list[list[object]]:
    """Positions, largest first: symbol, quantity, price, market value, weight, unrealised profit."""
    frame = exported.frames["positions", session].sort(pl.col("market_value").abs(), descending=True)
    rows = frame.select("symbol", "quantity", "price", "market_value", "weight", "unrealised_profit").iter_rows()
    return [[s, f"{q:,}", f"{p:,.4f}", f"{v:,.2f}", f"{w:z.2%}", f"{u:+z,.2f}"] for s, q, p, v, w, u in rows]


def _unpriced(exported: Exported, session: date) -> list[str]:
    """Holdings without a bar of the session, which cannot be traded and are valued at an older close, largest first."""
    frame = exported.frames["positions", session].filter(pl.col("price_session") < session)
    rows = frame.sort(pl.col("market_value").abs(), descending=True).select("symbol", "price_session", "weight").rows()
    if not rows:
        return []
    named = ", ".join(f"{symbol} at the close of {priced} ({weight:.2%} of equity)" for symbol, priced, weight in rows[:_LARGEST])
    more = f" and {len(rows) - _LARGEST} more" if len(rows) > _LARGEST else ""
    return [f"**Without a bar of this session**, so kept as they are and valued at an older price: {named}{more}."]


def control_rows(exported: Exported, session: date) -> list[dict[str, object]]:
    """Every control with how often it was asked and what it said, for a table artifact."""
    frame = exported.frames["risk_checks", session]
    counted = frame.group_by("control", "name").agg(
        asked=pl.len(),
        passed=(pl.col("verdict") == "pass").sum(),
        clipped=(pl.col("verdict") == "clip").sum(),
        rejected=(pl.col("verdict") == "reject").sum(),
        halted=(pl.col("verdict") == "halt").sum(),
        least_headroom=pl.col("headroom").min(),
    )
    return counted.sort("control").to_dicts()


def _section(title: str, rows: list[list[object]], header: list[str]) -> list[str]:
    if not rows:
        return [f"## {title}", "None."]
    more = f"\n\nand {len(rows) - _LARGEST} more, in the Parquet table." if len(rows) > _LARGEST else ""
    return [f"## {title}", table(header, rows[:_LARGEST]) + more]
