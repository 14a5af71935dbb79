"""report: show the run to people, export it to the lake, close it."""

from grodt.execution.marking import Marked
from grodt.reports.export import Decided, Exported, close, prepare
from grodt.reports.summary import summary
from grodt.targets.quantities import Targets
from tasks.artifacts import publish
from tasks.cycle import Cycle
from tasks.signals import Opinion
from tasks.stage import stage


@stage("report", timeout_seconds=900)
def report(cycle: Cycle, marked: Marked, opinion: Opinion, targets: Targets) -> Exported:
    """Leave the run's report and artifacts, write its tables and close it, in this order: what is closed has been shown. Rows: exported."""
    parts = cycle.parts
    decided = Decided(marked.mark, dict(marked.holdings), dict(marked.closes), opinion.forecasts, targets, opinion.judged)
    exported = prepare(parts.ledger, cycle.opened, decided, parts.now())
    file = parts.where.report_file(cycle.book, cycle.session)
    links = {"Parquet": str(parts.where.lake), "Ledger": str(parts.where.ledger_file), "Report": str(file)}
    text = summary(cycle.book, exported, snapshot=cycle.data.id, links=links)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    publish(cycle.book, exported, text)
    close(parts.ledger, cycle.lease, parts.lake, cycle.opened, exported, parts.now())
    return exported
