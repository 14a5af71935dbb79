"""What active halts stop: of the orders that a cycle decides, and of one that is about to be sent or is open at the broker."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from datetime import datetime

import numpy as np

from grodt.errors import HaltActive
from grodt.execution.decision import BookState, IntArray
from grodt.ledger.baskets import older_than_basket
from grodt.ledger.brackets import left_to_close, not_closed
from grodt.ledger.halts import Halt, active, halted_strategies
from grodt.ledger.orders import orders_in
from grodt.ledger.postings import holding
from grodt.ledger.runs import Run
from grodt.ledger.unit import Read
from grodt.orders.order import Order, Side
from grodt.orders.states import IN_FLIGHT, OPEN
from grodt.risk.controls import reduce_only
from grodt.risk.exact import MOST_QUANTITY
from grodt.risk.stops import Stops

_STOPS_BUYS = frozenset({"all", "buys"})
_STOPS_SELLS = frozenset({"all", "sells"})


def stops_of(
    state: BookState, wanted_without: Callable[[frozenset[str]], IntArray], closing: Collection[str] = frozenset()
) -> Stops | None:
    """What the halts of a book's state leave of its orders; None where they stop no part of them.

    A halted strategy is not sold out of, and opens nothing: an order goes out only as far as it is wanted with the strategy and without.
    What a bracket does is no opinion of a strategy: neither legs nor an order in place of one are held to that.

    Args:
        state: the book.
        wanted_without: signed shares that the book would order with the forecasts of those strategies at zero, (N,).
        closing: symbols whose position is given up because a close has passed the price of a leg.
    """
    if not state.halts:
        return None
    stops = Stops.none(len(state.symbols))
    symbols = np.array(state.symbols, dtype=np.str_)
    for each in state.halts:
        if each.scope == "strategy":
            continue
        where = symbols == each.symbol if each.scope == "symbol" else np.ones(len(symbols), dtype=np.bool_)
        if each.side == "buys":
            stops = replace(stops, buyable=np.where(where, 0, stops.buyable))
        elif each.side == "sells":
            stops = replace(stops, sellable=np.where(where, 0, stops.sellable))
        elif each.side == "reduce_only" and each.scope == "symbol":
            stops = replace(stops, reducing=stops.reducing | where)
    strategies = _of_strategies(state.halts)
    buys = frozenset(each.strategy for each in strategies if each.side in _STOPS_BUYS)
    sells = frozenset(each.strategy for each in strategies if each.side in _STOPS_SELLS)
    stops = replace(stops, leg_buyable=stops.buyable, leg_sellable=stops.sellable)
    by_bracket = np.isin(symbols, list(closing))
    if buys:
        room = np.where(by_bracket, MOST_QUANTITY, np.maximum(wanted_without(buys), 0))
        stops = replace(stops, buyable=np.minimum(stops.buyable, room))
    if sells:
        room = np.where(by_bracket, MOST_QUANTITY, np.maximum(-wanted_without(sells), 0))
        stops = replace(stops, sellable=np.minimum(stops.sellable, room))
    return stops


def stopping(
    tx: Read, order: Order, halts: Iterable[Halt], heeded: Collection[int], *, without: Collection[str] = frozenset()
) -> tuple[Halt, ...]:
    """The halts that keep an order from being sent.

    Args:
        tx: the transaction that would mark it as being sent.
        order: not sent yet.
        halts: active ones of its book.
        heeded: numbers of halts of strategies that its basket was decided with (`heeded_by`). A later one stops what is left of it, since
            nobody can tell any more what each strategy wanted of an order.
        without: our ids of open orders that are over before it is sent.
    """
    return tuple(
        each
        for each in halts
        if (each.halt_id not in heeded if each.scope == "strategy" else covers(tx, each, order, open_already=False, without=without))
    )


def heeded_by(tx: Read, run: Run) -> frozenset[int]:
    """Numbers of the halts of strategies that a run's basket was decided with: those that were committed before it.

    `require_heeded` saw to it that it was committed with no other ones; so every one that comes to be known later is younger.
    """
    return older_than_basket(tx, run.run_id, halted_strategies(tx, run.book))


def require_heeded(tx: Read, book: str, decided_with: Iterable[Halt], now: datetime) -> None:
    """Refuse to commit a basket where a strategy was halted after the halts had been read that it was decided with.

    Args:
        tx: the transaction that commits it.
        book: whose.
        decided_with: halts that were active when it was decided.
        now: instant.

    Raises:
        HaltActive: names each of them.
    """
    known = {each.halt_id for each in decided_with}
    if late := [each for each in _of_strategies(active(tx, book, now)) if each.halt_id not in known]:
        raise HaltActive(
            f"book {book}: {'; '.join(map(str, late))}. It came while the basket was being decided, so nothing is ordered; "
            "run the cycle again, which decides with it"
        )


def _of_strategies(halts: Iterable[Halt]) -> list[Halt]:
    return [each for each in halts if each.scope == "strategy"]


def stops_the_rest(each: Halt) -> bool:
    """Whether nothing more of the basket goes out, rather than this order alone. A strategy's halt that stops one is younger than it."""
    return each.whole or each.scope == "strategy"


def covers(tx: Read, halt: Halt, order: Order, *, open_already: bool, without: Collection[str] = frozenset()) -> bool:
    """Whether an order is of the scope and side of a halt. Orders are netted over strategies, so a halt of one covers none.

    Args:
        tx: a transaction.
        halt: an active one of the order's book.
        order: to be sent, or open at the broker.
        open_already: which of the two.
        without: our ids of other open orders that are taken for over.
    """
    if halt.scope == "strategy" or (halt.scope == "symbol" and halt.symbol != order.symbol):
        return False
    if halt.side == "reduce_only":
        return not _reduces(tx, order, open_already=open_already, without=without)
    return halt.side == "all" or (halt.side == "buys") == (order.side is Side.BUY)


def _reduces(tx: Read, order: Order, *, open_already: bool, without: Collection[str]) -> bool:
    """Whether an order brings what is held, other open orders of its side done, towards zero and not past it."""
    held = holding(tx, order.book, order.symbol).quantity
    beside = [each for each in orders_in(tx, order.book, OPEN | IN_FLIGHT) if each.order.symbol == order.symbol]
    itself = [each for each in beside if each.order.client_order_id == order.client_order_id]
    filled = sum(each.filled_quantity for each in itself) + sum(not_closed(tx, itself).values()) if open_already else 0
    left: int = order.quantity - filled
    others = [
        each for each in beside if each.order.group != order.group and each.order.client_order_id not in without
    ]  # both legs of a bracket bring what one of them does
    buys, sells = (left_to_close([each for each in others if each.order.side is side]) for side in (Side.BUY, Side.SELL))
    signed = left if order.side is Side.BUY else -left
    answer = reduce_only(np.array([signed]), np.array([held - sells]), np.array([held + buys]))
    return bool(answer.passed[0])
