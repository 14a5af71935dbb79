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


def _bought(left: int, position: int) -> BookState:
    """Signed shares of S0, and a market order of before for others, of which so many signed shares have not filled."""
    side = Side.BUY if left > 0 else Side.SELL
    made = replace(_rest().order, side=side, quantity=abs(left) + 7, order_type="market", time_in_force="opg", price=None)
    rest = LedgerOrder(made, "r", OrderState.PARTIALLY_FILLED, 7, "", "", "h", 7, Micros(0))
    return replace(state_of(1, position=[position], working=[left]), symbols=("S0",), rests=(rest,))


def _goes(state: BookState, target: int, *, trades: bool = True, cooling: bool = False) -> bool:
    wanted = Targets(("S0",), np.zeros(1), np.array([target]), state.position, np.array([100.0]))
    gone = unwanted(state, wanted, CLOSES, TERMS, trades=trades, cooling=np.array([cooling]))
    assert gone in ((), state.rests)
    return bool(gone)


@pytest.mark.parametrize(
    ("left", "position", "target", "goes"),
    [
        (60, 40, 100, False),
        (60, 40, 150, False),
        (60, 40, 99, True),  # it would bring one share too many
        (60, 40, 40, True),
        (60, 40, 20, True),  # less than it has filled
        (60, 40, 0, True),
        (60, 40, -10, True),
        (-60, -40, -100, False),
        (-60, -40, -99, True),
        (-60, 100, 40, False),  # it closes
        (-60, 100, 41, True),
        (-60, 100, 120, True),
    ],
)
def test_an_order_that_is_carried_over_goes_where_less_is_wanted_than_it_would_bring(
    left: int, position: int, target: int, goes: bool
) -> None:
    assert _goes(_bought(left, position), target) == goes


@pytest.mark.parametrize(
    ("left", "position", "adds"), [(60, 40, True), (60, 0, True), (-60, -40, True), (-60, 100, False), (80, -40, True)]
)
@pytest.mark.parametrize("trades", [True, False])
def test_what_opens_or_adds_goes_where_a_leg_has_filled_lately_and_what_closes_stays(
    left: int, position: int, adds: bool, trades: bool
) -> None:
    state = _bought(left, position)
    assert _goes(state, position + left, trades=trades, cooling=True) == adds
    assert not _goes(state, position + left, trades=trades)


def test_where_a_leg_has_filled_lately_a_symbol_without_a_bar_is_not_decided_about() -> None:
    state = _bought(60, 0)
    wanted = Targets(("S0",), np.zeros(1), np.array([60]), state.position, np.array([100.0]))
    stale = replace(CLOSES, age=np.array([1]))
    assert unwanted(state, wanted, stale, TERMS, trades=True, cooling=np.array([True])) == ()


def test_what_has_left_its_universe_is_given_up_in_a_session_that_does_not_rebalance_too() -> None:
    state = _bought(60, 40)
    assert not _goes(state, 0, trades=False)
    assert _goes(replace(state, in_universe=np.array([False])), 0, trades=False)
