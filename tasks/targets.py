"""targets: forecasts to weights to whole lots."""

from grodt.execution.decision import decide_targets
from grodt.ledger.runs import done_before
from grodt.targets.quantities import Targets
from grodt.targets.rebalancing import rebalances
from tasks.cycle import Cycle
from tasks.signals import Opinion
from tasks.stage import stage


@stage("targets", timeout_seconds=300)
def compute_targets(cycle: Cycle, opinion: Opinion) -> Targets:
    """Weights from the forecasts, quantities from the weights. Rows: symbols wanted."""
    construction = cycle.parts.config.construction
    with cycle.parts.ledger.read() as tx:
        due = rebalances(construction.rebalance, cycle.session, done_before(tx, cycle.opened))
    targets = decide_targets(opinion.closes, opinion.forecasts, opinion.state, construction, rebalances=due)
    cycle.tell(
        "targets", f"{targets.rows} symbols wanted" + ("" if due else f"; quantities are kept until the next {construction.rebalance}")
    )
    return targets
