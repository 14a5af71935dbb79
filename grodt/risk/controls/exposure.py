"""Controls of what a book holds once its orders are done: 8-12, 15 and 33.

low and high are the position with open sells, or with open buys, done; the worse of the two counts. A position already above its cap
may always shrink: orders that only reduce are not asked.
"""

import numpy as np

from grodt.money import MICROS_PER_UNIT
from grodt.risk.controls.control import Control, Evaluation, none_of, within
from grodt.risk.exact import BoolArray, ExactArray, FloatArray, IntArray, budgets

SYMBOL_POSITION = Control(8, "symbol position", "symbol", "reject", "position_above_cap", "the position would have more shares than it may")
SYMBOL_WEIGHT = Control(9, "symbol weight", "symbol", "reject", "weight_above_cap", "the symbol would weigh more than its cap")
GROUP_WEIGHT = Control(10, "group weight", "order", "reject", "group_above_cap", "its group would weigh more than its cap, or is not known")
GROSS_EXPOSURE = Control(11, "gross exposure", "order", "reject", "gross_above_limit", "the book's gross exposure has no room for it")
GROSS_OF_BASKET = Control(11, "gross exposure", "basket", "alert", "gross_above_limit", "gross exposure stays above its limit")
NET_EXPOSURE = Control(12, "net exposure", "order", "reject", "net_above_limit", "the book's net exposure has no room for it")
NET_OF_BASKET = Control(12, "net exposure", "basket", "alert", "net_above_limit", "net exposure stays above its limit")
BUYING_POWER = Control(15, "buying power", "order", "reject", "buying_power_short", "buying power, less its buffer, has no room for it")
NEW_CONFIGURATION = Control(33, "new strategy or version", "book", "alert", "configuration_new", "its caps are reduced for now")
NEW_WEIGHT = Control(
    33, "new strategy or version", "symbol", "reject", "new_weight_above_cap", "the symbol would weigh more than its reduced cap"
)


def allowed_below(quantity: IntArray, *, low: IntArray, high: IntArray, cap: IntArray, lot: IntArray) -> IntArray:
    """The largest size of each order, signed, that leaves at most ±cap shares.

    In whole lots, but never less than what closes the position the order is on the other side of; an order that adds to a position
    already above the cap has nothing left, and an order that fits is left as it is.

    Args:
        quantity: (n,) signed.
        low: position with open sells done.
        high: position with open buys done.
        cap: shares, at least 0.
        lot: shares of one lot.
    """
    buys = quantity > 0
    base = np.where(buys, high, low)
    if (np.abs(base + quantity) <= cap).all():
        return quantity
    after = np.where(buys, np.minimum(base + quantity, np.maximum(cap, base)), np.maximum(base + quantity, np.minimum(-cap, base)))
    clipped = after - base
    size = np.abs(clipped)
    closes = np.where(np.sign(base) == -np.sign(quantity), np.minimum(np.abs(base), size), 0)
    whole = np.where(clipped == quantity, size, np.maximum(size - size % lot, closes))
    return np.asarray(np.sign(quantity) * whole)


def symbol_position(quantity: IntArray, *, low: IntArray, high: IntArray, lot: IntArray, limit: FloatArray) -> Evaluation:
    """Control 8, asked of orders that open or add to a position. |position + worst case of open orders + q| ≤ Pmax, in shares.

    Clips as `allowed_below`. Source: SEC Rule 15c3-5 (c)(1)(i); RTS 6 article 15 (3), position limits per instrument.
    """
    known = np.isfinite(limit) & (limit > 0)
    cap = np.where(known, np.minimum(limit, 2.0**61), 0).astype(np.int64)
    value = np.abs((np.where(quantity > 0, high, low) + quantity).astype(np.float64))
    allowed = np.where(known, allowed_below(quantity, low=low, high=high, cap=cap, lot=lot), 0)
    return Evaluation(SYMBOL_POSITION, value, limit, known & (allowed == quantity), allowed)


def symbol_weight(
    quantity: IntArray,
    *,
    low: IntArray,
    high: IntArray,
    price: IntArray,
    lot: IntArray,
    equity: int,
    limit: FloatArray,
    reduced: float | None = None,
) -> Evaluation:
    """Control 9, asked of orders that open or add to a position. |position + open orders + q| · price / NAV ≤ w.

    Clips as `allowed_below`. Source: UCITS directive article 52, concentration in one issuer; the number is the book's.

    Args:
        quantity: signed.
        low: position with open sells done.
        high: position with open buys done.
        price: micros.
        lot: shares of one lot.
        equity: NAV in micros.
        limit: w.
        reduced: the share of w that a new configuration may use, which makes it control 33; None: all of it.
    """
    micros = budgets(equity, limit) if reduced is None else budgets(equity, limit, reduced)
    cap = np.maximum(micros, 0) // np.maximum(price, 1)
    known = (price > 0) & (micros > 0)
    base = np.where(quantity > 0, high, low)
    value = np.where(known, np.abs((base + quantity).astype(np.float64)) * price / (equity or 1), np.nan)
    allowed = np.where(known, allowed_below(quantity, low=low, high=high, cap=cap, lot=lot), 0)
    control, bound = (SYMBOL_WEIGHT, limit) if reduced is None else (NEW_WEIGHT, limit * reduced)
    return Evaluation(control, value, bound, known & (allowed == quantity), allowed)


def group_weight(gross: ExactArray, known: BoolArray, equity: int, limit: FloatArray, asked: IntArray, allowed: IntArray) -> Evaluation:
    """Control 10, asked of orders that open or add to a position. Σ |value in the group| / NAV ≤ w_g, cumulative in the basket.

    Clips to the room that the group has left. An order that only lowers what an overfull group may come to passes, and its limit is then
    what it leaves. Source: FIA best practices 2024, limits per product group.

    Args:
        gross: micros of Σ |value| in the order's group with open orders, orders taken before it, and the order itself.
        known: whether that could be computed.
        equity: NAV in micros.
        limit: w_g; NaN where the group is not known or has none.
        asked: the quantity asked for.
        allowed: what fits.
    """
    able = known & np.isfinite(limit) & (equity > 0)
    value = np.where(able, gross.astype(np.float64) / (equity or 1), np.nan)
    passed = able & (asked == allowed)
    return Evaluation(GROUP_WEIGHT, value, np.where(passed, np.fmax(limit, value), limit), passed, np.where(able, allowed, 0))


def buying_power(spent: ExactArray, known: BoolArray, limit: int) -> Evaluation:
    """Control 15, asked of buys that open or add to a position. Σ open buys + this order ≤ buying power · (1 - h), in USD.

    Source: SEC Rule 15c3-5 (c)(1)(i), pre-set capital thresholds in the aggregate.

    Args:
        spent: micros of open buys, of buys approved before it in this basket, and of the order itself.
        known: whether that could be computed.
        limit: buying power · (1 - h) in micros.
    """
    return within(BUYING_POWER, spent, known, most=limit, unit=MICROS_PER_UNIT, limit=max(limit, 0) / MICROS_PER_UNIT)


def gross_exposure(
    gross: ExactArray, known: BoolArray, *, equity: int, most: int, limit: float, control: Control = GROSS_EXPOSURE
) -> Evaluation:
    """Control 11, asked of orders that open or add to a position, and once of the basket. Σ |value| / NAV ≤ G.

    Source: RTS 6 article 15 (3), limits of the firm's overall exposure.

    Args:
        gross: micros of Σ |value| with open orders, orders approved before it in this basket, and the order itself.
        known: whether that could be computed.
        equity: NAV in micros.
        most: G · NAV in micros, `NOTHING` where it cannot be computed.
        limit: G, or what control 33 leaves of it.
        control: GROSS_EXPOSURE, or GROSS_OF_BASKET for what is left of the basket.
    """
    return within(control, gross, known & (equity > 0), most=most, unit=equity, limit=limit)


def net_exposure(
    net: ExactArray, before: ExactArray, known: BoolArray, *, equity: int, most: int, limit: float, control: Control = NET_EXPOSURE
) -> Evaluation:
    """Control 12, asked of orders that open or add to a position, and once of the basket. |Σ value| / NAV ≤ n.

    An order that does not move net exposure away from zero passes although it stays above n; its limit is then what it was before.
    Source: RTS 6 article 15 (3), as 11.

    Args:
        net: micros of |Σ value|, the worse of open orders filled or not, with orders approved before it and the order itself.
        before: the same without the order itself.
        known: whether that could be computed.
        equity: NAV in micros.
        most: n · NAV in micros, `NOTHING` where it cannot be computed.
        limit: n.
        control: NET_EXPOSURE, or NET_OF_BASKET for what is left of the basket.
    """
    able = known & (equity > 0) & (most >= 0)
    passed = able & ((net <= most) | (net <= before))
    value = np.where(able, net.astype(np.float64) / (equity or 1), np.nan)
    bound = np.where(passed & (net > most), before.astype(np.float64) / (equity or 1), limit)
    return Evaluation(control, value, bound, passed)


def new_configuration(cycles: int, least: float) -> Evaluation:
    """Control 33. value: cycles that a changed strategy, configuration or code still trades under reduced caps, N - cycles done; limit: 0.

    A number that is not known counts as new. Where it fails, caps 9 and 11 are reduced to a share of theirs.
    Source: RTS 6 article 8, controlled deployment with limits on what it may do.
    """
    known = cycles >= 0 and np.isfinite(least) and least > 0
    return none_of(NEW_CONFIGURATION, max(int(least) - cycles, 0) if known else -1)
