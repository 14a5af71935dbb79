"""signals: every signal of the book, in the session's last row of history."""

from dataclasses import dataclass

import numpy as np

from grodt.bars.history import read_listings
from grodt.execution.decision import BookState, Closes, book_state, closes_of, restricted
from grodt.execution.history import read_panel, read_turnover
from grodt.execution.marking import Marked
from grodt.execution.slot_decision import SlotBasis
from grodt.execution.strategies import StrategyState, merged, strategy_state
from grodt.signals.forecasts import Forecasts, fields_of, forecast_session
from grodt.signals.gate_evidence import facts
from grodt.signals.gating import Gates
from grodt.signals.panel import Panel
from grodt.signals.warm_up import require_history
from grodt.targets.universe import Eligibility, UniverseRules, judge
from grodt.telemetry.logs import get_logger
from tasks.cycle import Cycle
from tasks.stage import stage

_log = get_logger("grodt.regimes")


@dataclass(frozen=True, slots=True, eq=False)
class Opinion:
    """What the signals said, of which book at which closes.

    Attributes:
        state: the book; in its universe is what the book's rules leave of the candidates.
        judged: what the rules said, and the instruments' ids in the order of its symbols; None for a book without rules.
        basis: what targets of a slot rest on beside these; None at the end of a day.
        strategies: the forecasts of each and what each holds, of a book of several; None: it is one.
    """

    state: BookState
    closes: Closes
    forecasts: Forecasts
    judged: tuple[Eligibility, tuple[str, ...]] | None = None
    basis: SlotBasis | None = None
    strategies: tuple[tuple[Forecasts, ...], StrategyState] | None = None

    @property
    def rows(self) -> int:
        """Symbols with a forecast."""
        return int(np.count_nonzero(~np.isnan(self.forecasts.combined)))


@stage("signals", timeout_seconds=900)
def compute_signals(cycle: Cycle, marked: Marked) -> Opinion:
    """Read the history of universe and holdings and compute every signal at the session's close. Rows: symbols with a forecast."""
    parts = cycle.parts
    with parts.ledger.read() as tx:
        universe, carries = parts.universe(cycle.session), parts.advance is not None  # what a real one has left is over, or `gtc`
        state = book_state(tx, cycle.opened, marked.mark, universe, parts.now(), carries=carries)
    specs, gating, rules = parts.config.weighted_signals(), parts.config.gating(), parts.config.universe.rules
    place = (parts.lake, cycle.data, parts.config.source, parts.calendar, cycle.session)
    panel = read_panel(*place, state.symbols, fields_of(specs, gating))
    require_history(panel, [signal for signal, _ in specs])
    judged = None if rules is None else judge_universe(cycle, rules, panel, state)
    if judged is not None:
        cycle.tell("signals", f"{np.count_nonzero(judged[0].eligible)} of {np.count_nonzero(state.in_universe)} candidates may be traded")
        state = restricted(state, judged[0])
    panel = panel.of_members(state.in_universe[None])
    if gating is not None:
        gating.require_history(f"book {cycle.book} session {cycle.session}", len(panel.sessions))
    several = parts.config.several()
    if several:
        each = tuple(forecast_session(panel, of) for _, of in several)
        named = [strategy for strategy, _ in several]
        with parts.ledger.read() as tx:
            held = strategy_state(tx, cycle.opened, state, [strategy.name for strategy in named])
        return Opinion(state, closes_of(panel), merged(named, each), judged, strategies=(each, held))
    forecasts = forecast_session(panel, specs, gating=gating)
    if forecasts.gates is not None:
        tell_regime(cycle, forecasts.gates)
    return Opinion(state, closes_of(panel), forecasts, judged)


def tell_regime(cycle: Cycle, gates: Gates) -> None:
    """Log the market's regime and what is switched off, with the reason."""
    said = facts(gates)
    _log.info("regime", **said)
    off = ", ".join(f"{name} in {count} of {said['symbols']} symbols" for name, count in gates.counts.items()) or "no signal"
    cycle.tell("signals", f"market {said['regime'] or 'of unknown regime'}; off: {off} ({said['reason']})")


def judge_universe(cycle: Cycle, rules: UniverseRules, panel: Panel, state: BookState) -> tuple[Eligibility, tuple[str, ...]]:
    """What the book's rules say of its candidates, and the id of each one's instrument."""
    parts = cycle.parts
    place = (parts.lake, cycle.data, parts.config.source)
    turnover = read_turnover(*place, parts.calendar, cycle.session, state.symbols, rules.window) if rules.needs_turnover else None
    listings = read_listings(*place)
    return judge(rules, panel, state.in_universe, turnover), tuple(listings.instrument(s, cycle.session) for s in state.symbols)
