"""The paper broker under all its terms: parts of orders over several sessions, closes, impact, borrowed shares."""

from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from grodt.brokers.fills import FillTerms
from grodt.brokers.paper import PaperBroker
from grodt.errors import DataError
from grodt.orders.order import Order
from grodt.orders.states import OrderState
from tests.brokers.world import BOOK, FRI, MON, THU, TUE, WED, change_of, dividend_of, instant, market, order, split_of, usd

Opens = Callable[..., PaperBroker]
TENTH = Decimal("0.1")


@pytest.fixture
def account(tmp_path: Path) -> Iterator[Opens]:
    """Opens an account with terms."""
    opened: list[PaperBroker] = []

    def open_account(cash: str = "100000", *, allow_short: bool = True, **terms: object) -> PaperBroker:
        made = PaperBroker(tmp_path / "paper.db", BOOK, usd(cash), FillTerms(**terms), allow_short=allow_short)  # type: ignore[arg-type]
        opened.append(made)
        return made

    yield open_account
    for each in opened:
        each.close()


def _sent(broker: PaperBroker, *orders: Order) -> None:
    for each in orders:
        assert broker.submit(each, each.session).state is OrderState.ACCEPTED


def _state(broker: PaperBroker, one: Order) -> tuple[OrderState, int, str]:
    found = broker.find(one.client_order_id)
    assert found is not None
    return found.state, found.filled_quantity, found.reason


# parts


def test_the_executions_of_an_order_are_numbered(account: Opens) -> None:
    broker = account(participation=TENTH, carry_sessions=5)
    _sent(broker, order("AAPL", -250))
    for session in (TUE, WED, THU, FRI):
        broker.advance(market(session, {"AAPL": "100"}, volume={"AAPL": 1_000 if session != WED else 0}))
    assert [(fill.execution_id, fill.session, fill.quantity) for fill in broker.fills(MON)] == [
        ("demo-eod-20260302-AAPL-0-1", TUE, 100),
        ("demo-eod-20260302-AAPL-0-2", THU, 100),
        ("demo-eod-20260302-AAPL-0-3", FRI, 50),
    ]
    assert _state(broker, order("AAPL", -250)) == (OrderState.FILLED, 250, "")
    assert broker.positions() == {"AAPL": -250}


def test_without_carrying_the_rest_expires(account: Opens) -> None:
    broker = account(participation=TENTH)
    one = order("AAPL", 250)
    _sent(broker, one)
    broker.advance(market(TUE, {"AAPL": "100"}, volume={"AAPL": 1_000}))
    assert _state(broker, one) == (OrderState.EXPIRED, 100, "the rest did not fill")


def test_a_halt_counts_as_a_session(account: Opens) -> None:
    broker = account(carry_sessions=1)
    early, late = order("AAPL", 10), order("AAPL", 20, TUE)
    _sent(broker, early)
    broker.advance(market(TUE, {}))
    assert _state(broker, early) == (OrderState.ACCEPTED, 0, "")
    _sent(broker, late)
    broker.advance(market(WED, {}))
    assert _state(broker, early) == (OrderState.EXPIRED, 0, "no trade in session")
    broker.advance(market(THU, {"AAPL": "100"}))
    assert _state(broker, late) == (OrderState.FILLED, 20, "")


def test_the_orders_of_a_symbol_share_its_volume_and_the_older_one_is_served_first(account: Opens) -> None:
    broker = account(participation=TENTH, carry_sessions=3)
    early, late = order("AAPL", 150), order("AAPL", 100, TUE)
    _sent(broker, early, order("IBM", 10))
    broker.advance(market(TUE, {"AAPL": "100", "IBM": "1"}, volume={"AAPL": 1_000, "IBM": 1_000}))
    _sent(broker, late)
    broker.advance(market(WED, {"AAPL": "100"}, volume={"AAPL": 1_000}))
    assert (_state(broker, early)[:2], _state(broker, late)[:2]) == ((OrderState.FILLED, 150), (OrderState.PARTIALLY_FILLED, 50))
    assert sum(fill.quantity for fill in broker.fills(MON) if fill.session == WED) == 100


def test_a_split_cancels_what_is_left(account: Opens) -> None:
    broker = account(participation=TENTH, carry_sessions=3)
    one = order("AAPL", 250)
    _sent(broker, one)
    broker.advance(market(TUE, {"AAPL": "100"}, volume={"AAPL": 1_000}))
    broker.advance(market(WED, {"AAPL": "50"}, split_of("AAPL", WED, 2, 1)))
    assert _state(broker, one) == (OrderState.CANCELLED, 100, "corporate action")
    assert broker.positions() == {"AAPL": 200}


def test_only_what_is_left_of_an_order_ties_up_cash_and_shares(account: Opens) -> None:
    broker = account("20000", allow_short=False, participation=TENTH, carry_sessions=3)
    _sent(broker, order("AAPL", 150))
    broker.advance(market(TUE, {"AAPL": "100"}, volume={"AAPL": 1_000}))
    # 10,000 of 20,000 is spent, and 50 shares at 100 are still to come: 5,000 are free
    assert broker.submit(order("IBM", 51, TUE), TUE).state is OrderState.REJECTED
    _sent(broker, order("IBM", 50, TUE, leg=1), order("AAPL", -80, TUE))
    broker.advance(market(WED, {"AAPL": "100"}, volume={"AAPL": 1_000}))
    # the buy of Monday took 50 of the session's 100 shares, the sell the other 50: 100 are held, 30 of them still to be sold
    assert broker.positions() == {"AAPL": 100}
    assert broker.submit(order("AAPL", -71, WED), WED).reason == "short sale is not allowed: 71 shares to sell, 70 free"
    _sent(broker, order("AAPL", -70, WED, leg=1))


def test_a_session_played_again_leaves_the_parts_as_they_are(account: Opens) -> None:
    broker = account(participation=TENTH, carry_sessions=3)
    _sent(broker, order("AAPL", 250))
    for _ in range(2):
        broker.advance(market(TUE, {"AAPL": "100"}, volume={"AAPL": 1_000}))
    assert [fill.quantity for fill in broker.fills(MON)] == [100]


# prices


def test_at_the_close_an_order_fills_at_the_next_close(account: Opens) -> None:
    broker = account(fill_at="close", slippage_bps=Decimal(10))
    _sent(broker, order("AAPL", 10))
    broker.advance(market(MON, {"AAPL": "1"}, at_close={"AAPL": "2"}))
    broker.advance(market(TUE, {"AAPL": "100"}, at_close={"AAPL": "110"}))
    (fill,) = broker.fills(MON)
    assert (fill.price, fill.session, fill.filled_at) == (usd("110.11"), TUE, instant(TUE, 21))


def test_impact_comes_from_the_figures_of_the_session(account: Opens) -> None:
    broker = account(impact=Decimal(1))
    _sent(broker, order("AAPL", 200, price="50"), order("IBM", -200, price="50"))
    broker.advance(market(TUE, {"AAPL": "50", "IBM": "50"}, figures={"AAPL": (1e6, 0.02), "IBM": (1e6, 0.04)}))
    assert {fill.symbol: fill.price for fill in broker.fills(MON)} == {"AAPL": usd("50.10"), "IBM": usd("49.80")}


@pytest.mark.parametrize(
    ("terms", "left_out", "named"),
    [
        ({"participation": TENTH}, {"volume": {"IBM": 5.0}}, "volume"),
        ({"impact": TENTH}, {"figures": {"IBM": (1.0, 1.0)}}, "figures"),
        ({"fill_at": "close"}, {"at_close": {"IBM": "1"}}, "close"),
    ],
)
def test_a_session_read_without_what_an_order_fills_by_is_not_played(
    account: Opens, terms: dict[str, object], left_out: dict[str, object], named: str
) -> None:
    broker = account(**terms)
    _sent(broker, order("AAPL", 10))
    with pytest.raises(DataError, match=f"AAPL 2026-03-03: an order fills by its {named}"):
        broker.advance(market(TUE, {"AAPL": "100"}, **left_out))  # type: ignore[arg-type]
    assert broker.last_session() is None


# borrowed shares


def test_a_short_position_pays_for_each_night_at_the_close_before(account: Opens) -> None:
    broker = account(borrow_bps=Decimal(100))
    _sent(broker, order("SHRT", -100), order("LONG", 100))
    broker.advance(market(TUE, {"SHRT": "100", "LONG": "100"}))
    cash = broker.cash()
    broker.advance(market(WED, {}, closes={"SHRT": "360", "LONG": "360"}))
    assert broker.cash() == cash - usd("1")
    broker.advance(market(FRI, {}, closes={"SHRT": "180", "LONG": "180"}, nights=2))
    assert broker.cash() == cash - usd("2")


def test_what_is_sold_or_covered_today_was_not_borrowed_last_night_or_was(account: Opens) -> None:
    broker = account(borrow_bps=Decimal(100))
    _sent(broker, order("SHRT", -100))
    broker.advance(market(TUE, {"SHRT": "100"}, closes={"SHRT": "360"}))
    assert broker.cash() == usd("110000")
    _sent(broker, order("SHRT", 100, TUE))
    broker.advance(market(WED, {"SHRT": "100"}, closes={"SHRT": "360"}))
    assert broker.cash() == usd("99999")
    broker.advance(market(THU, {}, closes={"SHRT": "360"}))
    assert broker.cash() == usd("99999")


def test_the_night_before_a_split_and_a_change_of_symbol_is_paid_in_old_shares(account: Opens) -> None:
    broker = account(borrow_bps=Decimal(100))
    _sent(broker, order("FBX", -100))
    broker.advance(market(TUE, {"FBX": "100"}))
    cash = broker.cash()
    actions = split_of("FBX", WED, 3, 1), dividend_of("FBX", WED, "0.5"), change_of("FBX", WED, "MTX")
    broker.advance(market(WED, {}, *actions, closes={"FBX": "360"}))
    assert (broker.positions(), broker.cash()) == ({"MTX": -300}, cash - usd("50") - usd("1"))
    broker.advance(market(THU, {}, closes={"MTX": "120"}))
    assert broker.cash() == cash - usd("50") - usd("2")


def test_a_short_position_without_a_close_is_an_error_and_the_session_is_not_played(account: Opens) -> None:
    broker = account(borrow_bps=Decimal(100))
    _sent(broker, order("SHRT", -100))
    broker.advance(market(TUE, {"SHRT": "100"}))
    with pytest.raises(DataError, match="SHRT 2026-03-04: held short, and no close before the session"):
        broker.advance(market(WED, {}))
    assert broker.last_session() == TUE
