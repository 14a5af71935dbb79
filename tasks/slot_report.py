"""report of a slot: show it to people, export it to the lake, close the run; at the session's close, bring the tear sheet up to it."""

from grodt.execution.approving import Answer
from grodt.execution.marking import Marked
from grodt.reports.export import Decided, Exported, close, prepare
from grodt.reports.slot_summary import kept_over_night, slot_summary
from grodt.targets.quantities import Targets
from grodt.telemetry.logs import get_logger
from tasks.artifacts import publish_slot
from tasks.cycle import Cycle
from tasks.report import write_tear_sheet
from tasks.signals import Opinion
from tasks.stage import stage

_log = get_logger("grodt.slots")


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
    not_flat = _not_flat(cycle, marked) if opinion is None else None
    text = slot_summary(cycle.opened, exported, marked, snapshot=cycle.data.id, links=links, basket=answer, not_flat=not_flat)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    if opinion is None:
        write_tear_sheet(cycle)
    publish_slot(cycle.book, exported, text)
    close(parts.ledger, cycle.lease, parts.lake, cycle.opened, exported, parts.now())
    return exported


def _not_flat(cycle: Cycle, marked: Marked) -> str | None:
    """What the close of a book that was to be flat still holds; told to who watches, and logged."""
    flat_by = cycle.parts.config.within.flat_by
    kept = None if flat_by is None else kept_over_night(marked, flat_by)
    if kept is not None:
        _log.warning("not flat at the close", book=cycle.book, session=str(cycle.session), reason=kept)
        cycle.tell("report", kept)
    return kept
