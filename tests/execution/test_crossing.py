"""What strategies cross while an order that sells the same shares is about to be withdrawn, and what its fill leaves of it."""

import shutil
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from grodt.errors import DataError
from grodt.execution.decision import BookState, Closes
from grodt.execution.resting import without
from grodt.execution.strategies import StrategyState, StrategyTargets, strategy_state
from grodt.ledger.fills import record_fill
from grodt.ledger.orders import orders_in
from grodt.ledger.strategies import check_strategies, record_attribution, strategy_positions
from grodt.ledger.transaction import Read, Write
from grodt.ledger.unit import Ledger
from grodt.money import micros
from grodt.orders.attribution import Attribution, Cross
from grodt.orders.order import Order, Side, client_order_id
from grodt.orders.states import OPEN
from grodt.targets.quantities import Targets
from tests.execution.test_decision import state_of
from tests.ledger.world import BOOK, MINUTE, NEXT, NOW, SESSION, fill, order, sent, started

FIRST, SECOND, THIRD, FOURTH = SESSION, NEXT, NEXT + timedelta(days=3), NEXT + timedelta(days=4)
CLOSES = Closes(np.array([94.0]), np.array([94_000_000]), np.array([0]), np.zeros((5, 1)))
REST = Order.recorded(
    client_order_id=client_order_id(BOOK, "eod", SECOND, "AAPL"),
    book=BOOK,
    session=SECOND,
    symbol="AAPL",
    side=Side.SELL,
    quantity=100,
    reference_price=micros("94"),
    order_type="limit",
    time_in_force="gtc",
    price=micros("94"),
)


@pytest.fixture
def tx(template: Path, tmp_path: Path) -> Iterator[Write]:
    """Strategy trend has bought 100 AAPL, and its sale of all of them rests."""
    path = shutil.copy(template, tmp_path / "ledger.db")
    with closing(Ledger.open(f"sqlite:///{path}")) as ledger, ledger.write() as tx:
        bought = order(session=FIRST)
        for one, run in ((bought, sent(tx, [bought], FIRST)), (REST, sent(tx, [REST], SECOND))):
            record_attribution(tx, run.run_id, BOOK, one.session, Attribution({one.client_order_id: {"trend": 100}}), NOW)
            if one is bought:
                record_fill(tx, fill(one), BOOK, run.run_id, NOW)
        yield tx


def _state(tx: Read, position: int) -> BookState:
    rests = orders_in(tx, BOOK, OPEN)
    working = -sum(each.order.quantity - each.filled_quantity for each in rests)
    return replace(state_of(1, position=[position], working=[working]), symbols=("AAPL",), rests=rests)


def _withdrawn(tx: Write, session_position: int = 100) -> tuple[StrategyState, BookState]:
    """The strategies of the third session's decision, which withdraws the rest."""
    state = _state(tx, session_position)
    held = strategy_state(
        tx,
        started(tx, THIRD),
        without(state, state.rests),
        ["trend", "value"],
        withdrawn={each.order.client_order_id for each in state.rests},
    )
    return held, without(state, state.rests)


def _shares(tx: Read) -> dict[str, int]:
    return {who: each.quantity for (who, _), each in strategy_positions(tx, BOOK).items()}


def test_what_an_order_sells_until_it_is_known_to_be_cancelled_is_not_given_to_another(tx: Write) -> None:
    """trend wants nothing and value 60: the order of 40 is trend's, and value waits for what the rest leaves."""
    held, state = _withdrawn(tx)
    assert (held.position.tolist(), held.working.tolist(), held.open_sells.tolist()) == ([[100], [0]], [[0], [0]], [[100], [0]])
    targets = Targets(("AAPL",), np.array([0.05]), np.array([60]), np.array([100]), np.array([94.0]))
    wanted = StrategyTargets(targets, np.array([[0], [60]])).wanted(held, state, CLOSES)
    cross, own = wanted.parts(np.array([-40]))
    assert (cross.tolist(), own.tolist()) == ([[0], [0]], [[-40], [0]])


def test_of_a_rest_that_filled_in_part_what_it_may_still_sell_is_not_given_away(tx: Write) -> None:
    record_fill(tx, fill(REST, quantity=70, session=THIRD), BOOK, "settled", NOW + MINUTE)
    held, state = _withdrawn(tx, 30)
    assert (held.position.tolist(), held.open_sells.tolist(), held.free.tolist()) == ([[30], [0]], [[30], [0]], [[0], [0]])
    assert state.working.tolist() == [0]


def test_shares_promised_to_another_that_an_order_sold_all_the_same_are_sold_by_who_has_them_and_the_book_goes_on(tx: Write) -> None:
    """trend gives 60 to value, and then its sale of 100 fills: value has sold these 60, at the price of the fill."""
    run = sent(tx, [], THIRD)
    price = micros("94")
    given = (Cross("AAPL", "trend", -60, price), Cross("AAPL", "value", 60, price))
    record_attribution(tx, run.run_id, BOOK, THIRD, Attribution({}, given), NOW + MINUTE)
    assert _shares(tx) == {"trend": 40, "value": 60}
    record_fill(tx, fill(REST, price="96", session=THIRD), BOOK, "late", NOW + 2 * MINUTE)
    assert _shares(tx) == {"trend": 0, "value": 0}
    assert strategy_positions(tx, BOOK)["value", "AAPL"].realised == 60 * micros(2)
    assert [*check_strategies(tx, BOOK).findings] == []
    held = strategy_state(tx, started(tx, FOURTH), _state(tx, 0), ["trend", "value"])
    assert (held.position.tolist(), held.working.tolist()) == ([[0], [0]], [[0], [0]])


def test_a_cross_of_shares_that_were_sold_before_it_was_booked_gives_none(tx: Write) -> None:
    record_fill(tx, fill(REST, session=THIRD), BOOK, "late", NOW + MINUTE)
    run = sent(tx, [], THIRD)
    given = (Cross("AAPL", "trend", -60, micros("94")), Cross("AAPL", "value", 60, micros("94")))
    record_attribution(tx, run.run_id, BOOK, THIRD, Attribution({}, given), NOW + 2 * MINUTE)
    assert _shares(tx) == {"trend": 0}
    assert [*check_strategies(tx, BOOK).findings] == []


def test_a_book_that_is_short_itself_is_bought_back_as_a_book_with_signals(tx: Write) -> None:
    """A late fill sells 100 more than the book has: only the book's own order ends that, and then its strategies go on."""
    record_fill(tx, fill(REST, session=THIRD), BOOK, "settled", NOW + MINUTE)
    more = order(session=THIRD, side=Side.SELL)
    run = sent(tx, [more], THIRD)
    record_attribution(tx, run.run_id, BOOK, THIRD, Attribution({more.client_order_id: {"value": 100}}), NOW + 2 * MINUTE)
    record_fill(tx, fill(more, session=THIRD), BOOK, run.run_id, NOW + 2 * MINUTE)
    with pytest.raises(DataError, match=r"strategy value is short of 100 AAPL.*as a book with `signals`"):
        strategy_state(tx, started(tx, FOURTH), _state(tx, -100), ["trend", "value"])
    back = order(session=FOURTH)
    run = sent(tx, [back], FOURTH)
    record_fill(tx, fill(back, session=FOURTH), BOOK, run.run_id, NOW + 3 * MINUTE)
    assert strategy_state(tx, started(tx, FOURTH + timedelta(days=1)), _state(tx, 0), ["trend", "value"]).position.tolist() == [[0], [0]]
