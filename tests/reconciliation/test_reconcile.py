"""Reconciling a real ledger with a paper broker."""

from collections.abc import Callable, Collection, Mapping
from contextlib import closing
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from grodt.errors import BrokerUnavailable, DataError, HaltActive, ReconciliationBreak
from grodt.ledger.baskets import approve_basket, record_basket
from grodt.ledger.breaks import Break, money_value, open_breaks
from grodt.ledger.halts import active
from grodt.ledger.order_life import transition
from grodt.ledger.orders import find_order
from grodt.ledger.runs import Run
from grodt.ledger.verify import verify_ledger
from grodt.money import Micros
from grodt.orders.states import OrderState
from grodt.reconciliation import Reconciled, reconcile
from tests.brokers.world import BOOK, MON, TUE, WED, market, order, usd
from tests.execution.desk import CASH, Desk, Killed, make_basket


@pytest.fixture
def run(desk: Desk) -> Run:
    """30 AAPL held, 5 IBM sent and open."""
    monday = desk.open(MON)
    desk.settle(monday, market(MON, {}))
    desk.decide(monday, {"AAPL": 30})
    desk.send(monday)
    tuesday = desk.open(TUE)
    desk.settle(tuesday, market(TUE, {"AAPL": "100"}))
    desk.decide(tuesday, {"IBM": 5})
    desk.send(tuesday)
    return tuesday


def _breaks(desk: Desk) -> list[Break]:
    with desk.real_ledger.read() as tx:
        return [each.difference for each in open_breaks(tx, BOOK)]


def _halts(desk: Desk) -> list[tuple[str, str]]:
    with desk.real_ledger.read() as tx:
        return [(each.scope, each.reason) for each in active(tx, BOOK, desk.now())]


def test_equal_books_give_a_report_and_write_nothing(desk: Desk, run: Run) -> None:
    desk.fuse.steps.clear()
    found = desk.reconcile(run)
    assert found == Reconciled(positions=1, open_orders=1, cash=desk.paper.cash())
    assert "before a write" not in desk.fuse.steps


def test_a_break_in_a_symbol_that_the_book_never_traded_is_worth_what_its_close_says(
    desk: Desk, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = desk.paper.positions()
    monkeypatch.setattr(desk.paper, "positions", lambda: {**held, "MSFT": Decimal(7), "ODD": Decimal(2)})
    asked: list[set[str]] = []

    def closes_of(symbols: Collection[str]) -> dict[str, Micros]:
        asked.append(set(symbols))
        return {"MSFT": usd("250")}

    with pytest.raises(ReconciliationBreak):
        _reconciled(desk, run, closes_of)
    with desk.real_ledger.read() as tx:
        assert [money_value(tx, each) for each in open_breaks(tx, BOOK)] == [usd("1750"), None]
    with pytest.raises(ReconciliationBreak):  # seen again where no close is known, it keeps the one of before
        _reconciled(desk, run, lambda _: {})
    with desk.real_ledger.read() as tx:
        assert [money_value(tx, each) for each in open_breaks(tx, BOOK)] == [usd("1750"), None]
    assert asked == [{"MSFT", "ODD"}]


def _reconciled(desk: Desk, run: Run, closes_of: Callable[[Collection[str]], Mapping[str, Micros]]) -> None:
    session, now = run.session, desk.now()
    reconcile(desk.ledger, None, desk.broker, book=BOOK, session=session, run_id=run.run_id, now=now, closes_of=closes_of)


def test_a_difference_is_recorded_halts_the_book_and_is_shown(desk: Desk, run: Run) -> None:
    desk.paper.submit(order("MSFT", 7, TUE, leg=9), TUE)
    desk.paper.submit(order("ORCL", 9, TUE, leg=9), TUE)
    desk.paper.cancel(order("ORCL", 9, TUE, leg=9).client_order_id)
    with pytest.raises(ReconciliationBreak) as caught:
        desk.reconcile(run)
    assert caught.value.exit_status == 3
    text = str(caught.value)
    assert "book demo session 2026-03-03: ledger and broker differ in 1 place; the book is halted." in text
    assert "demo-eod-20260303-MSFT-9       0       7          -7" in text
    assert "`grodt rearm --book demo --reason WHY`" in text
    assert _breaks(desk) == [Break("order", "demo-eod-20260303-MSFT-9", 0, 7)]
    assert _halts(desk) == [("book", "breaks_open: our books and the broker's disagree (control 31: value is 1, limit 0)")]
    with pytest.raises(HaltActive):
        desk.reconcile(run)
    assert len(_breaks(desk)) == len(_halts(desk)) == 1


def test_positions_and_cash_that_differ_are_breaks_and_money_is_shown_in_units(desk: Desk, run: Run) -> None:
    desk.paper.submit(order("MSFT", -7, TUE, leg=9), TUE)
    desk.paper.advance(market(WED, {"MSFT": "10", "IBM": "20"}))
    with pytest.raises(ReconciliationBreak, match=r"cash +USD +\d+\.\d{6} +\d+\.\d{6} +-?\d+\.\d{6}\n"):
        desk.reconcile(run)
    assert [(each.kind, each.symbol) for each in _breaks(desk)] == [("position", "MSFT"), ("cash", "")]  # IBM waits for Wednesday


def test_a_fraction_of_a_share_at_the_broker_is_seen(desk: Desk, run: Run) -> None:
    desk.paper.positions = lambda: {"AAPL": Decimal("30.000000001")}  # type: ignore[method-assign]
    with pytest.raises(ReconciliationBreak, match=r"fraction +AAPL +0\.000000000 +0\.000000001 +-0\.000000001\n"):
        desk.reconcile(run)
    assert _breaks(desk) == [Break("fraction", "AAPL", 0, 1)]
    desk.paper.positions = lambda: {"AAPL": Decimal("30.0000000001")}  # type: ignore[method-assign]
    with pytest.raises(DataError, match=r"AAPL: the broker holds 30\.0000000001 shares, finer than 9 decimals"):
        desk.reconcile(run)


def test_a_long_table_is_cut_and_every_break_recorded(desk: Desk, run: Run) -> None:
    for i in range(13):
        desk.paper.submit(order(f"S{i:02}", 1, TUE), TUE)
    with pytest.raises(ReconciliationBreak, match=r"\n  and 3 more\n"):
        desk.reconcile(run)
    assert len(_breaks(desk)) == 13


def test_a_broker_that_does_not_answer_is_never_a_flat_one(desk: Desk, run: Run) -> None:
    desk.broker.down = True
    with pytest.raises(BrokerUnavailable):
        desk.reconcile(run)
    assert (_breaks(desk), _halts(desk)) == ([], [])


def test_an_order_without_an_answer_is_no_break_whether_it_arrived_or_not(desk: Desk, run: Run) -> None:
    wednesday = desk.open(WED)
    desk.settle(wednesday, market(WED, {"IBM": "20"}))
    basket = desk.decide(wednesday, {"MSFT": 7, "ORCL": 7}, "10")
    with desk.real_ledger.write() as tx:
        for each in basket.orders:
            transition(tx, each.client_order_id, OrderState.SENDING, run_id=wednesday.run_id, now=desk.now())
    desk.paper.submit(basket.orders[0], wednesday.session)
    assert desk.reconcile(wednesday).open_orders == 0
    desk.paper.cancel(basket.orders[0].client_order_id)
    desk.paper.submit(replace(basket.orders[1], quantity=8), wednesday.session)
    with pytest.raises(ReconciliationBreak, match="ORCL"):
        desk.reconcile(wednesday)


def test_a_kill_between_finding_and_recording_leaves_no_half_record(tmp_path: Path, template: Path) -> None:
    for point in range(20):
        with closing(Desk(tmp_path / str(point), template=template)) as desk:
            desk.paper.submit(order("MSFT", 7), MON)  # the ledger does not know it
            run = desk.open(MON)
            desk.fuse.at, desk.fuse.steps = point, []
            try:
                desk.reconcile(run)
            except ReconciliationBreak:
                assert (len(_breaks(desk)), len(_halts(desk))) == (1, 1)
                return
            except Killed as killed:
                recorded = 1 if str(killed) == "after a commit" else 0
                assert (len(_breaks(desk)), len(_halts(desk))) == (recorded, recorded)
    raise AssertionError("never ran to the end")


def test_a_new_account_holds_its_opening_cash(desk: Desk) -> None:
    assert desk.reconcile(desk.open(MON)) == Reconciled(positions=0, open_orders=0, cash=CASH)


def test_a_limit_that_is_good_till_cancelled_is_open_on_both_sides_until_it_fills(desk: Desk) -> None:
    monday = desk.open(MON)
    desk.settle(monday, market(MON, {}))
    limit = replace(order("AAPL", 10), order_type="limit", time_in_force="gtc", price=usd("90"))
    with desk.ledger.write() as tx:
        basket = make_basket(monday, [limit])
        record_basket(tx, basket, monday.run_id, desk.now())
        approve_basket(tx, basket.hash, "automatic", desk.now())
    assert desk.send(monday).accepted == 1
    tuesday = desk.open(TUE)
    desk.settle(tuesday, market(TUE, {"AAPL": "100"}))
    assert desk.reconcile(tuesday) == Reconciled(positions=0, open_orders=1, cash=CASH)
    wednesday = desk.open(WED)
    assert desk.settle(wednesday, market(WED, {"AAPL": "89"})).fills == 1
    found = desk.reconcile(wednesday)
    assert (found.positions, found.open_orders) == (1, 0)
    with desk.real_ledger.read() as tx:
        kept = find_order(tx, limit.client_order_id)
        assert kept is not None
        assert (kept.order, kept.state) == (limit, OrderState.FILLED)
        assert kept.average_fill_price is not None
        assert kept.average_fill_price <= usd("90")
        assert {check.invariant for check in verify_ledger(tx) if check.findings} == {5}  # no control was asked here
