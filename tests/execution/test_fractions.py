"""Orders that fill in fractions of a coin: booked as soon as they come to whole coins, and no break before."""

from collections.abc import Iterator
from decimal import Decimal

import pytest

from grodt.errors import ReconciliationBreak
from grodt.ledger.breaks import FRACTION_DIGITS
from grodt.ledger.halts import active
from grodt.ledger.verify import verify_ledger
from grodt.orders.states import OrderState
from grodt.reconciliation import Reconciled
from tests.brokers.world import BOOK, MON, TUE, WED, market, usd
from tests.execution.always import ETH, MARKET, REST, Always, books, breaks, corrected, lived, opened_always, order_of
from tests.execution.desk import CASH, Desk

_FRACTION = 10**FRACTION_DIGITS


@pytest.fixture
def always(desk: Desk) -> Iterator[Always]:
    with opened_always(desk) as opened:
        opened.account.fee = lambda value: {"cost": "0", "currency": "USD"}
        yield opened


def test_a_market_order_in_fractions_is_booked_whole_and_halts_nothing(always: Always) -> None:
    always.send(MARKET)
    for amount, price in (("0.4", "100"), ("3", "100.5"), ("1.35", "101"), ("5.25", "102")):
        always.fill(amount, price)
    assert lived(always.desk, MON)[1] == Reconciled(positions=0, open_orders=1, cash=CASH, waiting=2)
    always.account.play(market(TUE, {}))
    for _ in range(2):
        assert lived(always.desk, TUE)[1].open_orders == 0
        assert books(always.desk) == ({ETH: 10}, CASH - usd("1013.35"))
    assert order_of(always.desk) == (OrderState.FILLED, 10)
    with always.desk.real_ledger.read() as tx:
        assert active(tx, BOOK, always.desk.now()) == ()
        assert [each for each in verify_ledger(tx) if each.invariant not in (5, 8) and not each.holds] == []
        assert tx.connection.exec_driver_sql("SELECT count(*), count(DISTINCT execution_id) FROM fill_trades").one() == (3, 1)


def test_a_rest_in_fractions_waits_for_days_and_is_booked_with_its_last_trade(always: Always) -> None:
    always.send(REST)
    always.fill("0.4")
    assert lived(always.desk, MON)[1] == Reconciled(positions=0, open_orders=1, cash=CASH, parts=1)
    always.fill("1.7")
    always.account.play(market(TUE, {}))
    assert lived(always.desk, TUE)[1] == Reconciled(positions=0, open_orders=1, cash=CASH, parts=1)
    always.fill("1.9")
    always.fill("0.5")
    for _ in range(2):
        assert lived(always.desk, TUE)[1] == Reconciled(positions=0, open_orders=1, cash=CASH, waiting=1, parts=1)
    always.account.play(market(WED, {}))
    assert lived(always.desk, WED)[1] == Reconciled(positions=1, open_orders=1, cash=books(always.desk)[1], parts=1)
    assert books(always.desk) == ({ETH: 4}, CASH - usd("400"))
    assert order_of(always.desk) == (OrderState.PARTIALLY_FILLED, 4)


def test_what_a_person_trades_beside_a_rest_is_a_break_without_it(always: Always) -> None:
    always.send(REST)
    always.fill("0.4")
    always.by_hand("1.25", "90")
    told = r"Without what 1 open order has traded that does not come to whole shares yet\."
    with pytest.raises(ReconciliationBreak, match=told):
        lived(always.desk, MON)
    assert breaks(always.desk) == [
        ("position", ETH, 0, 1),
        ("fraction", ETH, 0, _FRACTION // 4),
        ("cash", "", CASH, CASH - usd("112.5")),
    ]


def test_the_rest_of_an_order_that_was_cancelled_is_kept_and_halts_its_symbol(always: Always) -> None:
    always.send(REST)
    always.fill("1")
    always.fill("0.4")
    always.account.orders[0]["status"] = "canceled"
    always.account.play(market(TUE, {}))
    with pytest.raises(ReconciliationBreak, match=r"ETH/USD:t1 of demo-eod-20260302-ETH/USD-0: the venue's trade t1 has quantity 0\.4"):
        lived(always.desk, TUE)
    assert breaks(always.desk) == [
        ("fraction", ETH, 0, _FRACTION * 4 // 10),
        ("cash", "", CASH - usd("100"), CASH - usd("140")),
    ]
    assert order_of(always.desk) == (OrderState.CANCELLED, 1)
    with always.desk.real_ledger.read() as tx:
        assert {(each.scope, each.symbol) for each in active(tx, BOOK, always.desk.now())} == {("book", ""), ("symbol", ETH)}


def test_a_trade_that_was_dealt_with_is_in_no_fill_afterwards(always: Always) -> None:
    """The venue said that the order was over, and then that it had traded on."""
    always.send(REST)
    always.fill("0.4")
    always.fill("0.9")
    always.account.orders[0]["status"] = "canceled"
    with pytest.raises(ReconciliationBreak):
        lived(always.desk, MON)
    corrected(always.desk, "100")
    assert books(always.desk)[0] == {ETH: 1}
    always.account.orders[0]["status"] = "open"
    always.account.fill(always.account.orders[0], Decimal("0.7"), Decimal(100))
    always.account.play(market(TUE, {}))
    with pytest.raises(ReconciliationBreak, match="people have corrected the position since"):
        lived(always.desk, TUE)
    assert books(always.desk)[0] == {ETH: 1}
