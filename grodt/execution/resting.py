"""Open orders that are good till cancelled and that tonight's decision no longer wants: what it would not order so, or not so much."""

from collections.abc import Collection
from dataclasses import replace

import numpy as np

from grodt.execution.decision import BookState, Closes
from grodt.ledger.orders import LedgerOrder
from grodt.orders.order import Side
from grodt.orders.terms import OrderTerms
from grodt.targets.quantities import Targets


def unwanted(
    state: BookState, targets: Targets, closes: Closes, terms: OrderTerms, *, trades: bool, closing: Collection[str] = ()
) -> tuple[LedgerOrder, ...]:
    """All rests of symbols that are wanted less, or the other way round, than they would bring, or of which one is none of the book's kind.

    What they bring as far as the targets go stays, and the difference is ordered. One of a kind that the book sends no more, as a limit of
    before it sent market orders, is none that tonight's decision would send: it may never fill, and would stand in for what does. A symbol
    without a bar in the session is not decided about, and one with an order of unknown outcome cannot be.

    Args:
        state: what is held, and the rests.
        targets: of the session.
        closes: of the session.
        terms: what the book's orders are.
        trades: whether the book trades to the targets in this session, rather than keep what it has.
        closing: symbols whose position is given up whether it does or not.
    """
    place = {symbol: at for at, symbol in enumerate(state.symbols)}
    brings: dict[int, int] = {}
    for each in state.rests:
        at = place[each.order.symbol]
        left = each.order.quantity - each.filled_quantity
        brings[at] = brings.get(at, 0) + (left if each.order.side is Side.BUY else -left)
    decided = (closes.age == 0) & ~state.unknown & ~state.halted
    wanted = targets.quantity - state.position
    counts = {at: trades or state.symbols[at] in closing for at in brings}
    over = {at for at, rest in brings.items() if counts[at] and (rest * int(wanted[at]) <= 0 or abs(rest) > abs(int(wanted[at])))}
    own = terms.type, terms.tif
    over |= {place[each.order.symbol] for each in state.rests if (each.order.order_type, each.order.time_in_force) != own}
    return tuple(each for each in state.rests if decided[at := place[each.order.symbol]] and at in over)


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
