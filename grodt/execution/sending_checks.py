"""What the controls that are asked before each send come to over a whole basket: one row each, where they came closest to their limit."""

from collections.abc import Iterator

import numpy as np

from grodt.execution.throttle import Throttle
from grodt.execution.windows import Windows
from grodt.ledger.halts import last_armed
from grodt.ledger.runs import Run
from grodt.ledger.sent import messages_of
from grodt.ledger.unit import Read
from grodt.orders.basket import Basket
from grodt.orders.states import OrderState
from grodt.risk.check import Check, worst
from grodt.risk.controls import parent_quantity


def checks_of_sending(tx: Read, run: Run, basket: Basket, throttle: Throttle, windows: Windows) -> Iterator[Check]:
    """Controls 19, 20, 22 and 27 of what was sent of a basket, in every attempt at it; nothing where nothing was.

    All of it is counted from the ledger, so that a run which was killed and taken up again says what one that was not would have said.
    """
    orders = {order.client_order_id: order for order in basket.orders}
    messages = [each for each in messages_of(tx, run.run_id) if each.client_order_id in orders]
    sent = [each for each in messages if each.sent]
    if not sent:
        return
    quantity = np.array([orders[each.client_order_id].quantity for each in sent])
    children = parent_quantity(np.zeros_like(quantity), quantity, quantity)  # what had filled before it was sent is a failure, and not here
    window = windows.asked([(orders[each.client_order_id], each.at) for each in sent])
    armed = last_armed(tx, run.book)
    since = [each for each in messages if armed is None or each.at > armed]
    answers = (each.state is OrderState.REJECTED for each in since if not each.sent)
    for asked in (children, window):
        yield Check.of(asked, scope="basket", at=worst(asked))
    for asked in throttle.of_all([each.at for each in since if each.sent], answers):
        yield Check.of(asked, scope="book")
