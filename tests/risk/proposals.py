"""Proposals for tests: everything in order unless a test says otherwise."""

from collections.abc import Sequence
from datetime import date
from typing import Any

import numpy as np

from grodt.risk.assess import Proposal
from grodt.risk.limits import Limits

SESSION = date(2026, 11, 20)
USD = 1_000_000

#: Wide enough that nothing binds in a proposal of some thousand dollars.
WIDE: dict[str, Any] = {
    "order_quantity": 10_000,
    "order_value": 1_000_000.0,
    "price_age": 1,
    "symbol_weight": 1.0,
    "gross_exposure": 2.0,
    "basket_value": 10.0,
    "cash_buffer": 0.01,
    "completeness": 0.9,
}


def limits(**changed: Any) -> Limits:
    """Wide limits with some changed."""
    return Limits(**{**WIDE, **changed})


def proposal(wanted: Sequence[int], **changed: Any) -> Proposal:
    """Orders in S0, S1, …: flat, at 10 USD, in a book of 100,000 USD with all its bars. Lists become arrays; prices are USD."""
    count = len(wanted)
    integers = {"wanted": list(wanted), "position": [0] * count, "working": [0] * count, "price_age": [0] * count, "lot": [1] * count}
    flags = {"shortable": [False] * count, "intended": [False] * count}
    prices = changed.pop("price", [10.0] * count)
    arrays: dict[str, Any] = {name: np.array(changed.pop(name, default), dtype=np.int64) for name, default in integers.items()}
    arrays |= {name: np.array(changed.pop(name, default), dtype=np.bool_) for name, default in flags.items()}
    rest: dict[str, Any] = {
        "equity": 100_000 * USD,
        "buying_power": 100_000 * USD,
        "bars_expected": 100,
        "bars_present": 100,
        "last_session_fresh": True,
        "active_halts": 0,
        "open_breaks": 0,
    }
    return Proposal(
        book="demo",
        session=SESSION,
        run_id="demo-eod-2026-11-20",
        symbols=tuple(f"S{place:0{len(str(max(count - 1, 0)))}d}" for place in range(count)),
        price=np.array([round(price * USD) for price in prices], dtype=np.int64),
        **arrays,
        **{**rest, **changed},
    )
