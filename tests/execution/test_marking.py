"""A book at the last close known."""

from datetime import date
from typing import Any

import pytest

from grodt.errors import DataError, LeaseHeld
from grodt.execution.marking import Marked, mark_book
from grodt.lake import Lake, Snapshot
from grodt.ledger.cash_entries import cash_entry
from grodt.ledger.leases import Lease
from grodt.ledger.manifest import LedgerManifest
from grodt.ledger.marks import latest_mark, mark_of
from grodt.ledger.postings import post
from grodt.ledger.valuation import Close
from grodt.money import micros
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
