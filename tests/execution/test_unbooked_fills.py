"""Fills that cannot be booked, over several sessions: what is said first, the way out, and that it is quiet afterwards."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from grodt.brokers.ib import IbBroker
from grodt.brokers.ib_settings import IbAccount
from grodt.errors import GrodtError, HaltActive, ReconciliationBreak
from grodt.execution import settle
from grodt.ledger.acts import act
from grodt.ledger.break_evidence import Evidence, evidence_of
from grodt.ledger.breaks import open_breaks, resolve_break
from grodt.ledger.corrections import propose_correction
from grodt.ledger.halts import Halt, active
from grodt.ledger.later_checks import evidence_of as checks_of
from grodt.ledger.orders import find_order
from grodt.ledger.postings import holdings, settled
from grodt.ledger.verify import verify_ledger
from grodt.orders.states import OrderState
from grodt.sessions import Calendar
from tests.brokers.alpaca_desk import opened_at
from tests.brokers.world import BOOK, FRI, MON, THU, TUE, WED, instant, market, order, usd
from tests.execution.desk import Desk, FaultyBroker
from tests.fakes.alpaca_trading import FakeTrading, evening
from tests.fakes.ib import ACCOUNT, FakeIb
from tests.ledger.people import rearmed

BUY = order("AAPL", 10)


@pytest.fixture
def alpaca(desk: Desk) -> Iterator[FakeTrading]:
    """An account at Alpaca with an order for 10 AAPL in it."""
    with FakeTrading(evening(MON), "1000000").served() as account, opened_at(account) as broker:
        desk.broker = FaultyBroker(broker, desk.fuse)
        _order_ten(desk)
        yield account


@pytest.fixture
def ib(desk: Desk) -> Iterator[FakeIb]:
    """An account at Interactive Brokers, without commission."""

    async def at_once(_: float) -> None:
        return None

    account = FakeIb(evening(MON), "1000000")
    account.commission = 0.0
    broker = IbBroker(BOOK, IbAccount(account=ACCOUNT), Calendar("XNYS"), client=account.client, sleep=at_once)
    desk.broker = FaultyBroker(broker, desk.fuse)
    yield account
    broker.close()


def _order_ten(desk: Desk) -> None:
    run = desk.open(MON)
    desk.decide(run, {"AAPL": 10})
    desk.send(run)


def _live(desk: Desk, day: date, prices: dict[str, str] | None = None) -> None:
    """A session of the book: settled and compared."""
    run = desk.open(day)
    settle(desk.ledger, None, desk.broker, None, [market(day, prices or {})], run=run, file=desk.file, now=desk.now)
    desk.reconcile(run)


def _breaks(desk: Desk) -> list[tuple[str, str, int]]:
    """Open breaks: kind, symbol, and how much more the broker has."""
    with desk.real_ledger.read() as tx:
        found = [each.difference for each in open_breaks(tx, BOOK)]
    return [(each.kind, each.symbol, each.theirs - each.ours) for each in found]


def _evidence(desk: Desk, kind: str) -> Evidence:
    with desk.real_ledger.read() as tx:
        return evidence_of(tx, next(each for each in open_breaks(tx, BOOK) if each.difference.kind == kind))


def _people_work(desk: Desk, price: str | None = None) -> None:
    """Two people correct the break of the position at a price, or that of cash, look at the others, and arm the book."""
    with desk.real_ledger.write() as tx:
        kind = "cash" if price is None else "position"
        found = next(each for each in open_breaks(tx, BOOK) if each.difference.kind == kind)
        paid = None if price is None else usd(price)
        asked = propose_correction(
            tx, found.break_id, paid, following=Calendar("XNYS").next, by="ann", reason="the statement has it", now=desk.now()
        )
        act(tx, asked.request_id, "approve", by="bob", reason="seen", now=desk.now())
        for each in open_breaks(tx, BOOK):
            resolve_break(tx, each.break_id, "explained by it", "ann", desk.now())
        rearmed(tx, BOOK, desk.now())


def _halts(desk: Desk) -> list[Halt]:
    with desk.real_ledger.read() as tx:
        return list(active(tx, BOOK, desk.now()))


def _order(desk: Desk) -> tuple[OrderState, int, int]:
    with desk.real_ledger.read() as tx:
        found = find_order(tx, BUY.client_order_id)
    assert found is not None
    return found.state, found.filled_quantity, found.booked_quantity


def _held(desk: Desk) -> dict[str, int]:
    with desk.real_ledger.read() as tx:
        return {symbol: each.quantity for symbol, each in holdings(tx, BOOK).items()}


def _control_19(desk: Desk, run: str) -> list[tuple[Any, ...]]:
    with desk.real_ledger.read() as tx:
        rows = checks_of(tx, run).select("control", "scope", "symbol", "value", "limit", "verdict").rows()
    return [row for row in rows if row[0] == 19 and row[1] == "order"]


def _is_quiet(desk: Desk, *days: date) -> None:
    """Sessions pass without a break or a halt, each also when it is run again, and the ledger is sound."""
    for day in days:
        for _ in range(2):
            _live(desk, day)
            assert (_breaks(desk), _halts(desk)) == ([], [])
    with desk.real_ledger.read() as tx:
        assert settled(tx, BOOK) == days[-1]
        found = [each for each in verify_ledger(tx) if each.invariant != 5]  # baskets made by hand have no verdicts
        assert [(each.what, each.findings) for each in found if each.findings] == []


def test_an_execution_told_twice_under_two_ids_halts_once_and_is_booked_once(desk: Desk, alpaca: FakeTrading) -> None:
    alpaca.play(market(TUE, {"AAPL": "100"}))
    alpaca.activities.append(alpaca.activities[0] | {"id": "20260303090000001::again"})
    with pytest.raises(HaltActive, match=r"20260303090000001::again .*: 10 shares more would make 20 filled of 10 ordered"):
        _live(desk, TUE)
    assert (_held(desk), _order(desk)) == ({}, (OrderState.SUBMITTED, 0, 0))
    assert [(each.kind, each.control) for each in _halts(desk)] == [("breach", 19)]
    assert _control_19(desk, "demo-eod-2026-03-03") == [(19, "order", "AAPL", 20.0, 10.0, "halt")]
    with desk.real_ledger.write() as tx:
        rearmed(tx, BOOK, desk.now())
    _is_quiet(desk, TUE, WED, THU)
    assert (_held(desk), _order(desk)) == ({"AAPL": 10}, (OrderState.FILLED, 10, 10))
    alpaca.activities.append(alpaca.activities[0] | {"id": "20260303090000002::once more"})
    with pytest.raises(HaltActive, match="once more"):
        _live(desk, FRI)
    assert _control_19(desk, "demo-eod-2026-03-06") == [(19, "order", "AAPL", 30.0, 10.0, "halt")]


def test_an_order_that_a_person_made_larger_is_a_break_once_it_has_halted_the_book(desk: Desk, ib: FakeIb) -> None:
    _order_ten(desk)
    there = ib.of(BUY.client_order_id)
    there.order.totalQuantity = there.orderStatus.remaining = 20
    ib.play(market(TUE, {"AAPL": "101"}))
    with pytest.raises(HaltActive, match=r"control 19: value is 20, limit 10\).* Running the cycle again settles the session"):
        _live(desk, TUE)
    with desk.real_ledger.write() as tx:
        rearmed(tx, BOOK, desk.now())
    with pytest.raises(ReconciliationBreak, match=r"(?s)Told by the broker, and not booked:.*20 shares more would make 20 filled of 10"):
        _live(desk, TUE)
    assert _breaks(desk) == [("position", "AAPL", 20), ("cash", "", -20 * usd("101"))]
    (kept,) = _evidence(desk, "position").unbooked
    assert (kept["client_order_id"], kept["quantity"], kept["price"]) == (BUY.client_order_id, 20, usd("101"))
    assert _control_19(desk, "demo-eod-2026-03-03") == [(19, "order", "AAPL", 20.0, 10.0, "halt")], "the first time alone"
    _people_work(desk, "101")
    ib.tells_today = False
    _is_quiet(desk, TUE, WED, THU)
    assert (_held(desk), _order(desk)) == ({"AAPL": 20}, (OrderState.FILLED, 10, 0))


def test_more_of_a_larger_order_that_is_still_open_is_a_break_of_the_order_until_it_is_cancelled_there(desk: Desk, ib: FakeIb) -> None:
    _order_ten(desk)
    there = ib.of(BUY.client_order_id)
    there.order.totalQuantity = there.orderStatus.remaining = 20
    ib.now = evening(TUE)
    with pytest.raises(HaltActive, match="value is 20, limit 10"):
        _live(desk, TUE)
    with pytest.raises(ReconciliationBreak):
        _live(desk, TUE)
    assert _breaks(desk) == [("order", BUY.client_order_id, 10)]
    ib.cancel(there)
    with desk.real_ledger.write() as tx:
        resolve_break(tx, open_breaks(tx, BOOK)[0].break_id, "cancelled there", "ann", desk.now())
        rearmed(tx, BOOK, desk.now())
    _is_quiet(desk, TUE, WED)
    assert _order(desk) == (OrderState.CANCELLED, 0, 0)


def test_a_fill_whose_price_is_changed_stays_booked_and_the_money_is_a_break_with_both_contents(desk: Desk, alpaca: FakeTrading) -> None:
    alpaca.play(market(TUE, {"AAPL": "100"}))
    _live(desk, TUE)
    alpaca.activities[0]["price"], alpaca.cash = "99", alpaca.cash + 10
    with pytest.raises(ReconciliationBreak, match="was reported before with other content"):
        _live(desk, WED)
    assert _breaks(desk) == [("cash", "", usd("10"))]
    (kept,) = _evidence(desk, "cash").unbooked
    assert (kept["price"], kept["quantity"]) == (usd("99"), 10)
    assert "buy 10 AAPL at 99.000000 in 2026-03-03" in kept["reason"]
    assert "which is booked: buy 10 AAPL at 100.000000 in 2026-03-03" in kept["reason"]
    _people_work(desk)
    _is_quiet(desk, WED, THU, FRI)
    assert (_held(desk), _order(desk)) == ({"AAPL": 10}, (OrderState.FILLED, 10, 10))


def test_a_fill_that_is_told_with_another_instant_alone_makes_no_break(desk: Desk, alpaca: FakeTrading) -> None:
    alpaca.play(market(TUE, {"AAPL": "100"}))
    _live(desk, TUE)
    alpaca.activities[0]["transaction_time"] = "2026-03-03T14:30:00.123Z"
    _is_quiet(desk, WED, THU)


def test_a_fill_of_an_order_that_was_refused_is_a_break_and_settling_goes_on(desk: Desk, ib: FakeIb) -> None:
    """Interactive Brokers tells an order as inactive, whose shares are to be located, and it trades later."""
    take = ib.take

    def inactive(*arrived: Any) -> Any:
        trade = take(*arrived)
        trade.orderStatus.status = "Inactive"
        return trade

    ib.take = inactive  # type: ignore[method-assign]
    _order_ten(desk)
    assert _order(desk)[0] is OrderState.REJECTED
    ib.open[0].orderStatus.status = "Submitted"
    ib.play(market(TUE, {"AAPL": "100"}))
    with pytest.raises(ReconciliationBreak):
        _live(desk, TUE)
    assert _breaks(desk) == [("position", "AAPL", 10), ("cash", "", usd("-1000"))]
    (kept,) = _evidence(desk, "position").unbooked
    assert "rejected" in kept["reason"]
    _people_work(desk, "100")
    _is_quiet(desk, TUE, WED, THU)
    assert _held(desk) == {"AAPL": 10}


def test_a_fill_that_cannot_be_read_halts_its_symbol_once_and_its_order_ends_once_the_position_is_corrected(
    desk: Desk, alpaca: FakeTrading
) -> None:
    alpaca.fill(BUY.client_order_id, "10", "100", type="trade_x")
    with pytest.raises(ReconciliationBreak):
        _live(desk, TUE)
    assert [each.symbol for each in _halts(desk)] == ["AAPL", ""]
    assert [kind for kind, _, _ in _breaks(desk)] == ["position", "order", "cash"]
    _people_work(desk, "100")
    _is_quiet(desk, TUE, WED, THU)
    assert (_held(desk), _order(desk)) == ({"AAPL": 10}, (OrderState.FILLED, 10, 0))


def test_a_fill_that_people_have_booked_as_a_correction_is_not_booked_when_it_can_be_read(desk: Desk, alpaca: FakeTrading) -> None:
    alpaca.fill(BUY.client_order_id, "10", "100", type="trade_x")
    with pytest.raises(ReconciliationBreak):
        _live(desk, TUE)
    _people_work(desk, "100")
    alpaca.activities[0]["type"] = "fill"
    _is_quiet(desk, TUE, WED)
    assert _held(desk) == {"AAPL": 10}


def test_a_fill_of_a_foreign_order_is_kept_as_evidence_until_its_position_is_corrected(desk: Desk, alpaca: FakeTrading) -> None:
    alpaca.play(market(TUE, {"AAPL": "100"}))
    lost = order("IBM", 5).client_order_id  # as after the ledger was restored from a backup
    alpaca.take(client_order_id=lost, symbol="IBM", side="buy", qty="5")
    alpaca.now = instant(TUE, 16)
    alpaca.fill(lost, "5", "50")
    alpaca.now = evening(TUE)
    with pytest.raises(ReconciliationBreak, match=r"(?s)Told by the broker.*it is of an order that this ledger does not have"):
        _live(desk, TUE)
    assert _breaks(desk) == [("position", "IBM", 5), ("cash", "", usd("-250"))]
    assert [(each["symbol"], each["reason"]) for each in _evidence(desk, "position").unbooked] == [
        ("IBM", "it is of an order that this ledger does not have")
    ]
    _people_work(desk, "50")
    _is_quiet(desk, TUE, WED)
    assert _held(desk) == {"AAPL": 10, "IBM": 5}


def test_of_two_tellings_of_one_execution_one_is_booked_whatever_their_order(desk: Desk) -> None:
    _order_ten(desk)
    desk.paper.advance(market(TUE, {"AAPL": "100"}))
    (whole,) = desk.paper.fills(TUE)
    other = replace(whole, price=usd("99"))
    booked = []
    for told in ([whole, other], [other, whole]):
        desk.paper.fills = lambda _since, told=told: tuple(told)  # type: ignore[method-assign,misc]
        with pytest.raises(ReconciliationBreak):
            _live(desk, TUE)
        booked.append(_breaks(desk))
    assert booked[0] == booked[1]


def test_nothing_but_these_errors_stops_a_book_that_fills_too_much(desk: Desk) -> None:
    """Fills of 6, 6 and 3 of an order for 10, whatever comes first: the book halts, then settles what fits and shows the rest."""
    _order_ten(desk)
    desk.paper.advance(market(TUE, {"AAPL": "100"}))
    (whole,) = desk.paper.fills(TUE)
    told = tuple(replace(whole, execution_id=name, quantity=quantity) for name, quantity in (("a", 6), ("b", 6), ("c", 3)))
    desk.paper.fills = lambda _since: told  # type: ignore[method-assign]
    said: list[type[GrodtError]] = []
    for _ in range(3):
        try:
            _live(desk, TUE)
        except GrodtError as error:
            said.append(type(error))
    assert said == [HaltActive, ReconciliationBreak, ReconciliationBreak]
    assert _order(desk) == (OrderState.FILLED, 10, 9)
    assert _breaks(desk)[0] == ("position", "AAPL", 1)
