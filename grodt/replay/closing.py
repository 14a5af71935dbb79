"""The tables of a replay that are known at its end: orders, fills, equity, runs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import numpy as np
import polars as pl
from numpy.typing import NDArray

from grodt.money import divide_half_even
from grodt.orders.states import OrderState
from grodt.replay.columns import money
from grodt.replay.engine import Course
from grodt.replay.frames import Frames
from grodt.replay.working import Reached

_STATES = {
    Reached.ACCEPTED: OrderState.ACCEPTED,
    Reached.PARTIALLY_FILLED: OrderState.PARTIALLY_FILLED,
    Reached.FILLED: OrderState.FILLED,
    Reached.CANCELLED: OrderState.CANCELLED,
    Reached.EXPIRED: OrderState.EXPIRED,
    Reached.REJECTED: OrderState.REJECTED,
    Reached.WITHDRAWN: OrderState.CANCELLED,
}


#: As the paper broker words them.
_REASONS = {
    Reached.EXPIRED: "no trade in session",
    Reached.CANCELLED: "corporate action",
    Reached.REJECTED: "refused by the paper broker: not covered by cash or shares",
}


@dataclass(frozen=True, slots=True)
class Identity:
    """What rows say of the replay they are from.

    Attributes:
        snapshot: id of the data it read.
        config_hash: of the book's configuration.
        code_version: of GRODT.
        opens_at, closes_at: instants of a session; fills are stamped with one of them.
    """

    snapshot: str
    config_hash: str
    code_version: str
    opens_at: Callable[[date], datetime]
    closes_at: Callable[[date], datetime]


def orders_frame(frames: Frames, course: Course, ids: Sequence[str]) -> pl.DataFrame:
    """Every order with the state it reached. `ids`: of all of them, from `Frames.order_ids`."""
    batches = course.orders.batches
    none = np.zeros(0, dtype=np.int64)
    row = np.concatenate([none, *(np.full(len(batch.columns), batch.row) for batch in batches)])
    column, quantity, reference, state, filled, notional = (
        np.concatenate([none, *(getattr(batch, name) for batch in batches)])
        for name in ("columns", "quantity", "reference", "state", "filled", "notional")
    )
    average = np.array([_mean(each, shares) for each, shares in zip(notional.tolist(), filled.tolist(), strict=True)], dtype=np.int64)
    states = np.array([str(_STATES[Reached(code)]) for code in range(len(Reached))])
    reasons = np.array([_REASONS.get(Reached(code), "") for code in range(len(Reached))])
    reason = np.where((state == Reached.EXPIRED) & (filled > 0), "the rest did not fill", reasons[state]).tolist()
    begin = 0
    for batch in batches:
        for place, by in batch.withdrawn.items():
            reason[begin + place] = f"withdrawn by {frames.run_id(frames.history.sessions[by])}"
        begin += len(batch.columns)
    return frames.frame(
        row,
        {
            "client_order_id": ids,
            "symbol": frames.tickers(row, column),
            "side": np.where(quantity > 0, "buy", "sell"),
            "quantity": np.abs(quantity),
            "order_type": pl.repeat("market", len(row), eager=True, dtype=pl.String),
            "time_in_force": pl.repeat("opg", len(row), eager=True, dtype=pl.String),
            "reference_price": money(reference),
            "order_price": money(reference, np.zeros(len(row), dtype=np.bool_)),
            "state": states[state],
            "filled_quantity": filled,
            "average_fill_price": money(average, filled > 0),
            "venue_order_id": pl.repeat(None, len(row), eager=True, dtype=pl.String),
            "reason": pl.Series(reason, dtype=pl.String),
            "basket_hash": pl.repeat("", len(row), eager=True, dtype=pl.String),
            # of brackets, which a replay refuses
            **{name: pl.repeat(None, len(row), eager=True, dtype=pl.String) for name in ("role", "protects", "other_leg")},
        },
    )


def traded_frame(frames: Frames, course: Course) -> pl.DataFrame:
    """Every fill without ids and instants: what statistics read."""
    fills = course.orders.filled
    none = np.zeros(0, dtype=np.int64)
    row = np.concatenate([none, *(np.full(len(each.places), each.row) for each in fills)])
    column, quantity, price, commission = (
        np.concatenate([none, *(getattr(each, name) for each in fills)]) for name in ("columns", "quantity", "price", "commission")
    )
    return frames.frame(
        row,
        {
            "symbol": frames.tickers(row, column),
            "side": np.where(quantity > 0, "buy", "sell"),
            "quantity": np.abs(quantity),
            "price": money(price),
            "notional": money(np.abs(quantity) * price),
            "commission": money(commission),
        },
    )


def fills_frame(frames: Frames, course: Course, identity: Identity, ids: Sequence[str]) -> pl.DataFrame:
    """Every fill. `ids`: of all orders, from `Frames.order_ids`."""
    fills, begin = course.orders.filled, 0
    of_batch: dict[int, int] = {}  # where its orders begin
    for batch in course.orders.batches:
        of_batch[id(batch)], begin = begin, begin + len(batch.columns)
    of_orders = [ids[of_batch[id(each.batch)] + place] for each in fills for place in each.places.tolist()]
    executions: dict[str, int] = {}
    numbered = []
    for one in of_orders:
        executions[one] = executions.get(one, 0) + 1
        numbered.append(f"{one}-{executions[one]}")
    at = identity.opens_at if course.plan.terms.fill_at == "open" else identity.closes_at
    instants = {session: at(session) for session in frames.history.sessions}
    stamps = pl.Series([instants[session] for session in frames.history.sessions], dtype=pl.Datetime("us", "UTC"))
    row = np.concatenate([np.zeros(0, dtype=np.int64), *(np.full(len(each.places), each.row) for each in fills)])
    return traded_frame(frames, course).with_columns(
        pl.Series("execution_id", numbered, dtype=pl.String),
        pl.Series("client_order_id", of_orders, dtype=pl.String),
        stamps.gather(row).alias("filled_at"),
    )


def equity_frame(frames: Frames, course: Course) -> pl.DataFrame:
    """The book at each close."""
    equity = course.equity
    high = np.maximum.accumulate(equity)
    before = np.concatenate(([int(course.plan.capital)], equity[:-1]))
    return frames.frame(
        np.arange(len(equity)),
        {
            "cash": money(course.cash),
            "receivable": money(course.receivable),
            "positions_value": money(course.positions_value),
            "equity": money(equity),
            "gross_exposure": course.gross,
            "net_exposure": course.net,
            "high_water_mark": money(high),
            "drawdown": equity / high - 1,
            "profit": money(equity - before),
        },
    )


def runs_frame(frames: Frames, course: Course, identity: Identity, signals: NDArray[np.int64]) -> pl.DataFrame:
    """One row for each session."""
    count = len(frames.history.sessions)
    closes = pl.Series([identity.closes_at(session) for session in frames.history.sessions], dtype=pl.Datetime("us", "UTC"))
    halted = {each.session for each in course.halts if each.side == "all"}

    def counted(rows: list[tuple[int, int]]) -> NDArray[np.int64]:
        out = np.zeros(count, dtype=np.int64)
        for row, number in rows:
            out[row] += number
        return out

    return frames.frame(
        np.arange(count),
        {
            "kind": pl.repeat("replay", count, eager=True, dtype=pl.String),
            "outcome": ["halted" if session in halted else "done" for session in frames.history.sessions],
            "attempts": np.ones(count, dtype=np.int64),
            "opened_at": closes,
            "closed_at": closes,
            "snapshot": pl.repeat(identity.snapshot, count, eager=True, dtype=pl.String),
            "config_hash": pl.repeat(identity.config_hash, count, eager=True, dtype=pl.String),
            "code_version": pl.repeat(identity.code_version, count, eager=True, dtype=pl.String),
            "bars": np.count_nonzero(frames.history.close > 0, axis=1).astype(np.int64),
            "quarantined": np.zeros(count, dtype=np.int64),
            "signals": signals,
            "orders": counted([(batch.row, len(batch.columns)) for batch in course.orders.batches]),
            "fills": counted([(each.row, len(each.places)) for each in course.orders.filled]),
            "positions": course.held,
            "equity": money(course.equity),
            "breaks": np.zeros(count, dtype=np.int64),
        },
    )


def _mean(notional: int, shares: int) -> int:
    """Mean price of the fills, half-even to a micro; 0 before one."""
    return divide_half_even(notional, shares) if shares else 0
