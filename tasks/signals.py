"""signals: every signal of the book, in the session's last row of history."""

from dataclasses import dataclass

import numpy as np

from grodt.execution.decision import BookState, book_state
from grodt.execution.history import read_panel
from grodt.execution.marking import Marked
from grodt.signals.forecasts import Forecasts, forecast_session
from grodt.signals.panel import Panel
from tasks.cycle import Cycle
from tasks.stage import stage


@dataclass(frozen=True, slots=True, eq=False)
class Opinion:
    """What the signals said, of which book and history."""

    state: BookState
    panel: Panel
    forecasts: Forecasts

    @property
    def rows(self) -> int:
        """Symbols with a forecast."""
        return int(np.count_nonzero(~np.isnan(self.forecasts.combined)))


@stage("signals", timeout_seconds=900)
def compute_signals(cycle: Cycle, marked: Marked) -> Opinion:
    """Read the history of universe and holdings and compute every signal at the session's close. Rows: symbols with a forecast."""
    parts = cycle.parts
    with parts.ledger.read() as tx:
        state = book_state(tx, cycle.opened, marked.mark, parts.universe(cycle.session))
    panel = read_panel(parts.lake, cycle.data, parts.config.source, parts.calendar, cycle.session, state.symbols)
    return Opinion(state, panel, forecast_session(panel, parts.config.weighted_signals()))
