"""What Alpaca takes and pays apart from fills, over the ledger and the account: booked by its id, or a break of cash that names it."""

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal

import pytest

from grodt.bars.market import SessionMarket
from grodt.errors import BrokerUnavailable, ReconciliationBreak
from grodt.execution import Settled, settle
from grodt.ledger.acts import act
from grodt.ledger.break_evidence import evidence_of
from grodt.ledger.breaks import Break, open_breaks
from grodt.ledger.cash_entries import CashKind
from grodt.ledger.corrections import deposit, propose_correction
from grodt.ledger.postings import balances, cash
from grodt.ledger.verify import verify_ledger
from grodt.reconciliation import Reconciled, compared
from tests.brokers.alpaca_desk import opened_at
from tests.brokers.world import BOOK, FRI, MON, THU, TUE, WED, dividend_of, market, usd
from tests.execution.desk import CASH, CHARGES_BPS, Desk, FaultyBroker, Killed, TellingBroker
from tests.fakes.alpaca_trading import FakeTrading, evening


@pytest.fixture
def account(desk: Desk) -> Iterator[FakeTrading]:
    """30 AAPL bought on Tuesday, in the account and in the ledger."""
    with FakeTrading(evening(MON), "1000000").served() as fake, opened_at(fake) as broker:
        desk.broker = TellingBroker(broker, desk.fuse)
        monday = desk.open(MON)
        _settled(desk, market(MON, {}))
        desk.decide(monday, {"AAPL": 30})
        desk.send(monday)
        fake.play(market(TUE, {"AAPL": "100"}))
        _settled(desk, market(TUE, {"AAPL": "100"}))
        yield fake


def _settled(desk: Desk, day: SessionMarket) -> Settled:
    return desk.settle(desk.open(day.session), day)


def _cycle(desk: Desk, session: date = WED) -> Reconciled:
    _settled(desk, market(session, {}))
    return desk.reconcile(desk.open(session))


def _broken(desk: Desk, session: date = WED) -> tuple[str, Break]:
    """The one break of a cycle, and the words about it."""
    with pytest.raises(ReconciliationBreak) as broken:
        _cycle(desk, session)
    with desk.real_ledger.read() as tx:
        (found,) = open_breaks(tx, BOOK)
    return str(broken.value), found.difference


def _correct(desk: Desk, booked_as: CashKind) -> None:
    with desk.real_ledger.write() as tx:
        (found,) = open_breaks(tx, BOOK)
        following = lambda day: day + timedelta(days=1)  # noqa: E731
        words = {"by": "ann", "reason": "as the statement has it", "now": desk.now()}
        asked = propose_correction(tx, found.break_id, None, booked_as=booked_as, following=following, **words)  # type: ignore[arg-type]
        act(tx, asked.request_id, "approve", by="bob", reason="seen", now=desk.now())


def _booked(desk: Desk) -> dict[str, int]:
    with desk.real_ledger.read() as tx:
        return {account: amount for (account, _, _), amount in balances(tx, BOOK, ["interest", "fee", "correction", "capital"]).items()}


def _killed(desk: Desk, *, at: int) -> bool:
    """Whether Wednesday's cycle is killed at that step."""
    desk.fuse.steps.clear()
    desk.fuse.at = at
    try:
        _cycle(desk)
    except Killed:
        return True
    return False


def _verified(desk: Desk) -> None:
    with desk.real_ledger.read() as tx:
        wrong = [check for check in verify_ledger(tx, BOOK) if not check.holds and check.invariant not in (5, 8)]
    assert wrong == []


def test_a_regulatory_fee_and_interest_are_booked_and_no_break(desk: Desk, account: FakeTrading) -> None:
    account.charge("FEE", "-0.27", TUE, description="TAF fee for proceed of 30 shares")
    account.charge("FEE", "-0.01", WED, activity_sub_type="CAT")
    account.charge("INT", "12.34", WED)
    assert _settled(desk, market(WED, {})).charges == 3
    desk.reconcile(desk.open(WED))
    assert _booked(desk) == {"capital": -CASH, "fee": usd("0.28"), "interest": -usd("12.34")}
    assert _cycle(desk, THU).charges == 0
    assert _booked(desk)["fee"] == usd("0.28"), "told again every evening, and booked once"
    _verified(desk)


def test_one_that_comes_late_and_one_after_its_session_was_settled_are_booked(desk: Desk, account: FakeTrading) -> None:
    _cycle(desk)
    account.charge("FEE", "-0.27", MON + timedelta(days=1))
    assert desk.settle(desk.open(WED)).charges == 1, "a rerun of Wednesday's cycle"
    desk.reconcile(desk.open(WED))
    account.charge("INT", "3", TUE)
    _cycle(desk, THU)
    assert _booked(desk) == {"capital": -CASH, "fee": usd("0.27"), "interest": -usd("3")}
    _verified(desk)


def test_what_is_dated_to_a_later_session_waits_for_it_and_is_no_break(desk: Desk, account: FakeTrading) -> None:
    account.charge("FEE", "-0.27", THU)
    assert _cycle(desk) == Reconciled(positions=1, open_orders=0, cash=CASH - usd("3000"), charges=1)
    assert _booked(desk) == {"capital": -CASH}
    assert _cycle(desk, THU).charges == 0
    assert _booked(desk) == {"capital": -CASH, "fee": usd("0.27")}


def test_what_is_dated_to_a_weekend_is_booked_with_the_session_after_it(desk: Desk, account: FakeTrading) -> None:
    account.charge("INT", "1", FRI + timedelta(days=1))
    assert _cycle(desk, FRI).charges == 1
    _cycle(desk, FRI + timedelta(days=3))
    assert _booked(desk) == {"capital": -CASH, "interest": -usd("1")}


def test_a_deposit_is_a_break_that_names_it_and_is_booked_by_people(desk: Desk, account: FakeTrading) -> None:
    row = account.charge("CSD", "5000", WED)
    said, found = _broken(desk)
    assert found.theirs - found.ours == usd("5000")
    assert (
        f"The account says, and the ledger does not have:\n  CSD 5,000.00 USD on 2026-03-04, activity {row['id']}: cash that comes in or "
        "goes out is booked by people; `grodt deposit 5000.00 --reason WHY`\n"
    ) in said
    with desk.real_ledger.write() as tx:
        (each,) = open_breaks(tx, BOOK)
        assert [says.kept.activity.activity_id for says in evidence_of(tx, each).said] == [row["id"]]
        deposit(tx, BOOK, usd("5000"), lambda day: day, by="ann", reason="wire", now=desk.now())
        assert evidence_of(tx, each).said == (), "it has been dealt with"
    desk.reconcile(desk.open(WED))
    assert _booked(desk) == {"capital": -CASH - usd("5000")}


def test_interest_and_fees_above_the_bound_are_a_break_and_what_people_book_is_not_booked_again(desk: Desk, account: FakeTrading) -> None:
    account.charge("FEE", "-60", WED)
    account.charge("INT", "-40.01", WED)
    said, found = _broken(desk)
    assert found.ours - found.theirs == usd("100.01")
    assert said.count("interest and fees of session 2026-03-04 come to 100.01 USD, and 100.00 are booked by themselves (charges_bps)") == 2
    _correct(desk, "interest")
    _cycle(desk, THU)
    assert _booked(desk) == {"capital": -CASH, "interest": usd("100.01")}
    _verified(desk)


def test_a_type_that_nobody_knows_is_evidence_and_no_crash(desk: Desk, account: FakeTrading) -> None:
    account.charge("VOF", "-3", WED, description="something new")
    account.charge("FEE", "-0.27", WED)
    said, found = _broken(desk)
    assert found.ours - found.theirs == usd("3")
    assert "VOF -3.00 USD on 2026-03-04 (something new), activity" in said
    assert "FEE" not in said
    _correct(desk, "correction")
    _cycle(desk, THU)


def test_one_that_is_told_again_with_another_amount_is_a_break_with_both(desk: Desk, account: FakeTrading) -> None:
    row = account.charge("FEE", "-0.27", WED)
    _cycle(desk)
    row |= {"net_amount": "-0.37", "status": "correct"}
    account.cash -= Decimal("0.10")
    said, found = _broken(desk, THU)
    assert found.ours - found.theirs == usd("0.10")
    assert f"FEE -0.37 USD on 2026-03-04, activity {row['id']}: it is booked with other content: FEE -0.27 USD on 2026-03-04" in said


def test_a_cancelled_one_is_not_booked_and_is_no_break_where_cash_did_not_move(desk: Desk, account: FakeTrading) -> None:
    account.charge("FEE", "0", WED, net_amount="-0.27", status="canceled")
    _cycle(desk)
    assert _booked(desk) == {"capital": -CASH}


@pytest.mark.parametrize(("paid", "breaks"), [("7.50", False), ("6.38", True)])
def test_a_dividend_is_booked_from_the_action_alone_and_is_evidence_where_the_account_was_paid_otherwise(
    desk: Desk, account: FakeTrading, paid: str, breaks: bool
) -> None:
    row = account.charge("DIV", paid, WED, symbol="AAPL")
    day = market(WED, {}, dividend_of("AAPL", WED, "0.25", WED))
    _settled(desk, day)
    if not breaks:
        desk.reconcile(desk.open(WED))
        return
    with pytest.raises(ReconciliationBreak) as broken:
        desk.reconcile(desk.open(WED))
    assert f"DIV 6.38 USD on 2026-03-04 (AAPL), activity {row['id']}; the ledger has 7.50 USD of it" in str(broken.value)
    _correct(desk, "dividend")
    desk.reconcile(desk.open(WED))


def test_what_the_account_held_when_the_book_began_is_in_its_capital(desk: Desk) -> None:
    with FakeTrading(evening(MON), "1000000").served() as fake, opened_at(fake) as broker:
        desk.broker = TellingBroker(broker, desk.fuse)
        fake.charge("FEE", "0", MON, net_amount="-1")
        fake.charge("INT", "0", MON - timedelta(days=3), net_amount="1")
        _cycle(desk, MON)
        _cycle(desk, TUE)
        assert fake.asked_of("/v2/account/activities") != []
    assert _booked(desk) == {"capital": -CASH}


def test_a_ledger_of_before_books_nothing_that_people_may_have_corrected(desk: Desk) -> None:
    """A book has run for two sessions before its broker is asked for activities; the fee of Tuesday was corrected by people."""
    with FakeTrading(evening(MON), "1000000").served() as fake, opened_at(fake) as broker:
        desk.broker = FaultyBroker(broker, desk.fuse)
        for day in (MON, TUE):
            settle(desk.ledger, None, desk.broker, None, [market(day, {})], run=desk.open(day), file=desk.file, now=desk.now)
        fake.charge("FEE", "-0.27", TUE)
        with pytest.raises(ReconciliationBreak):
            desk.reconcile(desk.open(TUE))
        _correct(desk, "fee")
        desk.broker = TellingBroker(broker, desk.fuse)
        fake.charge("FEE", "-0.03", WED)
        _cycle(desk, WED)
        _cycle(desk, THU)
    assert _booked(desk) == {"capital": -CASH, "fee": usd("0.30")}


def test_what_comes_after_its_session_was_settled_is_no_difference_of_both_sides_as_they_stand(desk: Desk, account: FakeTrading) -> None:
    _cycle(desk)
    account.charge("FEE", "-0.27", WED)
    found = compared(desk.ledger, desk.broker, BOOK, WED, CHARGES_BPS)
    assert (found.breaks, found.charges) == ((), 1)
    account.charge("CSD", "10", WED)
    found = compared(desk.ledger, desk.broker, BOOK, WED, CHARGES_BPS)
    assert [each.theirs - each.ours for each in found.breaks] == [usd("10")]
    assert [told.code for told in found.not_booked] == ["CSD"]


def test_no_answer_books_nothing_and_settles_nothing(desk: Desk, account: FakeTrading) -> None:
    account.charge("FEE", "-0.27", WED)
    desk.broker.down = True
    with pytest.raises(BrokerUnavailable):
        _settled(desk, market(WED, {}))
    desk.broker.down = False
    _cycle(desk)
    assert _booked(desk)["fee"] == usd("0.27")


def test_killed_at_any_step_it_is_booked_once(desk: Desk, account: FakeTrading) -> None:
    account.charge("FEE", "-0.27", WED)
    account.charge("INT", "3", TUE)
    kills = 0
    while _killed(desk, at=kills):
        kills += 1
    desk.fuse.at = None
    assert kills > 3, "and each attempt is killed while it recovers from the one before"
    with desk.real_ledger.read() as tx:
        assert cash(tx, BOOK) == CASH - usd("3000") + usd("2.73")
    assert _booked(desk) == {"capital": -CASH, "fee": usd("0.27"), "interest": -usd("3")}
    _verified(desk)
