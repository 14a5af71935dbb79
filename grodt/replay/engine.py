"""History through the kernel, session by session: settle, mark, targets, every risk control, orders, fills.

The steps are those of a live cycle and so are the functions: `decide_targets`, `propose`, `assess`, `fill_session`, the corporate
actions of the ledger. Orders decided at a session's close fill in the next session. Where risk halts the book, nothing is ordered in
that session; where it has lost too much (control 28), only reductions are. The halt is kept, and the replay goes on as if people had looked
at it and re-armed the book before the next session: losses are then measured from that session's equity, as live.

Where nobody looks on and no evidence is asked for, everyday sessions are passed by a stretch at a time, to the same result:
`grodt.replay.everyday` says what such a session is.
"""

from collections.abc import Callable, Mapping, Sequence

from grodt.replay.certain import Reach
from grodt.replay.course import KIND, Course, Decision, Halted, Plan, Recorder
from grodt.replay.going import Going
from grodt.replay.history import History
from grodt.replay.passing import Passing
from grodt.replay.strategies import Strategies
from grodt.signals.forecasts import ForecastHistory
from grodt.targets.strategies import Strategy

#: Sessions between two words of progress.
_TOLD = 50

__all__ = ["KIND", "Course", "Decision", "Halted", "Plan", "Recorder", "replay"]


def replay(
    history: History,
    forecasts: ForecastHistory,
    plan: Plan,
    *,
    changes: Mapping[int, Plan] | None = None,
    recorder: Recorder | None = None,
    evidence: bool = False,
    strategies: Sequence[tuple[Strategy, ForecastHistory]] = (),
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Course:
    """Take a book through the sessions of a history.

    Args:
        history: the past.
        forecasts: of its sessions and columns, from `forecast_sessions` over its panel.
        plan: the book.
        changes: by row, the plan that is in force from that session's settlement on, as a live book's is whose configuration is changed
            before that session's cycle: what it holds, owes and has ordered goes on, and the configuration counts as new (control 33).
        recorder: keeps what tables are made of.
        evidence: whether every control's answer is wanted; without it, a basket that passes them at a glance is not asked one by one.
        strategies: of a book of several, with the forecasts of each; `forecasts` are then those of all together, and every session is
            gone through by itself.
        progress: told (sessions done, sessions) now and then.

    Raises:
        DataError: equity is not above zero, a held symbol was never priced, or what the kernel refuses.
        ValueError: forecasts are not of the history's sessions and columns.
    """
    shape = (len(history.sessions), len(history.panel.symbols))
    if forecasts.combined.shape != shape or forecasts.symbols != history.panel.symbols:
        raise ValueError(f"forecasts are of shape {forecasts.combined.shape}; they must be of the history's sessions and columns, {shape}")
    columns = {label: column for column, label in enumerate(history.panel.symbols)}
    several = Strategies([each for each, _ in strategies], [own for _, own in strategies], columns) if strategies else None
    going = Going(history, forecasts, plan, recorder, evidence, several)
    changes = changes or {}
    passing = None if recorder is not None or evidence or strategies else Passing(going, sorted(changes))
    row = told = 0
    while row < shape[0]:
        if row in changes:
            going.change(changes[row])
            if passing is not None:
                passing.change(changes[row])
        going.open(row)
        passed = Reach(0, True) if passing is None else passing.go_on(row)
        row += passed.decided
        if passed.marked:
            going.decide(row)
            row += 1
        if row - told >= _TOLD:
            progress(row, shape[0])
            told = row
    progress(shape[0], shape[0])
    return going.course
