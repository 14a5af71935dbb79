"""What intraday signals read off a panel of minute bars."""

import numpy as np
from numpy.typing import NDArray

from grodt.errors import ConfigError
from grodt.signals.indicators import first_row, listings, session_vwap
from grodt.signals.panel import FloatArray, Panel

_IntArray = NDArray[np.int64]


def require_minutes(name: str, panel: Panel) -> None:
    """Refuse a panel whose rows are sessions.

    Raises:
        ConfigError: names the signal.
    """
    if panel.ends is None:
        raise ConfigError(
            f"signal {name} reads bars of a session and this panel's rows are sessions; an end-of-day book cannot have it: take it out"
        )


def bars_into_session(panel: Panel, last: int) -> _IntArray:
    """How many rows of their session lie before each of the last rows, (last, 1): 0 for a session's first."""
    rows = np.arange(first_row(panel, last), len(panel.sessions), dtype=np.int64)
    starts = panel.starts
    return (rows - starts[np.searchsorted(starts, rows, side="right") - 1])[:, None]


def deviation_from_vwap(panel: Panel) -> FloatArray:
    """Close over the session's volume-weighted average price so far, less 1, (T, N).

    Both are of one session, so no split lies between them and raw prices do. NaN where there is no bar, and until something has
    been traded in the session.
    """
    prices = (panel.raw("high"), panel.raw("low"), panel.close, panel.raw("volume"))
    deviation = session_vwap(*prices, panel.starts, listings(panel))
    np.divide(panel.close, deviation, out=deviation)
    deviation -= 1.0
    return deviation
