"""Evidence of regimes: rows of table `regimes`, a log line, and the reason in words."""

from collections.abc import Sequence
from datetime import date

import numpy as np
import polars as pl

from grodt.lake.tables import TABLES
from grodt.signals.gating import Gates, name_of
from grodt.signals.panel import BoolArray

#: The symbol of the market's row.
MARKET = ""


def regimes_frame(book: str, session: date, run_id: str, gates: Gates) -> pl.DataFrame:
    """One row for the market and one per symbol."""
    count = 1 + len(gates.symbols)
    off = np.concatenate([gates.market_off[:, None], gates.off], axis=1)
    forces = [gates.market_in_force, *gates.in_force.tolist()]
    return pl.DataFrame(
        {
            "book": [book] * count,
            "session": [session] * count,
            "symbol": [MARKET, *gates.symbols],
            "regime": [name_of(label) for label in (gates.market, *gates.label.tolist())],
            "confidence": pl.Series([gates.market_confidence, *gates.confidence.tolist()], dtype=pl.Float64).fill_nan(None),
            "in_force": [name_of(force) for force in forces],
            "override": [gates.override] * count,
            "switched_off": [", ".join(_names(gates.signals, closed)) for closed in off.T],
            "reason": [reason(gates, force) if gates.override or closed.any() else "" for force, closed in zip(forces, off.T, strict=True)],
            "run_id": [run_id] * count,
        },
        schema=TABLES["regimes"].create_empty().schema,
        strict=True,
    )


def reason(gates: Gates, in_force: int) -> str:
    """Why signals are off where that regime is in force: "override", or whose regime is what."""
    if gates.override:
        return "override"
    regime = name_of(in_force)
    return f"{gates.scope} is {regime}" if regime is not None else f"regime of the {gates.scope} is not known"


def facts(gates: Gates) -> dict[str, object]:
    """What a log line says: the market's regime, what is in force, and by signal that is off anywhere, in how many symbols."""
    by_symbol = gates.scope == "symbol" and not gates.override
    return {
        "regime": name_of(gates.market),
        "confidence": None if np.isnan(gates.market_confidence) else round(gates.market_confidence, 4),
        "switched_off": gates.counts,
        "symbols": len(gates.symbols),
        "reason": "regime of each symbol" if by_symbol else reason(gates, gates.market_in_force),
    }


def _names(signals: Sequence[str], closed: BoolArray) -> list[str]:
    return [name for name, off in zip(signals, closed.tolist(), strict=True) if off]
