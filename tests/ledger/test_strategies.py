"""What strategies have of a book's orders and fills, derived from the ledger."""

from datetime import timedelta

import pytest

from grodt.bars.corporate_actions import CorporateAction
from grodt.bars.market import SessionMarket
from grodt.ledger.actions import apply_actions
from grodt.ledger.fills import record_fill
from grodt.ledger.strategies import check_strategies, record_attribution, strategy_positions
from grodt.ledger.strategy_book import StrategyPosition
from grodt.ledger.unit import Ledger, Write
from grodt.money import micros
from grodt.orders.attribution import Attribution, Cross
from grodt.orders.order import Side
from tests.ledger.by_hand import by_hand
from tests.ledger.world import BOOK, MINUTE, NEXT, NOW, SESSION, fill, order, sent

_KEY = "demo-eod-20261119-AAPL-0"


def _traded(tx: Write, *parts: int) -> None:
    """100 AAPL, of which two strategies have 70 and 30, filled in those parts at 94."""
    one = order()
    run = sent(tx, [one])
    record_attribution(tx, run.run_id, BOOK, SESSION, Attribution({one.client_order_id: {"trend": 70, "value": 30}}), NOW)
    for number, quantity in enumerate(parts):
        record_fill(tx, fill(one, number, quantity), BOOK, run.run_id, NOW + MINUTE)


def _shares(positions: dict[tuple[str, str], StrategyPosition]) -> dict[tuple[str, str], int]:
    return {key: each.quantity for key, each in positions.items()}


@pytest.mark.parametrize("parts", [(100,), (1, 1, 98), (33, 67), (99, 1)])
def test_however_an_order_fills_each_strategy_has_its_share_in_the_end(tx: Write, parts: tuple[int, ...]) -> None:
    _traded(tx, *parts)
    assert _shares(strategy_positions(tx, BOOK)) == {("trend", "AAPL"): 70, ("value", "AAPL"): 30}
    assert [*check_strategies(tx, BOOK).findings] == []


def test_what_filled_so_far_is_shared_out_in_proportion(tx: Write) -> None:
    _traded(tx, 40)
    assert _shares(strategy_positions(tx, BOOK)) == {("trend", "AAPL"): 28, ("value", "AAPL"): 12}


def test_a_cross_moves_shares_between_strategies_and_none_of_the_book_s(tx: Write) -> None:
    _traded(tx, 100)
    again = sent(tx, [], NEXT)
    price = micros(95)
    crossed = (Cross("AAPL", "trend", -20, price), Cross("AAPL", "value", 20, price))
    record_attribution(tx, again.run_id, BOOK, NEXT, Attribution({}, crossed), NOW + 2 * MINUTE)
    found = strategy_positions(tx, BOOK)
    assert _shares(found) == {("trend", "AAPL"): 50, ("value", "AAPL"): 50}
    assert (found["trend", "AAPL"].realised, found["value", "AAPL"].cost) == (micros(20), 30 * micros(94) + 20 * micros(95))
    assert [*check_strategies(tx, BOOK).findings] == []


def test_a_split_is_shared_out_and_comes_before_the_fills_of_its_session(tx: Write) -> None:
    _traded(tx, 100)
    ex_date = NEXT + timedelta(days=3)
    split = CorporateAction("AAPL", ex_date, "split", ratio_new=3, ratio_old=2)
    apply_actions(tx, BOOK, SessionMarket(ex_date, 1, NOW, NOW, {}, {"AAPL": micros(94)}, (split,)), "run", NOW + 2 * MINUTE)
    late = order(session=NEXT, quantity=10)
    run = sent(tx, [late], NEXT)
    record_fill(tx, fill(late, session=ex_date), BOOK, run.run_id, NOW + 2 * MINUTE)
    assert _shares(strategy_positions(tx, BOOK)) == {("demo", "AAPL"): 10, ("trend", "AAPL"): 105, ("value", "AAPL"): 45}
    assert [*check_strategies(tx, BOOK).findings] == []


def test_what_was_earned_stays_under_the_old_symbol_and_it_all_adds_up(tx: Write) -> None:
    """A sale at another price, of one strategy alone, makes costs of strategies other than the book's; then AAPL becomes APL."""
    _traded(tx, 100)
    sale = order(side=Side.SELL, session=NEXT, quantity=30)
    run = sent(tx, [sale], NEXT)
    record_attribution(tx, run.run_id, BOOK, NEXT, Attribution({sale.client_order_id: {"value": 20, "trend": 10}}), NOW)
    record_fill(tx, fill(sale, price="101", session=NEXT), BOOK, run.run_id, NOW + 2 * MINUTE)
    more = order(session=NEXT + timedelta(days=1), quantity=7)
    run = sent(tx, [more], NEXT + timedelta(days=1))
    record_attribution(tx, run.run_id, BOOK, NEXT, Attribution({more.client_order_id: {"value": 7}}), NOW)
    record_fill(tx, fill(more, price="99.31", session=NEXT), BOOK, run.run_id, NOW + 3 * MINUTE)
    ex_date = NEXT + timedelta(days=3)
    change = CorporateAction("AAPL", ex_date, "symbol_change", new_symbol="APL")
    apply_actions(tx, BOOK, SessionMarket(ex_date, 1, NOW, NOW, {}, {"AAPL": micros(94)}, (change,)), "run", NOW + 4 * MINUTE)
    found = strategy_positions(tx, BOOK)
    assert {key: each.quantity for key, each in found.items() if each.quantity} == {("trend", "APL"): 60, ("value", "APL"): 17}
    assert found["value", "AAPL"].realised == 20 * micros(7)
    assert [*check_strategies(tx, BOOK).findings] == []


@pytest.mark.parametrize(
    ("sql", "finding"),
    [
        ("UPDATE order_shares SET quantity = 69 WHERE strategy = 'trend'", f"order {_KEY} is of 100 shares, and its strategies have 99"),
        ("DELETE FROM order_shares WHERE strategy = 'trend'", f"order {_KEY} is of 100 shares, and its strategies have 30"),
        ("UPDATE fills SET quantity = 90", "book demo holds 100 AAPL, and its strategies 90"),
        (
            "UPDATE fills SET notional = 9300000000",
            "book demo paid 9,400,000,000 micros for AAPL, less what it was paid, and its strategies",
        ),
    ],
)
def test_what_does_not_add_up_is_named(ledger: Ledger, sql: str, finding: str) -> None:
    with ledger.write() as tx:
        _traded(tx, 100)
    by_hand(ledger, sql)
    with ledger.read() as read:
        assert any(each.startswith(finding) for each in check_strategies(read, None).findings)
