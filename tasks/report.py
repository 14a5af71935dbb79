"""report: show the run to people, export it to the lake, close it."""

from grodt.execution.approving import Answer
from grodt.execution.marking import Marked
from grodt.replay.book import record_of_book
from grodt.replay.tear_sheet import tear_sheet
from grodt.reports.export import Decided, Exported, close, prepare
from grodt.reports.summary import summary
from grodt.targets.quantities import Targets
from tasks.artifacts import publish
from tasks.cycle import Cycle
from tasks.signals import Opinion
from tasks.stage import stage


@stage("report", timeout_seconds=900)
def report(cycle: Cycle, marked: Marked, opinion: Opinion, targets: Targets, answer: Answer) -> Exported:
    """Leave the run's report and artifacts, write its tables and close it, in this order: what is closed has been shown. Rows: exported."""
    parts = cycle.parts
    decided = Decided(marked.mark, dict(marked.holdings), dict(marked.closes), opinion.forecasts, targets, opinion.judged)
    exported = prepare(parts.ledger, cycle.opened, decided, parts.now())
    file = parts.where.report_file(cycle.book, cycle.session)
    sheet = parts.where.tear_sheet_file(cycle.book)
    links = {"Parquet": str(parts.where.lake), "Ledger": parts.where.ledger_name, "Report": str(file), "Tear sheet": str(sheet)}
    text = summary(cycle.book, exported, snapshot=cycle.data.id, links=links, basket=answer)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    write_tear_sheet(cycle)
    publish(cycle.book, exported, text)
    close(parts.ledger, cycle.lease, parts.lake, cycle.opened, exported, parts.now())
    return exported


def write_tear_sheet(cycle: Cycle) -> None:
    """Bring the book's tear sheet up to this session."""
    parts = cycle.parts
    with parts.ledger.read() as tx:
        record = record_of_book(
            tx,
            parts.lake,
            cycle.data,
            source=parts.config.source,
            book=cycle.book,
            session=cycle.session,
            sessions_per_year=parts.calendar.sessions_per_year(cycle.session),
        )
    if record is not None:
        tear_sheet(record, parts.where.tear_sheet_file(cycle.book))
