"""open: take the book's lease and start, or take up, the cycle's run."""

from prefect import runtime

import grodt
from grodt.execution.opening import Opened, Opening, open_cycle
from grodt.ledger.breaks import open_breaks
from grodt.ledger.limits import differences
from grodt.telemetry.logs import get_logger
from tasks.code import code_hash
from tasks.cycle import Cycle
from tasks.stage import stage
from tasks.wiring import is_alive, process_name

_log = get_logger("grodt.limits")
_breaks_log = get_logger("grodt.breaks")


@stage("open", timeout_seconds=300)
def open_run(cycle: Cycle) -> int:
    """Take the book's lease and open the run; 0 rows when the cycle is done already, 1 when it is to be run."""
    parts = cycle.parts
    _alert_overdue_breaks(cycle)
    opening = Opening(
        book=cycle.book,
        kind=cycle.kind,
        session=cycle.session,
        calendar=parts.calendar,
        capital=parts.config.capital_micros,
        currency="USD",
        config_hash=parts.config_hash,
        code_version=grodt.__version__,
        code_hash=code_hash([each.identity for each in parts.config.all_signals if each.identity is not None]),
        limits=parts.config.limits,
        flow_run_id=str(runtime.flow_run.id or ""),
        holder=process_name(),
        slot=cycle.slot,
        shares={each.name: each.share for each in parts.config.strategies},
    )
    opened: Opened = open_cycle(parts.ledger, parts.broker, opening, now=parts.now, sleep=cycle.sleep, is_alive=is_alive)
    cycle.take(opened)
    for each in differences(parts.config.limits, parts.limits().limits):
        _log.warning("a limit in force is not that of the books file", limit=str(each))
    return 0 if opened.done else 1


def _alert_overdue_breaks(cycle: Cycle) -> None:
    """Tell of breaks that nobody has ended in time, each cycle anew, also in a book that is halted because of them."""
    limit, now = cycle.parts.config.break_age_days, cycle.parts.now()
    with cycle.parts.ledger.read() as tx:
        overdue = [each for each in open_breaks(tx, cycle.book) if each.is_overdue(limit, now)]
    for each in overdue:
        what, owner = " ".join(filter(None, (each.difference.kind, each.difference.symbol))), each.owner or "nobody"
        days = each.age(now).days
        _breaks_log.warning(
            "a break is overdue", book=cycle.book, number=each.break_id, what=what, days=days, limit_days=limit, owner=owner
        )
        cycle.tell(
            "open", f"break {each.break_id}, {what}, is open for {days} days, and {limit} are allowed; it is {owner}'s: grodt breaks"
        )
