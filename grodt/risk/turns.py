"""Cumulative limits: orders that open or add to a position take what room a basket leaves, one after the other.

All orders are added up at once; only from the first that does not fit are they taken one at a time.
"""

from dataclasses import dataclass, field, replace

import numpy as np

from grodt.risk.exact import NOTHING, BoolArray, ExactArray, IntArray, roomy, values


@dataclass(frozen=True, slots=True, eq=False)
class Queue:
    """Orders in the turn in which they are taken; arrays of shape (n,).

    Attributes:
        quantity: int64, signed shares.
        low, high: int64, position with open sells, and with open buys, done.
        price: int64 micros.
        lot: int64, shares of one lot.
        group: int64, place in `Room.groups`.
        alive: whether it can still be approved; if not it takes no room.
    """

    quantity: IntArray
    low: IntArray
    high: IntArray
    price: IntArray
    lot: IntArray
    group: IntArray
    alive: BoolArray


@dataclass(frozen=True, slots=True)
class Room:
    """What is used before the first order, and what may be, in micros; `NOTHING` where a bound cannot be computed.

    Attributes:
        spent, spendable: buying power, asked of buys.
        gross, most_gross: Σ |value|, the worse of open orders filled or not.
        net_low, net_high, most_net: Σ value with open sells, and with open buys, filled; and the bound of both.
        groups, most_of_groups: Σ |value| by group; empty where no group has a cap.
    """

    spent: int
    spendable: int
    gross: int
    most_gross: int
    net_low: int
    net_high: int
    most_net: int
    groups: tuple[int, ...] = ()
    most_of_groups: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Taken:
    """What came of each order in its turn; arrays of shape (n,), amounts in micros with the order itself at its size then.

    Attributes:
        quantity: int64, what its group has room for, signed.
        taken: whether it fits everything and was alive.
        spent, gross, net: with the orders taken before it.
        net_before: without itself.
        in_group: of its group, at the size asked for.
        left: the room after the last.
    """

    quantity: IntArray
    taken: BoolArray
    spent: ExactArray
    gross: ExactArray
    net: ExactArray
    net_before: ExactArray
    in_group: ExactArray
    left: Room


@dataclass(slots=True, eq=False)
class _Amounts:
    """Micros of each order of a queue: what it spends, adds to gross exposure, and adds to net exposure."""

    queue: Queue
    room: Room
    own: ExactArray = field(init=False)
    buy: ExactArray = field(init=False)
    change: ExactArray = field(init=False)
    signed: ExactArray = field(init=False)

    def __post_init__(self) -> None:
        queue, room = self.queue, self.room
        self.own = values(np.maximum(np.abs(queue.low), np.abs(queue.high)), queue.price)
        after = np.maximum(np.abs(queue.low + queue.quantity), np.abs(queue.high + queue.quantity))
        value = values(queue.quantity, queue.price)
        self.buy = roomy(np.where(queue.quantity > 0, value, 0), room.spent)
        self.change = roomy(values(after, queue.price) - self.own, room.gross, *room.groups)
        self.signed = roomy(np.where(queue.quantity > 0, value, -value), room.net_low, room.net_high)


def take_in_turn(queue: Queue, room: Room) -> Taken:
    """Take the orders in turn: what its group has no room for is clipped; what fits no other bound takes no room.

    An order that does not move net exposure away from zero fits its bound although it stays above it.
    """
    amounts = _Amounts(queue, room)
    alive = queue.alive
    spent = _running(amounts.buy, alive, room.spent)
    gross = _running(amounts.change, alive, room.gross)
    low, high = _running(amounts.signed, alive, room.net_low), _running(amounts.signed, alive, room.net_high)
    net = np.maximum(np.abs(low), np.abs(high))
    net_before = np.maximum(np.abs(low - amounts.signed), np.abs(high - amounts.signed))
    in_group, group_fits = _running_by_group(amounts, alive)
    fits = (
        group_fits
        & ((amounts.buy == 0) | (spent <= room.spendable))
        & (gross <= room.most_gross)
        & ((net <= room.most_net) | ((room.most_net >= 0) & (net <= net_before)))
    )
    refused = np.flatnonzero((alive & ~fits) | ~group_fits)
    start = int(refused[0]) if len(refused) else len(alive)
    found = Taken(queue.quantity, alive & fits, spent, gross, net, net_before, in_group, room)
    return _one_at_a_time(amounts, found, start)


def _running(amount: ExactArray, alive: BoolArray, before: int) -> ExactArray:
    """The sum with each order: of those alive before it, and itself."""
    counted = np.where(alive, amount, 0)
    total: ExactArray = before + np.cumsum(counted) - counted + amount
    return total


def _running_by_group(amounts: _Amounts, alive: BoolArray) -> tuple[ExactArray, BoolArray]:
    """The same within each order's group, and whether the group has room for it; zero and room where no group has a cap."""
    queue, room = amounts.queue, amounts.room
    if not room.groups:
        return np.zeros(len(alive), dtype=np.int64), np.ones(len(alive), dtype=np.bool_)
    order = np.argsort(queue.group, kind="stable")
    group = queue.group[order]
    counted = np.where(alive, amounts.change, 0)[order]
    before = np.cumsum(counted) - counted
    first = np.searchsorted(group, group)
    dtype = object if amounts.change.dtype == object else np.int64
    start = np.array(room.groups, dtype=dtype)[group]
    in_group = np.empty(len(alive), dtype=dtype)
    in_group[order] = start + before - before[first] + amounts.change[order]
    return in_group, np.asarray(in_group <= np.array(room.most_of_groups, dtype=np.int64)[queue.group])


def _one_at_a_time(amounts: _Amounts, found: Taken, start: int) -> Taken:
    """The same from the first order that does not fit."""
    queue, room = amounts.queue, amounts.room
    gone = found.taken[:start]
    now_spent, now_gross = room.spent + _sum(amounts.buy[:start][gone]), room.gross + _sum(amounts.change[:start][gone])
    moved = _sum(amounts.signed[:start][gone])
    now_low, now_high = room.net_low + moved, room.net_high + moved
    groups, caps = list(room.groups), room.most_of_groups
    if groups:
        for place, change in zip(queue.group[:start][gone].tolist(), amounts.change[:start][gone].tolist(), strict=True):
            groups[place] += change
    spendable, most_gross, most_net = room.spendable, room.most_gross, room.most_net
    if start == len(queue.alive):
        left = Room(now_spent, spendable, now_gross, most_gross, now_low, now_high, most_net, tuple(groups), caps)
        return replace(found, left=left)
    quantity, taken = found.quantity.tolist(), found.taken.tolist()
    spent, gross, net = found.spent.tolist(), found.gross.tolist(), found.net.tolist()
    net_before, in_group = found.net_before.tolist(), found.in_group.tolist()
    alive, group_of, own_of = queue.alive.tolist(), queue.group.tolist(), amounts.own.tolist()
    buy_of, change_of, signed_of = amounts.buy.tolist(), amounts.change.tolist(), amounts.signed.tolist()
    for i in range(start, len(alive)):
        group, own, buy, change, signed = group_of[i], own_of[i], buy_of[i], change_of[i], signed_of[i]
        if groups:
            in_group[i] = groups[group] + change
            if in_group[i] > caps[group]:
                room_left = NOTHING if caps[group] == NOTHING else max(caps[group] - groups[group] + own, 0)
                share, price = _fitting(queue, i, room_left), int(queue.price[i])
                quantity[i], signed = share, share * price
                buy = max(signed, 0)
                change = max(abs(int(queue.low[i]) + share), abs(int(queue.high[i]) + share)) * price - own
        before = max(abs(now_low), abs(now_high))
        after = max(abs(now_low + signed), abs(now_high + signed))
        spent[i], gross[i], net[i], net_before[i] = now_spent + buy, now_gross + change, after, before
        fits = (
            alive[i]
            and quantity[i] != 0
            and (buy == 0 or now_spent + buy <= spendable)
            and now_gross + change <= most_gross
            and (after <= most_net or (most_net >= 0 and after <= before))
        )
        taken[i] = fits
        if fits:
            now_spent, now_gross, now_low, now_high = now_spent + buy, now_gross + change, now_low + signed, now_high + signed
            if groups:
                groups[group] += change
    left = Room(now_spent, spendable, now_gross, most_gross, now_low, now_high, most_net, tuple(groups), caps)
    return Taken(
        np.array(quantity, dtype=np.int64),
        np.array(taken, dtype=np.bool_),
        np.array(spent, dtype=found.spent.dtype),
        np.array(gross, dtype=found.gross.dtype),
        np.array(net, dtype=found.net.dtype),
        np.array(net_before, dtype=found.net_before.dtype),
        np.array(in_group, dtype=found.in_group.dtype),
        left,
    )


def _fitting(queue: Queue, i: int, micros: int) -> int:
    """The largest size of an order that leaves a position of at most so many micros, as `controls.allowed_below`; 0 when not known."""
    price, quantity = int(queue.price[i]), int(queue.quantity[i])
    if price <= 0 or micros < 0:
        return 0
    sign = 1 if quantity > 0 else -1
    base = sign * int(queue.high[i] if quantity > 0 else queue.low[i])
    cap = micros // price
    size = max(min(abs(quantity), max(cap, base) - base), 0)
    closes = min(-base, abs(quantity)) if base < 0 else 0
    lot = int(queue.lot[i])
    return sign * max(size if size == abs(quantity) else size - size % lot, closes)


def _sum(amounts: ExactArray) -> int:
    return int(amounts.sum()) if len(amounts) else 0


def caps_of_groups(caps: IntArray, used: tuple[int, ...], known: BoolArray) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """`Room.groups` and `Room.most_of_groups`, with one more group at the end for symbols whose group is not known: nothing fits it."""
    most = np.where(known, caps, NOTHING).tolist()
    return (*used, 0), (*most, NOTHING)
