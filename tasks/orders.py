"""orders, approve: the basket with its intents committed, and the word that it may be sent."""

from grodt.execution.judging import Judged
from grodt.ledger.orders import approve_basket, record_basket
from tasks.cycle import Cycle
from tasks.stage import stage


@stage("orders", timeout_seconds=300)
def make_orders(cycle: Cycle, judged: Judged) -> int:
    """Commit the basket and the intent of each of its orders. Rows: orders."""
    basket = judged.basket
    with cycle.parts.ledger.write(cycle.lease) as tx:
        record_basket(tx, basket, cycle.run_id, cycle.parts.now())
    cycle.tell("orders", f"{len(basket.orders)} orders, basket {basket.hash[:12]}")
    return len(basket.orders)


@stage("approve", timeout_seconds=300)
def approve(cycle: Cycle, judged: Judged) -> None:
    """Approve the basket by its hash; automatic for every book until approvals by people come."""
    with cycle.parts.ledger.write(cycle.lease) as tx:
        approve_basket(tx, judged.basket.hash, "automatic", cycle.parts.now())
