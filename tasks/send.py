"""send: one order after the other, their intents committed first."""

from grodt.execution.send import send
from grodt.execution.windows import Windows
from tasks.cycle import Cycle
from tasks.stage import stage


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
    return sent.orders
