"""targets: forecasts to weights to whole lots."""

from grodt.brokers.protocol import AttachesLegs, RefusesOpposite, TakesPairs
from grodt.execution.brackets import Brackets, brackets_of
from grodt.execution.decision import BookState, Closes, decide_targets
from grodt.execution.strategies import StrategyTargets, decide_strategies
from grodt.ledger.runs import done_before
from grodt.targets.quantities import Targets
from grodt.targets.rebalancing import rebalances
from tasks.cycle import Cycle
from tasks.signals import Opinion
from tasks.stage import stage


@stage("targets", timeout_seconds=300)
def compute_targets(cycle: Cycle, opinion: Opinion) -> Targets:
    """Weights from the forecasts, quantities from the weights. Rows: symbols wanted."""
    if opinion.strategies is not None:
        targets = targets_of_strategies(cycle, opinion).targets
        cycle.tell("targets", f"{targets.rows} symbols wanted by {len(cycle.parts.config.strategies)} strategies")
        return targets
    construction = cycle.parts.config.construction
    with cycle.parts.ledger.read() as tx:
        due = rebalances(construction.rebalance, cycle.session, done_before(tx, cycle.opened))
    targets = decide_targets(opinion.closes, opinion.forecasts, opinion.state, construction, rebalances=due)
    brackets = bracket_positions(cycle, opinion.state, opinion.closes)
    passed = {} if brackets is None else brackets.passed(opinion.closes)
    if brackets is not None and passed:
        targets = brackets.closed(targets, passed)
    kept = "" if due else f"; quantities are kept until the next {construction.rebalance}"
    closed = f"; {', '.join(passed)} given up, past a leg of its bracket" if passed else ""
    cycle.tell("targets", f"{targets.rows} symbols wanted{kept}{closed}")
    return targets


def bracket_positions(cycle: Cycle, state: BookState, closes: Closes) -> Brackets | None:
    """The brackets of the cycle's book; None where it has none and no leg is open."""
    parts, terms = cycle.parts, cycle.parts.config.order.bracket
    if terms is None and not state.legs:
        return None
    cool_off = 0 if terms is None else terms.cool_off_sessions
    with parts.ledger.read() as tx:
        return brackets_of(
            tx,
            cycle.book,
            state,
            closes,
            terms,
            sessions=parts.calendar.latest(cycle.session, cool_off) if cool_off else (),
            pairs=isinstance(parts.broker, TakesPairs),
            refuses_opposite=isinstance(parts.broker, RefusesOpposite),
            attaches=isinstance(parts.broker, AttachesLegs),
        )


def trades_to_targets(cycle: Cycle) -> bool:
    """Whether the book, and each of its strategies, trades to its targets in this session rather than keep what it has."""
    config = cycle.parts.config
    named = [strategy.construction for strategy, _ in config.several()] or [config.construction]
    with cycle.parts.ledger.read() as tx:
        before = done_before(tx, cycle.opened)
    return all(rebalances(each.rebalance, cycle.session, before) for each in named)


def targets_of_strategies(cycle: Cycle, opinion: Opinion) -> StrategyTargets:
    """Targets of a book of several strategies, with what is whose.

    Raises:
        ValueError: it is one.
    """
    if opinion.strategies is None:
        raise ValueError(f"book {cycle.book} has no strategies beside each other")
    forecasts, held = opinion.strategies
    named = [strategy for strategy, _ in cycle.parts.config.several()]
    with cycle.parts.ledger.read() as tx:
        before = done_before(tx, cycle.opened)
    due = [rebalances(strategy.construction.rebalance, cycle.session, before) for strategy in named]
    return decide_strategies(named, forecasts, due, held=held, state=opinion.state, closes=opinion.closes)
