"""targets: forecasts to weights to whole lots."""

from grodt.execution.decision import decide_targets
from grodt.targets.quantities import Targets
from tasks.cycle import Cycle
from tasks.signals import Opinion
from tasks.stage import stage


@stage("targets", timeout_seconds=300)
def compute_targets(cycle: Cycle, opinion: Opinion) -> Targets:
    """Weights from the forecasts, quantities from the weights. Rows: symbols wanted."""
    targets = decide_targets(opinion.closes, opinion.forecasts, opinion.state, cycle.parts.config.construction)
    cycle.tell("targets", f"{targets.rows} symbols wanted")
    return targets
