"""Orders that rest from before a book's orders changed: what becomes of them, and what is said of a position that waits for one."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import numpy as np
import pytest

from grodt.execution.brackets import Brackets
from grodt.execution.decision import BookState, Closes
from grodt.execution.judging import Beside, judge
from grodt.execution.resting import unwanted, without
from grodt.ledger.orders import LedgerOrder
from grodt.money import Micros, micros
from grodt.orders.brackets import BracketTerms, LegPrices
from grodt.orders.order import Order, Side
from grodt.orders.states import OrderState
from grodt.orders.terms import OrderTerms
from grodt.targets.quantities import Targets
from tests.execution.desk import Desk
from tests.execution.test_decision import state_of
from tests.risk.proposals import SESSION, limits, proposal

TERMS = OrderTerms(bracket=BracketTerms(stop_bps=Decimal(500)))
#: Far below the stop at 95 of what was bought at 100, and farther below the limit at 120.
CLOSES = Closes(np.array([80.0]), np.array([80_000_000]), np.array([0]), np.zeros((5, 1)))


def _rest(order_type: str = "limit") -> LedgerOrder:
    made = Order.recorded(
        client_order_id="old",
        book="demo",
        session=SESSION,
        symbol="S0",
        side=Side.SELL,
        quantity=100,
        reference_price=micros("110"),
        order_type=order_type,
        time_in_force="gtc",
        price=micros("120") if order_type == "limit" else None,
    )
    return LedgerOrder(made, "r", OrderState.ACCEPTED, 0, "", "", "h", 0, Micros(0))


def _held(rest: LedgerOrder, *, halted: bool = False) -> tuple[BookState, Brackets]:
    """Long 100 since 100 USD, with an open order that sells all of it, in a book that sends market orders with brackets by now."""
    state = replace(state_of(1, position=[100], working=[-100], halted=[halted]), symbols=("S0",), rests=(rest,))
    prices = {"S0": LegPrices(micros("95"))}
    return state, Brackets(
        state, prices, np.array([micros("100")]), {}, np.array([not halted]), np.array([False]), pairs=True, terms=TERMS.bracket
    )


@pytest.mark.parametrize("trades", [True, False])
def test_a_limit_of_before_the_book_had_brackets_is_no_exit_past_the_stop(trades: bool) -> None:
    state, brackets = _held(_rest())
    passed = brackets.passed(CLOSES)
    targets = brackets.closed(Targets(("S0",), np.array([0.5]), np.array([100]), np.array([100]), np.array([80.0])), passed)
    gone = unwanted(state, targets, CLOSES, TERMS, trades=trades, closing=passed)
    after = without(state, gone)
    assert gone == state.rests
    assert (targets.quantity - after.position - after.working).tolist() == [-100]


def test_a_limit_of_before_the_book_had_brackets_makes_way_for_the_stop_of_what_is_kept() -> None:
    state, brackets = _held(_rest())
    kept = Targets(("S0",), np.array([0.5]), np.array([100]), np.array([100]), np.array([98.0]))
    after = without(state, unwanted(state, kept, replace(CLOSES, micros=np.array([98_000_000])), TERMS, trades=True))
    assert brackets.wanted(brackets.left(after, np.array([0]))).quantity.tolist() == [-100]


@pytest.mark.parametrize(("order_type", "told"), [("limit", ("S0",)), ("market", ())])
def test_a_position_that_only_a_limit_would_close_is_said_to_have_no_stop(desk: Desk, order_type: str, told: tuple[str, ...]) -> None:
    """Its symbol is halted, so nothing is decided about it and the order stays: a market order closes it, a limit may never fill."""
    desk.open(SESSION)
    state, brackets = _held(_rest(order_type), halted=True)
    asked = proposal([0], position=[100], working=[-100], price=[80.0])
    now = datetime(2026, 11, 20, 21, 30, tzinfo=UTC)
    found = judge(desk.real_ledger, None, asked, limits(), kind="eod", attempt=1, now=now, terms=TERMS, beside=Beside(state, {}, brackets))
    assert found.without_a_stop == told
