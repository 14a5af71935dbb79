"""What sources of minute bars share."""

from collections.abc import Sequence
from datetime import date

import numpy as np
import polars as pl

from grodt.sessions import INSTANT, Calendar


def in_trading_hours(minutes: pl.DataFrame, sessions: Sequence[date], calendar: Calendar) -> pl.DataFrame:
    """Those of the minute bars (RAW_MINUTES) that start in the trading hours of one of the sessions, which are consecutive."""
    if minutes.is_empty() or not sessions:
        return minutes.clear()
    begin, end = calendar.opens_at(sessions[0]), calendar.closes_at(sessions[-1])
    minutes = minutes.filter(pl.col("start").is_between(begin, end, closed="left"))
    starts = minutes["start"].dt.replace_time_zone(None).to_numpy().astype(INSTANT)
    return minutes.filter(pl.Series(~np.isnat(calendar.sessions_of(starts))))
