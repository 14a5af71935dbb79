"""Controls of one order by itself: 1-7, 16-18, 23, 30, 35-37, and the reduction that 28 leaves of it.

Arrays are aligned to the orders asked about: quantity (n,) int64, > 0 buys and < 0 sells; price (n,) int64 micros, 0 where there is
none. A value or limit that cannot be computed is NaN and fails.
"""

import numpy as np

from grodt.money import MICROS_PER_UNIT
from grodt.risk.controls.control import Control, Evaluation, none_marked
from grodt.risk.exact import BoolArray, FloatArray, IntArray, StrArray, budgets, floors

LIMIT_EXISTS = Control(1, "limit exists", "order", "reject", "limit_missing", "a limit of the symbol is not a finite number above zero")
ORDER_QUANTITY = Control(2, "order quantity", "order", "reject", "quantity_above_limit", "more shares than one order may have")
ORDER_VALUE = Control(3, "order value", "order", "reject", "value_above_limit", "worth more than one order may be, or without a price")
VOLUME_SHARE = Control(
    4, "share of volume", "order", "reject", "volume_share_above_limit", "more than its share of the average daily volume"
)
PRICE_COLLAR = Control(5, "price collar", "order", "reject", "price_outside_collar", "its limit price is too far from the reference price")
REFERENCE_PRICE = Control(6, "reference price valid", "order", "reject", "price_invalid", "no price above zero, or one that is too old")
GRID = Control(7, "tick, lot, minimum size", "order", "reject", "off_grid", "its price or quantity is off the instrument's grid")
SHORT_PERMISSION = Control(16, "short permission", "order", "reject", "short_not_permitted", "sells more than is held")
UNTRADABLE = Control(17, "restricted or untradable", "order", "reject", "not_tradable", "the symbol is restricted, halted or inactive")
DUPLICATE_INTENT = Control(18, "duplicate intent", "order", "reject", "intent_exists", "the cycle already has an order in the symbol")
SELF_CROSS = Control(23, "self-cross", "order", "reject", "opposite_order_open", "an order of the other side is open in the symbol")
REDUCE_ONLY = Control(28, "daily loss, drawdown", "order", "reject", "reduce_only", "only what reduces a position may be ordered")
HALTED = Control(29, "kill switch", "order", "reject", "order_halted", "a halt holds for its side, or for the strategy that asks for it")
COOL_OFF = Control(
    35, "cool-off", "order", "reject", "cooling_off", "a leg of its bracket has filled, and it is not added to so soon after"
)
COLLAR_OF_TAKE_PROFIT = Control(
    5, "price collar", "symbol", "alert", "take_profit_outside_collar", "the take profit is too far from the entry: the stop goes out alone"
)
UNPROTECTED = Control(36, "protection", "symbol", "alert", "no_stop", "some or all of the position stays without the stop of its bracket")
_BEFORE_ACTION = "at this broker its orders would stand as they were written"
SPLIT_ANNOUNCED = Control(
    37, "announced action", "order", "reject", "split_announced", f"a split comes with the next session, and {_BEFORE_ACTION}"
)
DELISTING_ANNOUNCED = Control(
    37, "announced action", "order", "reject", "delisting_announced", f"a delisting comes with the next session, and {_BEFORE_ACTION}"
)
CHANGE_ANNOUNCED = Control(
    37,
    "announced action",
    "order",
    "reject",
    "symbol_change_announced",
    f"a change of the symbol comes with the next session, and {_BEFORE_ACTION}",
)
WITHDRAWN_BEFORE_ACTION = Control(
    37,
    "announced action",
    "symbol",
    "alert",
    "withdrawn_before_action",
    "a split, a delisting or a change of the symbol comes with the next session: what works in it is withdrawn",
)
_ANNOUNCED = {"split": SPLIT_ANNOUNCED, "delisting": DELISTING_ANNOUNCED, "symbol_change": CHANGE_ANNOUNCED}
UNKNOWN_ORDER = Control(30, "unknown order", "symbol", "reject", "order_unknown", "an order of unknown outcome is in the symbol")


def limit_exists(*limits: FloatArray) -> Evaluation:
    """Control 1. value: how many of the symbol's limits are not finite and above zero; limit: 0.

    Source: SEC Rule 15c3-5 (c)(1): pre-set thresholds; without one there is no trading.
    """
    return none_marked(LIMIT_EXISTS, *[~(np.isfinite(limit) & (limit > 0)) for limit in limits])


def order_quantity(quantity: IntArray, limit: FloatArray) -> Evaluation:
    """Control 2. |q| ≤ Qmax, in shares.

    Source: RTS 6 article 15 (1)(c), maximum order volume.
    """
    value = np.abs(quantity.astype(np.float64))
    return Evaluation(ORDER_QUANTITY, value, limit, value <= limit)


def order_value(quantity: IntArray, price: IntArray, limit: FloatArray) -> Evaluation:
    """Control 3. |q| · price ≤ Nmax, in USD.

    float64 products of integers are exact up to 2^53 micros and never fall below a bound they exceed, so nothing wraps around.
    Source: RTS 6 article 15 (1)(b), maximum order value.
    """
    micros = np.abs(quantity.astype(np.float64)) * price
    passed = (price > 0) & (micros <= budgets(MICROS_PER_UNIT, limit))
    return Evaluation(ORDER_VALUE, np.where(price > 0, micros / MICROS_PER_UNIT, np.nan), limit, passed)


def volume_share(quantity: IntArray, volume: IntArray, reduces: BoolArray, lot: IntArray, share: float, sessions: int = 20) -> Evaluation:
    """Control 4. |q| ≤ α · V / 20, in shares, V being the shares traded in the last 20 sessions together.

    Clips to whole lots of it. The bound of a reduction is at least one lot, whatever the volume was: a holding in a symbol that hardly
    trades must not be one that can never be left. An unknown volume refuses all the same.
    Source: FIA best practices, maximum order size relative to average daily volume.

    Args:
        quantity: signed.
        volume: V, -1 where it is not known.
        reduces: whether the order brings a position towards zero and not past it.
        lot: shares of one lot.
        share: α.
        sessions: of the average.
    """
    size = np.abs(quantity)
    most = floors(np.maximum(volume, 0), share, sessions)
    known = (volume >= 0) & (most >= 0)
    most = np.where(reduces, np.maximum(most, lot), most)
    with np.errstate(over="ignore", invalid="ignore"):  # no share of no volume is no limit
        part = share * volume / sessions
    limit = np.where(reduces, np.maximum(part, lot), part)
    passed = known & (size <= most)
    left = np.where(passed, size, np.where(known, most - most % lot, 0))
    return Evaluation(VOLUME_SHARE, size.astype(np.float64), np.where(known, limit, np.nan), passed, np.sign(quantity) * left)


def price_collar(limit_price: IntArray, price: IntArray, sigma: FloatArray, share: float, sigmas: float) -> Evaluation:
    """Control 5, asked of orders that carry a limit price. |limit price / reference - 1| ≤ max(b, k·σ).

    There is no other bound outside regular hours. b is compared exactly in micros; an unknown σ fails. Source: RTS 6 article 15 (1)(a),
    price collars; Nasdaq Rule 4757.

    Args:
        limit_price: micros.
        price: reference price in micros.
        sigma: σ of a session's log return.
        share, sigmas: b and k.
    """
    known = (price > 0) & (limit_price > 0) & (sigma > 0) & np.isfinite(sigma) & bool(np.isfinite(sigmas) and sigmas > 0)
    distance = np.abs(limit_price - price)
    value = np.where(known, distance / np.maximum(price, 1), np.nan)
    near = floors(np.maximum(price, 0), share)
    with np.errstate(over="ignore", invalid="ignore"):
        wide = sigmas * sigma
    known &= np.isfinite(wide)
    limit = np.where(near >= 0, np.where(known, np.fmax(wide, share), share), np.nan)
    return Evaluation(PRICE_COLLAR, value, limit, known & (near >= 0) & ((distance <= near) | (value <= wide)))


def reference_price(price: IntArray, age: IntArray, limit: float) -> Evaluation:
    """Control 6. Price above zero and no older than T. value: its age in sessions, NaN without a price or an age; limit: T.

    Source: FIA best practices 2015, 3.2: a check without a current price must fail.
    """
    value = np.where((price > 0) & (age >= 0), age.astype(np.float64), np.nan)
    bound = np.full(len(price), limit, dtype=np.float64)
    return Evaluation(REFERENCE_PRICE, value, bound, value <= bound)


def grid(quantity: IntArray, after: IntArray, lot: IntArray, limit_price: IntArray, priced: BoolArray, tick: IntArray) -> Evaluation:
    """Control 7. q mod lot = 0 and limit price mod tick = 0. value: how many of the two are off their grid; limit: 0.

    The smallest size is one lot. A position that is off its grid, as after a split, may be brought back to it or closed.
    Source: the venue's rules of minimum increments; SEC Rule 612.

    Args:
        quantity: signed.
        after: position with open orders and this one done.
        lot: shares of one lot.
        limit_price: micros.
        priced: whether the order carries a limit price.
        tick: micros.
    """
    off_lot = (quantity % lot != 0) & (after % lot != 0)
    off_tick = priced & ((limit_price <= 0) | (limit_price % tick != 0))
    return none_marked(GRID, off_lot, off_tick)


def short_permission(quantity: IntArray, low: IntArray, shortable: BoolArray, quantity_limit: FloatArray) -> Evaluation:
    """Control 16, asked of sells. |q| ≤ held, in shares; a shortable symbol is bound by its order quantity instead.

    Clips to what is held, odd lots included: the close. Quantities are whole shares by type, so that no fraction is ever short.
    Source: Regulation SHO, rule 203 (locate before a short sale).

    Args:
        quantity: < 0.
        low: position less open sells: what is left to sell where it is above zero.
        shortable: whether the instrument may be shorted.
        quantity_limit: Qmax.
    """
    held = np.maximum(low, 0)
    value = np.abs(quantity.astype(np.float64))
    limit = np.where(shortable, quantity_limit, held)
    passed = value <= limit
    allowed = np.where(passed, quantity, np.where(shortable, 0, np.maximum(quantity, -held)))
    return Evaluation(SHORT_PERMISSION, value, limit, passed, allowed)


def untradable(restricted: BoolArray, halted: BoolArray) -> Evaluation:
    """Control 17. value: how many of two reasons there are: on the restricted list; halted or inactive; limit: 0.

    Source: SEC Rule 15c3-5 (c)(2)(ii), securities that the book is restricted from trading.
    """
    return none_marked(UNTRADABLE, restricted, halted)


def duplicate_intent(intended: BoolArray) -> Evaluation:
    """Control 18. One order per (book, cycle, symbol, leg). value: orders with this one; limit: 1.

    Source: SEC Rule 15c3-5 (c)(1)(ii), duplicative orders; Everbright 2013.
    """
    value = 1.0 + intended.astype(np.float64)
    return Evaluation(DUPLICATE_INTENT, value, np.ones_like(value), ~intended)


def self_cross(quantity: IntArray, open_buys: IntArray, open_sells: IntArray) -> Evaluation:
    """Control 23. No order of the other side is open in the symbol. value: open shares of the other side; limit: 0.

    Source: RTS 6 article 12 and FINRA Rule 5210.02, self-trades.
    """
    value = np.where(quantity > 0, open_sells, open_buys).astype(np.float64)
    return Evaluation(SELF_CROSS, value, np.zeros_like(value), value == 0)


def reduce_only(quantity: IntArray, low: IntArray, high: IntArray) -> Evaluation:
    """What control 28 leaves of an order. |q| ≤ shares on the other side of zero, open orders of the order's side done.

    Clips to the close: it never opens from flat and never crosses through zero. Source: RTS 6 article 12, and how venues define the
    flag.

    Args:
        quantity: signed.
        low: position with open sells done.
        high: position with open buys done.
    """
    room = np.where(quantity < 0, np.maximum(low, 0), np.maximum(-high, 0))
    size = np.abs(quantity)
    left = np.sign(quantity) * np.minimum(size, room)
    return Evaluation(REDUCE_ONLY, size.astype(np.float64), room.astype(np.float64), size <= room, left)


def cool_off(quantity: IntArray, low: IntArray, high: IntArray) -> Evaluation:
    """Control 35, asked of symbols in which a leg of a bracket filled lately. |q| ≤ shares that it closes.

    Clips to the close, as 28. Source: ours. A stop says that the book was wrong about a symbol; signals that see no fills would buy it back
    in the very next cycle, and again after each stop.

    Args:
        quantity, low, high: see `reduce_only`.
    """
    room = np.where(quantity < 0, np.maximum(low, 0), np.maximum(-high, 0))
    size = np.abs(quantity)
    left = np.sign(quantity) * np.minimum(size, room)
    return Evaluation(COOL_OFF, size.astype(np.float64), room.astype(np.float64), size <= room, left)


def unprotected(held: IntArray, covered: IntArray) -> Evaluation:
    """Control 36, asked of positions in books with brackets. value: shares that no stop would close; limit: 0.

    Source: ours. A stop that is not there is seen by nobody before it is needed.

    Args:
        held: shares, ≥ 0, that stay when the orders of the basket have filled.
        covered: shares, ≥ 0, that stops close.
    """
    value = np.maximum(held.astype(np.float64) - covered.astype(np.float64), 0.0)
    return Evaluation(UNPROTECTED, value, np.zeros_like(value), value == 0)


def announced_action(kind: StrArray) -> tuple[tuple[Evaluation, IntArray], ...]:
    """Control 37, asked where open orders outlive corporate actions as they were written. value: 1 where one is announced; limit: 0.

    Source: ours. A quantity that was decided in old shares is another one after a split: a sell of all that is held before a split of 1 for
    10 sells ten times as much as is held.

    Args:
        kind: of the action that is announced for the days up to the next session, "" where none is, (n,).

    Returns:
        An answer for each kind that is announced, and for orders without, with the places of those it is about.
    """
    found = []
    for name in ("", *_ANNOUNCED):
        which = np.flatnonzero(kind == name)
        if len(which):
            found.append((none_marked(_ANNOUNCED[name or "split"], np.full(len(which), bool(name))), which))
    if sum(len(which) for _, which in found) != len(kind):
        raise ValueError(f"kinds of actions are {', '.join(_ANNOUNCED)}, not {', '.join(sorted(set(kind.tolist()) - {'', *_ANNOUNCED}))}")
    return tuple(found)


def withdrawn_before_action(count: int) -> Evaluation:
    """Control 37 of symbols, so many of them, in which what works is withdrawn. value: 1, that an action is announced; limit: 0."""
    return none_marked(WITHDRAWN_BEFORE_ACTION, np.ones(count, dtype=np.bool_))


def halted(quantity: IntArray, room: IntArray) -> Evaluation:
    """What control 29 leaves of an order whose side, or one of whose strategies, is halted. |q| ≤ shares that the halts leave.

    Clips to that. Source: RTS 6 article 12; a halt has a scope and a side (RISK.md).

    Args:
        quantity: signed.
        room: shares, ≥ 0: none where the side is halted; what is wanted without the strategy as well where that is.
    """
    size = np.abs(quantity)
    left = np.sign(quantity) * np.minimum(size, room)
    return Evaluation(HALTED, size.astype(np.float64), room.astype(np.float64), size <= room, left)


def unknown_order(unknown: BoolArray) -> Evaluation:
    """Control 30. value: 1 where an order of unknown outcome is in the symbol; limit: 0.

    Source: RTS 6 article 17, reconciliation; Knight 2012, whose fills were not known to the system that sent.
    """
    return none_marked(UNKNOWN_ORDER, unknown)
