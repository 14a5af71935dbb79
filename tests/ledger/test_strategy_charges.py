"""What strategies have of what no trade earned or cost: it adds up to the book, to the micro."""

from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grodt.errors import DataError
from grodt.ledger.booking import booking_instant
from grodt.ledger.capital_shares import WHOLE, record_shares, shares_in_time
from grodt.ledger.cash_entries import CashKind, cash_entry
from grodt.ledger.columns import instant_text
from grodt.ledger.fills import record_fill
from grodt.ledger.marks import latest_mark, record_mark
from grodt.ledger.postings import cash, deposited, holdings, post, receivable
from grodt.ledger.statement import statement_of
from grodt.ledger.strategies import record_attribution
from grodt.ledger.strategy_book import StrategyBook
from grodt.ledger.strategy_charges import StrategyCharges
from grodt.ledger.strategy_statement import StrategyEarned, statements_of_strategies
from grodt.ledger.transaction import Write
from grodt.ledger.valuation import Close, value_book
from grodt.money import Micros, micros
from grodt.orders.attribution import Attribution
from tests.ledger.world import BOOK, MINUTE, NEXT, NOW, SESSION, fill, order, sent


class _Line(NamedTuple):
    account: str
    symbol: str
    amount: int


def _held(**shares: int) -> StrategyBook:
    found = StrategyBook(BOOK)
    for name, quantity in shares.items():
        found.position(name, "AAPL").quantity = quantity
    return found


@given(
    shares=st.lists(st.integers(1, WHOLE), min_size=1, max_size=5),
    amounts=st.lists(st.integers(-(10**15), 10**15).filter(bool), min_size=1, max_size=8),
)
def test_shared_out_by_capital_it_adds_up_and_nobody_has_more_than_a_micro_too_much(shares: list[int], amounts: list[int]) -> None:
    whose = {f"s{place}": share for place, share in enumerate(shares)}
    for amount in amounts:
        charges = StrategyCharges(BOOK, [(NOW, whose)])
        charges.take(StrategyBook(BOOK), instant_text(NOW), [_Line("fee", "", amount)])
        parts = {name: sums["fee"] for name, sums in charges.sums.items()}
        assert sum(parts.values()) == -amount
        assert all(abs(part * sum(shares) + amount * whose[name]) <= sum(shares) * len(shares) for name, part in parts.items())


@pytest.mark.parametrize(
    ("amount", "parts"), [(-10, {"trend": 7, "value": 3}), (10, {"trend": -7, "value": -3}), (-1, {"trend": 1, "value": 0})]
)
def test_a_dividend_is_of_those_who_hold_the_symbol(amount: int, parts: dict[str, int]) -> None:
    charges = StrategyCharges(BOOK, [(NOW, {"other": WHOLE})])
    charges.take(_held(trend=70, value=30, flat=0), instant_text(NOW), [_Line("dividend", "AAPL", amount), _Line("cash", "", -amount)])
    assert {name: sums["dividend"] for name, sums in charges.sums.items()} == parts


def test_what_nobody_holds_and_what_came_before_there_were_shares_is_the_book_s() -> None:
    charges = StrategyCharges(BOOK, [(NOW, {"trend": WHOLE})])
    charges.take(_held(flat=0), instant_text(NOW), [_Line("dividend", "AAPL", -5)])
    charges.take(_held(), instant_text(NOW - MINUTE), [_Line("interest", "", -3), _Line("capital", "", -9), _Line("capital", "", 2)])
    charges.take(_held(), instant_text(NOW + MINUTE), [_Line("interest", "", 4), _Line("correction", "AAPL", 8)])
    assert charges.sums == {BOOK: {"dividend": 5, "interest": 3, "deposit": 9, "withdrawal": -2}, "trend": {"interest": -4}}


def test_shares_are_kept_when_they_change_and_what_is_left_is_the_book_s(tx: Write) -> None:
    record_shares(tx, BOOK, {}, "r1", NOW)
    assert shares_in_time(tx, BOOK) == ()
    for minute, shares in enumerate(
        [{"trend": 0.6, "value": 0.3}, {"trend": 0.6, "value": 0.3}, {"trend": 0.7, "value": 0.2, "x": 0.1}, {}]
    ):
        record_shares(tx, BOOK, shares, f"r{minute}", NOW + minute * MINUTE)
    assert shares_in_time(tx, BOOK) == (
        (NOW, {BOOK: WHOLE // 10, "trend": 6 * WHOLE // 10, "value": 3 * WHOLE // 10}),
        (NOW + 2 * MINUTE, {"trend": 7 * WHOLE // 10, "value": 2 * WHOLE // 10, "x": WHOLE // 10}),
        (NOW + 3 * MINUTE, {BOOK: WHOLE}),
    )


def _mark(tx: Write, price: str, minutes: int, *, day: int) -> None:
    session = SESSION if day == 0 else NEXT
    previous = latest_mark(tx, BOOK)
    flows = deposited(tx, BOOK, previous.session if previous else None, session)
    worth = {"holdings": holdings(tx, BOOK), "cash": cash(tx, BOOK), "receivable": receivable(tx, BOOK)}
    closes = {"AAPL": Close(session, micros(price))}
    mark = value_book(BOOK, session, **worth, closes=closes, previous=previous, flows=flows)  # type: ignore[arg-type]
    record_mark(tx, mark, f"run of {session}", NOW + minutes * MINUTE)


def _book(tx: Write) -> None:
    """100 AAPL at 94 of two strategies, of which nobody's is a tenth of the capital; then a session of cash that moves, and 95 a share."""
    record_shares(tx, BOOK, {"trend": 0.6, "value": 0.3}, "run", NOW)
    post(tx, cash_entry("d", "deposit", BOOK, micros(100_000), SESSION, ""), "run", NOW)
    one = order()
    run = sent(tx, [one])
    record_attribution(tx, run.run_id, BOOK, SESSION, Attribution({one.client_order_id: {"trend": 70, "value": 30}}), NOW)
    record_fill(tx, fill(one, 0, 100, session=SESSION), BOOK, run.run_id, NOW + MINUTE)
    _mark(tx, "94", 2, day=0)
    booked: list[tuple[CashKind, str]] = [("fee", "-0.07"), ("interest", "0.000001"), ("correction", "-3"), ("withdrawal", "-1000")]
    for number, (kind, amount) in enumerate(booked):
        post(tx, cash_entry(f"c{number}", kind, BOOK, micros(amount), NEXT, ""), "run", NOW + (3 + number) * MINUTE)
    _mark(tx, "95", 9, day=1)


def test_a_session_of_a_book_is_that_of_its_strategies(tx: Write) -> None:
    _book(tx)
    found = statement_of(tx, BOOK, NEXT, None)
    each = statements_of_strategies(tx, found, {"AAPL": micros("94")}, {"AAPL": micros("95")})
    assert each == {
        BOOK: StrategyEarned(fees=micros("-0.007"), corrections=micros("-0.3"), withdrawals=micros(-100)),
        "trend": StrategyEarned(
            unrealised=micros(70), fees=micros("-0.042"), interest=micros("0.000001"), corrections=micros("-1.8"), withdrawals=micros(-600)
        ),
        "value": StrategyEarned(unrealised=micros(30), fees=micros("-0.021"), corrections=micros("-0.9"), withdrawals=micros(-300)),
    }
    assert sum(own.profit for own in each.values()) == found.profit
    whole = statements_of_strategies(tx, statement_of(tx, BOOK, None, None), {}, {"AAPL": micros("95")})
    assert [own.deposits for own in whole.values()] == [micros(10_000), micros(60_000), micros(30_000)]


@pytest.mark.parametrize("minutes", [-60, 0, 60])
def test_what_is_booked_has_the_shares_that_were_in_force_then_whatever_the_clock_says_when_they_change(tx: Write, minutes: int) -> None:
    """Under 0.6 and 0.4 a deposit, under 0.3 another one and a fee; between them the clock stands still, steps back or goes on."""
    clock = [NOW, NOW + minutes * MINUTE, NOW + 2 * minutes * MINUTE]
    flows: list[tuple[CashKind, str]] = [("deposit", "1000"), ("deposit", "100"), ("fee", "-10")]
    shares = [{"trend": 0.6, "value": 0.4}, {"trend": 0.3}, {"trend": 0.3}]
    for number, (now, (kind, amount), found) in enumerate(zip(clock, flows, shares, strict=True)):
        record_shares(tx, BOOK, found, "run", now)
        post(tx, cash_entry(f"c{number}", kind, BOOK, micros(amount), SESSION, ""), "run", booking_instant(tx, BOOK, now))
    _mark(tx, "94", 2 * minutes, day=0)
    each = statements_of_strategies(tx, statement_of(tx, BOOK, None, None), {}, {})
    assert each == {
        BOOK: StrategyEarned(deposits=micros(70), fees=micros(-7)),
        "trend": StrategyEarned(deposits=micros(630), fees=micros(-3)),
        "value": StrategyEarned(deposits=micros(400)),
    }


def test_prices_that_the_book_was_not_marked_with_are_an_error(tx: Write) -> None:
    _book(tx)
    found = statement_of(tx, BOOK, NEXT, None)
    with pytest.raises(DataError, match="the lake has no price of AAPL that it was marked with"):
        statements_of_strategies(tx, found, {"AAPL": micros("94")}, {})
    with pytest.raises(DataError, match="what its strategies earned to 2026-11-20 is"):
        statements_of_strategies(tx, found, {"AAPL": micros("94")}, {"AAPL": Micros(micros("95") + 1)})
