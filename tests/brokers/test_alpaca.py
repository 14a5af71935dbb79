"""The Alpaca broker before a fake account that behaves as Alpaca says, and misbehaves when told."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from random import Random

import pytest

from grodt.bars.patience import Patience
from grodt.brokers.alpaca import AlpacaBroker
from grodt.errors import BrokerUnavailable, ConfigError, DataError, OrderOutcomeUnknown
from grodt.execution.outcome import is_same
from grodt.money import micros
from grodt.orders.order import Side
from grodt.orders.states import TERMINAL, OrderState
from tests.brokers.alpaca_desk import opened_at
from tests.brokers.world import FRI, MON, THU, TUE, WED, market, order, usd
from tests.fakes.alpaca_trading import FakeTrading, evening
from tests.fakes.http import Fault, as_json

BUY = order("AAPL", 10)


@pytest.fixture
def account() -> Iterator[FakeTrading]:
    with FakeTrading(evening(MON)).served() as fake:
        yield fake


@pytest.fixture
def broker(account: FakeTrading) -> Iterator[AlpacaBroker]:
    with opened_at(account) as opened:
        yield opened


def _posts(account: FakeTrading) -> int:
    return sum(asked.method == "POST" for asked in account.asked)


class TestSubmit:
    @pytest.mark.parametrize("taken", [True, False])
    @pytest.mark.parametrize(
        "fault",
        [
            Fault(504, b"upstream request timeout"),
            Fault(500),
            Fault(408),
            Fault(429, as_json({"message": "too many requests."})),
            Fault(302, headers={"Location": "/elsewhere"}),
            Fault(break_off="reset"),
            Fault(break_off="stall"),
        ],
    )
    def test_without_a_definite_answer_is_sent_once_and_its_outcome_unknown(self, account: FakeTrading, fault: Fault, taken: bool) -> None:
        account.fail(replace(fault, method="POST", taken=taken))
        with opened_at(account, patience=Patience(tries=2, read=0.5, answer=5.0)) as broker:
            with pytest.raises(OrderOutcomeUnknown, match=f"broker of book 'demo': order {BUY.client_order_id}: "):
                broker.submit(BUY, MON)
            assert _posts(account) == 1
            found = broker.find(BUY.client_order_id)
            assert (found is not None) == taken
            assert len(account.orders) == taken

    @pytest.mark.parametrize("fault", [Fault(break_off="cut"), Fault(break_off="drip"), Fault(spoil=lambda body: body[:-5])])
    def test_an_answer_that_is_cut_or_never_ends_or_is_no_json_says_nothing(self, account: FakeTrading, fault: Fault) -> None:
        account.fail(replace(fault, method="POST"))
        with opened_at(account, patience=Patience(tries=2, read=0.5, answer=1.0)) as broker:
            with pytest.raises(OrderOutcomeUnknown):
                broker.submit(BUY, MON)
            assert (_posts(account), len(account.orders)) == (1, 1)

    def test_a_host_that_nobody_listens_at_took_nothing_and_is_no_refusal(self, account: FakeTrading) -> None:
        account.url = "http://127.0.0.1:9"
        with opened_at(account) as broker, pytest.raises(OrderOutcomeUnknown, match="ConnectError"):
            broker.submit(BUY, MON)

    def test_what_alpaca_refuses_is_rejected_in_its_words(self, account: FakeTrading, broker: AlpacaBroker) -> None:
        account.unlisted.add("GONE")
        account.held["IBM"] = Decimal(5)
        account.take(symbol="MSFT", side="sell", qty="1", client_order_id="by hand")
        refused = {
            order("AAPL", 1_001): "HTTP 403 (insufficient buying power)",
            order("IBM", -6): "HTTP 403 (insufficient qty available for order (requested: 6, available: 5))",
            order("MSFT", 1): "HTTP 403 (potential wash trade detected. use complex orders)",
            order("GONE", 1): 'HTTP 422 (asset "GONE" not found)',
        }
        for each, words in refused.items():
            answer = broker.submit(each, MON)
            assert (answer.state, answer.reason, answer.venue_order_id) == (OrderState.REJECTED, words, "")
        account.now += timedelta(hours=13, minutes=30)
        answer = broker.submit(BUY, MON)
        assert (answer.state, answer.reason) == (OrderState.REJECTED, "HTTP 422 (opg orders cannot be submitted at this time)")
        assert [each["client_order_id"] for each in account.orders] == ["by hand"]

    def test_a_short_sale_is_valued_three_percent_above_the_ask(self) -> None:
        with FakeTrading(evening(MON), cash="1029", shorting=True).served() as account, opened_at(account) as broker:
            assert "insufficient buying power" in broker.submit(order("AAPL", -10), MON).reason
            account.cash += 1
            assert broker.submit(order("AAPL", -10), MON).state is OrderState.SUBMITTED

    def test_a_wrong_key_stops_the_run_and_rejects_nothing(self, account: FakeTrading) -> None:
        with opened_at(account, secret="wrong") as broker:
            with pytest.raises(ConfigError, match="correct the account's key and secret, and see that they belong to 127"):
                broker.submit(BUY, MON)
            with pytest.raises(ConfigError, match="key and secret"):
                broker.positions()

    @pytest.mark.parametrize(
        "fault", [Fault(403, as_json({"message": "forbidden."})), Fault(403, b"<html>403</html>"), Fault(404, b"none")]
    )
    def test_a_refusal_that_is_not_of_the_trading_api_stops_the_run_and_rejects_nothing(
        self, account: FakeTrading, broker: AlpacaBroker, fault: Fault
    ) -> None:
        account.fail(fault)
        with pytest.raises(ConfigError, match=r"correct the (account's key|broker's `trading_url`)"):
            broker.submit(BUY, MON)

    def test_another_kind_of_order_under_our_id_is_not_ours(self, account: FakeTrading, broker: AlpacaBroker) -> None:
        account.take(symbol="AAPL", qty="10", client_order_id=BUY.client_order_id, time_in_force="day")
        answer = broker.submit(BUY, MON)
        assert (answer.state, answer.time_in_force) == (OrderState.SUBMITTED, "day")
        assert not is_same(BUY, answer)

    def test_an_order_under_our_id_that_cannot_be_looked_at_is_of_unknown_outcome(self, account: FakeTrading, broker: AlpacaBroker) -> None:
        broker.submit(BUY, MON)
        account.fail(*[Fault(503, only="by_client_order_id")] * 3)
        with pytest.raises(OrderOutcomeUnknown, match="could not be looked up"):
            broker.submit(BUY, MON)
        assert len(account.orders) == 1

    def test_an_id_that_is_taken_by_an_order_that_a_look_up_does_not_show_yet_is_of_unknown_outcome(
        self, account: FakeTrading, broker: AlpacaBroker
    ) -> None:
        broker.submit(BUY, MON)
        account.fail(Fault(404, as_json({"code": 40410000, "message": "order not found"}), only="by_client_order_id"))
        with pytest.raises(OrderOutcomeUnknown, match="a look-up does not find it"):
            broker.submit(BUY, MON)

    def test_a_kind_of_order_that_is_not_sent_is_refused_here(self, account: FakeTrading, broker: AlpacaBroker) -> None:
        assert broker.submit(replace(BUY, time_in_force="never"), MON).state is OrderState.REJECTED
        assert account.asked == []


@pytest.mark.parametrize(
    ("status", "filled", "state"),
    [
        *((status, "0", OrderState.SUBMITTED) for status in ("accepted", "pending_new", "pending_review", "held")),
        *((status, "0", OrderState.SUBMITTED) for status in ("pending_cancel", "pending_replace")),
        *((status, "0", OrderState.ACCEPTED) for status in ("new", "accepted_for_bidding", "stopped", "suspended", "calculated")),
        *((status, "4", OrderState.PARTIALLY_FILLED) for status in ("partially_filled", "done_for_day", "calculated", "pending_cancel")),
        *((status, "10", OrderState.FILLED) for status in ("filled", "calculated", "done_for_day")),
        ("canceled", "4", OrderState.CANCELLED),
        ("replaced", "4", OrderState.REPLACED),
        ("expired", "0", OrderState.EXPIRED),
        ("rejected", "0", OrderState.REJECTED),
    ],
)
def test_every_state_of_alpacas_is_one_of_ours(
    account: FakeTrading, broker: AlpacaBroker, status: str, filled: str, state: OrderState
) -> None:
    account.take(qty="10", client_order_id="c", status=status, filled_qty=filled, replaced_by="another")
    found = broker.find("c")
    assert found is not None
    assert (found.state, found.filled_quantity) == (state, int(filled))
    assert bool(found.reason) == (state in TERMINAL - {OrderState.FILLED})


@pytest.mark.parametrize(
    ("told", "words", "quantity"),
    [
        ({"status": "limbo"}, "status 'limbo' with 0 filled of 10", 10),
        ({"status": "filled", "filled_qty": "9"}, "status 'filled' with 9 filled of 10", 10),
        ({"side": "sideways"}, "side 'sideways'", 10),
        ({"qty": "9.5"}, "quantity 9.5", 10),
        ({"qty": "0.000000001"}, "quantity 1E-9", 1),
        ({"filled_qty": "3.7", "status": "partially_filled"}, "filled quantity 3.7", 10),
        ({"qty": None, "notional": "500"}, "notional 500 without a quantity", 1),
    ],
)
def test_what_is_not_known_of_an_order_makes_it_unknown_in_words_and_never_nothing(
    account: FakeTrading, broker: AlpacaBroker, told: dict[str, str], words: str, quantity: int
) -> None:
    row = account.take(**{"qty": "10", "client_order_id": "c", **told})
    found = broker.find("c")
    assert found is not None
    assert (found.state, found.reason, found.quantity) == (OrderState.UNKNOWN, f"Alpaca's order {row['id']} has {words}", quantity)


def test_an_order_that_was_replaced_is_over_and_its_successor_is_not_ours(account: FakeTrading, broker: AlpacaBroker) -> None:
    broker.submit(BUY, MON)
    new = account.replace(BUY.client_order_id, 11)
    found = broker.find(BUY.client_order_id)
    assert found is not None
    assert (found.state, found.reason) == (OrderState.REPLACED, f"replaced at Alpaca by order {new['id']}")
    assert [each.client_order_id for each in broker.open_orders()] == [new["client_order_id"]]


class TestQuestions:
    def test_a_failed_one_is_asked_again_and_never_an_empty_answer(self, account: FakeTrading, broker: AlpacaBroker) -> None:
        account.held["AAPL"] = Decimal(3)
        account.fail(Fault(503), Fault(break_off="reset"))
        assert broker.positions() == {"AAPL": 3}
        for ask in (broker.positions, broker.cash, broker.open_orders, lambda: broker.fills(MON), lambda: broker.find("c")):
            account.fail(*[Fault(503)] * 3)
            with pytest.raises(BrokerUnavailable, match=r"broker of book 'demo': .*did not answer in 3 tries"):
                ask()

    def test_another_hosts_not_found_does_not_mean_that_alpaca_never_had_an_order(self, account: FakeTrading, broker: AlpacaBroker) -> None:
        account.fail(Fault(404, b"404 page not found"))
        with pytest.raises(ConfigError, match="correct the broker's `trading_url`"):
            broker.find("c")

    def test_the_minutes_last_request_is_followed_by_a_pause_so_that_no_order_meets_a_refusal(
        self, account: FakeTrading, broker: AlpacaBroker
    ) -> None:
        account.allowed_in_a_window = 3
        for number in range(7):
            assert broker.submit(order(f"S{number}", 1), MON).state is OrderState.SUBMITTED
        assert len(account.asked) == 7
        assert account.now > evening(MON) + timedelta(minutes=2)

    def test_the_last_look_comes_after_that_pause_and_right_before_the_order(self, account: FakeTrading, broker: AlpacaBroker) -> None:
        account.allowed_in_a_window = 1
        broker.submit(order("S0", 1), MON)
        looks = []
        broker.submit(order("S1", 1), MON, lambda: looks.append((account.now, len(account.asked))))
        assert looks == [(account.now, 1)]
        assert account.now > evening(MON) + timedelta(minutes=1)
        assert len(account.asked) == 2

    def test_an_order_that_met_the_limit_is_looked_up_when_it_has_passed(self, account: FakeTrading, broker: AlpacaBroker) -> None:
        reset = str(int(account.now.timestamp()) + 30)
        account.fail(Fault(429, headers={"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": reset}, method="POST"))
        with pytest.raises(OrderOutcomeUnknown, match="429"):
            broker.submit(BUY, MON)
        assert broker.find(BUY.client_order_id) is None
        assert account.now >= evening(MON) + timedelta(seconds=30)


class TestOrders:
    def test_open_ones_are_listed_to_the_last_page_with_those_of_one_instant_at_its_edge(
        self, account: FakeTrading, broker: AlpacaBroker
    ) -> None:
        for number in range(1_100):
            account.take(qty="1", client_order_id=f"c{number:04}")
        for row in account.orders[496:504]:
            row["submitted_at"] = account.orders[499]["submitted_at"]
        assert [each.client_order_id for each in broker.open_orders()] == [f"c{number:04}" for number in range(1_100)]

    def test_more_of_one_instant_than_a_page_has_are_an_error_and_not_a_part_of_them(
        self, account: FakeTrading, broker: AlpacaBroker
    ) -> None:
        for _ in range(501):
            account.take(qty="1", submitted_at="2026-03-02T15:00:00.123456789Z")
        with pytest.raises(DataError, match="more than 500 of one instant"):
            broker.open_orders()

    def test_many_are_found_in_few_pages_and_the_rest_one_by_one(self, account: FakeTrading, broker: AlpacaBroker) -> None:
        for number in range(1_600):
            account.take(qty="1", client_order_id=f"c{number:04}")
        wanted = ["c0003", *(f"c{number:04}" for number in range(1_000, 1_600))]
        assert list(broker.orders([*wanted, "never sent"])) == wanted
        assert len(account.asked_of("/v2/orders")) == 4
        account.asked.clear()
        assert list(broker.orders(["c0003", "c1599"])) == ["c0003", "c1599"]
        assert [asked.path for asked in account.asked] == ["/v2/orders", "/v2/orders", "/v2/orders:by_client_order_id"]

    def test_a_cancel_that_comes_too_late_does_nothing(self, account: FakeTrading, broker: AlpacaBroker) -> None:
        broker.submit(BUY, MON)
        account.fail(Fault(422, as_json({"code": 42210000, "message": "order is already filled"}), method="DELETE"))
        broker.cancel(BUY.client_order_id)
        account.fail(*[Fault(503, method="DELETE")] * 3)
        with pytest.raises(BrokerUnavailable):
            broker.cancel(BUY.client_order_id)
        broker.cancel(BUY.client_order_id)
        assert account.of(BUY.client_order_id)["status"] == "canceled"


def _filled(account: FakeTrading, count: int) -> None:
    """An order of ours that fills in so many parts."""
    account.take(qty=str(count), client_order_id="c", status="new")
    account.now = evening(TUE) - timedelta(hours=10)
    for _ in range(count):
        account.fill("c", "1", "100.25")


class TestFills:
    def test_come_from_every_page_each_once_in_the_order_they_traded_however_they_are_told(
        self, account: FakeTrading, broker: AlpacaBroker
    ) -> None:
        _filled(account, 250)
        straight = broker.fills(TUE)
        assert [each.execution_id for each in straight] == [each["id"] for each in account.activities]
        assert {(each.client_order_id, each.side, each.quantity, each.price, each.session) for each in straight} == {
            ("c", Side.BUY, 1, usd("100.25"), TUE)
        }
        account.doubles, account.shuffles = True, Random(7)
        assert broker.fills(TUE) == straight
        assert broker.fills(WED) == ()

    def test_a_page_token_that_alpaca_refuses_or_forgets_is_an_error_and_not_a_part_of_them(
        self, account: FakeTrading, broker: AlpacaBroker
    ) -> None:
        _filled(account, 250)
        account.forgets_tokens = True
        with pytest.raises(DataError, match="pages go in a circle"):
            broker.fills(TUE)
        account.forgets_tokens = False
        account.fail(Fault(200, b"[]", only="FILL", taken=True))
        assert broker.fills(TUE) == ()
        for row in account.activities[99:100]:
            row["id"] = "gone"
        account.fail(Fault(422, as_json({"code": 42210000, "message": "invalid page_token"}), only="FILL"))
        with pytest.raises(DataError, match=r"invalid page_token.*run again"):
            broker.fills(TUE)

    def test_an_order_in_parts_fills_as_the_paper_account_does_and_its_rest_expires(
        self, account: FakeTrading, broker: AlpacaBroker
    ) -> None:
        broker.submit(BUY, MON)
        account.takes, account.parts = lambda _: Decimal(7), 2
        account.play(market(TUE, {"AAPL": "101.5"}))
        assert [(each.quantity, each.price, each.commission) for each in broker.fills(MON)] == [(3, usd("101.5"), 0), (4, usd("101.5"), 0)]
        found = broker.find(BUY.client_order_id)
        assert found is not None
        assert (found.state, found.filled_quantity, found.reason) == (OrderState.EXPIRED, 7, "expired at Alpaca")
        assert (broker.positions(), broker.cash()) == ({"AAPL": 7}, micros("100000") - 7 * usd("101.5"))

    def test_an_order_of_another_has_its_own_id_and_one_that_is_not_there_any_more_its_venues(
        self, account: FakeTrading, broker: AlpacaBroker
    ) -> None:
        account.take(qty="1", client_order_id="by hand")
        account.take(qty="1", client_order_id="forgotten")
        account.fill("by hand", "1", "100")
        account.fill("forgotten", "1", "100", order_id="no order")
        assert [each.client_order_id for each in broker.fills(MON)] == ["by hand", "no order"]

    @pytest.mark.parametrize(
        ("told", "words"),
        [
            ({"side": "sideways"}, "side 'sideways'"),
            ({"type": "bust"}, "type 'bust'"),
            ({"qty": "0.5"}, "quantity 0.5"),
            ({"price": "100.0000001"}, "price 100.0000001"),
            ({"price": "0"}, "price 0"),
        ],
    )
    def test_what_cannot_be_read_is_told_in_words_and_books_nothing(
        self, account: FakeTrading, broker: AlpacaBroker, told: dict[str, str], words: str
    ) -> None:
        account.take(qty="1", client_order_id="c")
        account.fill("c", "1", "100", **told)
        (found,) = broker.fills(MON)
        assert found.unreadable == f"Alpaca's fill {found.execution_id} has {words}"
        assert (found.quantity, found.price, found.symbol) == (0, 0, "AAPL")

    def test_one_that_is_told_again_otherwise_is_there_in_both_ways_for_settling_to_refuse(
        self, account: FakeTrading, broker: AlpacaBroker
    ) -> None:
        account.take(qty="2", client_order_id="c")
        account.fill("c", "1", "100")
        account.activities.append(account.activities[0] | {"price": "101"})
        assert [each.price for each in broker.fills(MON)] == [usd("100"), usd("101")]

    def test_one_on_a_day_without_a_session_belongs_to_the_next(self, account: FakeTrading, broker: AlpacaBroker) -> None:
        account.take(qty="1", client_order_id="c")
        account.now = evening(FRI) + timedelta(days=2)
        account.fill("c", "1", "100")
        (found,) = broker.fills(FRI + timedelta(days=3))
        assert found.session == FRI + timedelta(days=3)

    def test_a_short_sale_is_a_sell(self, account: FakeTrading, broker: AlpacaBroker) -> None:
        account.take(qty="1", client_order_id="c", side="sell")
        account.fill("c", "1", "100", side="sell_short")
        assert [each.side for each in broker.fills(THU) or broker.fills(MON)] == [Side.SELL]


class TestAccount:
    def test_fractions_and_short_positions_are_told_exactly(self, account: FakeTrading, broker: AlpacaBroker) -> None:
        account.held |= {"MSFT": Decimal("0.000000001"), "AAPL": Decimal(-7), "IBM": Decimal(0)}
        assert broker.positions() == {"AAPL": Decimal(-7), "MSFT": Decimal("0.000000001")}

    def test_a_position_told_twice_is_an_error(self, account: FakeTrading, broker: AlpacaBroker) -> None:
        account.fail(Fault(200, as_json([{"symbol": "AAPL", "qty": "1"}, {"symbol": "AAPL", "qty": "2"}])))
        with pytest.raises(DataError, match="position of AAPL more than once"):
            broker.positions()

    def test_numbers_are_read_from_texts_and_from_nothing_else(self, account: FakeTrading, broker: AlpacaBroker) -> None:
        account.cash = Decimal("9007199254740.993001")
        assert broker.cash() == 9_007_199_254_740_993_001
        account.cash = Decimal("-0.0000005")
        assert broker.cash() == 0
        account.fail(Fault(200, as_json({"currency": "USD", "cash": 1.1})))
        with pytest.raises(DataError, match=r"the account: the answer cannot be read: cash: .*is no text with a number"):
            broker.cash()

    def test_an_account_in_another_currency_is_refused(self, account: FakeTrading, broker: AlpacaBroker) -> None:
        account.currency = "EUR"
        with pytest.raises(DataError, match="the account is in EUR"):
            broker.cash()


def test_the_fakes_own_rules_for_what_the_broker_never_sends(account: FakeTrading) -> None:
    plain = {"symbol": "AAPL", "side": "buy", "qty": "1", "type": "market", "time_in_force": "day"}
    for change, status, words in (
        ({"notional": "5"}, 400, "not both"),
        ({"qty": None}, 400, "not both"),
        ({"client_order_id": "c" * 49}, 422, "48 characters"),
        ({"type": "limit", "limit_price": "1.001"}, 422, "sub-penny"),
        ({"qty": "0.5", "time_in_force": "opg"}, 422, "fractional orders must be DAY"),
    ):
        told, content = account._submit({**plain, **change})
        assert (told, words in content["message"]) == (status, True)
    account.now -= timedelta(hours=4)
    assert account._submit({**plain, "time_in_force": "cls"})[0] == 422
    assert account._submit(plain)[0] == 200
