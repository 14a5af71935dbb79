"""risk: every control, with evidence."""

from grodt.execution.decision import propose
from grodt.execution.history import read_volume
from grodt.execution.judging import Judged, judge
from grodt.targets.quantities import Targets
from tasks.cycle import Cycle
from tasks.kinds import END_OF_DAY
from tasks.signals import Opinion
from tasks.stage import stage


@stage("risk", timeout_seconds=300)
def check_risk(cycle: Cycle, opinion: Opinion, targets: Targets) -> Judged:
    """Ask every control about the orders that lead to the targets and commit the evidence. Rows: evaluations.

    A run whose basket is committed has been judged: its evidence stands.
    """
    parts = cycle.parts
    state = opinion.state
    volume = read_volume(parts.lake, cycle.data, parts.config.source, parts.calendar, cycle.session, state.symbols)
    identity = (cycle.book, cycle.session, cycle.run_id)
    proposal = propose(*identity, opinion.closes, opinion.forecasts, targets, state, volume, cycle.completed)
    judged = judge(parts.ledger, cycle.lease, proposal, parts.config.limits, kind=END_OF_DAY, attempt=cycle.attempt, now=parts.now())
    cycle.tell("risk", f"{judged.rows} checks, {len(judged.basket.orders)} orders approved")
    return judged
