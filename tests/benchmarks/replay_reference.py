"""The strategy under the conventions of other engines: says how much of a difference in final equity each convention is.

An engine's final equity is explained where this gives the same under the engine's conventions. Written to be read, not to be fast.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from tests.benchmarks.replay_strategy import COST, Array, Outcome, Panel, decision_rows, top_decile, whole_shares


@dataclass(frozen=True, slots=True)
class Conventions:
    """What engines differ in. The defaults are the benchmark's and the floor's.

    Attributes:
        shares: *whole targets*: the target is rounded down. *whole orders*: the order is rounded towards zero. *nearest orders*: to the
            nearest whole number. *fractional*: nothing is rounded.
        sized_at: the prices that equity and targets are computed at: the decision's close, or the open that fills.
        cash: *borrowed*: fills are whole, at no interest. *cut*: sells first, then buys from the smallest to the largest, cut to the cash
            that is left. *before*: GRODT's control 15: at the decision, from the largest to the smallest, a buy that costs more at the
            close than what is left of the cash at hand is refused; sales of the same basket do not count. *refused*: sells first, then
            buys by column; one that costs more than the cash that is left is not filled at all.
        commission_in_cents: each fill's commission is rounded to the cent, halves up, as a float times a hundred is.
        cost_in_price: the cost is part of each fill's price, rounded half-even to a hundredth of a cent, as GRODT's slippage is.
        locked_counts: what is held and has no bar at the decision counts towards the share of equity that is held, so the rest is less.
        prices: *single*: prices are kept in 32 bits.
    """

    shares: Literal["whole targets", "whole orders", "nearest orders", "fractional"] = "whole targets"
    sized_at: Literal["close", "open"] = "close"
    cash: Literal["borrowed", "cut", "before", "refused"] = "borrowed"
    commission_in_cents: bool = False
    cost_in_price: bool = False
    locked_counts: bool = False
    prices: Literal["double", "single"] = "double"


def prepare(panel: Panel, rebalanced: str, conventions: Conventions | None = None) -> Callable[[], Outcome]:
    """The reference under those conventions, as a contestant."""
    conventions = conventions or Conventions()
    return lambda: replay(panel, rebalanced, conventions)


def replay(panel: Panel, rebalanced: str, conventions: Conventions) -> Outcome:
    """Replay under those conventions."""
    opens, closes, last = (_kept(prices, conventions) for prices in (panel.open, panel.close, panel.last))
    kept = Panel(panel.sessions, opens, closes, closes if panel.whole else last, panel.invested)
    cash, shares, fills = panel.capital, np.zeros(closes.shape[1]), 0
    for row in decision_rows(panel.sessions, rebalanced):
        if row + 1 == len(closes):
            break
        top = top_decile(kept, int(row))
        sizing = (closes if conventions.sized_at == "close" else opens)[row + (conventions.sized_at == "open")]
        valued = np.where(shares != 0.0, shares * np.where(np.isnan(sizing), last[row], sizing), 0.0)
        equity = cash + valued.sum()
        invested = panel.invested
        if conventions.locked_counts and len(top):
            invested = min(invested, invested - float(valued[np.isnan(closes[row])].sum()) / equity)
        order = _orders(shares, sizing, top, float(equity), invested, conventions)
        order[np.isnan(closes[row]) | np.isnan(order)] = 0.0
        if conventions.cash == "before":
            order = _affordable(order, sizing, cash)
        order[np.isnan(opens[row + 1])] = 0.0
        filled = _within_cash(order, opens[row + 1], valued, len(top), invested * float(equity), cash, conventions)
        value = np.where(filled != 0.0, filled * opens[row + 1], 0.0)
        commission = np.abs(value) * COST
        if conventions.commission_in_cents:
            commission = np.floor(np.rint(np.abs(value) * 100) * (COST * 1e4) / 1e6 * 100 + 0.5) / 100
        if conventions.cost_in_price:
            commission = np.abs(filled) * np.abs(_with_cost(opens[row + 1], np.sign(filled)) - opens[row + 1])
            commission[filled == 0.0] = 0.0
        cash -= float(value.sum() + commission.sum())
        shares += filled
        fills += int(np.count_nonzero(filled))
    return Outcome(cash + float(np.nansum(shares * last[-1])), fills)


def _kept(prices: Array, conventions: Conventions) -> Array:
    return prices.astype(np.float32).astype(np.float64) if conventions.prices == "single" else prices


def _orders(shares: Array, price: Array, top: Array, equity: float, invested: float, conventions: Conventions) -> Array:
    wanted = np.zeros(len(shares))
    if len(top):
        whole = conventions.shares == "whole targets"
        wanted[top] = whole_shares(invested * equity / len(top), price[top]) if whole else invested / len(top) * equity / price[top]
    order = wanted - shares
    match conventions.shares:
        case "whole orders":
            return np.trunc(order)
        case "nearest orders":
            return np.rint(order)
        case _:
            return order


def _with_cost(price: Array, side: Array) -> Array:
    """Price of a fill in hundredths of a cent, half-even, from whole cents; exact in integers."""
    parts = np.rint(np.nan_to_num(price) * 100).astype(np.int64) * (10_000 + np.rint(COST * 10_000 * side).astype(np.int64))
    whole, rest = np.divmod(parts, 100)  # of a hundredth of a cent
    up = (2 * rest > 100) | ((2 * rest == 100) & (whole % 2 == 1))
    return (whole + up) / 10_000


def _affordable(order: Array, price: Array, cash: float) -> Array:
    """Without the buys that the cash at hand, less a ten-thousandth, does not pay for; all in whole micros."""
    allowed = order.copy()
    left = np.floor(np.rint(cash * 1e6) * (1 - 1e-4))
    buys = np.flatnonzero(order > 0.0)
    cost = order * np.rint(price * 1e6)
    for column in buys[np.argsort(-cost[buys], kind="stable")]:
        if cost[column] > left:
            allowed[column] = 0.0
        else:
            left -= cost[column]
    return allowed


def _within_cash(order: Array, price: Array, valued: Array, chosen: int, equity: float, cash: float, conventions: Conventions) -> Array:
    if conventions.cash in ("borrowed", "before"):
        return order
    filled = np.minimum(order, 0.0)
    sold = np.where(filled != 0.0, filled * price, 0.0)
    left = cash - float(sold.sum()) - COST * float(np.abs(sold).sum())
    buys = np.flatnonzero(order > 0.0)
    if conventions.cash == "cut":
        buys = buys[np.argsort(equity / max(chosen, 1) - valued[buys], kind="stable")]
    for column in buys:
        size = order[column]
        cost = size * price[column] * (1.0 + COST)
        if cost > left:
            size = left / (1.0 + COST) / price[column] if conventions.cash == "cut" else 0.0
            if conventions.shares != "fractional":
                size = np.floor(size)
            size = max(size, 0.0)
        filled[column] = size
        left -= size * price[column] * (1.0 + COST)
    return filled
