"""Proposals for tests: everything in order unless a test says otherwise."""

from collections.abc import Sequence
from datetime import date
from typing import Any

import numpy as np
import polars as pl

from grodt.risk.assess import Assessment, Proposal
from grodt.risk.limits import Limits

SESSION = date(2026, 11, 20)
USD = 1_000_000

#: Wide enough that nothing binds in a proposal of some thousand dollars.
WIDE: dict[str, Any] = {
    "order_quantity": 10_000,
    "order_value": 1_000_000.0,
    "volume_share": 1.0,
    "collar": 0.1,
    "collar_sigmas": 5.0,
    "price_age": 1,
    "symbol_position": 1_000_000,
    "symbol_weight": 1.0,
    "group_weight": {},
    "gross_exposure": 2.0,
    "net_exposure": 2.0,
    "basket_value": 10.0,
    "turnover": 10.0,
    "cash_buffer": 0.01,
    "restricted": (),
    "completeness": 0.9,
    "weights_sum": 2.0,
    "volatility_low": 0.05,
    "volatility_high": 1.0,
    "return_high": 0.2,
    "daily_loss": 0.1,
    "drawdown": 0.3,
    "armed_cycles": 100,
    "new_cycles": 3,
    "new_share": 0.5,
    "cycle_messages": 1_000,
    "minute_messages": 1_000,
    "rejects_in_a_row": 5,
    "slippage": 0.1,
    "slippages_in_a_row": 3,
}


def limits(**changed: Any) -> Limits:
    """Wide limits with some changed."""
    return Limits(**{**WIDE, **changed})


#: One number for every symbol, unless a test says otherwise.
INTEGERS = {"position": 0, "open_buys": 0, "open_sells": 0, "price_age": 0, "lot": 1, "tick": 10_000, "volume": 20_000_000, "group": -1}
FLOATS = {"weight": 0.0, "volatility": 0.25, "log_return": 0.01}
FLAGS = ("shortable", "intended", "untradable", "unknown")
ONCE: dict[str, Any] = {
    "groups": (),
    "equity": 100_000 * USD,
    "buying_power": 100_000 * USD,
    "bars_expected": 100,
    "bars_present": 100,
    "last_session_fresh": True,
    "active_halts": 0,
    "open_breaks": 0,
    "reduce_only": 0,
    "cycles_traded": 10,
    "cycles_unchanged": 10,
    "first_basket": False,
}


def symbols_of(count: int) -> tuple[str, ...]:
    """S0, S1, … with as many digits as the last one has."""
    return tuple(f"S{place:0{len(str(max(count - 1, 0)))}d}" for place in range(count))


def proposal(wanted: Sequence[int], **changed: Any) -> Proposal:
    """Orders in S0, S1, …: flat, at 10 USD, in a book of 100,000 USD with all its bars. Lists become arrays; prices are USD.

    `working`, signed shares, is split into open buys and open sells. `limit_price`, in USD, has None where an order has none. Equity
    was the same before and never higher, unless said otherwise.
    """
    count = len(wanted)
    working = changed.pop("working", None)
    if working is not None:
        changed |= {"open_buys": [max(one, 0) for one in working], "open_sells": [max(-one, 0) for one in working]}
    prices = changed.pop("price", [10.0] * count)
    carried = changed.pop("limit_price", [None] * count)
    arrays: dict[str, Any] = {"wanted": np.array(list(wanted), dtype=np.int64)}
    arrays |= {name: np.array(changed.pop(name, [default] * count), dtype=np.int64) for name, default in INTEGERS.items()}
    arrays |= {name: np.array(changed.pop(name, [default] * count), dtype=np.float64) for name, default in FLOATS.items()}
    arrays |= {name: np.array(changed.pop(name, [False] * count), dtype=np.bool_) for name in FLAGS}
    rest = {**ONCE, **changed}
    rest.setdefault("previous_equity", rest["equity"])
    rest.setdefault("high_water_mark", rest["equity"])
    return Proposal(
        book="demo",
        session=SESSION,
        run_id="demo-eod-2026-11-20",
        symbols=symbols_of(count),
        price=np.array([round(price * USD) for price in prices], dtype=np.int64),
        priced=np.array([one is not None for one in carried], dtype=np.bool_),
        limit_price=np.array([0 if one is None else round(one * USD) for one in carried], dtype=np.int64),
        **arrays,
        **rest,
    )


def verdicts(found: Assessment, control: int) -> dict[str, str]:
    """Verdict of a control by symbol ("" for book and basket)."""
    rows = found.evidence.filter(pl.col("control") == control)
    return dict(zip(rows["symbol"], rows["verdict"], strict=True))


def row(found: Assessment, control: int, symbol: str = "") -> dict[str, Any]:
    """The one row of a control for a symbol."""
    return found.evidence.row(by_predicate=(pl.col("control") == control) & (pl.col("symbol") == symbol), named=True)
