"""An order that our side has open and a broker tells no more: two people end it, and the book goes on."""

from collections.abc import Iterator

import pytest
from ib_async import Order, OrderStatus, Stock, Trade

from grodt.brokers.ib import IbBroker
from grodt.brokers.ib_settings import IbAccount
from grodt.errors import BrokerUnavailable, ConfigError, ReconciliationBreak
from grodt.execution import settle
from grodt.execution.ending import propose_end
from grodt.ledger.acts import act, in_words
from grodt.ledger.break_evidence import evidence_of
from grodt.ledger.breaks import find_break, open_breaks
from grodt.ledger.order_life import transition
from grodt.ledger.orders import find_order
from grodt.ledger.postings import holding
from grodt.ledger.requests import Request
from grodt.ledger.runs import Run
from grodt.ledger.verify_orders import check_life
from grodt.orders.states import OrderState
from grodt.sessions import Calendar
from tests.brokers.world import BOOK, MON, THU, TUE, WED, market, order
from tests.execution.desk import Desk, FaultyBroker
from tests.fakes.alpaca_trading import evening
from tests.fakes.ib import ACCOUNT, FakeIb

KEY = order("KO", 10).client_order_id
MARKETS = [market(session, {}) for session in (TUE, WED, THU)]


@pytest.fixture
def account() -> FakeIb:
    return FakeIb(evening(MON), cash="1000000")


@pytest.fixture
def wednesday(desk: Desk, account: FakeIb) -> Iterator[Run]:
    """10 KO were sent on Monday and cancelled on Tuesday, whose cycle did not run: on Wednesday the account does not tell it any more."""

    async def no_time(_seconds: float) -> None:
        return None

    broker = IbBroker(BOOK, IbAccount(account=ACCOUNT), Calendar("XNYS"), client=account.client, sleep=no_time)
    desk.broker = FaultyBroker(broker, desk.fuse)
    run = desk.open(MON)
    desk.decide(run, {"KO": 10})
    desk.send(run)
    account.play(MARKETS[0])
    account.over.clear()
    run = desk.open(WED)
    _settle(desk, run)
    with pytest.raises(ReconciliationBreak, match=rf"order +{KEY} +10 +0"):
        desk.reconcile(run)
    yield run
    broker.close()


def _settle(desk: Desk, run: Run) -> None:
    markets = [each for each in MARKETS if each.session <= run.session]
    settle(desk.ledger, None, desk.broker, None, markets, run=run, file=desk.file, now=desk.now)


def _asked(desk: Desk) -> Request:
    with desk.real_ledger.read() as tx:
        (found,) = open_breaks(tx, BOOK)
    return propose_end(
        desk.real_ledger,
        desk.broker,
        found.break_id,
        by="ann",
        reason="cancelled on Tuesday, by the statement",
        now=desk.now,
        sleep=desk.pauses.append,
    )


def _agreed(desk: Desk, asked: Request, by: str = "bob") -> str:
    with desk.real_ledger.write() as tx:
        return act(tx, asked.request_id, "approve", by=by, reason="seen the statement", now=desk.now()).then


def _trade() -> Trade:
    """The order, as the account had it."""
    sent = Order(permId=1_000_001, orderRef=KEY, account=ACCOUNT, action="BUY", orderType="MKT", tif="OPG", totalQuantity=10.0)
    return Trade(Stock("KO", "SMART", "USD"), sent, OrderStatus(status="Submitted", remaining=10.0))


def _order(desk: Desk) -> tuple[OrderState, int, str]:
    with desk.real_ledger.read() as tx:
        found = find_order(tx, KEY)
    assert found is not None
    return found.state, found.booked_quantity, found.reason


def test_it_takes_two_people_and_the_next_comparison_agrees(desk: Desk, wednesday: Run) -> None:
    asked = _asked(desk)
    assert desk.pauses, "the broker was asked twice"
    assert f"break 1: order {KEY}, 10 shares left, ends in the ledger" in in_words(asked)
    with pytest.raises(ConfigError, match="another person must decide"):
        _agreed(desk, asked, "ann")
    assert _order(desk)[0] is OrderState.SUBMITTED
    assert _agreed(desk, asked) == f"order {KEY} is cancelled, break 1 is resolved"
    reason = "ended by ann and bob, the broker has it no more: cancelled on Tuesday, by the statement"
    assert _order(desk) == (OrderState.CANCELLED, 0, reason)
    with desk.real_ledger.read() as tx:
        (shown,) = evidence_of(tx, find_break(tx, 1)).orders
    assert (shown["events"][-1]["state"], shown["events"][-1]["reason"]) == ("cancelled", reason)
    run = desk.open(THU)
    _settle(desk, run)
    assert desk.reconcile(run).open_orders == 0
    with desk.real_ledger.read() as tx:
        assert list(check_life(tx, BOOK).findings) == []


def test_a_fill_of_it_that_comes_later_is_booked(desk: Desk, wednesday: Run, account: FakeIb) -> None:
    _agreed(desk, _asked(desk))
    account.fill(_trade(), 4.0, 100.0)
    _settle(desk, desk.open(THU))
    assert _order(desk)[:2] == (OrderState.CANCELLED, 4)
    with desk.real_ledger.read() as tx:
        assert holding(tx, BOOK, "KO").quantity == 4
        assert list(check_life(tx, BOOK).findings) == []


def test_it_is_not_asked_for_while_the_broker_has_the_order_or_does_not_answer(desk: Desk, wednesday: Run, account: FakeIb) -> None:
    desk.broker.down = True
    with pytest.raises(BrokerUnavailable):
        _asked(desk)
    desk.broker.down = False
    account.open.append(_trade())
    with pytest.raises(ConfigError, match=f"the broker has order {KEY}, and says that it is accepted with 0 filled"):
        _asked(desk)
    account.end(account.open[0], "Cancelled")
    with pytest.raises(ConfigError, match="says that it is cancelled with 0 filled"):
        _asked(desk)


def test_it_is_not_carried_out_once_our_side_has_moved(desk: Desk, wednesday: Run) -> None:
    asked = _asked(desk)
    with desk.real_ledger.write() as tx:
        transition(tx, KEY, OrderState.CANCELLED, run_id=wednesday.run_id, now=desk.now())
    with pytest.raises(ConfigError, match="the order is cancelled already; run the cycle again"):
        _agreed(desk, asked)
