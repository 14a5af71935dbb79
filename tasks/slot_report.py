"""report of a slot: show it to people, export it to the lake, close the run; at the session's close, bring the tear sheet up to it."""

from grodt.execution.approving import Answer
from grodt.execution.marking import Marked
from grodt.reports.export import Decided, Exported, close, prepare
from grodt.reports.slot_summary import slot_summary
from grodt.targets.quantities import Targets
from tasks.artifacts import publish_slot
from tasks.cycle import Cycle
from tasks.report import write_tear_sheet
from tasks.signals import Opinion
from tasks.stage import stage


@stage("report", timeout_seconds=900)
def report_slot(
    cycle: Cycle, marked: Marked, opinion: Opinion | None = None, targets: Targets | None = None, answer: Answer | None = None
) -> Exported:
    """Leave the slot's report and artifact, write its tables and close the run. Without an opinion, it is the close. Rows: exported."""
    parts = cycle.parts
    forecasts = None if opinion is None else opinion.forecasts
    decided = Decided(marked.mark, dict(marked.holdings), dict(marked.closes), forecasts, targets)
    exported = prepare(parts.ledger, cycle.opened, decided, parts.now())
    file = parts.where.report_file(cycle.book, cycle.session, cycle.within.name)
    links = {"Parquet": str(parts.where.lake), "Ledger": parts.where.ledger_name, "Report": str(file)}
    text = slot_summary(cycle.opened, exported, marked, snapshot=cycle.data.id, links=links, basket=answer)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    if opinion is None:
        write_tear_sheet(cycle)
    publish_slot(cycle.book, exported, text)
    close(parts.ledger, cycle.lease, parts.lake, cycle.opened, exported, parts.now())
    return exported
