"""The paper broker's own rules: sessions, corporate actions, what it refuses, its file."""

import sqlite3
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from grodt.brokers.fills import FillTerms
from grodt.brokers.paper import PaperBroker
from grodt.errors import BrokerUnavailable, ConfigError, DataError, OrderOutcomeUnknown, SessionError
from grodt.orders.states import OrderState
from tests.brokers.world import BOOK, FRI, MON, THU, TUE, WED, change_of, delisting_of, dividend_of, market, order, split_of, usd


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "brokers" / "paper.db"


@pytest.fixture
def broker(path: Path) -> Iterator[PaperBroker]:
    with PaperBroker(path, BOOK, usd("100000"), FillTerms(), allow_short=True) as opened:
        yield opened


def _hold(broker: PaperBroker, **quantities: int) -> None:
    """Hold these after Tuesday, bought or sold at 100."""
    for symbol, quantity in quantities.items():
        assert broker.submit(order(symbol, quantity), MON).state is OrderState.ACCEPTED
    broker.advance(market(TUE, dict.fromkeys(quantities, "100")))


def _state(broker: PaperBroker, client_order_id: str) -> tuple[OrderState, str]:
    found = broker.find(client_order_id)
    assert found is not None
    return found.state, found.reason


def test_an_order_does_not_fill_in_the_session_that_decided_it(broker: PaperBroker) -> None:
    broker.submit(order("AAPL", 10), MON)
    broker.advance(market(MON, {"AAPL": "100"}))
    assert broker.fills(MON) == ()
    broker.advance(market(TUE, {"AAPL": "100"}))
    assert [fill.execution_id for fill in broker.fills(MON)] == ["demo-eod-20260302-AAPL-0-1"]


def test_a_change_of_symbol_moves_the_position_and_cancels_what_is_open_in_the_old_one(broker: PaperBroker) -> None:
    _hold(broker, FBX=10, MTX=5, OTHER=-3)
    sent = [broker.submit(order(symbol, 1, TUE), TUE) for symbol in ("FBX", "MTX")]
    before = broker.cash()
    broker.advance(market(WED, {"FBX": "90", "MTX": "100"}, change_of("FBX", WED, "MTX"), change_of("OTHER", WED, "FBX")))
    assert broker.positions() == {"FBX": -3, "MTX": 16}
    assert [_state(broker, each.client_order_id) for each in sent] == [
        (OrderState.CANCELLED, "corporate action"),
        (OrderState.FILLED, ""),
    ]
    assert before - broker.cash() == usd("100")


def test_a_position_that_meets_its_opposite_under_the_new_symbol_is_flat(broker: PaperBroker) -> None:
    _hold(broker, FBX=10, MTX=-10)
    broker.advance(market(WED, {}, change_of("FBX", WED, "MTX")))
    assert broker.positions() == {}


def test_a_dividend_is_paid_under_the_symbol_it_was_declared_under(broker: PaperBroker) -> None:
    _hold(broker, FBX=10)
    before = broker.cash()
    broker.advance(market(WED, {}, dividend_of("FBX", WED, "0.5", FRI), change_of("FBX", WED, "MTX")))
    broker.advance(market(THU, {}, split_of("MTX", THU, 2, 1)))
    assert (broker.positions(), broker.cash()) == ({"MTX": 20}, before)
    broker.advance(market(FRI, {}))
    assert broker.cash() - before == usd("5")


def test_actions_of_days_without_a_session_apply_one_date_after_the_other(broker: PaperBroker) -> None:
    _hold(broker, FBX=11)
    before = broker.cash()
    actions = change_of("FBX", WED, "MTX"), split_of("MTX", THU, 1, 2), dividend_of("MTX", FRI, "1")
    broker.advance(market(FRI, {}, *actions, closes={"FBX": "12"}))
    assert broker.positions() == {"MTX": 5}
    assert broker.cash() - before == usd("12") + usd("5")


def test_a_session_played_again_changes_nothing(broker: PaperBroker) -> None:
    _hold(broker, AAPL=10)
    broker.submit(order("AAPL", 10, TUE), TUE)
    broker.advance(market(WED, {"AAPL": "100"}))
    before = (broker.cash(), broker.positions(), broker.fills(MON))
    broker.submit(order("AAPL", 10, WED), WED)
    for session in (WED, TUE):
        broker.advance(market(session, {"AAPL": "999"}, split_of("AAPL", session, 7, 1)))
    assert (broker.cash(), broker.positions(), broker.fills(MON)) == before
    assert broker.last_session() == WED


def test_a_session_before_the_last_one_is_an_error(broker: PaperBroker) -> None:
    broker.advance(market(WED, {}))
    with pytest.raises(SessionError, match="2026-03-03 comes before 2026-03-04"):
        broker.advance(market(TUE, {}))


def test_seven_for_one_makes_seven_times_the_shares(broker: PaperBroker) -> None:
    _hold(broker, AAPL=10)
    cash = broker.cash()
    broker.advance(market(WED, {"AAPL": "14.30"}, split_of("AAPL", WED, 7, 1), closes={"AAPL": "100"}))
    assert broker.positions() == {"AAPL": 70}
    assert broker.cash() == cash


def test_a_fraction_is_paid_in_cash_and_a_short_pays_it(broker: PaperBroker) -> None:
    _hold(broker, LONG=7, SHRT=-7)
    cash = broker.cash()
    actions = (split_of("LONG", WED, 3, 2), split_of("SHRT", WED, 3, 2))
    broker.advance(market(WED, {}, *actions, closes={"LONG": "90", "SHRT": "60"}))
    assert broker.positions() == {"LONG": 10, "SHRT": -10}
    assert broker.cash() == cash + usd("30") - usd("20")


def test_a_reverse_split_that_leaves_only_a_fraction_closes_the_position(broker: PaperBroker) -> None:
    _hold(broker, AAPL=3)
    cash = broker.cash()
    broker.advance(market(WED, {}, split_of("AAPL", WED, 1, 10), closes={"AAPL": "2"}))
    assert broker.positions() == {}
    assert broker.cash() == cash + usd("6")


def test_a_fraction_without_a_previous_close_is_an_error_and_the_session_is_not_played(broker: PaperBroker) -> None:
    _hold(broker, AAPL=3)
    with pytest.raises(DataError, match="no previous close"):
        broker.advance(market(WED, {}, split_of("AAPL", WED, 3, 2)))
    assert broker.last_session() == TUE


def test_a_dividend_is_owed_to_holders_before_the_ex_date_and_paid_on_the_first_session_from_its_pay_date(broker: PaperBroker) -> None:
    _hold(broker, AAPL=10, SHRT=-10)
    cash = broker.cash()
    broker.submit(order("AAPL", -10, TUE), TUE)
    broker.submit(order("SHRT", 10, TUE), TUE)
    ex = market(WED, {"AAPL": "100", "SHRT": "100"}, dividend_of("AAPL", WED, "0.5", THU), dividend_of("SHRT", WED, "0.2", THU))
    broker.advance(ex)
    assert (broker.cash(), broker.positions()) == (cash, {})
    broker.advance(market(FRI, {}))  # no session on Thursday
    assert broker.cash() == cash + usd("5") - usd("2")


def test_a_dividend_without_a_pay_date_is_paid_on_the_ex_date(broker: PaperBroker) -> None:
    _hold(broker, AAPL=10)
    cash = broker.cash()
    broker.advance(market(WED, {}, dividend_of("AAPL", WED, "0.5"), dividend_of("NONE", WED, "1")))
    assert broker.cash() == cash + usd("5")


def test_a_dividend_and_a_split_on_one_day_count_the_old_shares(broker: PaperBroker) -> None:
    _hold(broker, AAPL=10)
    cash = broker.cash()
    broker.advance(market(WED, {}, dividend_of("AAPL", WED, "0.5"), split_of("AAPL", WED, 7, 1)))
    assert (broker.cash(), broker.positions()) == (cash + usd("5"), {"AAPL": 70})


def test_a_delisting_cashes_out_the_shares_held_before_a_split_of_the_same_day(broker: PaperBroker) -> None:
    _hold(broker, AAPL=10)
    cash = broker.cash()
    broker.advance(market(WED, {}, delisting_of("AAPL", WED, "13.65"), split_of("AAPL", WED, 7, 1)))
    assert (broker.cash(), broker.positions()) == (cash + usd("136.50"), {})


@pytest.mark.parametrize("action", [split_of("AAPL", TUE, 2, 1), delisting_of("AAPL", TUE, "1")])
def test_open_orders_are_cancelled_by_a_split_or_delisting(broker: PaperBroker, action: object) -> None:
    buy = order("AAPL", 10)
    broker.submit(buy, MON)
    broker.advance(market(TUE, {"AAPL": "50"}, action))  # type: ignore[arg-type]
    assert _state(broker, buy.client_order_id) == (OrderState.CANCELLED, "corporate action")


def test_two_actions_of_one_kind_in_one_symbol_are_an_error(broker: PaperBroker) -> None:
    with pytest.raises(DataError, match="two corporate actions of one kind"):
        broker.advance(market(TUE, {}, split_of("AAPL", TUE, 2, 1), split_of("AAPL", TUE, 3, 1)))


def test_a_buy_beyond_free_cash_is_refused_and_open_orders_count(path: Path) -> None:
    with PaperBroker(path, BOOK, usd("1000"), FillTerms.of(5.0, 0.0)) as broker:
        assert broker.submit(order("AAPL", 7), MON).state is OrderState.ACCEPTED
        refused = broker.submit(order("IBM", 4), MON)
        assert refused.state is OrderState.REJECTED
        assert "insufficient buying power" in refused.reason
        assert broker.find(refused.client_order_id) == refused
        assert broker.submit(order("IBM", 3, leg=1), MON).state is OrderState.ACCEPTED
        broker.advance(market(TUE, {"AAPL": "101", "IBM": "101"}))
        assert broker.positions() == {"AAPL": 7, "IBM": 3}
        assert broker.cash() < 0  # covered when sent, filled all the same
        sell = broker.submit(order("AAPL", -7, TUE), TUE)
        assert sell.state is OrderState.ACCEPTED
        assert broker.submit(order("MSFT", 6, TUE), TUE).state is OrderState.ACCEPTED
        broker.cancel(sell.client_order_id)
        assert broker.submit(order("MSFT", 1, TUE, leg=1), TUE).state is OrderState.REJECTED


def test_a_sell_beyond_what_is_held_is_refused_unless_shorts_are_allowed(path: Path) -> None:
    with PaperBroker(path, BOOK, usd("10000"), FillTerms()) as broker:
        _hold(broker, AAPL=10)
        assert broker.submit(order("AAPL", -6, TUE), TUE).state is OrderState.ACCEPTED
        refused = broker.submit(order("AAPL", -5, TUE, leg=1), TUE)
        assert (refused.state, refused.reason) == (OrderState.REJECTED, "short sale is not allowed: 5 shares to sell, 4 free")
        assert broker.submit(order("IBM", -1, TUE), TUE).state is OrderState.REJECTED


def test_an_order_for_an_open_that_has_passed_is_refused(broker: PaperBroker) -> None:
    broker.advance(market(TUE, {}))
    refused = broker.submit(order("AAPL", 1), MON)
    assert refused.state is OrderState.REJECTED
    assert "has passed" in refused.reason


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"book": "other"}, "book demo"),
        ({"session": TUE}, "decided in session"),
        ({"quantity": 0}, "above zero"),
        ({"symbol": ""}, "not empty"),
        ({"reference_price": 0}, "above zero"),
        ({"order_type": "limit"}, "has price None"),
        ({"time_in_force": "never"}, "not known"),
        ({"order_type": "stop", "price": usd("99")}, "a stop order may be day or gtc, not opg"),
    ],
)
def test_a_malformed_order_is_refused_without_a_trace(broker: PaperBroker, change: dict[str, object], reason: str) -> None:
    refused = broker.submit(replace(order("AAPL", 1), **change), MON)  # type: ignore[arg-type]
    assert refused.state is OrderState.REJECTED
    assert reason in refused.reason
    assert broker.find(refused.client_order_id) is None


def test_the_account_survives_closing_and_keeps_its_own_cash(broker: PaperBroker, path: Path) -> None:
    _hold(broker, AAPL=10)
    broker.submit(order("IBM", 1, TUE), TUE)
    with PaperBroker(path, BOOK, usd("5"), FillTerms()) as again:
        assert (again.cash(), again.positions(), again.open_orders()) == (broker.cash(), {"AAPL": 10}, broker.open_orders())


def test_a_file_of_another_book_is_a_configuration_error(broker: PaperBroker, path: Path) -> None:
    with pytest.raises(ConfigError, match="belongs to book 'demo', not 'other'"):
        PaperBroker(path, "other", usd("5"), FillTerms())


def test_a_file_that_is_no_account_is_an_error_and_is_left_alone(tmp_path: Path) -> None:
    text = tmp_path / "text.db"
    text.write_text("not a database, " * 100)
    with pytest.raises(DataError, match="cannot be read"):
        PaperBroker(text, BOOK, usd("5"), FillTerms())
    other = tmp_path / "other.db"
    connection = sqlite3.connect(other)
    connection.execute("CREATE TABLE mine (a)")
    connection.commit()
    connection.close()
    with pytest.raises(DataError, match="not a paper broker's file"):
        PaperBroker(other, BOOK, usd("5"), FillTerms())
    connection = sqlite3.connect(other)
    assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("mine",)]
    connection.close()


def test_a_folder_that_cannot_be_made_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BrokerUnavailable, match="check that the disk has room"):
        PaperBroker(tmp_path / "file" / "paper.db", BOOK, usd("5"), FillTerms())


def test_a_locked_file_leaves_a_send_unknown_and_an_advance_to_be_repeated(path: Path) -> None:
    with PaperBroker(path, BOOK, usd("1000"), FillTerms(), busy_seconds=0.05) as broker:
        blocker = sqlite3.connect(path, isolation_level=None)
        blocker.execute("BEGIN IMMEDIATE")
        with pytest.raises(OrderOutcomeUnknown, match="locked"):
            broker.submit(order("AAPL", 1), MON)
        with pytest.raises(BrokerUnavailable, match="locked"):
            broker.advance(market(TUE, {}))
        blocker.execute("ROLLBACK")
        blocker.close()
        assert broker.find(order("AAPL", 1).client_order_id) is None


def test_threads_share_one_account(broker: PaperBroker) -> None:
    orders = [order(f"S{i:03}", 1) for i in range(80)]
    threads = [threading.Thread(target=lambda part=part: [broker.submit(each, MON) for each in orders[part::4]]) for part in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(broker.open_orders()) == 80


def test_cash_beyond_64_bits_is_an_error_and_the_session_is_not_played(path: Path) -> None:
    with PaperBroker(path, BOOK, usd("9000000000000"), FillTerms(), allow_short=True) as broker:
        broker.submit(order("AAPL", -1_000_000, MON, "1"), MON)
        with pytest.raises(DataError, match="refuses the change"):
            broker.advance(market(TUE, {"AAPL": "1000000"}))
        assert broker.last_session() is None
