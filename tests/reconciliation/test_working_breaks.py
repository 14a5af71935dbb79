"""Breaks as people work them: each cause shows as a break, and there is a way to close it that ends in books that agree."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from grodt.errors import ConfigError, ReconciliationBreak
from grodt.ledger.acts import act
from grodt.ledger.breaks import Break, assign_break, assignments_of, find_break, money_value, open_breaks, resolve_break
from grodt.ledger.cash_entries import CashKind
from grodt.ledger.corrections import ask_to_withdraw, deposit, propose_correction
from grodt.ledger.postings import balances, cash, deposited, entries_in, holding
from grodt.ledger.requests import Request
from grodt.ledger.runs import Run
from grodt.ledger.unit import Write
from grodt.money import Micros
from tests.brokers.world import BOOK, MON, TUE, market, usd
from tests.execution.desk import Desk
from tests.ledger.world import unbalanced


@pytest.fixture
def run(desk: Desk) -> Run:
    """30 AAPL held, bought at 100."""
    monday = desk.open(MON)
    desk.settle(monday, market(MON, {}))
    desk.decide(monday, {"AAPL": 30})
    desk.send(monday)
    tuesday = desk.open(TUE)
    desk.settle(tuesday, market(TUE, {"AAPL": "100"}))
    return tuesday


def _next(session: date) -> date:
    return session + timedelta(days=1)


def _broker_has(desk: Desk, shares: str | None = None, cash_more: str = "0") -> None:
    """The broker's account as something outside of GRODT has left it."""
    if shares is not None:
        desk.paper.positions = lambda: {"AAPL": Decimal(shares)}  # type: ignore[method-assign]
    has = Micros(desk.paper.cash() + usd(cash_more))
    desk.paper.cash = lambda: has  # type: ignore[method-assign]


def _broken(desk: Desk, run: Run) -> list[tuple[int, Break]]:
    with pytest.raises(ReconciliationBreak):
        desk.reconcile(run)
    with desk.real_ledger.read() as tx:
        return [(each.break_id, each.difference) for each in open_breaks(tx, BOOK)]


def _ask(tx: Write, desk: Desk, break_id: int, price: str | None, reason: str, booked_as: CashKind = "correction") -> Request:
    paid = None if price is None else usd(price)
    return propose_correction(tx, break_id, paid, booked_as=booked_as, following=_next, by="ann", reason=reason, now=desk.now())


def _correct(desk: Desk, break_id: int, price: str | None, reason: str, booked_as: CashKind = "correction") -> str:
    with desk.real_ledger.write() as tx:
        asked = _ask(tx, desk, break_id, price, reason, booked_as)
    with desk.real_ledger.write() as tx:
        return act(tx, asked.request_id, "approve", by="bob", reason="seen the statement", now=desk.now()).then


def _resolve(desk: Desk, break_id: int) -> None:
    with desk.real_ledger.write() as tx:
        resolve_break(tx, break_id, "explained", "ann", desk.now())


def _agrees(desk: Desk, run: Run) -> None:
    desk.reconcile(run)
    with desk.real_ledger.read() as tx:
        assert open_breaks(tx, BOOK) == ()
        assert unbalanced(tx) == []


def test_a_trade_outside_of_grodt_is_corrected_at_its_price_and_the_cash_break_is_explained(desk: Desk, run: Run) -> None:
    _broker_has(desk, "25", "550")  # five sold at 110
    (position, shares), (money, _) = _broken(desk, run)
    assert shares == Break("position", "AAPL", 30, 25)
    with desk.real_ledger.read() as tx:
        before = holding(tx, BOOK, "AAPL")
        value = money_value(tx, find_break(tx, position))
        assert value is not None
        assert abs(value - usd("500")) < usd("1"), "five shares at the price they were bought at"
    then = _correct(desk, position, "110", "sold by hand at the broker")
    assert f"break {position} is resolved; cash is now as in break {money}" in then
    with desk.real_ledger.read() as tx:
        after = holding(tx, BOOK, "AAPL")
        assert (after.quantity, after.cost) == (25, before.cost * 25 // 30)
        assert balances(tx, BOOK, ["realised"])["realised", "USD", "AAPL"] == before.cost // 6 - usd("550"), "a gain is negative"
    _resolve(desk, money)
    _agrees(desk, run)


def test_cash_that_was_brought_in_or_taken_out_is_answered_by_a_booked_one(desk: Desk, run: Run) -> None:
    _broker_has(desk, cash_more="1000")
    ((money, _),) = _broken(desk, run)
    with desk.real_ledger.write() as tx:
        booked = deposit(tx, BOOK, usd("1000"), _next, by="ann", reason="wire of Tuesday", now=desk.now())
        assert (booked.kind, booked.session, booked.memo) == ("deposit", TUE, "wire of Tuesday (ann)")
    _resolve(desk, money)
    _agrees(desk, run)
    _broker_has(desk, cash_more="-400")
    ((money, _),) = _broken(desk, run)
    with desk.real_ledger.write() as tx:
        before = cash(tx, BOOK)
        asked = ask_to_withdraw(tx, BOOK, usd("400"), _next, by="ann", reason="fees of the fund", now=desk.now())
        assert cash(tx, BOOK) == before, "one person is not enough"
        act(tx, asked.request_id, "approve", by="bob", reason="yes", now=desk.now())
        assert cash(tx, BOOK) == before - usd("400")
    _resolve(desk, money)
    _agrees(desk, run)


def test_a_split_that_only_the_broker_has_booked_is_corrected_without_money(desk: Desk, run: Run) -> None:
    _broker_has(desk, "60")
    ((position, _),) = _broken(desk, run)
    with desk.real_ledger.read() as tx:
        cost = holding(tx, BOOK, "AAPL").cost
    _correct(desk, position, None, "split 2:1 of today, not in the source yet")
    with desk.real_ledger.read() as tx:
        assert (holding(tx, BOOK, "AAPL").quantity, holding(tx, BOOK, "AAPL").cost) == (60, cost)
    _agrees(desk, run)


def test_a_dividend_that_the_broker_never_pays_is_a_loss_once_two_people_say_so(desk: Desk, run: Run) -> None:
    _broker_has(desk, cash_more="-7.50")
    ((money, found),) = _broken(desk, run)
    assert found.ours - found.theirs == usd("7.50")
    _correct(desk, money, None, "paper accounts pay no dividends")
    with desk.real_ledger.read() as tx:
        assert balances(tx, BOOK, ["correction"]) == {("correction", "USD", ""): usd("7.50")}
    _agrees(desk, run)


@pytest.mark.parametrize("booked_as", ["interest", "fee", "dividend"])
@pytest.mark.parametrize("more", ["-7.50", "0.25"])
def test_cash_is_corrected_as_what_it_was(desk: Desk, run: Run, booked_as: CashKind, more: str) -> None:
    _broker_has(desk, cash_more=more)
    ((money, _),) = _broken(desk, run)
    _correct(desk, money, None, "as the statement has it", booked_as)
    with desk.real_ledger.read() as tx:
        assert balances(tx, BOOK, [booked_as, "correction"]) == {(booked_as, "USD", ""): -usd(more)}  # type: ignore[list-item]
    _agrees(desk, run)


def test_cash_is_corrected_as_a_deposit_or_a_withdrawal_in_the_session_that_is_valued_next(desk: Desk, run: Run) -> None:
    _broker_has(desk, cash_more="1000")
    ((money, _),) = _broken(desk, run)
    with pytest.raises(ConfigError, match=r"cash changes by 1000\.000000 USD, which is no withdrawal"):
        _correct(desk, money, None, "out", "withdrawal")
    _correct(desk, money, None, "wire of Tuesday", "deposit")
    _agrees(desk, run)
    _broker_has(desk, cash_more="-400")
    ((money, _),) = _broken(desk, run)
    _correct(desk, money, None, "paid out", "withdrawal")
    _agrees(desk, run)
    with desk.real_ledger.read() as tx:
        booked = [(each.kind, each.memo) for each in entries_in(tx, BOOK, TUE) if each.entry_id.startswith("correction:")]
        assert sorted(booked) == [("deposit", "wire of Tuesday"), ("withdrawal", "paid out")]
        assert deposited(tx, BOOK, MON, TUE) == usd("600")
        assert balances(tx, BOOK, ["correction"]) == {}


def test_shares_are_corrected_as_a_correction_alone(desk: Desk, run: Run) -> None:
    _broker_has(desk, "25")
    ((position, _),) = _broken(desk, run)
    with pytest.raises(ConfigError, match="shares are booked as a correction alone, and --as is for cash"):
        _correct(desk, position, "110", "sold", "fee")


def test_the_same_deposit_of_a_session_is_booked_again_only_on_purpose(desk: Desk, run: Run) -> None:
    def book(amount: str = "1000", *, again: bool = False) -> None:
        with desk.real_ledger.write() as tx:
            deposit(tx, BOOK, usd(amount), _next, again=again, by="ann", reason="wire", now=desk.now())

    def have() -> Micros:
        with desk.real_ledger.read() as tx:
            return cash(tx, BOOK)

    before = have()
    book()
    with pytest.raises(
        ConfigError, match=r"a deposit of 1000\.000000 USD is booked in session 2026-03-03 already, .*: wire \(ann\)\..*say --again"
    ):
        book()
    assert have() == before + usd("1000")
    book("1000.01")
    book(again=True)
    assert have() == before + usd("3000.01")


def test_the_same_withdrawal_of_a_session_is_asked_for_again_only_on_purpose(desk: Desk, run: Run) -> None:
    def ask(*, again: bool = False) -> Request:
        with desk.real_ledger.write() as tx:
            return ask_to_withdraw(tx, BOOK, usd("400"), _next, again=again, by="ann", reason="fees", now=desk.now())

    first = ask()
    assert ask() == first, "it waits"
    with desk.real_ledger.write() as tx:
        act(tx, first.request_id, "approve", by="bob", reason="yes", now=desk.now())
    with pytest.raises(ConfigError, match=r"a withdrawal of 400\.000000 USD is booked in session 2026-03-03 already"):
        ask()
    assert ask(again=True) != first


def test_dust_is_not_corrected_but_sold_at_the_broker(desk: Desk, run: Run) -> None:
    _broker_has(desk, "30.25")
    ((dust, found),) = _broken(desk, run)
    assert found == Break("fraction", "AAPL", 0, 250_000_000)
    with desk.real_ledger.read() as tx:
        value = money_value(tx, find_break(tx, dust))
        assert value is not None
        assert abs(value - usd("25")) < usd("0.1")
    with pytest.raises(ConfigError, match="is of kind fraction: the ledger keeps whole shares; sell the fraction at the broker"):
        _correct(desk, dust, None, "dust")
    _broker_has(desk, "30")
    _resolve(desk, dust)
    _agrees(desk, run)


def test_a_break_that_is_seen_again_is_the_same_one_with_its_owner(desk: Desk, run: Run) -> None:
    _broker_has(desk, "25")
    (position, _) = _broken(desk, run)[0]
    with desk.real_ledger.write() as tx:
        for owner, author in (("bob", "bob"), ("ann", "carla")):
            assign_break(tx, position, owner, author=author, now=desk.now())
        with pytest.raises(ConfigError, match="author 'reconciliation' is no person"):
            assign_break(tx, position, "ann", author="reconciliation", now=desk.now())
    assert len(_broken(desk, run)) == 1
    with desk.real_ledger.read() as tx:
        assert find_break(tx, position).owner == "ann"
        assert [(each.owner, each.author) for each in assignments_of(tx, position)] == [("bob", "bob"), ("ann", "carla")]
        with pytest.raises(ConfigError, match="there is no break 99"):
            find_break(tx, 99)


def test_a_correction_whose_figures_have_moved_is_refused(desk: Desk, run: Run) -> None:
    _broker_has(desk, "25")
    ((position, _),) = _broken(desk, run)
    with desk.real_ledger.write() as tx:
        asked = _ask(tx, desk, position, "110", "sold")
        assert _ask(tx, desk, position, "110", "sold") == asked, "asked once"
        with pytest.raises(ConfigError, match="ann has asked for it, which counts as agreement"):
            act(tx, asked.request_id, "approve", by="Ann", reason="yes", now=desk.now())
    _broker_has(desk, "20")
    _broken(desk, run)
    with desk.real_ledger.write() as tx, pytest.raises(ConfigError, match="our side or theirs has moved since"):
        act(tx, asked.request_id, "approve", by="bob", reason="yes", now=desk.now())
    with desk.real_ledger.read() as tx:
        assert holding(tx, BOOK, "AAPL").quantity == 30


def test_shares_that_open_or_turn_a_position_need_a_price(desk: Desk, run: Run) -> None:
    _broker_has(desk, "-5")
    ((position, _),) = _broken(desk, run)
    with pytest.raises(ConfigError, match="AAPL: 30 shares would become -5, whose cost is not known; say it with --price"):
        _correct(desk, position, None, "?")
    with pytest.raises(ConfigError, match="a price is above zero"):
        _correct(desk, position, "0", "?")


def test_amounts_make_sense_and_nothing_is_withdrawn_that_is_not_there(desk: Desk, run: Run) -> None:
    with desk.real_ledger.write() as tx:
        with pytest.raises(ConfigError, match=r"amount 0\.000000 is not above zero"):
            deposit(tx, BOOK, Micros(0), _next, by="ann", reason="why", now=desk.now())
        with pytest.raises(ConfigError, match="USD in cash, less than 2000000"):
            ask_to_withdraw(tx, BOOK, usd("2000000"), _next, by="ann", reason="why", now=desk.now())
        with pytest.raises(ConfigError, match="book other has not run yet"):
            deposit(tx, "other", usd("1"), _next, by="ann", reason="why", now=desk.now())
