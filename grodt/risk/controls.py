"""The controls of RISK.md that a book's orders pass, each a pure function of arrays.

Every control answers one question of the form *value ≤ limit*. A value or limit that cannot be computed is NaN and fails:
nothing passes because it was not known. Unless said otherwise arrays are aligned to the orders asked about: quantity (n,)
int64, > 0 buys and < 0 sells; price (n,) int64 micros, 0 where there is none.
"""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from grodt.money import MICROS_PER_UNIT
from grodt.risk.exact import BoolArray, ExactArray, FloatArray, IntArray, budget, budgets, exact, total, values

Scope = Literal["order", "symbol", "basket", "book"]
Failure = Literal["reject", "halt", "alert"]


@dataclass(frozen=True, slots=True)
class Control:
    """What is the same in every evaluation of a control.

    Attributes:
        number, name: of RISK.md.
        scope: what it is asked of.
        failure: what follows where it fails and no smaller size passes.
        code: reason code in the evidence.
        words: the reason in words.
    """

    number: int
    name: str
    scope: Scope
    failure: Failure
    code: str
    words: str


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """A control's answer for n orders, or one answer (n = 1) for a basket or book.

    Attributes:
        control: which.
        value, limit: (n,) in the control's unit; NaN where not computable.
        passed: (n,).
        quantity: (n,) signed, the largest size that passes, where the control clips; 0 where none does. None: it does not clip.
    """

    control: Control
    value: FloatArray
    limit: FloatArray
    passed: BoolArray
    quantity: IntArray | None = None


LIMIT_EXISTS = Control(1, "limit exists", "order", "reject", "limit_missing", "a limit of the symbol is not a finite number above zero")
ORDER_QUANTITY = Control(2, "order quantity", "order", "reject", "quantity_above_limit", "more shares than one order may have")
ORDER_VALUE = Control(3, "order value", "order", "reject", "value_above_limit", "worth more than one order may be, or without a price")
REFERENCE_PRICE = Control(6, "reference price valid", "order", "reject", "price_invalid", "no price above zero, or one that is too old")
SYMBOL_WEIGHT = Control(9, "symbol weight", "symbol", "reject", "weight_above_cap", "the symbol would weigh more than its cap")
GROSS_EXPOSURE = Control(11, "gross exposure", "order", "reject", "gross_above_limit", "the book's gross exposure has no room for it")
GROSS_OF_BASKET = Control(11, "gross exposure", "basket", "alert", "gross_above_limit", "gross exposure stays above its limit")
BASKET_VALUE = Control(13, "basket value", "basket", "halt", "basket_above_limit", "the basket is worth more than it may be")
BUYING_POWER = Control(15, "buying power", "order", "reject", "buying_power_short", "buying power, less its buffer, has no room for it")
SHORT_PERMISSION = Control(16, "short permission", "order", "reject", "short_not_permitted", "sells more than is held")
DUPLICATE_INTENT = Control(18, "duplicate intent", "order", "reject", "intent_exists", "the cycle already has an order in the symbol")
DATA_COMPLETE = Control(24, "data complete and fresh", "book", "halt", "data_incomplete", "too many symbols without a bar of the session")
DATA_STALE = replace(DATA_COMPLETE, code="data_stale", words="the last bar is not of the session the calendar expects")
KILL_SWITCH = Control(29, "kill switch", "book", "halt", "halt_active", "a halt is active")
RECONCILIATION = Control(31, "reconciliation", "book", "halt", "breaks_open", "our books and the broker's disagree")


def limit_exists(*limits: FloatArray) -> Evaluation:
    """Control 1. value: how many of the symbol's limits are not finite and above zero; limit: 0."""
    missing = np.sum([~(np.isfinite(limit) & (limit > 0)) for limit in limits], axis=0).astype(np.float64)
    return Evaluation(LIMIT_EXISTS, missing, np.zeros_like(missing), missing == 0)


def order_quantity(quantity: IntArray, limit: FloatArray) -> Evaluation:
    """Control 2. |q| ≤ Qmax, in shares."""
    value = np.abs(quantity.astype(np.float64))
    return Evaluation(ORDER_QUANTITY, value, limit, value <= limit)


def order_value(quantity: IntArray, price: IntArray, limit: FloatArray) -> Evaluation:
    """Control 3. |q| · price ≤ Nmax, in USD.

    float64 products of integers are exact up to 2^53 micros and never fall below a bound they exceed, so nothing wraps around.
    """
    micros = np.abs(quantity.astype(np.float64)) * price
    passed = (price > 0) & (micros <= budgets(MICROS_PER_UNIT, limit))
    return Evaluation(ORDER_VALUE, np.where(price > 0, micros / MICROS_PER_UNIT, np.nan), limit, passed)


def reference_price(price: IntArray, age: IntArray, limit: float) -> Evaluation:
    """Control 6. Price above zero and no older than T. value: its age in sessions, NaN without a price or an age; limit: T."""
    value = np.where((price > 0) & (age >= 0), age.astype(np.float64), np.nan)
    bound = np.full(len(price), limit, dtype=np.float64)
    return Evaluation(REFERENCE_PRICE, value, bound, value <= bound)


def short_permission(quantity: IntArray, low: IntArray, shortable: BoolArray, quantity_limit: FloatArray) -> Evaluation:
    """Control 16, asked of sells. |q| ≤ held, in shares; a shortable symbol is bound by its order quantity instead.

    Clips to what is held, odd lots included: the close.

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


def duplicate_intent(intended: BoolArray) -> Evaluation:
    """Control 18. One order per (book, cycle, symbol, leg). value: orders with this one; limit: 1."""
    value = 1.0 + intended.astype(np.float64)
    return Evaluation(DUPLICATE_INTENT, value, np.ones_like(value), ~intended)


def symbol_weight(
    quantity: IntArray, *, low: IntArray, high: IntArray, price: IntArray, lot: IntArray, equity: int, limit: FloatArray
) -> Evaluation:
    """Control 9, asked of orders that open or add to a position. |position + working + q| · price / NAV ≤ w.

    Clips to the cap in whole lots, but never below what closes the position the order is on the other side of. An order that
    adds to a position already above its cap has nothing left.

    Args:
        quantity: signed.
        low: position with open sells done.
        high: position with open buys done.
        price: micros.
        lot: shares of one lot.
        equity: NAV in micros.
        limit: w.
    """
    buys = quantity > 0
    base = np.where(buys, high, low)
    micros = budgets(equity, limit)
    cap = np.maximum(micros, 0) // np.maximum(price, 1)
    after = np.where(buys, np.minimum(base + quantity, np.maximum(cap, base)), np.maximum(base + quantity, np.minimum(-cap, base)))
    clipped = after - base
    size = np.abs(clipped)
    closes = np.where(np.sign(base) == -np.sign(quantity), np.minimum(np.abs(base), size), 0)
    whole = np.where(clipped == quantity, size, np.maximum(size - size % lot, closes))
    known = (price > 0) & (micros > 0)
    value = np.where(known, np.abs((base + quantity).astype(np.float64)) * price / (equity or 1), np.nan)
    allowed = np.where(known, np.sign(quantity) * whole, 0)
    return Evaluation(SYMBOL_WEIGHT, value, limit, known & (clipped == quantity), allowed)


def buying_power(spent: ExactArray, known: BoolArray, limit: int) -> Evaluation:
    """Control 15, asked of buys that open or add to a position. Σ open buys + this order ≤ buying power · (1 - h), in USD.

    Args:
        spent: micros of open buys, of buys approved before it in this basket, and of the order itself.
        known: whether that could be computed.
        limit: buying power · (1 - h) in micros.
    """
    return _within(BUYING_POWER, spent, known, most=limit, unit=MICROS_PER_UNIT, limit=max(limit, 0) / MICROS_PER_UNIT)


def gross_exposure(gross: ExactArray, known: BoolArray, equity: int, share: float, control: Control = GROSS_EXPOSURE) -> Evaluation:
    """Control 11, asked of orders that open or add to a position, and once of the basket. Σ |value| / NAV ≤ G.

    Args:
        gross: micros of Σ |value| with open orders, orders approved before it in this basket, and the order itself.
        known: whether that could be computed.
        equity: NAV in micros.
        share: G.
        control: GROSS_EXPOSURE, or GROSS_OF_BASKET for what is left of the basket.
    """
    return _within(control, gross, known & (equity > 0), most=budget(equity, exact(share)), unit=equity, limit=share)


def basket_value(quantity: IntArray, price: IntArray, equity: int, share: float) -> Evaluation:
    """Control 13. Σ |q| · price / NAV ≤ k over the basket as proposed, before anything is clipped or refused.

    An order without a price has no value to add; control 6 refuses it.
    """
    micros = np.array([total(values(quantity, price))], dtype=object)
    return _within(BASKET_VALUE, micros, np.array([equity > 0]), most=budget(equity, exact(share)), unit=equity, limit=share)


def data_complete(expected: int, present: int, fresh: bool, completeness: float) -> Evaluation:
    """Control 24. 1 - present / expected ≤ 1 - c: the share of the universe without a bar of the session.

    Counts that make no sense cannot be computed. If the last bar is not the session the calendar expects, no bar counts.
    """
    sensible = 0 <= present <= expected and expected > 0
    share = (present / expected if fresh else 0.0) if sensible else np.nan
    control = DATA_COMPLETE if fresh else DATA_STALE
    limit = 1 - completeness if exact(completeness) else np.nan
    return Evaluation(control, np.array([1 - share]), np.array([limit]), np.array([bool(fresh and share >= completeness > 0)]))


def kill_switch(active_halts: int) -> Evaluation:
    """Control 29. No halt is active. value: active halts of the book and above it; limit: 0."""
    return _none_of(KILL_SWITCH, active_halts)


def reconciliation(open_breaks: int) -> Evaluation:
    """Control 31. Positions, cash and open orders equal the broker's. value: open breaks; limit: 0."""
    return _none_of(RECONCILIATION, open_breaks)


def _within(control: Control, micros: ExactArray, known: BoolArray, *, most: int, unit: int, limit: float) -> Evaluation:
    value = np.where(known, micros.astype(np.float64) / (unit or 1), np.nan)
    return Evaluation(control, value, np.full(len(micros), limit, dtype=np.float64), known & (micros <= most))


def _none_of(control: Control, count: int) -> Evaluation:
    value = float(count) if count >= 0 else np.nan
    return Evaluation(control, np.array([value]), np.zeros(1), np.array([value == 0]))
