"""The Interactive Brokers broker over a fake of ib_async's client, made of ib_async's own objects."""

import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ib_async import AccountValue, Contract, Order, OrderStatus, Stock, Trade

from grodt.brokers.ib import IbBroker, client_class
from grodt.brokers.ib_settings import IbAccount
from grodt.errors import BrokerUnavailable, ConfigError, DataError, OrderOutcomeUnknown
from grodt.execution.outcome import is_same
from grodt.orders.order import Side
from grodt.orders.states import OrderState
from grodt.sessions import Calendar
from tests.brokers.brackets import legs
from tests.brokers.world import BOOK, MON, TUE, WED, market, noted, order, usd
from tests.fakes.alpaca_trading import evening
from tests.fakes.ib import ACCOUNT, FakeIb

BUY = order("AAPL", 10)


@pytest.fixture
def account() -> FakeIb:
    return FakeIb(evening(MON))


@pytest.fixture
def broker(account: FakeIb) -> Iterator[IbBroker]:
    async def no_time(_seconds: float) -> None:
        return None

    opened = IbBroker(BOOK, IbAccount(account=ACCOUNT, port=4002), Calendar("XNYS"), client=account.client, sleep=no_time)
    yield opened
    opened.close()


def test_our_id_is_the_reference_and_the_order_is_for_the_open(account: FakeIb, broker: IbBroker) -> None:
    broker.submit(order("BRK.B", -3), MON)
    (sent,) = account.open
    assert (sent.contract.symbol, sent.contract.exchange, sent.contract.currency) == ("BRK B", "SMART", "USD")
    told = (sent.order.action, sent.order.totalQuantity, sent.order.orderType, sent.order.tif, sent.order.orderRef, sent.order.account)
    assert told == ("SELL", 3, "MKT", "OPG", order("BRK.B", -3).client_order_id, ACCOUNT)
    assert [each.symbol for each in broker.open_orders()] == ["BRK.B"]
    assert account.connected == [{"host": "127.0.0.1", "port": 4002, "clientId": 17, "account": ACCOUNT, "raiseSyncErrors": True}]


def test_the_last_look_comes_after_the_look_up_and_right_before_the_order(account: FakeIb) -> None:
    calls: list[str] = []
    opened = IbBroker(BOOK, IbAccount(account=ACCOUNT), Calendar("XNYS"), client=lambda: noted(account.client(), calls))
    opened.submit(BUY, MON, lambda: calls.append("last look"))
    opened.close()
    placed = calls.index("placeOrder")
    assert calls[placed - 2 : placed] == ["reqCompletedOrdersAsync", "last look"]


def test_an_order_that_nothing_is_said_of_is_of_unknown_outcome_and_found(account: FakeIb, broker: IbBroker) -> None:
    account.mute = True
    with pytest.raises(OrderOutcomeUnknown, match="still 'PendingSubmit'"):
        broker.submit(BUY, MON)
    found = broker.find(BUY.client_order_id)
    assert found is not None
    assert found.state is OrderState.SUBMITTED
    assert broker.submit(BUY, MON) == found
    assert len(account.open) == 1


def test_orders_that_tws_has_not_acknowledged_are_each_found_and_none_is_sent_twice(account: FakeIb, broker: IbBroker) -> None:
    account.mute, account.numbers = True, False
    sent = [order(symbol, 10) for symbol in ("AAPL", "IBM")]
    for each in sent:
        with pytest.raises(OrderOutcomeUnknown):
            broker.submit(each, MON)
    found = broker.orders([each.client_order_id for each in sent])
    assert {key: (each.symbol, each.state, each.venue_order_id) for key, each in found.items()} == {
        each.client_order_id: (each.symbol, OrderState.SUBMITTED, "") for each in sent
    }
    assert [broker.submit(each, MON).state for each in sent] == [OrderState.SUBMITTED] * 2
    assert len(account.open) == 2


def test_of_an_order_that_is_over_unfilled_no_quantity_is_told_and_it_is_still_ours(account: FakeIb, broker: IbBroker) -> None:
    broker.submit(BUY, MON)
    broker.cancel(BUY.client_order_id)
    found = broker.find(BUY.client_order_id)
    assert found is not None
    assert (found.state, found.says_quantity, is_same(BUY, found)) == (OrderState.CANCELLED, False, True)
    assert not is_same(replace(BUY, order_type="limit", price=usd("99")), found)


def test_what_is_refused_is_rejected_in_the_brokers_words(account: FakeIb, broker: IbBroker) -> None:
    account.refuses = lambda _: "Error 201: Order rejected - reason: no trading permissions"
    answer = broker.submit(BUY, MON)
    assert (answer.state, answer.reason) == (OrderState.REJECTED, "Error 201: Order rejected - reason: no trading permissions")
    assert broker.submit(replace(BUY, time_in_force="never"), MON).state is OrderState.REJECTED


def test_without_a_gateway_a_send_is_unknown_and_a_question_fails_and_the_next_connects_again(account: FakeIb, broker: IbBroker) -> None:
    assert broker.positions() == {}
    account.down = True
    with pytest.raises(OrderOutcomeUnknown, match=r"no answer from TWS or the gateway at 127.0.0.1:4002"):
        broker.submit(BUY, MON)
    for ask in (broker.positions, broker.cash, broker.open_orders, lambda: broker.fills(MON), lambda: broker.find("c")):
        with pytest.raises(BrokerUnavailable, match="ConnectionRefusedError"):
            ask()
    account.down = False
    assert broker.positions() == {}
    assert len(account.connected) == 2


def test_two_orders_under_one_reference_halt_the_symbol_and_a_refused_one_beside_does_not(account: FakeIb, broker: IbBroker) -> None:
    broker.submit(BUY, MON)
    account.over.append(Trade(Stock("AAPL"), Order(permId=5, orderRef=BUY.client_order_id, action="BUY"), OrderStatus(status="Cancelled")))
    found = broker.find(BUY.client_order_id)
    assert found is not None
    assert found.state is OrderState.SUBMITTED
    account.take(Stock("AAPL", "SMART", "USD"), Order(orderRef=BUY.client_order_id, action="BUY", totalQuantity=10))
    found = broker.find(BUY.client_order_id)
    assert found is not None
    assert found.state is OrderState.UNKNOWN
    assert "2 orders under one reference" in found.reason


@pytest.mark.parametrize(
    ("status", "filled", "state"),
    [
        *(
            (status, 0, OrderState.SUBMITTED)
            for status in ("PendingSubmit", "ApiPending", "PreSubmitted", "PendingCancel", "ValidationError")
        ),
        ("Submitted", 0, OrderState.ACCEPTED),
        ("PreSubmitted", 4, OrderState.PARTIALLY_FILLED),
        ("Submitted", 4, OrderState.PARTIALLY_FILLED),
        ("Filled", 10, OrderState.FILLED),
        ("Filled", 4, OrderState.UNKNOWN),
        ("Cancelled", 4, OrderState.CANCELLED),
        ("ApiCancelled", 0, OrderState.CANCELLED),
        ("Inactive", 0, OrderState.REJECTED),
        ("Inactive", 4, OrderState.CANCELLED),
        ("Submitted", 0.5, OrderState.UNKNOWN),
        ("Limbo", 0, OrderState.UNKNOWN),
    ],
)
def test_every_status_of_theirs_is_one_of_ours(account: FakeIb, broker: IbBroker, status: str, filled: float, state: OrderState) -> None:
    trade = account.take(Stock("AAPL", "SMART", "USD"), Order(orderRef="c", action="BUY", totalQuantity=10))
    trade.orderStatus.status, trade.orderStatus.filled = status, filled
    found = broker.find("c")
    assert found is not None
    assert (found.state, found.filled_quantity) == (state, int(filled))
    assert bool(found.reason) == (state in (OrderState.CANCELLED, OrderState.REJECTED, OrderState.UNKNOWN))


class TestPairs:
    STOP, TAKE = legs("AAPL", 10, "95", "105")

    def test_a_stop_alone_is_of_no_group(self, account: FakeIb, broker: IbBroker) -> None:
        broker.submit(legs("AAPL", 10, "95")[0], TUE)
        assert [(each.order.ocaGroup, each.order.ocaType) for each in account.open] == [("", 0)]

    def test_the_group_is_named_after_the_bracket_and_its_shares(self, account: FakeIb, broker: IbBroker) -> None:
        broker.submit(self.STOP, TUE)
        broker.submit(self.TAKE, TUE)
        assert [each.order.ocaGroup for each in account.open] == [f"{self.STOP.client_order_id}-of-10"] * 2

    @pytest.mark.parametrize(
        ("status", "filled", "total", "remaining", "told"),
        [
            ("Submitted", 0, 10, 10, (OrderState.ACCEPTED, 10, 0, 10)),
            ("Submitted", 0, 6, 6, (OrderState.ACCEPTED, 10, 0, 6)),
            ("Submitted", 0, 10, 6, (OrderState.ACCEPTED, 10, 0, 6)),
            ("Submitted", 0, 6, 0, (OrderState.ACCEPTED, 10, 0, 6)),  # of an order whose status is not told yet
            ("Submitted", 4, 10, 6, (OrderState.PARTIALLY_FILLED, 10, 4, 6)),
            ("Submitted", 2, 8, 6, (OrderState.PARTIALLY_FILLED, 10, 2, 6)),
            ("Submitted", 0, 12, 12, (OrderState.ACCEPTED, 10, 0, 12)),
            ("Submitted", 0, 10, 5.5, (OrderState.UNKNOWN, 10, 0, 10)),
            ("Filled", 10, 0, 0, (OrderState.FILLED, 10, 10, 0)),
            ("Filled", 6, 6, 0, (OrderState.CANCELLED, 10, 6, 4)),
            ("Filled", 12, 12, 0, (OrderState.UNKNOWN, 10, 12, -2)),
            ("Filled", 0, 10, 0, (OrderState.UNKNOWN, 10, 0, 10)),
            ("Cancelled", 4, 0, 0, (OrderState.CANCELLED, 10, 4, 6)),
        ],
    )
    def test_a_leg_is_told_as_it_was_ordered_with_what_it_may_still_close(
        self,
        account: FakeIb,
        broker: IbBroker,
        status: str,
        filled: float,
        total: float,
        remaining: float,
        told: tuple[OrderState, int, int, int],
    ) -> None:
        broker.submit(self.STOP, TUE)
        (trade,) = account.open
        trade.orderStatus.status, trade.orderStatus.filled, trade.orderStatus.remaining = status, filled, remaining
        trade.order.totalQuantity = total
        found = broker.find(self.STOP.client_order_id)
        assert found is not None
        assert (found.state, found.quantity, found.filled_quantity, found.left) == told

    def test_a_group_that_a_person_made_says_nothing_of_shares(self, account: FakeIb, broker: IbBroker) -> None:
        account.take(Stock("AAPL"), Order(orderRef="c", action="SELL", totalQuantity=10, ocaGroup="mine", ocaType=2))
        account.take(Stock("AAPL"), Order(action="SELL", totalQuantity=5, ocaGroup="mine-of-7", ocaType=2))
        assert [(each.quantity, each.left) for each in broker.open_orders()] == [(10, 10), (5, 5)]

    def test_a_cancel_reaches_both_where_the_broker_cancels_one_alone(self, account: FakeIb, broker: IbBroker) -> None:
        account.ties = False
        other = legs("IBM", 5, "90")[0]
        for each in (self.STOP, self.TAKE, other):
            broker.submit(each, TUE)
        broker.cancel(self.STOP.client_order_id)
        assert [each.client_order_id for each in broker.open_orders()] == [other.client_order_id]

    @pytest.mark.parametrize("ended", ["PendingCancel", "part"])
    def test_no_take_profit_joins_a_stop_that_ends(self, account: FakeIb, broker: IbBroker, ended: str) -> None:
        broker.submit(self.STOP, TUE)
        (trade,) = account.open
        if ended == "part":
            account.fill(trade, 4, 95.0)
        else:
            trade.orderStatus.status = ended
        answer = broker.submit(self.TAKE, TUE)
        assert (answer.state, len(account.open)) == (OrderState.REJECTED, 1)

    def test_a_leg_that_its_other_one_has_reduced_is_the_same_order_when_it_is_sent_again(self, account: FakeIb, broker: IbBroker) -> None:
        broker.submit(self.STOP, TUE)
        broker.submit(self.TAKE, TUE)
        account.fill(account.of(self.TAKE.client_order_id), 4, 105.0)
        again = broker.submit(self.STOP, TUE)
        assert (again.state, again.quantity, again.left, len(account.open)) == (OrderState.SUBMITTED, 10, 6, 2)


@given(
    steps=st.lists(st.tuples(st.integers(0, 1), st.integers(1, 60), st.booleans()), min_size=1, max_size=6),
    tells_reduced=st.booleans(),
    tells_today=st.booleans(),
)
def test_however_a_pair_fills_what_each_leg_has_left_is_what_is_held(
    steps: list[tuple[int, int, bool]], tells_reduced: bool, tells_today: bool
) -> None:
    """Steps: which leg fills, how much at most, and whether a night comes after it."""
    account, pair = FakeIb(evening(MON)), legs("AAPL", 100, "95", "105")
    account.tells_reduced, account.tells_today, account.held = tells_reduced, tells_today, {"AAPL": 100.0}
    with closing(IbBroker(BOOK, IbAccount(account=ACCOUNT), Calendar("XNYS"), client=account.client)) as broker:
        for each in pair:
            assert broker.submit(each, TUE).state is OrderState.SUBMITTED
        for leg, most, night in steps:
            if not account.open:
                break
            trade = account.of(pair[leg].client_order_id)
            account.fill(trade, min(most, trade.orderStatus.remaining), 100.0)
            if night:
                account.play(market(WED, {"AAPL": "100"}))
            held = int(broker.positions().get("AAPL", 0))
            assert [(each.quantity, each.left) for each in broker.open_orders()] == ([(100, held)] * 2 if held else [])
            over = {OrderState.FILLED, OrderState.CANCELLED}
            assert held or {each.state for each in broker.orders([each.client_order_id for each in pair]).values()} <= over


class TestFills:
    def test_carry_price_and_commission_as_their_shortest_text(self, account: FakeIb, broker: IbBroker) -> None:
        account.commission = 0.1
        broker.submit(BUY, MON)
        account.play(market(TUE, {"AAPL": "100.1"}))
        (fill,) = broker.fills(TUE)
        assert (fill.client_order_id, fill.side, fill.quantity, fill.session) == (BUY.client_order_id, Side.BUY, 10, TUE)
        assert (fill.price, fill.commission) == (usd("100.1"), usd("0.1"))
        assert broker.fills(WED) == ()

    def test_a_commission_that_is_not_told_yet_is_waited_for_and_never_taken_for_none(self, account: FakeIb, broker: IbBroker) -> None:
        account.commission = None
        account.fill(account.take(Stock("AAPL"), Order(orderRef="c", action="BUY", totalQuantity=10)), 10, 100.0)
        with pytest.raises(BrokerUnavailable, match=r"commission of execution 0000e0d5.00000002.01.01 is not told yet"):
            broker.fills(MON)

    @pytest.mark.parametrize(
        ("told", "words"),
        [
            ({"exec_id": "0000e0d5.1.01.02"}, "a corrected execution"),
            ({"shares": 0.5}, "quantity 0.5"),
            ({"side": "SIDEWAYS"}, "side 'SIDEWAYS'"),
            ({"price": float("nan")}, "price nan"),
        ],
    )
    def test_what_cannot_be_read_is_told_in_words(self, account: FakeIb, broker: IbBroker, told: dict[str, object], words: str) -> None:
        trade = account.take(Stock("AAPL"), Order(orderRef="c", action="BUY", totalQuantity=10))
        account.fill(trade, 10, 100.0)
        (plain,) = account.executions
        execution = replace(plain.execution, **{"execId" if name == "exec_id" else name: value for name, value in told.items()})
        account.executions[0] = plain._replace(execution=execution)
        (fill,) = broker.fills(MON)
        assert words in fill.unreadable
        assert (fill.quantity, fill.price, fill.commission) == (0, 0, 0)

    def test_an_execution_by_hand_is_nobodys_order_of_ours(self, account: FakeIb, broker: IbBroker) -> None:
        account.fill(account.take(Stock("AAPL"), Order(action="BUY", totalQuantity=10)), 10, 100.0)
        assert [fill.client_order_id for fill in broker.fills(MON)] == ["permId 1000001"]


def test_positions_are_exact_and_what_is_no_share_has_its_kind(account: FakeIb, broker: IbBroker) -> None:
    account.held |= {"AAPL": 0.1, "IBM": -7.0, "KO": 0.0}
    assert broker.positions() == {"AAPL": Decimal("0.1"), "IBM": Decimal(-7)}
    option = Contract(symbol="AAPL", secType="OPT")
    account.take(option, Order(orderRef="c", action="BUY", totalQuantity=1))
    assert [each.symbol for each in broker.open_orders()] == ["AAPL OPT"]


def test_cash_is_told_in_usd_or_not_at_all(account: FakeIb, broker: IbBroker, monkeypatch: pytest.MonkeyPatch) -> None:
    account.cash = Decimal("1234.56")
    assert broker.cash() == usd("1234.56")
    connected = broker._ib

    async def in_euros(_account: str) -> list[AccountValue]:
        return [AccountValue(ACCOUNT, "TotalCashValue", "5", "EUR", "")]

    monkeypatch.setattr(connected, "accountSummaryAsync", in_euros)
    with pytest.raises(DataError, match="tells 0 values of TotalCashValue in USD"):
        broker.cash()


def test_without_the_extra_the_command_that_installs_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ib_async", None)
    with pytest.raises(ConfigError, match=r"broker of book 'demo' is of kind ib and ib_async is not installed; .*uv sync --extra ib"):
        client_class(BOOK)
