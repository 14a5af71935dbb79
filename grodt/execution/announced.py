"""What is announced for the days up to the next session that orders do not survive."""

import asyncio
from collections.abc import Sequence
from datetime import date, timedelta

import polars as pl

from grodt.bars.source import BarSource, TellsActionsAhead
from grodt.errors import ConfigError

_DAY = timedelta(days=1)


def changing(source: BarSource, symbols: Sequence[str], after: date, until: date) -> frozenset[str]:
    """Those of the symbols that a split, a delisting or a change of symbol is announced for.

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
        return frozenset()
    if not isinstance(source, TellsActionsAhead):
        raise ConfigError(
            f"source {source.name!r} tells no splits before their day, and what rests at the broker would stand at old prices through one; "
            "use a source of kind alpaca or files, or take order.bracket out"
        )
    told = asyncio.run(source.actions_ahead(sorted(symbols), after + _DAY, until))
    return frozenset(told.filter(pl.col("kind").cast(pl.String) != "dividend")["symbol"].to_list()) & set(symbols)
