"""Interest and fees that a broker tells are booked once by their id; whatever else it tells of cash is kept, and moves nothing."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from random import Random

import pytest

from grodt.ledger.account_says import account_says
from grodt.ledger.cash_activities import begin, begun, book_activities, bound, kept_activities, news
from grodt.ledger.cash_entries import cash_entry
from grodt.ledger.entries import dividend_payment_entry
from grodt.ledger.postings import balances, cash, deposit_entry, entries_in, post
from grodt.ledger.transaction import Write
from grodt.ledger.unit import Ledger
from grodt.ledger.verify_cash import check_charges
from grodt.money import Micros, micros
from grodt.orders.cash_activity import ActivityKind, CashActivity
from tests.ledger.by_hand import by_hand
from tests.ledger.world import BOOK, MINUTE, NEXT, NOW, SESSION

_MOST = micros(100)
_LATER = NEXT + timedelta(days=3)


def told(number: int, kind: ActivityKind, amount: str, day: date = NEXT, **more: str) -> CashActivity:
    """An activity of that number."""
    code = {"interest": "INT", "fee": "FEE", "dividend": "DIV", "transfer": "CSD", "action": "REORG", "unknown": "NEW"}[kind]
    return CashActivity(f"{day:%Y%m%d}::{number}", kind, code, micros(amount), day, day, **more)


FEE, INTEREST = told(1, "fee", "-0.27", words="TAF fee"), told(2, "interest", "1.5")


@pytest.fixture
def book(tx: Write) -> Write:
    """A book that began with 10,000 in a session."""
    post(tx, deposit_entry(BOOK, micros(10_000), "USD", SESSION), "run", NOW)
    begin(tx, BOOK, SESSION, "run", NOW)
    return tx


def _booked(tx: Write, *activities: CashActivity, session: date = NEXT, most: Micros = _MOST, now: datetime = NOW) -> list[str]:
    """Ids of the entries that telling them books."""
    return [each.entry_id for each in book_activities(tx, BOOK, activities, session=session, most=most, run_id="run", now=now)]


def _reasons(tx: Write) -> dict[str, str]:
    return {each.activity.activity_id: each.reason for each in kept_activities(tx, BOOK, NEXT, NEXT)}


def test_interest_and_fees_are_entries_of_their_own_kind(book: Write) -> None:
    assert _booked(book, FEE, INTEREST, told(3, "fee", "0.02")) == [f"activity:{BOOK}:20261120::{number}" for number in (1, 2, 3)]
    assert balances(book, BOOK, ["fee", "interest"]) == {("fee", "USD", ""): micros("0.25"), ("interest", "USD", ""): micros("-1.5")}
    assert cash(book, BOOK) == micros("10001.25")
    assert next((each.kind, each.memo) for each in entries_in(book, BOOK, NEXT)) == ("fee", "FEE of 2026-11-20 TAF fee")
    assert kept_activities(book, BOOK, NEXT, NEXT) == ()


@pytest.mark.parametrize("seed", range(20))
def test_told_twice_late_and_in_any_order_they_come_to_the_same(book: Write, seed: int) -> None:
    draw = Random(seed)
    activities = [told(number, draw.choice(["fee", "interest"]), f"{draw.randint(-99, 99) or 1}e-2") for number in range(12)]
    batches = [[*draw.sample(activities, 7), *draw.sample(activities, 3)] for _ in range(4)] + [activities]
    first = sum(len(_booked(book, *batch)) for batch in batches)
    assert first == 12
    assert cash(book, BOOK) == micros(10_000) + sum(each.amount for each in activities)
    assert news(book, BOOK, activities) == ()
    assert [*check_charges(book, BOOK).findings] == []


def test_one_that_is_told_again_otherwise_is_kept_and_what_was_booked_stays(book: Write) -> None:
    _booked(book, FEE)
    other = replace(FEE, amount=micros("-0.30"))
    assert news(book, BOOK, [FEE, other]) == (other,)
    assert _booked(book, FEE, other, now=NOW + MINUTE) == []
    assert cash(book, BOOK) == micros("9999.73")
    assert _reasons(book) == {
        FEE.activity_id: f"it is booked with other content: FEE -0.27 USD on 2026-11-20 (TAF fee), activity {FEE.activity_id}"
    }
    assert news(book, BOOK, [FEE, other]) == ()


def test_of_one_told_in_two_ways_at_once_one_is_booked_whatever_the_order(book: Write) -> None:
    other = replace(FEE, amount=micros("-0.30"))
    assert len(_booked(book, FEE, other)) == 1
    assert _booked(book, other, FEE) == []
    assert cash(book, BOOK) == micros("9999.70"), "the lower amount"


@pytest.mark.parametrize(
    ("activity", "reason"),
    [
        (told(9, "dividend", "7.5", symbol="AAPL"), "dividends are booked from corporate actions"),
        (told(9, "transfer", "5000"), "cash that comes in or goes out is booked by people"),
        (told(9, "action", "12.34"), "what a corporate action pays is booked from corporate actions"),
        (told(9, "unknown", "-1"), "it is of a type that is not known here"),
        (
            replace(FEE, activity_id="20261120::9", amount=Micros(0), unreadable="Alpaca tells status 'canceled'"),
            "it cannot be read: Alpaca",
        ),
        (told(9, "fee", "-1", SESSION), "it is of 2026-11-19, whose cash was compared before"),
    ],
)
def test_what_is_not_booked_by_itself_is_kept_with_why(book: Write, activity: CashActivity, reason: str) -> None:
    assert _booked(book, activity, INTEREST) == [f"activity:{BOOK}:{INTEREST.activity_id}"]
    ((key, why),) = _reasons(book).items()
    assert key == activity.activity_id
    assert why.startswith(reason)
    assert cash(book, BOOK) == micros("10001.5")


def test_nothing_is_booked_before_it_is_known_what_the_cash_had_in_it(tx: Write) -> None:
    assert begun(tx, BOOK) is None
    assert _booked(tx, FEE) == []
    begin(tx, BOOK, SESSION, "run", NOW)
    begin(tx, BOOK, NEXT, "run", NOW)
    assert begun(tx, BOOK) == SESSION


def test_what_moved_before_the_book_began_is_in_its_capital(book: Write) -> None:
    assert _booked(book, told(9, "fee", "-1", SESSION - timedelta(days=1))) == []
    assert kept_activities(book, BOOK, SESSION - timedelta(days=9), NEXT) == ()


def test_above_the_bound_nothing_of_a_session_is_booked_not_even_what_would_fit(book: Write) -> None:
    most = bound(book, BOOK, 50)
    assert most == micros(50)
    assert len(_booked(book, told(1, "fee", "-30"), most=most)) == 1
    assert _booked(book, told(2, "fee", "-20.000001"), told(3, "interest", "0.01"), most=most) == []
    assert set(_reasons(book).values()) == {
        "interest and fees of session 2026-11-20 come to 50.010001 USD, and 50.00 are booked by themselves (charges_bps)"
    }
    assert cash(book, BOOK) == micros(9_970)
    assert len(_booked(book, told(4, "fee", "-20"), most=most)) == 1, "to the micro"
    assert len(_booked(book, told(5, "fee", "-50", _LATER), session=_LATER, most=most)) == 1, "another session has its own"


def test_one_above_the_bound_is_booked_once_the_bound_is_raised_unless_people_have_booked_cash_since(book: Write) -> None:
    large = told(1, "fee", "-60")
    assert _booked(book, large, most=micros(50)) == []
    assert news(book, BOOK, [large]) == (large,)
    assert _booked(book, large, most=micros(60), now=NOW + MINUTE) == [f"activity:{BOOK}:{large.activity_id}"]
    assert (_reasons(book), news(book, BOOK, [large])) == ({}, ())
    again = told(2, "fee", "-70")
    assert _booked(book, again, session=_LATER, most=micros(50), now=NOW + 2 * MINUTE) == []
    post(book, cash_entry("correction:1", "fee", BOOK, micros(-70), NEXT, "by ann and bob"), "correction", NOW + 3 * MINUTE)
    assert _booked(book, again, session=_LATER, most=micros(100), now=NOW + 4 * MINUTE) == []
    assert cash(book, BOOK) == micros(9_870), "60 by itself, and 70 by people, once"
    assert _reasons(book) == {}, "it has been dealt with"


def test_the_account_says_what_it_was_and_what_to_do(book: Write) -> None:
    wire, out = told(1, "transfer", "5000"), replace(told(2, "transfer", "-12.5"), code="CSW")
    _booked(book, wire, out, told(3, "unknown", "-1", symbol="AAPL", words="something"), told(4, "fee", "-60"), most=micros(50))
    assert [str(each) for each in account_says(book, BOOK, NEXT, NEXT)] == [
        "CSD 5,000.00 USD on 2026-11-20, activity 20261120::1: cash that comes in or goes out is booked by people; "
        "`grodt deposit 5000.00 --reason WHY`",
        "CSW -12.50 USD on 2026-11-20, activity 20261120::2: cash that comes in or goes out is booked by people; "
        "`grodt withdraw 12.50 --reason WHY`",
        "NEW -1.00 USD on 2026-11-20 (AAPL, something), activity 20261120::3: it is of a type that is not known here; "
        "`grodt breaks correct NUMBER --as KIND --reason WHY`",
        "FEE -60.00 USD on 2026-11-20, activity 20261120::4: interest and fees of session 2026-11-20 come to 60.00 USD, and 50.00 are "
        "booked by themselves (charges_bps); `grodt breaks correct NUMBER --as fee --reason WHY`",
    ]


@pytest.mark.parametrize(("theirs", "said"), [("7.5", None), ("7.49", None), ("5.25", "5.25"), ("7.52", "7.52")])
def test_a_dividend_is_evidence_where_it_is_not_what_the_ledger_has_and_then_both_are_said(
    book: Write, theirs: str, said: str | None
) -> None:
    post(book, dividend_payment_entry(BOOK, "AAPL", SESSION, micros("7.5"), NEXT), "run", NOW)
    _booked(book, told(1, "dividend", theirs, _LATER, symbol="AAPL"), session=_LATER)
    found = [str(each) for each in account_says(book, BOOK, NEXT, _LATER)]
    assert found == (
        []
        if said is None
        else [
            f"DIV {said} USD on 2026-11-23 (AAPL), activity 20261123::1; the ledger has 7.50 USD of it: dividends are booked from "
            "corporate actions, not from what the account tells; `grodt breaks correct NUMBER --as dividend --reason WHY`"
        ]
    )


@pytest.mark.parametrize(
    ("statement", "finding"),
    [
        ("DELETE FROM cash_activities", "entry activity:demo:20261120::1 is of fee that no broker told and nobody has corrected"),
        (
            "UPDATE cash_activities SET amount = amount - 1",
            "activity 20261120::1 of book demo was told as fee of -270,001 micros of cash and is booked as fee of -270,000",
        ),
        (
            "DELETE FROM entries WHERE kind = 'fee'",
            "activity 20261120::1 of book demo was told as fee of -270,000 micros of cash and is not booked",
        ),
    ],
)
def test_verify_names_what_was_altered(ledger: Ledger, statement: str, finding: str) -> None:
    with ledger.write() as tx:
        post(tx, deposit_entry(BOOK, micros(10_000), "USD", SESSION), "run", NOW)
        begin(tx, BOOK, SESSION, "run", NOW)
        _booked(tx, FEE)
        post(tx, cash_entry("correction:1", "interest", BOOK, micros(1), NEXT, "by ann and bob"), "correction", NOW)
    with ledger.read() as tx:
        assert [*check_charges(tx, BOOK).findings] == []
    by_hand(ledger, statement)
    with ledger.read() as tx:
        assert finding in [*check_charges(tx, None).findings]
