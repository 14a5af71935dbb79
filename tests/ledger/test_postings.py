"""Double entry, average cost, and the identities that hold whatever happens."""

from datetime import date, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from grodt.errors import ConfigError, DataError
from grodt.ledger.postings import (
    Entry,
    Holding,
    Posting,
    balances,
    cash,
    deposit_entry,
    deposited,
    entries_in,
    fill_entry,
    has_deposit,
    holding,
    holdings,
    post,
    receivable,
    record_settlement,
    settled,
)
from grodt.ledger.unit import Write
from grodt.money import Micros, micros
from grodt.orders.fill import Fill
from grodt.orders.order import Side
from tests.ledger.world import BOOK, NEXT, NOW, SESSION, count


def trade(signed: int, price: str | int, commission: str = "0", execution: str = "e") -> Fill:
    amount = Micros(price) if isinstance(price, int) else micros(price)
    side = Side.BUY if signed > 0 else Side.SELL
    return Fill(execution, "c", "AAPL", side, abs(signed), amount, micros(commission), SESSION, NOW)


def amounts(entry: Entry) -> dict[str, int]:
    return {posting.account: posting.amount for posting in entry.postings}


def test_buying_adds_to_the_cost_and_takes_cash_and_commission() -> None:
    assert amounts(fill_entry(trade(100, "93.70", "1"), BOOK, Holding(0, Micros(0)))) == {
        "position": 100,
        "market": -100,
        "cash": -micros(9371),
        "cost": micros(9370),
        "commission": micros(1),
    }


@pytest.mark.parametrize(
    ("held", "cost", "signed", "price", "cost_after", "gain"),
    [
        (100, "1000", -40, "12", "600", "80"),  # sells part of a long: cost goes pro rata
        (100, "1000", -100, "12", "0", "200"),
        (100, "1000", -150, "12", "-600", "200"),  # through zero: closes the long, opens a short at the price
        (0, "0", -50, "12", "-600", "0"),
        (-50, "-600", -50, "10", "-1100", "0"),
        (-100, "-1000", 40, "12", "-600", "-80"),  # covers part of a short at a loss
        (-100, "-1000", 160, "8", "480", "200"),
        (3, "10", -1, "4", "6.666667", "0.666667"),  # the thirds of 10 round to a micro
    ],
)
def test_average_cost(held: int, cost: str, signed: int, price: str, cost_after: str, gain: str) -> None:
    found = amounts(fill_entry(trade(signed, price), BOOK, Holding(held, micros(cost))))
    assert micros(cost) + found.get("cost", 0) == micros(cost_after)
    assert -found.get("realised", 0) == micros(gain)


@given(trades=st.lists(st.tuples(st.integers(-(10**7), 10**7).filter(bool), st.integers(1, 10**11), st.integers(0, 10**7)), max_size=12))
@example(trades=[(1, 2**53 + 1, 1), (-1, 2**53 + 3, 0)])
def test_any_trades_balance_and_what_is_flat_has_no_cost(trades: list[tuple[int, int, int]]) -> None:
    held = Holding(0, Micros(0))
    money = gain = fees = 0
    for signed, price, commission in trades:
        found = amounts(fill_entry(trade(signed, price, str(commission / 10**6) if commission == 0 else "1"), BOOK, held))
        held = Holding(held.quantity + found["position"], Micros(held.cost + found.get("cost", 0)))
        money += found.get("cash", 0)
        gain -= found.get("realised", 0)
        fees += found.get("commission", 0)
        assert (held.cost > 0) == (held.quantity > 0)
        assert (held.cost < 0) == (held.quantity < 0)
    assert held.quantity == sum(signed for signed, _, _ in trades)
    assert money + held.cost == gain - fees
    assert money == -sum(signed * price for signed, price, _ in trades) - fees


@pytest.mark.parametrize(
    ("postings", "words"),
    [
        ((), "moves nothing"),
        ((Posting("cash", "USD", "", 1),), "out of balance by 1 USD"),
        ((Posting("cash", "USD", "", 1), Posting("capital", "EUR", "", -1)), "out of balance"),
        ((Posting("position", "shares", "A", 1), Posting("market", "shares", "B", -1)), "out of balance by 1 A shares"),
        ((Posting("cash", "USD", "", 0), Posting("capital", "USD", "", 0)), "is zero"),
        ((Posting("cash", "USD", "", 2**63), Posting("capital", "USD", "", -(2**63))), "leaves 64 bits"),
    ],
)
def test_an_entry_that_does_not_balance_cannot_be_made(postings: tuple[Posting, ...], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Entry("e", "deposit", BOOK, SESSION, "", postings)


def test_a_deposit_is_cash_against_capital(tx: Write) -> None:
    assert not has_deposit(tx, BOOK)
    assert post(tx, deposit_entry(BOOK, micros(1000), "USD", SESSION), "run", NOW)
    assert post(tx, deposit_entry(BOOK, micros(-250), "USD", NEXT), "run", NOW)
    assert cash(tx, BOOK) == deposited(tx, BOOK, None, NEXT) == micros(750)
    assert balances(tx, BOOK) == {("capital", "USD", ""): -micros(750), ("cash", "USD", ""): micros(750)}
    assert cash(tx, "us") == 0
    assert (has_deposit(tx, BOOK), has_deposit(tx, "us")) == (True, False)


def test_capital_in_another_currency_is_refused() -> None:
    with pytest.raises(ConfigError, match="capital is in EUR, and the ledger keeps USD"):
        deposit_entry(BOOK, micros(1000), "EUR", SESSION)


def test_an_entry_is_booked_once_and_a_contradiction_is_bad_data(tx: Write) -> None:
    assert post(tx, deposit_entry(BOOK, micros(1000), "USD", SESSION), "run", NOW)
    assert not post(tx, deposit_entry(BOOK, micros(1000), "USD", SESSION), "another run", NOW)
    with pytest.raises(DataError, match="deposit:demo:2026-11-19 of book demo is booked with other content"):
        post(tx, deposit_entry(BOOK, micros(1001), "USD", SESSION), "run", NOW)
    assert count(tx, "entries") == 1
    assert count(tx, "postings") == 2


def test_entries_come_back_as_they_were_booked(tx: Write) -> None:
    made = [deposit_entry(BOOK, micros(1000), "USD", SESSION), fill_entry(trade(10, "5", "1"), BOOK, Holding(0, Micros(0)))]
    for entry in made:
        post(tx, entry, "run", NOW)
    assert entries_in(tx, BOOK, SESSION) == tuple(made)
    assert entries_in(tx, BOOK, NEXT) == ()


def test_flat_positions_are_absent(tx: Write) -> None:
    post(tx, fill_entry(trade(10, "5", execution="1"), BOOK, holding(tx, BOOK, "AAPL")), "run", NOW)
    assert holding(tx, BOOK, "AAPL") == Holding(10, micros(50)) == holdings(tx, BOOK)["AAPL"]
    post(tx, fill_entry(trade(-10, "6", execution="2"), BOOK, holding(tx, BOOK, "AAPL")), "run", NOW)
    assert holdings(tx, BOOK) == {}
    assert holding(tx, BOOK, "AAPL") == Holding(0, Micros(0))
    assert receivable(tx, BOOK) == 0


def test_sums_beyond_the_exact_floats_are_exact(tx: Write) -> None:
    for day in range(3):
        post(tx, deposit_entry(BOOK, Micros(2**53 + 1), "USD", date(2026, 1, 1) + timedelta(days=day)), "run", NOW)
    assert cash(tx, BOOK) == 3 * (2**53 + 1)


def test_settlements_go_forward_and_repeat_without_effect(tx: Write) -> None:
    assert settled(tx, BOOK) is None
    for session in (SESSION, NEXT, SESSION, NEXT):
        record_settlement(tx, BOOK, session, "run", NOW)
    assert settled(tx, BOOK) == NEXT
    assert count(tx, "settlements") == 2
    with pytest.raises(ValueError, match="2026-11-18 cannot be settled after 2026-11-20"):
        record_settlement(tx, BOOK, date(2026, 11, 18), "run", NOW)
