"""What a basket would change: the book now and after it, what that costs, and which checks are close to their limit.

Computed once, when people are asked, and kept with the request: the command line, the Prefect UI and the report show the same figures.
After means: with every order filled at its reference price, those that still work from before included; legs of brackets, which wait at
their prices, aside.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from grodt.bars.market import TradingFigures
from grodt.brokers.fills import FillTerms, fill_session
from grodt.money import Micros
from grodt.orders.order import Order, Side
from grodt.risk.controls import DUPLICATE_INTENT

#: A check is close to its limit where less than this share of the limit is left.
NEAR = 0.1
#: Most checks that are kept; the rest are counted, and stand in the evidence.
MOST_CHECKS = 50


@dataclass(frozen=True, slots=True)
class PositionChange:
    """One symbol.

    Attributes:
        symbol: ticker.
        now, working, order, after: shares held, in open orders of before, in the basket's order, and all of them; signed.
        price: reference, micros.
        value: of `after`, micros.
        weight: value over equity.
    """

    symbol: str
    now: int
    working: int
    order: int
    after: int
    price: int
    value: int
    weight: float


@dataclass(frozen=True, slots=True)
class CloseCheck:
    """An evaluation that did not pass, or passed with little left; None where a number could not be computed."""

    control: int
    name: str
    symbol: str
    value: float | None
    limit: float | None
    headroom: float | None
    verdict: str
    reason: str


@dataclass(frozen=True, slots=True)
class Changes:
    """A book now and after a basket. Amounts in micros.

    Attributes:
        equity: at the mark.
        value: of the basket's orders.
        cash_now, cash_after: the cost is taken off.
        gross_now, gross_after: Σ |value| of positions.
        net_now, net_after: Σ value.
        cost: what it is expected to cost by the broker's terms: slippage, impact and commission.
        positions: those that change, and those held; largest order first, then largest position.
        checks: those that did not pass, then those with least of their limit left.
        more_checks: how many more of these there are.
    """

    equity: int
    value: int
    cash_now: int
    cash_after: int
    gross_now: int
    gross_after: int
    net_now: int
    net_after: int
    cost: int
    positions: tuple[PositionChange, ...]
    checks: tuple[CloseCheck, ...]
    more_checks: int

    def plain(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)

    @classmethod
    def read(cls, content: Mapping[str, Any]) -> "Changes":
        """From what `plain` made."""
        positions = tuple(PositionChange(**each) for each in content["positions"])
        return cls(**{**content, "positions": positions, "checks": tuple(CloseCheck(**each) for each in content["checks"])})


def changes_of(
    orders: Sequence[Order],
    *,
    symbols: Sequence[str],
    position: NDArray[np.int64],
    working: NDArray[np.int64],
    price: NDArray[np.int64],
    equity: int,
    cash: int,
    cost: Micros,
    evidence: pl.DataFrame,
) -> Changes:
    """What these orders would change.

    Args:
        orders: of the basket.
        symbols: of the arrays, (N,).
        position, working: shares held and in open orders, signed, (N,).
        price: micros, (N,).
        equity, cash: micros; equity above zero.
        cost: of `expected_cost`.
        evidence: `risk_checks` of the decision.
    """
    trades = [order for order in orders if not order.is_leg]  # legs change nothing before the market comes to them
    signed: dict[str, int] = {}
    for order in trades:
        signed[order.symbol] = signed.get(order.symbol, 0) + (order.quantity if order.side is Side.BUY else -order.quantity)
    rows = []
    for symbol, now, open_, at in zip(symbols, position.tolist(), working.tolist(), price.tolist(), strict=True):
        ordered = signed.get(symbol, 0)
        after = now + open_ + ordered
        if now or open_ or ordered:
            rows.append(PositionChange(symbol, now, open_, ordered, after, at, after * at, after * at / equity))
    rows.sort(key=lambda each: (-abs(each.order * each.price), -abs(each.value), each.symbol))
    checks = _close(evidence)
    return Changes(
        equity=equity,
        value=sum(order.quantity * order.reference_price for order in trades),
        cash_now=cash,
        cash_after=cash - sum((each.order + each.working) * each.price for each in rows) - cost,
        gross_now=sum(abs(each.now * each.price) for each in rows),
        gross_after=sum(abs(each.value) for each in rows),
        net_now=sum(each.now * each.price for each in rows),
        net_after=sum(each.value for each in rows),
        cost=cost,
        positions=tuple(rows),
        checks=checks[:MOST_CHECKS],
        more_checks=max(len(checks) - MOST_CHECKS, 0),
    )


def expected_cost(orders: Sequence[Order], terms: FillTerms, figures: Mapping[str, TradingFigures]) -> Micros:
    """What the orders are expected to cost, in micros: what their fills lose to slippage and impact, and commission.

    Every order is taken to fill whole, whatever share of a session's volume the terms allow. One that would not fill because its symbol
    trades nothing costs nothing.

    Args:
        orders: of a basket.
        terms: of its broker.
        figures: by symbol, where the terms have an impact.
    """
    orders = [order for order in orders if not order.is_leg]
    quantity = np.array([order.quantity if order.side is Side.BUY else -order.quantity for order in orders], dtype=np.int64)
    price = np.array([order.reference_price for order in orders], dtype=np.int64)
    known = [figures.get(order.symbol, TradingFigures(0.0, 0.0)) for order in orders]
    filled = fill_session(
        quantity,
        price,
        replace(terms, participation=None),
        average_value=np.array([each.average_value for each in known], dtype=np.float64),
        volatility=np.array([each.volatility for each in known], dtype=np.float64),
    )
    lost = (filled.quantity * (filled.price - price) + filled.commission)[filled.quantity != 0]
    return Micros(int(lost.sum()))


def _close(evidence: pl.DataFrame) -> tuple[CloseCheck, ...]:
    left = pl.col("headroom") / pl.col("limit").abs()
    failed = pl.col("verdict") != "pass"
    # 18 counts the order itself, so a pass is at its limit always.
    near = (pl.col("limit") != 0) & (left < NEAR) & (pl.col("control") != DUPLICATE_INTENT.number)
    found = evidence.filter((failed | near).fill_null(value=True)).sort(
        failed.not_(), pl.when(failed).then(0.0).otherwise(left), "control", "symbol", maintain_order=True
    )
    return tuple(
        CloseCheck(**row) for row in found.select("control", "name", "symbol", "value", "limit", "headroom", "verdict", "reason").to_dicts()
    )
