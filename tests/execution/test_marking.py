"""A book at the last close known."""

from datetime import date
from typing import Any

import pytest

from grodt.errors import DataError, LeaseHeld
from grodt.execution import marking
from grodt.execution.marking import Marked, mark_book
from grodt.lake import Lake, Snapshot
from grodt.ledger.acts import act
from grodt.ledger.cash_entries import cash_entry
from grodt.ledger.corrections import CORRECTION, ask_to_withdraw, deposit
from grodt.ledger.entries import share_correction_entry
from grodt.ledger.leases import Lease
from grodt.ledger.manifest import LedgerManifest
from grodt.ledger.marks import latest_mark, mark_of
from grodt.ledger.postings import cash, holding, holdings, post, record_settlement
from grodt.ledger.statement import statement_of
from grodt.ledger.unit import Write
from grodt.ledger.valuation import Close
from grodt.money import Micros, micros
from grodt.sessions import Calendar
from tests.brokers.world import BOOK, FRI, MON, THU, TUE, WED
from tests.execution.desk import Desk
from tests.execution.stocked import KNOWN, SOURCE, hold, stock


class Bench:
    def __init__(self, desk: Desk) -> None:
        self.ledger = desk.real_ledger
        self.lake = Lake(desk.folder / "lake", LedgerManifest(self.ledger))
        self.snapshot: Snapshot = stock(
            self.lake,
            self.ledger,
            [("A", MON, 50.0), ("A", TUE, 55.0), ("A", WED, 45.0), ("B", MON, 20.0), ("B", date(2024, 6, 3), 12.34), ("Z", MON, 1.0)],
        )

    def mark(self, session: date, run_id: str = "", **changed: Any) -> Marked:
        return mark_book(
            self.ledger,
            changed.get("lease"),
            self.lake,
            changed.get("snapshot", self.snapshot),
            source=SOURCE,
            calendar=Calendar("XNYS"),
            book=BOOK,
            session=session,
            run_id=run_id or f"demo-eod-{session}",
            now=KNOWN,
        )


@pytest.fixture
def bench(desk: Desk) -> Bench:
    """A million in cash, of which 10 A at 50 and 5 short B at 20 were traded on Monday."""
    found = Bench(desk)
    hold(found.ledger, {"A": (10, "50"), "B": (-5, "20")})
    return found


def test_holdings_are_valued_at_the_session_s_close(bench):
    marked = bench.mark(TUE)
    assert marked.mark.positions_value == micros(10 * 55 - 5 * 20)
    assert marked.mark.equity == micros(1_000_000 - 500 + 100 + 450)
    assert marked.mark.profit == micros(50)
    assert marked.rows == 2
    assert {symbol: held.quantity for symbol, held in marked.holdings.items()} == {"A": 10, "B": -5}
    assert marked.mark.gross == pytest.approx(650 / 1_000_050)
    assert marked.mark.net == pytest.approx(450 / 1_000_050)


def test_a_holding_without_a_bar_keeps_its_last_close_and_says_of_when(bench):
    assert bench.mark(TUE).closes == {"A": Close(TUE, micros(55)), "B": Close(MON, micros(20))}
    assert bench.mark(FRI).closes["A"] == Close(WED, micros(45))


def test_a_close_of_years_ago_is_still_the_last_one(bench, desk):
    old = Bench.__new__(Bench)
    old.ledger, old.lake = bench.ledger, Lake(desk.folder / "old", LedgerManifest(bench.ledger))
    old.snapshot = stock(old.lake, old.ledger, [("A", TUE, 55.0), ("B", date(2024, 6, 3), 12.34)], SOURCE + "2")
    marked = mark_book(
        old.ledger,
        None,
        old.lake,
        old.snapshot,
        source=SOURCE + "2",
        calendar=Calendar("XNYS"),
        book=BOOK,
        session=TUE,
        run_id="r",
        now=KNOWN,
    )
    assert marked.closes["B"] == Close(date(2024, 6, 3), micros("12.34"))


def test_a_bar_after_the_session_is_not_seen(bench):
    assert bench.mark(MON).closes["A"] == Close(MON, micros(50))


def test_high_water_mark_and_drawdown_follow_from_mark_to_mark(bench):
    first, second, third = (bench.mark(session).mark for session in (MON, TUE, WED))
    assert (first.profit, first.high_water_mark) == (0, micros(1_000_000))
    assert (second.profit, second.high_water_mark, second.drawdown) == (micros(50), micros(1_000_050), 0.0)
    assert (third.profit, third.high_water_mark) == (micros(-100), micros(1_000_050))
    assert third.drawdown == pytest.approx(-100 / 1_000_050)


def test_marking_again_changes_nothing_and_reads_the_mark_before_it(bench):
    bench.mark(MON)
    first = bench.mark(TUE)
    assert bench.mark(TUE).mark == first.mark
    with bench.ledger.read() as tx:
        assert latest_mark(tx, BOOK) == mark_of(tx, BOOK, TUE) == first.mark


def test_another_run_may_not_mark_the_session_otherwise(bench):
    bench.mark(TUE)
    hold(bench.ledger, {"A": (1, "50")}, session=TUE)
    with pytest.raises(DataError, match="a mark belongs to the run that made it"):
        bench.mark(TUE, run_id="another")


def test_a_holding_that_was_never_priced_stops_the_book(bench):
    hold(bench.ledger, {"NEW": (1, "50")})
    with pytest.raises(DataError, match="NEW held and never priced"):
        bench.mark(TUE)
    with bench.ledger.read() as tx:
        assert mark_of(tx, BOOK, TUE) is None


def test_a_book_of_cash_needs_no_bars(desk):
    bench = Bench(desk)
    marked = bench.mark(THU)
    assert (marked.rows, marked.closes, marked.mark.equity) == (0, {}, micros(1_000_000))


def test_a_lost_lease_leaves_no_mark(bench):
    with pytest.raises(LeaseHeld):
        bench.mark(TUE, lease=Lease("book:demo", 1, "us", KNOWN))
    with bench.ledger.read() as tx:
        assert mark_of(tx, BOOK, TUE) is None


def test_cash_that_was_brought_in_or_taken_out_later_is_no_profit(bench):
    bench.mark(TUE)
    with bench.ledger.write() as tx:
        post(tx, cash_entry("deposit:demo:1", "deposit", BOOK, micros(5_000), WED, "wire"), "deposit", KNOWN)
        post(tx, cash_entry("withdrawal:1", "withdrawal", BOOK, micros(-1_000), WED, "fee"), "withdrawal", KNOWN)
    marked = bench.mark(WED)
    assert marked.mark.profit == micros(10 * (45 - 55)), "what A lost"
    assert bench.mark(THU).mark.profit == 0, "and they count once"


def _next(session: date) -> date:
    return Calendar("XNYS").next(session)


def _deposit(tx: Write) -> None:
    deposit(tx, BOOK, micros(50_000), _next, by="ann", reason="wire", now=KNOWN)


def _withdraw(tx: Write) -> None:
    asked = ask_to_withdraw(tx, BOOK, micros(50_000), _next, by="ann", reason="paid out", now=KNOWN)
    act(tx, asked.request_id, "approve", by="bob", reason="yes", now=KNOWN)


def _interest(tx: Write) -> None:
    post(tx, cash_entry("interest of Wednesday", "interest", BOOK, micros("12.5"), WED, ""), "run", KNOWN)


def _settled(bench: Bench, session: date) -> None:
    with bench.ledger.write() as tx:
        record_settlement(tx, BOOK, session, "run", KNOWN)


def _profit(bench: Bench, session: date) -> Micros:
    """As its statement has it, whose lines add up."""
    with bench.ledger.read() as tx:
        return statement_of(tx, BOOK, session, session).profit


@pytest.mark.parametrize(("then", "on_wednesday"), [(_deposit, 0), (_withdraw, 0), (_interest, "12.5")])
def test_what_is_booked_in_the_next_session_is_not_in_a_mark_that_its_run_makes_again(bench, then, on_wednesday):
    bench.mark(MON)
    _settled(bench, TUE)
    first = bench.mark(TUE).mark
    with bench.ledger.write() as tx:
        then(tx)
    assert bench.mark(TUE).mark == first, "the run was killed, or waited for people"
    assert first.profit == _profit(bench, TUE) == micros(50)
    assert bench.mark(WED).mark.profit == _profit(bench, WED) == micros(-100) + micros(on_wednesday)


def _shares_of_the_next_session(tx: Write) -> None:
    entry = share_correction_entry("late", BOOK, "A", holding(tx, BOOK, "A"), 10, micros(50), WED, "why")
    post(tx, entry, CORRECTION, KNOWN)


def test_neither_are_shares(bench):
    bench.mark(MON)
    first = bench.mark(TUE)
    with bench.ledger.write() as tx:
        _shares_of_the_next_session(tx)
    assert bench.mark(TUE) == first
    assert bench.mark(WED).mark.positions_value == micros(20 * 45 - 5 * 20)


def _buy_z(tx: Write) -> None:
    """A correction, as two people book one, in a symbol whose close nobody has asked for."""
    post(tx, share_correction_entry("z", BOOK, "Z", holding(tx, BOOK, "Z"), 100, micros("0.5"), TUE, "why"), CORRECTION, KNOWN)


def _sell_a(tx: Write) -> None:
    post(tx, share_correction_entry("a", BOOK, "A", holding(tx, BOOK, "A"), -10, micros(60), TUE, "why"), CORRECTION, KNOWN)


@pytest.mark.parametrize(("happens", "profit"), [(_deposit, 50), (_withdraw, 50), (_buy_z, 100), (_sell_a, 100)])
def test_what_is_booked_while_closes_are_read_is_in_the_mark(bench, monkeypatch, happens, profit):
    bench.mark(MON)
    _settled(bench, TUE)
    read, asked = marking.last_closes, list[list[str]]()

    def slow(*place: Any, symbols: Any, **named: Any) -> Any:
        asked.append(list(symbols))
        if len(asked) == 1:
            with bench.ledger.write() as tx:
                happens(tx)
        return read(*place, symbols=symbols, **named)

    monkeypatch.setattr(marking, "last_closes", slow)
    marked = bench.mark(TUE)
    assert marked.mark.profit == _profit(bench, TUE) == micros(profit)
    assert marked.closes.keys() == marked.holdings.keys()
    assert asked == ([["A", "B"], ["A", "B", "Z"]] if happens is _buy_z else [["A", "B"]])
    with bench.ledger.read() as tx:
        assert (marked.mark.cash, marked.holdings) == (cash(tx, BOOK), holdings(tx, BOOK))
        assert mark_of(tx, BOOK, TUE) == marked.mark
    assert bench.mark(WED).mark.profit == _profit(bench, WED)


def test_what_came_to_be_held_meanwhile_and_was_never_priced_stops_the_book(bench, monkeypatch):
    read = marking.last_closes

    def slow(*place: Any, symbols: Any, **named: Any) -> Any:
        if "NEW" not in symbols:
            hold(bench.ledger, {"NEW": (1, "50")}, session=TUE)
        return read(*place, symbols=symbols, **named)

    monkeypatch.setattr(marking, "last_closes", slow)
    with pytest.raises(DataError, match="NEW held and never priced"):
        bench.mark(TUE)
    with bench.ledger.read() as tx:
        assert mark_of(tx, BOOK, TUE) is None
