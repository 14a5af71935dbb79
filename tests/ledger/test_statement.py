"""What a book has earned from mark to mark, line by line, from postings that are made by hand."""

from datetime import date, datetime

import pytest

from grodt.errors import ConfigError
from grodt.ledger.cash_entries import CASH_KINDS, CashKind, as_cash_kind, cash_entry
from grodt.ledger.marks import record_mark
from grodt.ledger.postings import cash, deposit_entry, deposited, holdings, post, receivable
from grodt.ledger.statement import Statement, statement_of
from grodt.ledger.transaction import Write
from grodt.ledger.valuation import value_book
from grodt.money import Micros, micros
from tests.ledger.world import BOOK, MINUTE, NEXT, NOW, SESSION


def _marked(tx: Write, day: date, now: datetime, flows: int) -> None:
    mark = value_book(
        BOOK, day, holdings=holdings(tx, BOOK), cash=cash(tx, BOOK), receivable=receivable(tx, BOOK), closes={}, previous=None, flows=flows
    )
    record_mark(tx, mark, f"run of {day}", now)


def _statement(tx: Write, *booked: tuple[CashKind, str]) -> Statement:
    """Of the session after a deposit of 1,000, with these movements of cash."""
    post(tx, deposit_entry(BOOK, micros(1_000), "USD", SESSION), "run", NOW)
    _marked(tx, SESSION, NOW, micros(1_000))
    for number, (kind, amount) in enumerate(booked):
        post(tx, cash_entry(f"by hand {number}", kind, BOOK, micros(amount), NEXT, ""), "run", NOW + MINUTE)
    _marked(tx, NEXT, NOW + 2 * MINUTE, deposited(tx, BOOK, SESSION, NEXT))
    return statement_of(tx, BOOK, NEXT, NEXT)


def test_interest_and_fees_have_lines_of_their_own_and_all_of_them_add_up_to_equity(tx: Write) -> None:
    found = _statement(
        tx,
        ("interest", "3.5"),
        ("interest", "-1.25"),
        ("fee", "-0.000001"),
        ("fee", "-0.03"),
        ("fee", "0.01"),
        ("dividend", "7"),
        ("correction", "-2"),
        ("deposit", "100"),
        ("withdrawal", "-40"),
    )
    earned = found.earned
    assert (earned.interest, earned.fees, earned.dividends, earned.corrections) == tuple(map(micros, ("2.25", "-0.020001", "7", "-2")))
    assert (earned.realised, earned.commission, earned.borrowing, found.unrealised) == (0, 0, 0, 0)
    assert (found.deposits, found.withdrawals) == (micros(100), micros(-40))
    assert (found.opening, found.closing, found.profit) == tuple(map(micros, (1_000, "1067.229999", "7.229999")))


@pytest.mark.parametrize(("kind", "change"), [("deposit", -1), ("withdrawal", 1)])
def test_a_deposit_only_comes_in_and_a_withdrawal_only_goes_out(kind: CashKind, change: int) -> None:
    with pytest.raises(ConfigError, match=f"which is no {kind}: a deposit brings cash in, and a withdrawal takes some out"):
        cash_entry("x", kind, BOOK, Micros(change), SESSION, "")


def test_what_cash_can_be_is_said_where_it_is_asked_for_as_something_else() -> None:
    assert [as_cash_kind(kind) for kind in CASH_KINDS] == list(CASH_KINDS)
    with pytest.raises(ConfigError, match="cash cannot be booked as 'gift'; say one of interest, fee, dividend, deposit, withdrawal, corr"):
        as_cash_kind("gift")
