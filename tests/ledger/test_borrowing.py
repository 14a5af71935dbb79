"""What borrowed shares cost, in the ledger: charged on what was held last night, once."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal

import pytest

from grodt.bars.corporate_actions import CorporateAction
from grodt.bars.market import SessionMarket
from grodt.errors import DataError
from grodt.ledger.actions import apply_actions, charge_borrowing
from grodt.ledger.entries import borrow_entry
from grodt.ledger.fills import record_fill
from grodt.ledger.postings import balances, cash, entries_in, holdings, realised
from grodt.ledger.unit import Write
from grodt.money import Micros, micros
from grodt.orders.order import Side
from tests.ledger.world import BOOK, NOW, SESSION, count, fill, order, sent, unbalanced

MON, TUE = date(2026, 11, 23), date(2026, 11, 24)
ONE_PERCENT = Decimal(100)


def _market(session: date, *actions: CorporateAction, nights: int = 1, **closes: str) -> SessionMarket:
    return SessionMarket(session, nights, NOW, NOW, {}, {symbol: micros(price) for symbol, price in closes.items()}, actions)


def _hold(tx: Write, **quantities: int) -> None:
    orders = [order(symbol, Side.BUY if quantity > 0 else Side.SELL, abs(quantity)) for symbol, quantity in quantities.items()]
    run = sent(tx, orders)
    for number, one in enumerate(orders, 1):
        record_fill(tx, fill(one, number, price="100", commission="0"), BOOK, run.run_id, NOW)


def _charge(tx: Write, market: SessionMarket, bps: Decimal = ONE_PERCENT) -> bool:
    return charge_borrowing(tx, BOOK, market, bps, "run", NOW)


def _paid(tx: Write) -> Mapping[str, int]:
    return {symbol: amount for (_, _, symbol), amount in balances(tx, BOOK, ("borrow",)).items()}


def test_each_short_symbol_pays_for_itself_and_cash_pays_for_all(tx: Write) -> None:
    _hold(tx, AAPL=-100, IBM=-200, MSFT=100)
    before, cost = cash(tx, BOOK), {symbol: held.cost for symbol, held in holdings(tx, BOOK).items()}
    assert _charge(tx, _market(MON, nights=3, AAPL="360", IBM="18", MSFT="360"))
    assert _paid(tx) == {"AAPL": micros("3"), "IBM": micros("0.30")}
    assert cash(tx, BOOK) == before - micros("3.30")
    assert {symbol: held.cost for symbol, held in holdings(tx, BOOK).items()} == cost
    assert realised(tx, BOOK) == 0
    assert unbalanced(tx) == []
    (entry,) = entries_in(tx, BOOK, MON)
    assert (entry.entry_id, entry.kind) == ("borrow:demo:2026-11-23", "borrow_cost")


def test_charging_a_session_again_changes_nothing(tx: Write) -> None:
    _hold(tx, AAPL=-100)
    market = _market(MON, AAPL="360")
    assert _charge(tx, market)
    assert not _charge(tx, market)
    assert _paid(tx) == {"AAPL": micros("1")}


def test_it_is_charged_on_the_shares_before_the_split_of_the_session(tx: Write) -> None:
    _hold(tx, AAPL=-100)
    market = _market(MON, CorporateAction("AAPL", MON, "split", ratio_new=4, ratio_old=1), AAPL="360")
    assert _charge(tx, market)
    apply_actions(tx, BOOK, market, "run", NOW)
    assert _charge(tx, _market(TUE, AAPL="90"))
    assert _paid(tx) == {"AAPL": micros("2")}


def test_without_a_rate_or_a_short_position_nothing_is_booked(tx: Write) -> None:
    _hold(tx, AAPL=100)
    assert not _charge(tx, _market(MON, AAPL="360"))
    assert not _charge(tx, _market(MON), Decimal(0))
    assert count(tx, "entries") == 1


def test_less_than_half_a_cent_is_no_entry(tx: Write) -> None:
    _hold(tx, AAPL=-1)
    assert not _charge(tx, _market(MON, AAPL="100"))
    assert borrow_entry(BOOK, {}, MON) is None
    assert count(tx, "entries") == 1


def test_a_short_position_without_a_close_is_an_error(tx: Write) -> None:
    _hold(tx, AAPL=-100, IBM=-100)
    with pytest.raises(DataError, match="IBM 2026-11-23: held short, and no close before the session is known"):
        _charge(tx, _market(MON, AAPL="360"))


def test_it_cannot_be_charged_after_the_fills_of_the_session(tx: Write) -> None:
    _hold(tx, AAPL=-100)
    with pytest.raises(ValueError, match="come before its fills"):
        _charge(tx, _market(SESSION, AAPL="360"))


def test_an_entry_that_says_otherwise_the_second_time_is_refused(tx: Write) -> None:
    _hold(tx, AAPL=-100)
    _charge(tx, _market(MON, AAPL="360"))
    with pytest.raises(DataError, match="booked with other content"):
        _charge(tx, _market(MON, AAPL="720"))


def test_an_entry_is_a_pure_function_of_its_costs() -> None:
    costs = {"AAPL": Micros(10_000), "IBM": Micros(20_000)}
    made = borrow_entry(BOOK, costs, MON)
    assert made is not None
    assert [(line.account, line.symbol, line.amount) for line in made.postings] == [
        ("cash", "", -30_000),
        ("borrow", "AAPL", 10_000),
        ("borrow", "IBM", 20_000),
    ]
    assert made.digest == borrow_entry(BOOK, dict(costs), MON).digest  # type: ignore[union-attr]
