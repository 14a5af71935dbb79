"""Controls of the book and of its basket as a whole: 13, 14, 21, 24-26, 28, 29 and 31."""

from dataclasses import replace

import numpy as np

from grodt.risk.controls.control import Control, Evaluation, at_most, none_of, within
from grodt.risk.exact import BoolArray, FloatArray, IntArray, budget, exact, total, values

BASKET_VALUE = Control(13, "basket value", "basket", "halt", "basket_above_limit", "the basket is worth more than it may be")
TURNOVER = Control(14, "turnover", "basket", "halt", "turnover_above_limit", "the basket turns over more of the book than it may")
REPEATED_EXECUTION = Control(
    21,
    "repeated execution",
    "book",
    "halt",
    "armed_too_long",
    "it has traded as many cycles as one arming allows: look at it and re-arm it",
)
DATA_COMPLETE = Control(24, "data complete and fresh", "book", "halt", "data_incomplete", "too many symbols without a bar of the session")
DATA_STALE = replace(DATA_COMPLETE, code="data_stale", words="the last bar is not of the session the calendar expects")
DATA_OUTLIER = Control(25, "data outlier", "symbol", "reject", "data_outlier", "its bar leaps without a cause or contradicts itself")
DATA_UNTRUSTED = replace(DATA_OUTLIER, scope="book", failure="halt", code="data_untrusted", words="a whole answer of the source is suspect")
SCALE = Control(26, "scale", "book", "halt", "scale_wrong", "weights, volatilities or returns are outside their declared ranges")
SCALE_UNKNOWN = replace(SCALE, words="the volatility or return of a symbol that an order adds to is not known, as with too few bars")
LOSS = Control(28, "daily loss, drawdown", "book", "halt", "loss_beyond_limit", "the book has lost more than it may, and may only reduce")
DAILY_LOSS = replace(LOSS, code="daily_loss_beyond_limit", words="it lost more since its last mark than it may, and may only reduce")
DRAWDOWN = replace(LOSS, code="drawdown_beyond_limit", words="it is further below its high-water mark than it may be, and may only reduce")
LATCHED = replace(LOSS, code="reduce_only_active", words="it was switched to reduce-only, and nobody has re-armed it")
KILL_SWITCH = Control(29, "kill switch", "book", "halt", "halt_active", "a halt is active")
RECONCILIATION = Control(31, "reconciliation", "book", "halt", "breaks_open", "our books and the broker's disagree")


def basket_value(quantity: IntArray, price: IntArray, equity: int, share: float) -> Evaluation:
    """Control 13. Σ |q| · price / NAV ≤ k over the basket as proposed, before anything is clipped or refused.

    An order without a price has no value to add; control 6 refuses it. Source: Citi 2022 (FCA and PRA final notices, 2024): a basket of
    58 million USD became one of 444 billion.
    """
    micros = np.array([total(values(quantity, price))], dtype=object)
    return within(BASKET_VALUE, micros, np.array([equity > 0]), most=budget(equity, exact(share)), unit=equity, limit=share)


def turnover(quantity: IntArray, price: IntArray, equity: int, share: float) -> Evaluation:
    """Control 14. Σ |Δw| = Σ |q| · price / NAV ≤ τ over the basket as proposed. A book's first basket is not asked.

    Source: RTS 6 article 15 (1)(d) in spirit, a throttle on how much is traded at once; the number is the book's.
    """
    micros = np.array([total(values(quantity, price))], dtype=object)
    return within(TURNOVER, micros, np.array([equity > 0]), most=budget(equity, exact(share)), unit=equity, limit=share)


def repeated_execution(traded: int, most: float) -> Evaluation:
    """Control 21. Cycles that traded since a person last armed the book, this one included, ≤ K.

    Source: RTS 6 article 15 (1)(e), repeated automated execution throttle: then a person must act before it goes on.
    """
    return at_most(REPEATED_EXECUTION, np.array([traded]), most)


def data_complete(expected: int, present: int, fresh: bool, completeness: float) -> Evaluation:
    """Control 24. 1 - present / expected ≤ 1 - c: the share of the universe without a bar of the session.

    Counts that make no sense cannot be computed. If the last bar is not the session the calendar expects, no bar counts.
    Source: FIA best practices 2024, market data reasonability.
    """
    sensible = 0 <= present <= expected and expected > 0
    share = (present / expected if fresh else 0.0) if sensible else np.nan
    control = DATA_COMPLETE if fresh else DATA_STALE
    limit = 1 - completeness if exact(completeness) else np.nan
    return Evaluation(control, np.array([1 - share]), np.array([limit]), np.array([bool(fresh and share >= completeness > 0)]))


def data_outlier(
    log_return: FloatArray, sigma: FloatArray, explained: BoolArray, body: FloatArray, high: FloatArray, sigmas: float
) -> Evaluation:
    """Control 25. |return| ≤ k·σ unless a corporate action explains it, and max(open, close) ≤ high.

    value: |return| / σ; limit: k, or the value itself where an action explains it. The data gate asks it with more detail before bars are
    kept (`grodt.bars.jumps`, `row_rules` and `whole_answer`, which also compares symbols: many at one price halt); this is the rule by
    itself. Source: Nasdaq 2017, test prices on an early-close day.

    Args:
        log_return: of the session; NaN is unknown and fails.
        sigma: σ of the symbol's log returns in a session.
        explained: whether a corporate action takes effect in the session.
        body: max(open, close).
        high: high.
        sigmas: k.
    """
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        sigmas_off = np.abs(log_return) / sigma
    value = np.where((sigma > 0) & np.isfinite(sigmas_off), sigmas_off, np.nan)
    bound = sigmas if np.isfinite(sigmas) and sigmas > 0 else np.nan
    limit = np.where(explained & (value > bound), value, bound)
    return Evaluation(DATA_OUTLIER, value, limit, (body <= high) & (value <= limit))


def scale(
    weight: FloatArray, volatility: FloatArray, log_return: FloatArray, *, weights: float, low: float, high: float, returns: float
) -> Evaluation:
    """Control 26. Σ |w| ≤ W, low ≤ median σ ≤ high, and median |return| ≤ r. value: how many of the three do not hold; limit: 0.

    Medians, so that one wild symbol does not stop a book and a wrong unit, which moves all of them, does. A single unknown number
    leaves its measure unknown, which counts as not held. Without orders that add there are no medians to judge.
    Source: AXA Rosenberg 2011 (SEC order IA-3149): a decimal was read as a percentage, and the model all but lost its risk factors.

    Args:
        weight: (N,) target weights of all symbols.
        volatility: (n,) σ per year of the symbols in which an order adds.
        log_return: (n,) their log returns of the session.
        weights: W.
        low, high: range of σ per year.
        returns: r.
    """
    with np.errstate(over="ignore"):
        held = [bool(np.abs(weight).sum() <= weights)]
    if len(volatility):
        middle = _median(volatility)
        held += [bool(low <= middle <= high), bool(_median(np.abs(log_return)) <= returns)]
    unknown = len(volatility) > 0 and bool(np.isnan(volatility).any() or np.isnan(log_return).any())
    return none_of(SCALE_UNKNOWN if unknown else SCALE, held.count(False))


def whole_answers(suspect: int) -> Evaluation:
    """Control 25 of the book. value: answers of the source that the data gate does not trust as a whole; limit: 0.

    `grodt.bars.whole_answer` judges them. Source: Nasdaq 2017, one test price in many symbols.
    """
    return none_of(DATA_UNTRUSTED, suspect)


def _median(values: FloatArray) -> float:
    """NaN where one of them is."""
    if np.isnan(values).any():
        return float("nan")
    middle = len(values) // 2
    part = np.partition(values, (middle - 1 + len(values) % 2, middle))
    lower, upper = float(part[middle - 1 + len(values) % 2]), float(part[middle])
    return lower if lower == upper else (lower + upper) / 2


def loss(equity: int, previous: int, high_water_mark: int, *, daily: float, drawdown: float, latched: int) -> Evaluation:
    """Control 28. NAV > NAV₀ · (1 - d) and NAV > high-water mark · (1 - D), from marks at the close. It fails *at* the limit.

    value: the larger of (1 - NAV / NAV₀) / d and (1 - NAV / high-water mark) / D, the share of its limit that is used; limit: 1.
    Failing does not stop the cycle: the book may only reduce. Source: FIA best practices 2015, 3.5; SEC Rule 15c3-5 (c)(1).

    Args:
        equity, previous, high_water_mark: micros; at or below zero they are not known, which fails.
        daily, drawdown: d and D.
        latched: switches to reduce-only that nobody has ended; each counts as all of the limit used.
    """
    used = [_used(equity, previous, daily, DAILY_LOSS), _used(equity, high_water_mark, drawdown, DRAWDOWN)]
    failed = [control for _, held, control in used if not held]
    passed = not failed and latched == 0
    control = failed[0] if failed else LOSS if passed else LATCHED
    value = float(np.max([one for one, _, _ in used]))  # NaN where either is
    return Evaluation(control, np.array([value if failed or passed else max(value, 1.0)]), np.ones(1), np.array([passed]))


def _used(equity: int, before: int, share: float, control: Control) -> tuple[float, bool, Control]:
    """The share of a loss limit that is used, whether the limit holds, and which it is."""
    part = exact(share)
    if part is None or before <= 0 or equity <= 0:
        return np.nan, False, control
    return (1 - equity / before) / share, equity > before * (1 - part), control


def kill_switch(active_halts: int) -> Evaluation:
    """Control 29. No halt is active. value: active halts of the book and above it; limit: 0.

    Source: RTS 6 article 12, kill functionality. It is read again in the transaction that marks an order as being sent.
    """
    return none_of(KILL_SWITCH, active_halts)


def reconciliation(open_breaks: int) -> Evaluation:
    """Control 31. Positions, cash and open orders equal the broker's. value: open breaks; limit: 0.

    Source: RTS 6 article 17 (3), reconciliation with the broker's records.
    """
    return none_of(RECONCILIATION, open_breaks)
