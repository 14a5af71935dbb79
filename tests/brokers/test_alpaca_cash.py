"""What Alpaca tells of cash apart from fills: its types, its faults of paging, and what it may tell that nobody knows."""

from collections.abc import Iterator
from datetime import date, timedelta
from random import Random
from typing import Any

import pytest

from grodt.brokers.alpaca import AlpacaBroker
from grodt.brokers.alpaca_cash import CASH_ACTIVITIES, broker_cash_activity
from grodt.brokers.alpaca_listing import ACTIVITIES_PER_PAGE
from grodt.errors import BrokerUnavailable, DataError
from grodt.orders.cash_activity import ActivityKind, CashActivity
from tests.brokers.alpaca_desk import opened_at
from tests.brokers.world import FRI, MON, THU, TUE, WED, usd
from tests.fakes.alpaca_trading import FakeTrading, evening
from tests.fakes.http import Fault

Told = tuple[AlpacaBroker, FakeTrading]


@pytest.fixture
def told() -> Iterator[Told]:
    with FakeTrading(evening(WED)).served() as account, opened_at(account) as broker:
        yield broker, account


def _read(**told: Any) -> CashActivity | None:
    (row,) = CASH_ACTIVITIES.validate_python([{"id": "20260303000000000::a", "activity_type": "FEE", "date": "2026-03-03"} | told])
    return broker_cash_activity(row, lambda day: day, MON)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("FEE", "fee"),
        ("PTC", "fee"),
        ("PTR", "fee"),
        ("DIVFEE", "fee"),
        ("INT", "interest"),
        ("INTNRA", "interest"),
        ("INTTW", "interest"),
        ("DIV", "dividend"),
        ("DIVNRA", "dividend"),
        ("CSD", "transfer"),
        ("CSW", "transfer"),
        ("JNLC", "transfer"),
        ("ACATC", "transfer"),
        ("CIL", "action"),
        ("CFEE", "unknown"),
        ("NEW", "unknown"),
    ],
)
def test_each_type_is_of_a_kind_and_one_that_is_not_known_says_so(code: str, kind: ActivityKind) -> None:
    found = _read(activity_type=code, net_amount="-0.27", activity_sub_type="SUB", description="words", symbol="AAPL", status="executed")
    words = {"symbol": "AAPL", "words": "words"}
    assert found == CashActivity("20260303000000000::a", kind, f"{code} SUB", usd("-0.27"), TUE, TUE, **words)
    assert found.may_be_booked == (kind in ("fee", "interest"))


@pytest.mark.parametrize(
    ("changes", "doubt"),
    [
        ({"status": "canceled"}, "status 'canceled'"),
        ({"status": "pending"}, "status 'pending'"),
        ({"currency": "EUR"}, "currency 'EUR'"),
        ({"net_amount": None}, "net_amount None"),
        ({"net_amount": -0.27}, "net_amount '-0.27, which is no text'"),
        ({"net_amount": "NaN"}, "net_amount 'NaN'"),
        ({"net_amount": "1e30"}, "net_amount '1e30'"),
        ({"net_amount": {"value": "1"}}, "net_amount \"{'value': '1'}, which is no text\""),
        ({"date": None}, "date None"),
        ({"date": "yesterday"}, "date 'yesterday'"),
    ],
)
def test_what_cannot_be_read_is_told_as_such_and_moves_nothing(changes: dict[str, Any], doubt: str) -> None:
    found = _read(**({"net_amount": "-0.27"} | changes))
    assert found is not None
    assert (found.unreadable, found.amount, found.session, found.may_be_booked) == (f"Alpaca tells {doubt}", 0, TUE, False)


def test_one_without_any_day_is_of_the_first_that_was_asked_for() -> None:
    found = _read(id="a", net_amount="1", date=None)
    assert found is not None
    assert found.session == MON


def test_amounts_are_exact_and_finer_digits_are_rounded_half_even() -> None:
    amounts = ["9007199254740.993001", "0.0000005", "0.0000015", "-0.0000025", "0.000001", "+3"]
    found = [None if (each := _read(net_amount=amount)) is None else each.amount for amount in amounts]
    assert found == [9007199254740993001, None, 2, -2, 1, 3_000_000]


@pytest.mark.parametrize(("code", "amount"), [("JNLS", None), ("ACATS", "0"), ("SPLIT", None), ("FEE", "0.00")])
def test_what_moves_no_cash_is_none(code: str, amount: str | None) -> None:
    assert _read(activity_type=code, net_amount=amount) is None


def test_an_activity_belongs_to_its_day_or_to_the_next_session(told: Told) -> None:
    broker, account = told
    for day in (FRI, FRI + timedelta(days=1), FRI + timedelta(days=2), MON, TUE):
        account.charge("FEE", "-0.01", day)
    sunday_after = FRI + timedelta(days=3)
    assert [(each.day, each.session) for each in broker.cash_activities(TUE)] == [
        (TUE, TUE),
        (FRI, FRI),
        (FRI + timedelta(days=1), sunday_after),
        (FRI + timedelta(days=2), sunday_after),
    ]
    assert broker.cash_activities(MON)[0].day == MON
    assert broker.cash_activities(sunday_after + timedelta(days=1)) == ()


@pytest.mark.parametrize("count", [0, 1, ACTIVITIES_PER_PAGE - 1, ACTIVITIES_PER_PAGE, ACTIVITIES_PER_PAGE + 1, 2 * ACTIVITIES_PER_PAGE])
def test_every_page_is_read(told: Told, count: int) -> None:
    broker, account = told
    for number in range(count):
        account.charge("FEE", f"-0.{number + 1:03}", TUE)
    found = broker.cash_activities(TUE)
    assert len({each.activity_id for each in found}) == len(found) == count
    assert sum(each.amount for each in found) == -sum(1000 * (number + 1) for number in range(count))
    assert len(account.asked_of("/v2/account/activities")) == count // ACTIVITIES_PER_PAGE + 1


def test_pages_told_twice_or_out_of_order_come_to_the_same(told: Told) -> None:
    broker, account = told
    for number in range(ACTIVITIES_PER_PAGE // 2):
        account.charge("INT", f"0.{number + 1:03}", WED)
    straight = broker.cash_activities(TUE)
    account.doubles, account.shuffles = True, Random(7)
    assert broker.cash_activities(TUE) == straight


def test_pages_that_go_in_a_circle_are_an_error(told: Told) -> None:
    broker, account = told
    for _ in range(ACTIVITIES_PER_PAGE):
        account.charge("FEE", "-0.01", WED)
    account.forgets_tokens = True
    with pytest.raises(DataError, match="activities of cash: Alpaca's pages go in a circle after 2026"):
        broker.cash_activities(TUE)


def test_one_that_is_told_in_two_ways_is_there_in_both(told: Told) -> None:
    broker, account = told
    row = account.charge("FEE", "-0.01", WED)
    account.charges.append(row | {"net_amount": "-0.02"})
    assert sorted(each.amount for each in broker.cash_activities(TUE)) == [usd("-0.02"), usd("-0.01")]


def test_fills_among_them_are_no_activities_of_cash(told: Told) -> None:
    broker, account = told
    account.charges.append({"id": "20260304000000000::f", "activity_type": "FILL", "transaction_time": "2026-03-04T15:00:00Z"})
    assert broker.cash_activities(TUE) == ()


def test_no_answer_is_never_taken_for_none(told: Told) -> None:
    broker, account = told
    account.fail(*[Fault(503, only="/v2/account/activities", method="GET")] * 20)
    with pytest.raises(BrokerUnavailable):
        broker.cash_activities(THU)


def test_an_answer_without_an_id_cannot_be_read(told: Told) -> None:
    broker, account = told
    account.fail(Fault(spoil=lambda _: b'[{"activity_type": "FEE"}]', only="/v2/account/activities"))
    with pytest.raises(DataError, match="activities of cash"):
        broker.cash_activities(date(2026, 3, 3))
