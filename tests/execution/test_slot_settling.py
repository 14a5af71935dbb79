"""A session that goes on, and one before it whose close nobody marked."""

from dataclasses import replace
from datetime import date

from grodt.execution.marking import Marked, mark_book
from grodt.execution.settle import settle
from grodt.execution.slot_settling import marked_before
from grodt.lake import Lake
from grodt.ledger.manifest import LedgerManifest
from grodt.ledger.marks import latest_mark
from grodt.ledger.slot_marks import record_slot_mark
from grodt.money import micros
from grodt.sessions import Calendar
from tests.brokers.world import BOOK, MON, TUE, WED, market
from tests.execution.desk import Desk
from tests.execution.stocked import KNOWN, SOURCE, hold, stock


def test_a_loss_counts_from_the_close_of_the_session_before_though_that_close_was_missed(desk: Desk) -> None:
    """1,000,000 on Monday, up to 1,040,000 within Tuesday, 1,030,000 at its close, which was missed; 1,005,000 on Wednesday."""
    ledger = desk.real_ledger
    hold(ledger, {"A": (1_000, "50")})
    lake = Lake(desk.folder / "lake", LedgerManifest(ledger))
    snapshot = stock(lake, ledger, [("A", MON, 50.0), ("A", TUE, 80.0), ("A", WED, 55.0)])
    run = desk.open(WED)

    def mark(session: date) -> Marked:
        place = {"source": SOURCE, "calendar": Calendar("XNYS"), "book": BOOK, "session": session, "run_id": run.run_id, "now": KNOWN}
        return mark_book(ledger, None, lake, snapshot, **place)  # type: ignore[arg-type]

    def settled(*sessions: date) -> None:
        markets = marked_before(ledger, BOOK, (market(each, {}) for each in sessions), mark)
        settle(ledger, None, desk.paper, desk.paper.advance, markets, run=run, file=desk.file, now=desk.now, going_on=WED)

    settled(MON)
    monday = mark(MON).mark
    peak = replace(
        monday, session=TUE, equity=micros(1_040_000), cash=micros(990_000), high_water_mark=micros(1_040_000), profit=micros(40_000)
    )
    with ledger.write() as tx:
        record_slot_mark(tx, peak, "1530", "r", KNOWN)
    settled(TUE)  # and the process is killed before it could mark it
    with ledger.read() as tx:
        assert latest_mark(tx, BOOK) == monday
    settled(WED)
    with ledger.read() as tx:
        tuesday = latest_mark(tx, BOOK)
    assert tuesday is not None
    assert (tuesday.session, tuesday.equity, tuesday.profit) == (TUE, micros(1_030_000), micros(30_000))
    wednesday = mark(WED).mark
    assert (wednesday.equity, wednesday.profit) == (micros(1_005_000), micros(-25_000))
    assert tuesday.high_water_mark == wednesday.high_water_mark == micros(1_040_000)


def test_nothing_is_marked_once_the_next_session_has_begun(desk: Desk) -> None:
    run, marked = desk.open(TUE), list[date]()
    for _ in range(2):
        markets = marked_before(desk.real_ledger, BOOK, [market(MON, {}), market(TUE, {})], marked.append)
        settle(desk.real_ledger, None, desk.paper, desk.paper.advance, markets, run=run, file=desk.file, now=desk.now, going_on=TUE)
    assert marked == [MON]
