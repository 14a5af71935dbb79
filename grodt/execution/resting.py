"""Open orders that are good till cancelled and that tonight's targets no longer want."""

from dataclasses import replace

import numpy as np

from grodt.execution.decision import BookState, Closes
from grodt.ledger.orders import LedgerOrder
from grodt.orders.order import Side
from grodt.targets.quantities import Targets


def unwanted(state: BookState, targets: Targets, closes: Closes) -> tuple[LedgerOrder, ...]:
    """The rests of symbols that are wanted less, or the other way round, than they would bring: all rests of such a symbol.

    What they bring as far as the targets go stays, and the difference is ordered. A symbol without a bar in the session is not decided
    about, and one with an order of unknown outcome cannot be.

    Args:
        state: what is held, and the rests.
        targets: of a session in which the book trades to them.
        closes: of the session.
    """
    place = {symbol: at for at, symbol in enumerate(state.symbols)}
    brings: dict[int, int] = {}
    for each in state.rests:
        at = place[each.order.symbol]
        left = each.order.quantity - each.filled_quantity
        brings[at] = brings.get(at, 0) + (left if each.order.side is Side.BUY else -left)
    decided = (closes.age == 0) & ~state.unknown & ~state.halted
    wanted = targets.quantity - state.position
    over = {at for at, rest in brings.items() if decided[at] and (rest * int(wanted[at]) <= 0 or abs(rest) > abs(int(wanted[at])))}
    return tuple(each for each in state.rests if place[each.order.symbol] in over)


def without(state: BookState, orders: tuple[LedgerOrder, ...]) -> BookState:
    """The state once those of its rests are cancelled."""
    if not orders:
        return state
    buys, sells = state.open_buys.copy(), state.open_sells.copy()
    place = {symbol: at for at, symbol in enumerate(state.symbols)}
    for each in orders:
        side = buys if each.order.side is Side.BUY else sells
        side[place[each.order.symbol]] -= each.order.quantity - each.filled_quantity
    gone = {each.order.client_order_id for each in orders}
    rests = tuple(each for each in state.rests if each.order.client_order_id not in gone)
    return replace(state, open_buys=np.asarray(buys), open_sells=np.asarray(sells), rests=rests)
