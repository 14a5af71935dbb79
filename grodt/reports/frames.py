"""What a run exports: one frame per table of the lake, built from the ledger and from the kernel's arrays."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import numpy as np
import polars as pl
from numpy.typing import NDArray

from grodt.lake.tables import TABLES
from grodt.ledger.fills import BookedFill
from grodt.ledger.marks import Mark
from grodt.ledger.orders import LedgerOrder
from grodt.ledger.postings import Holding
from grodt.ledger.runs import Run
from grodt.ledger.valuation import Close
from grodt.money import decimal, divide_half_even, units
from grodt.reports.figures import Figures
from grodt.signals.forecasts import Forecasts
from grodt.targets.quantities import Targets
from grodt.targets.universe import Eligibility


@dataclass(frozen=True, slots=True)
class Cycle:
    """What every exported row carries."""

    book: str
    session: date
    run_id: str


def _typed(table: str, columns: Mapping[str, object]) -> pl.DataFrame:
    schema = TABLES[table].create_empty().schema
    return pl.DataFrame(columns, schema=schema, strict=True)


def _nan_to_null(values: NDArray[np.float64]) -> pl.Series:
    return pl.Series(np.asarray(values, dtype=np.float64)).fill_nan(None)


def signals_frame(cycle: Cycle, forecasts: Forecasts) -> pl.DataFrame:
    """One row per symbol and signal: value and forecast, null where history is too short."""
    symbols = forecasts.symbols
    count = len(symbols)
    names = [name for name in forecasts.signals for _ in range(count)]
    return _typed(
        "signals",
        {
            "book": [cycle.book] * len(names),
            "session": [cycle.session] * len(names),
            "symbol": list(symbols) * len(forecasts.signals),
            "signal": names,
            "value": _nan_to_null(forecasts.value.reshape(-1)),
            "forecast": _nan_to_null(forecasts.forecast.reshape(-1)),
            "run_id": [cycle.run_id] * len(names),
        },
    )


def targets_frame(cycle: Cycle, forecasts: Forecasts, targets: Targets) -> pl.DataFrame:
    """One row per symbol: forecast, volatility, weight and quantities."""
    count = len(targets.symbols)
    return _typed(
        "targets",
        {
            "book": [cycle.book] * count,
            "session": [cycle.session] * count,
            "symbol": list(targets.symbols),
            "forecast": _nan_to_null(forecasts.combined),
            "volatility": _nan_to_null(forecasts.volatility),
            "target_weight": targets.weight,
            "current_quantity": targets.current,
            "target_quantity": targets.quantity,
            "reference_price": _nan_to_null(targets.price),
            "run_id": [cycle.run_id] * count,
        },
    )


def universe_frame(cycle: Cycle, instruments: Sequence[str], judged: Eligibility) -> pl.DataFrame:
    """One row per candidate and holding: what the universe rules said; `instruments` by id, in the same order."""
    count = len(judged.symbols)
    return _typed(
        "universe",
        {
            "book": [cycle.book] * count,
            "session": [cycle.session] * count,
            "symbol": list(judged.symbols),
            "instrument": list(instruments),
            "eligible": judged.eligible,
            "reason": list(judged.reason),
            "price": _nan_to_null(judged.price),
            "age": judged.age,
            "dollar_volume": _nan_to_null(judged.dollar_volume),
            "run_id": [cycle.run_id] * count,
        },
    )


def orders_frame(book: str, orders: Sequence[LedgerOrder]) -> pl.DataFrame:
    """Orders with the state they have reached."""
    mean = [order.average_fill_price for order in orders]
    return _typed(
        "orders",
        {
            "client_order_id": [o.order.client_order_id for o in orders],
            "book": [book] * len(orders),
            "session": [o.order.session for o in orders],
            "symbol": [o.order.symbol for o in orders],
            "side": [str(o.order.side) for o in orders],
            "quantity": [o.order.quantity for o in orders],
            "order_type": [o.order.order_type for o in orders],
            "time_in_force": [o.order.time_in_force for o in orders],
            "reference_price": [decimal(o.order.reference_price) for o in orders],
            "order_price": [None if o.order.price is None else decimal(o.order.price) for o in orders],
            "state": [str(o.state) for o in orders],
            "filled_quantity": [o.filled_quantity for o in orders],
            "average_fill_price": [None if price is None else decimal(price) for price in mean],
            "venue_order_id": [o.venue_order_id or None for o in orders],
            "reason": [o.reason for o in orders],
            "basket_hash": [o.basket_hash for o in orders],
            "run_id": [o.run_id for o in orders],
            "role": [o.order.role or None for o in orders],
            "protects": [o.order.protects or None for o in orders],
            "other_leg": [o.order.other or None for o in orders],
        },
    )


def fills_frame(book: str, fills: Sequence[BookedFill]) -> pl.DataFrame:
    """Fills as booked, each with the run that booked it."""
    return _typed(
        "fills",
        {
            "execution_id": [b.fill.execution_id for b in fills],
            "client_order_id": [b.fill.client_order_id for b in fills],
            "book": [book] * len(fills),
            "session": [b.fill.session for b in fills],
            "symbol": [b.fill.symbol for b in fills],
            "side": [str(b.fill.side) for b in fills],
            "quantity": [b.fill.quantity for b in fills],
            "price": [decimal(b.fill.price) for b in fills],
            "notional": [decimal(b.fill.notional) for b in fills],
            "commission": [decimal(b.fill.commission) for b in fills],
            "filled_at": [b.fill.filled_at for b in fills],
            "run_id": [b.run_id for b in fills],
        },
    )


def positions_frame(cycle: Cycle, holdings: Mapping[str, Holding], closes: Mapping[str, Close], equity: int) -> pl.DataFrame:
    """Holdings valued at the last close known; `equity` in micros."""
    symbols = sorted(holdings)
    values = [holdings[s].quantity * closes[s].price for s in symbols]
    return _typed(
        "positions",
        {
            "book": [cycle.book] * len(symbols),
            "session": [cycle.session] * len(symbols),
            "symbol": symbols,
            "quantity": [holdings[s].quantity for s in symbols],
            "cost": [decimal(holdings[s].cost) for s in symbols],
            "average_cost": [decimal(_per_share(holdings[s])) for s in symbols],
            "price": [units(closes[s].price) for s in symbols],
            "price_session": [closes[s].session for s in symbols],
            "market_value": [decimal(value) for value in values],
            "unrealised_profit": [decimal(value - holdings[s].cost) for s, value in zip(symbols, values, strict=True)],
            "weight": [value / equity for value in values],
            "run_id": [cycle.run_id] * len(symbols),
        },
    )


def _per_share(holding: Holding) -> int:
    sign = -1 if holding.quantity < 0 else 1
    return divide_half_even(sign * holding.cost, sign * holding.quantity)


def equity_frame(mark: Mark, run_id: str) -> pl.DataFrame:
    """The book's mark, one row."""
    return _typed(
        "equity",
        {
            "book": [mark.book],
            "session": [mark.session],
            "cash": [decimal(mark.cash)],
            "receivable": [decimal(mark.receivable)],
            "positions_value": [decimal(mark.positions_value)],
            "equity": [decimal(mark.equity)],
            "gross_exposure": [mark.gross],
            "net_exposure": [mark.net],
            "high_water_mark": [decimal(mark.high_water_mark)],
            "drawdown": [mark.drawdown],
            "profit": [decimal(mark.profit)],
            "run_id": [run_id],
        },
    )


def runs_frame(run: Run, outcome: str, figures: Figures, closed_at: datetime) -> pl.DataFrame:
    """The cycle itself, one row."""
    return _typed(
        "runs",
        {
            "run_id": [run.run_id],
            "book": [run.book],
            "kind": [run.kind],
            "session": [run.session],
            "outcome": [outcome],
            "attempts": [run.attempts],
            "opened_at": [run.opened_at],
            "closed_at": [closed_at],
            "snapshot": [f"v{run.snapshot_version}-{(run.snapshot_digest or '')[:12]}"],
            "config_hash": [run.config_hash],
            "code_version": [run.code_version],
            "bars": [figures.bars],
            "quarantined": [figures.quarantined],
            "signals": [figures.signals],
            "orders": [figures.orders],
            "fills": [figures.fills],
            "positions": [figures.positions],
            "equity": [None if figures.equity is None else decimal(figures.equity)],
            "breaks": [figures.breaks],
        },
    )
