"""Prices of total return by their logs, in which a doubling and a halving are alike."""

import numpy as np

from grodt.signals.indicators import first_row, steps
from grodt.signals.panel import FloatArray, Panel


def growth_between(panel: Panel, lookback: int, skip: int, last: int) -> FloatArray:
    """Log total return from the close of session t − lookback to that of session t − skip, in the last `last` sessions, (last, N).

    Sessions are counted, not bars: over a gap the last price holds. NaN where there is no bar at t, or the listing had none yet at
    t − lookback.

    Args:
        panel: history.
        lookback: sessions back to the start, at least 1.
        skip: sessions back to the end, below `lookback`.
        last: how many sessions are wanted.

    Raises:
        ValueError: the panel has fewer sessions, or none is asked for.
    """
    start, width = first_row(panel, last), len(panel.symbols)
    total = np.zeros(width)  # log total return since the panel's first session
    ring = np.zeros((lookback + 1, width))  # its last values; row t stands at t mod (lookback + 1)
    listed_at = np.full(width, len(panel.sessions), dtype=np.int32)
    growth = np.empty((last, width))
    growth[: max(0, lookback - start)] = np.nan
    for step in steps(panel):
        if step.any_listed:
            listed_at[step.listed] = step.row
        total += step.gain
        ring[step.row % len(ring)] = total
        if step.row >= max(start, lookback):
            out = growth[step.row - start]
            np.subtract(ring[(step.row - skip) % len(ring)], ring[(step.row + 1) % len(ring)], out=out)
            np.copyto(out, np.nan, where=~step.barred | (listed_at > step.row - lookback))
    return growth


def simple_return(growth: FloatArray) -> FloatArray:
    """exp(growth) − 1 in the place of a log return; row by row, so the same vectors whatever number of sessions is asked for."""
    for row in growth:
        np.expm1(row, out=row)
    return growth


def log_price(panel: Panel) -> FloatArray:
    """Log of the total-return price, (T, N), NaN where there is no bar; equal prices have equal logs."""
    out = np.empty(panel.close.shape)
    for row, today in zip(out, panel.adjusted(), strict=True):  # row by row: the same vectors whatever number of sessions there is
        np.log(today, out=row)
    return out
