"""targets: forecasts to weights to whole lots."""

from grodt.execution.decision import decide_targets
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
    cycle.tell(
        "targets", f"{targets.rows} symbols wanted" + ("" if due else f"; quantities are kept until the next {construction.rebalance}")
    )
    return targets


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
