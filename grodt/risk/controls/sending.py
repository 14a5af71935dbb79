"""Controls of sending and of what comes back: 19, 20, 22, 27, 32, and what an override may lift (34).

20 and 22 are asked by `grodt.execution.send`. 29 is `book.kill_switch`, read in the transaction that marks an order as being sent.
"""

from dataclasses import replace

import numpy as np

from grodt.risk.controls.control import Control, Evaluation, at_most, none_marked
from grodt.risk.exact import BoolArray, FloatArray, IntArray

PARENT_QUANTITY = Control(
    19, "parent and child quantity", "order", "halt", "children_exceed_parent", "fills and open orders exceed what was ordered"
)
MESSAGES = Control(
    20, "messages", "book", "halt", "messages_above_limit", "more orders were sent in one cycle, or in one minute, than may be"
)
CONSECUTIVE_REJECTS = Control(22, "consecutive rejects", "book", "halt", "rejects_in_a_row", "the broker rejected too many orders in a row")
SESSION_WINDOW = Control(27, "session window", "order", "reject", "outside_window", "the send time is outside the order type's window")
SLIPPAGE = Control(32, "slippage", "order", "alert", "slippage_above_limit", "filled too far from the reference price")
OVERRIDE = Control(34, "override", "order", "reject", "override_invalid", "an override needs two people, a term, and a control it may lift")
OVERRIDE_OF_BOOK = replace(OVERRIDE, scope="book")

#: What nobody may lift: the limits' existence, the basket's value, the kill switch.
NEVER_LIFTED = (1, 13, 29)
#: Seconds of control 20's sliding window.
MESSAGE_WINDOW_SECONDS = 60


def parent_quantity(filled: IntArray, open_quantity: IntArray, ordered: IntArray) -> Evaluation:
    """Control 19. Σ fills + open ≤ parent quantity, in shares; a number below zero is not known and fails.

    Source: Knight 2012 (SEC release 34-70694): child orders went out without counting what their parents had filled.
    """
    known = (filled >= 0) & (open_quantity >= 0) & (ordered >= 0)
    value = np.where(known, filled.astype(np.float64) + open_quantity, np.nan)
    limit = np.where(known, ordered.astype(np.float64), np.nan)
    # filled + open ≤ ordered without a sum that could wrap around
    return Evaluation(PARENT_QUANTITY, value, limit, known & (filled <= ordered) & (open_quantity <= ordered - np.minimum(filled, ordered)))


def messages(in_cycle: IntArray, in_window: IntArray, most_in_cycle: float, most_in_window: float) -> Evaluation:
    """Control 20. Orders sent in this cycle, and in the last 60 seconds, (n,) each, the next one included, ≤ M each.

    value and limit: of the one that is closer to its limit, or beyond it. Source: RTS 6 article 15 (1)(d), maximum messages;
    Everbright 2013.
    """
    cycle, window = at_most(MESSAGES, in_cycle, most_in_cycle), at_most(MESSAGES, in_window, most_in_window)
    with np.errstate(over="ignore"):
        closer = window.value / window.limit > cycle.value / cycle.limit
    by_window = cycle.passed & (~window.passed | closer)
    value, limit = (np.where(by_window, *both) for both in ((window.value, cycle.value), (window.limit, cycle.limit)))
    return Evaluation(MESSAGES, value, limit, cycle.passed & window.passed)


def consecutive_rejects(in_a_row: int, most: float) -> Evaluation:
    """Control 22. Rejects by the broker in a row ≤ K - 1: the K-th halts. value: rejects in a row; limit: K - 1.

    Source: FIA best practices 2015, 3.7, throttles on rejected orders.
    """
    known = in_a_row >= 0
    limit = float(most) - 1 if np.isfinite(most) and most > 0 else np.nan
    value = float(in_a_row) if known else np.nan
    return Evaluation(CONSECUTIVE_REJECTS, np.array([value]), np.array([limit]), np.array([value <= limit]))


def session_window(sent: IntArray, opens: IntArray, closes: IntArray) -> Evaluation:
    """Control 27. The send time lies in the order type's window of its session: opens ≤ sent < closes.

    value: seconds after the window's last instant, or before its first, 0 inside; limit: 0. Source: the venue's rules, such as Alpaca's,
    which takes `opg` until 9:28 and from 19:00 on.

    Args:
        sent, opens, closes: instants in microseconds since 1970, of which the window contains `opens` and not `closes`; a window that
            is empty or turned round contains nothing and fails.
    """
    sensible = opens < closes
    late = np.where(sent >= closes, (sent - closes + 1) / 1e6, np.where(sent < opens, (opens - sent) / 1e6, 0.0))
    value = np.where(sensible, late, np.nan)
    return Evaluation(SESSION_WINDOW, value, np.zeros(len(sent)), value == 0)


def slippage(fill: IntArray, reference: IntArray, share: float) -> Evaluation:
    """Control 32. |fill / reference - 1| ≤ s. Prices in micros; one that is not above zero fails.

    Source: RTS 6 article 17, post-trade controls.
    """
    known = (fill > 0) & (reference > 0) & bool(np.isfinite(share) and share > 0)
    value = np.where(known, np.abs(fill - reference) / np.maximum(reference, 1), np.nan)
    limit = np.full(len(fill), share if np.isfinite(share) and share > 0 else np.nan)
    return Evaluation(SLIPPAGE, value, limit, value <= limit)


def override(control: IntArray, people: IntArray, seconds_left: FloatArray, reasoned: BoolArray) -> Evaluation:
    """Control 34. An override stands when two people made it, it has not expired, it has a reason, and its control may be lifted.

    value: how many of these it misses; limit: 0. Source: SEC Rule 15c3-5 (d), control of risk settings; RISK.md.

    Args:
        control: number of the control it is to lift.
        people: how many different people made it.
        seconds_left: until it expires; one that never does is NaN or infinite, and does not stand.
        reasoned: whether it says why.
    """
    never = np.isin(control, NEVER_LIFTED)
    return none_marked(OVERRIDE, never, people < 2, ~((seconds_left > 0) & np.isfinite(seconds_left)), ~reasoned)
