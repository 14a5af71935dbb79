"""send: one order after the other, their intents committed first."""

from grodt.execution.send import send
from grodt.execution.windows import Windows
from grodt.telemetry.logs import get_logger
from tasks.cycle import Cycle
from tasks.stage import stage

_log = get_logger("grodt.send")


@stage("send", timeout_seconds=1800)
def send_orders(cycle: Cycle) -> int:
    """Send what the approved basket still has to send. Rows: orders in it."""
    parts = cycle.parts

    def progress(done: int, total: int) -> None:
        if done % max(1, total // 10) == 0 or done == total:
            cycle.tell("send", f"{done:,} of {total:,} orders")

    sent = send(
        parts.ledger,
        cycle.lease,
        parts.broker,
        cycle.opened,
        file=parts.config.limits,
        windows=Windows(parts.calendar, parts.hours, cycle.slot, cycle.opened.opened_at),
        now=parts.now,
        sleep=cycle.sleep,
        progress=progress,
    )
    if sent.cancelled or sent.rejected:
        _log.warning(
            "orders that did not go out", book=cycle.book, session=str(cycle.session), not_sent=sent.cancelled, rejected=sent.rejected
        )
    return sent.orders
