"""Entries that work for more than one session: what they may still add is asked for its stop, and their legs stand as long as they work."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import numpy as np
import pytest

from grodt.execution.brackets import Brackets
from grodt.execution.judging import Beside, judge
from grodt.ledger.orders import LedgerOrder
from grodt.money import Micros
from grodt.orders.brackets import BracketTerms, LegPrices
from grodt.orders.order import Order
from grodt.orders.states import OrderState
from grodt.orders.terms import OrderTerms
from tests.brokers.brackets import attached, legs
from tests.brokers.world import MON, TUE, order, usd
from tests.execution.desk import Desk
from tests.execution.test_decision import state_of
from tests.risk.proposals import SESSION, limits, proposal

TERMS = OrderTerms(bracket=BracketTerms(Decimal(500), Decimal(500)))


def _open(made: Order, waits: int = 0, filled: int = 0) -> LedgerOrder:
    return LedgerOrder(made, "r", OrderState.ACCEPTED, filled, "", "", "h", filled, Micros(0), waits)


def _growing(waits: int, quantity: int = 100) -> tuple[LedgerOrder, ...]:
    """The legs of Monday's order for so many signed shares, of which so many have still to fill."""
    return tuple(_open(each, waits) for each in attached("S0", quantity, "95", "105", MON))


def _plain(quantity: int, stop: str = "95") -> tuple[LedgerOrder, ...]:
    """The legs of Tuesday's cycle for signed shares held."""
    return tuple(_open(each) for each in legs("S0", quantity, stop, "105", TUE))


def _brackets(position: int, working: int, standing: tuple[LedgerOrder, ...], *, works: bool = True, attaches: bool = True) -> Brackets:
    """A book that holds shares of S0 since 100 USD while Monday's order in it works on for others."""
    state = replace(state_of(1, position=[position], working=[working], tick=[10_000]), symbols=("S0",), legs=standing)
    key = order("S0", 1, MON).client_order_id
    return Brackets(
        state,
        {"S0": LegPrices(usd("95"), usd("105"))} if position else {},
        np.array([usd("100") if position else 0]),
        {},
        np.array([True]),
        np.array([False]),
        pairs=True,
        attaches=attaches,
        terms=TERMS.bracket,
        working=frozenset({key} if works else ()),
    )


def _without_a_stop(brackets: Brackets, traded: int = 0) -> int:
    """Shares of which control 36 would say that no stop closes them, if all legs that stand stay, and no others are sent."""
    asked = brackets.stays_or_fills(brackets.state, brackets.state, np.array([traded]))
    return int((asked - np.minimum(brackets.covered((), ()), asked)).sum())


@pytest.mark.parametrize(
    ("position", "working", "standing", "bare"),
    [
        (40, 60, _growing(60), 0),
        (0, 100, _growing(100), 0),
        (40, 60, _plain(40), 60),
        (40, 60, (), 100),
        (0, 100, (), 100),
        (90, 60, _growing(60) + _plain(50), 0),
        (90, 60, _growing(60), 50),
        (-40, -60, _growing(60, -100), 0),
        (-40, -60, _plain(-40), 60),
        (-100, 80, (), 20),  # it closes what is held, and nothing else
        (-20, 80, _growing(60, 60), 0),  # it turns 20 round
        (-20, 80, (), 60),
        (40, 60, _growing(60, -100), 100),  # legs of the other side close none of it
    ],
)
def test_what_an_entry_may_still_add_is_asked_for_its_stop(
    position: int, working: int, standing: tuple[LedgerOrder, ...], bare: int
) -> None:
    assert _without_a_stop(_brackets(position, working, standing)) == bare


def test_what_waits_behind_an_entry_that_works_no_more_closes_nothing() -> None:
    assert _without_a_stop(_brackets(40, 60, _growing(60), works=False)) == 60


def test_a_broker_that_takes_no_legs_with_an_entry_is_asked_for_those_of_what_is_held_alone() -> None:
    assert _without_a_stop(_brackets(40, 60, _plain(40), attaches=False)) == 0
    assert _without_a_stop(_brackets(40, 60, (), attaches=False)) == 40


def test_what_closes_for_certain_is_netted_with_what_is_bought() -> None:
    assert _without_a_stop(_brackets(40, 60, ()), -40) == 60
    assert _without_a_stop(_brackets(40, 0, ()), -100) == 60


@pytest.mark.parametrize(("standing", "told"), [(_growing(60), ()), (_plain(40), ("S0",))])
def test_an_entry_that_works_on_without_its_legs_is_said_to_have_no_stop(
    desk: Desk, standing: tuple[LedgerOrder, ...], told: tuple[str, ...]
) -> None:
    desk.open(SESSION)
    brackets = _brackets(40, 60, standing)
    asked = proposal([0], position=[40], working=[60], price=[100.0])
    now = datetime(2026, 11, 20, 21, 30, tzinfo=UTC)
    beside = Beside(brackets.state, {}, brackets)
    found = judge(desk.real_ledger, None, asked, limits(), kind="eod", attempt=1, now=now, terms=TERMS, beside=beside)
    assert found.without_a_stop == told
    assert found.basket.withdraws == ()


def _evening(brackets: Brackets, left: int) -> tuple[int, set[str]]:
    """Signed shares of the legs that are sent where so many signed shares are left, and our ids of those that make way."""
    shares = np.array([left])
    wanted = brackets.wanted(shares)
    return int(wanted.quantity[0]), set(brackets.withdrawn(shares, wanted, {"S0"}))


GROWING, PLAIN = ({each.order.client_order_id for each in made} for made in (_growing(60), _plain(50)))


@pytest.mark.parametrize(
    ("position", "working", "standing", "sent", "withdrawn"),
    [
        (40, 60, _growing(60), 0, set()),
        (90, 60, _growing(60) + _plain(50), 0, set()),
        (90, 60, _growing(60), -50, set()),
        (90, 60, _growing(60) + _plain(50, "94"), -50, PLAIN),
        (90, 60, _growing(60) + _plain(30), -50, PLAIN),
        (60, 60, _growing(60) + _plain(50), -20, PLAIN),  # the plain stop has filled in part
        (40, 60, _growing(60) + _plain(50), 0, PLAIN),
        (0, 100, _growing(100), 0, set()),
        (-90, -60, _growing(60, -100), 50, set()),
        (-20, 80, _growing(60, 60), 20, set()),  # it turns 20 round, and has not begun
    ],
)
def test_legs_of_an_entry_that_works_stay_and_others_are_for_the_rest(
    position: int, working: int, standing: tuple[LedgerOrder, ...], sent: int, withdrawn: set[str]
) -> None:
    assert _evening(_brackets(position, working, standing), position) == (sent, withdrawn)


def test_they_make_way_only_where_they_alone_would_close_more_than_is_left_or_the_other_side() -> None:
    brackets = _brackets(90, 60, _growing(60) + _plain(50))
    assert _evening(brackets, 40) == (0, PLAIN)
    assert _evening(brackets, 39) == (-39, GROWING | PLAIN)
    assert _evening(brackets, 0) == (0, GROWING | PLAIN)
    assert _evening(_brackets(-90, 60, _growing(60)), -90) == (90, GROWING)


def test_they_make_way_for_one_pair_once_their_entry_works_no_more_and_before_a_corporate_action() -> None:
    standing = _growing(60) + _plain(50)
    assert _evening(_brackets(90, 0, standing, works=False), 90) == (-90, GROWING | PLAIN)
    assert _evening(replace(_brackets(90, 60, standing), changing=frozenset({"S0"})), 90) == (0, GROWING | PLAIN)


def test_those_of_an_entry_that_works_no_more_and_has_filled_nothing_go_with_it_and_leave_the_pair_that_stands() -> None:
    """Replaced, a stop that has triggered and filled in part would wait for its price anew."""
    brackets = _brackets(50, 0, _growing(100) + _plain(50), works=False)
    assert _evening(brackets, 50) == (0, GROWING)
    assert _evening(brackets, 40) == (-40, GROWING | PLAIN)
    assert _evening(_brackets(50, 0, _growing(100), works=False), 50) == (-50, GROWING)
    assert _evening(_brackets(50, 100, _growing(100) + _plain(50)), 50) == (0, set())


def test_of_a_symbol_that_is_not_decided_about_only_what_closes_too_much_makes_way() -> None:
    halted = replace(_brackets(90, 60, _growing(60) + _plain(50)), decided=np.array([False]))
    assert _evening(halted, 90) == (0, set())
    assert _evening(halted, 80) == (0, PLAIN)
