"""What is announced for the days up to the next session that orders do not survive."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

import numpy as np
import polars as pl

from grodt.bars.source import BarSource, TellsActionsAhead
from grodt.errors import ConfigError
from grodt.execution.decision import BookState, StrArray

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Announced:
    """What is announced, and which orders at the broker outlive it as they were written.

    Attributes:
        keeps: their times in force.
        kinds: of the action (split, delisting, symbol_change), by symbol.
    """

    keeps: frozenset[str] = frozenset()
    kinds: Mapping[str, str] = field(default_factory=dict)

    @property
    def withdrawn_in(self) -> frozenset[str]:
        """Symbols in which nothing that is good till cancelled may stand."""
        return frozenset(self.kinds) if "gtc" in self.keeps else frozenset()

    def of_orders(self, symbols: Sequence[str], tif: str) -> StrArray | None:
        """What control 37 is asked of new orders with that time in force: the kind for each symbol, "" for none; None: it is not asked."""
        return np.array([self.kinds.get(symbol, "") for symbol in symbols], dtype=np.str_) if tif in self.keeps else None

    def standing(self, state: BookState) -> frozenset[str]:
        """Symbols in which orders stand that must not."""
        return frozenset(each.order.symbol for each in (*state.rests, *state.legs)) & self.withdrawn_in


def announced_actions(source: BarSource, symbols: Sequence[str], after: date, until: date) -> Mapping[str, str]:
    """Kind of the action (split, delisting, symbol_change) that is announced for each of the symbols; absent where none is.

    Where several are, the first; of one day, a delisting before a split before a change of symbol.

    Args:
        source: who is asked.
        symbols: whose.
        after: the session that is over.
        until: the next one; ex dates up to it count, also those of days between the two.

    Raises:
        ConfigError: the source tells nothing ahead.
        VendorUnavailable, DataError: it did not answer, or not with actions.
    """
    if not symbols:
        return {}
    if not isinstance(source, TellsActionsAhead):
        raise ConfigError(
            f"source {source.name!r} tells no splits before their day, and orders that wait at the broker would stand as they were written "
            "through one; use a source of kind alpaca, files or simulated"
        )
    told = asyncio.run(source.actions_ahead(sorted(symbols), after + _DAY, until))
    changes = told.cast({"kind": pl.String}).filter((pl.col("kind") != "dividend") & pl.col("symbol").is_in(list(symbols)))
    first = changes.sort("ex_date", "kind").unique("symbol", keep="first", maintain_order=True).sort("symbol")
    return dict(zip(first["symbol"].to_list(), first["kind"].to_list(), strict=True))
