"""Open orders that work on and that tonight's decision no longer wants: what it would not order so, or not so much."""

from collections.abc import Collection
from dataclasses import replace

import numpy as np

from grodt.execution.decision import BookState, BoolArray, Closes, IntArray
from grodt.ledger.orders import LedgerOrder
from grodt.orders.brackets import opened_by
from grodt.orders.order import Side
from grodt.orders.terms import OrderTerms
from grodt.targets.quantities import Targets


def unwanted(
    state: BookState,
    targets: Targets,
    closes: Closes,
    terms: OrderTerms,
    *,
    trades: bool,
    closing: Collection[str] = (),
    cooling: BoolArray | None = None,
) -> tuple[LedgerOrder, ...]:
    """All rests of symbols that are wanted less, or the other way round, than they would bring, or of which one is none of the book's kind.

    What they bring as far as the targets go stays, and the difference is ordered. One of a kind that the book sends no more, as a limit of
    before it sent market orders, is none that tonight's decision would send: it may never fill, and would stand in for what does. Nor is
    one that opens or adds to a position where a leg of a bracket has filled lately, whatever the targets say: control 35 would refuse it. A
    symbol without a bar in the session is not decided about, and one with an order of unknown outcome cannot be.

    Args:
        state: what is held, and the rests.
        targets: of the session.
        closes: of the session.
        terms: what the book's orders are.
        trades: whether the book trades to the targets in this session, rather than keep what it has.
        closing: symbols whose position is given up whether it does or not.
        cooling: where a leg of a bracket has filled so lately that nothing is added, (N,); None: nowhere.
    """
    place = {symbol: at for at, symbol in enumerate(state.symbols)}
    brings, has = np.zeros(len(place), dtype=np.int64), np.zeros(len(place), dtype=np.bool_)
    for each in state.rests:
        at = place[each.order.symbol]
        left = each.order.quantity - each.filled_quantity
        brings[at] += left if each.order.side is Side.BUY else -left
        has[at] = True
    given_up = np.array([symbol in closing for symbol in state.symbols], dtype=np.bool_)
    over = has & bring_too_much(brings, state, targets, trades=trades, given_up=given_up)
    if cooling is not None:
        for at in np.flatnonzero(has & cooling).tolist():
            over[at] |= opened_by(int(brings[at]), int(state.position[at])) > 0
    own = terms.type, terms.tif
    for each in state.rests:
        over[place[each.order.symbol]] |= (each.order.order_type, each.order.time_in_force) != own
    over &= (closes.age == 0) & ~state.unknown & ~state.halted
    return tuple(each for each in state.rests if over[place[each.order.symbol]])


def bring_too_much(brings: IntArray, state: BookState, targets: Targets, *, trades: bool, given_up: BoolArray | None = None) -> BoolArray:
    """Where orders that work on would bring more than is wanted, or the other side of it, (N,).

    Args:
        brings: signed shares that they have not filled.
        state: what is held.
        targets: of the session.
        trades: whether the book trades to them; where it does not, what has left its universe is sold all the same.
        given_up: where a position is given up in any case, (N,); None: nowhere.
    """
    wanted = targets.quantity - state.position
    counts = ~state.in_universe if not trades else np.ones_like(state.in_universe)
    if given_up is not None:
        counts |= given_up
    return np.asarray(counts & ((np.sign(brings) * np.sign(wanted) <= 0) | (np.abs(brings) > np.abs(wanted))))


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
