"""Sessions that are settled when they are long over: each is marked at its own close, and asked for its own loss."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from grodt.execution.late_marking import mark_missed, marked_before
from grodt.execution.marking import Marked, mark_book
from grodt.execution.settle import settle
from grodt.lake import Lake
from grodt.ledger.acts import act
from grodt.ledger.halts import active
from grodt.ledger.manifest import LedgerManifest
from grodt.ledger.marks import latest_mark
from grodt.ledger.overrides import ask_override
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


class Late:
    """1,000 A at 50 in a million, worth 1,000,000 on Monday; what Tuesday's close leaves of it is seen on Wednesday."""

    def __init__(self, desk: Desk, tuesday: float) -> None:
        self.desk, self.ledger, self.file = desk, desk.real_ledger, replace(desk.file, daily_loss=0.02)
        hold(self.ledger, {"A": (1_000, "50")})
        self.lake = Lake(desk.folder / "lake", LedgerManifest(self.ledger))
        self.snapshot = stock(self.lake, self.ledger, [("A", MON, 50.0), ("A", TUE, tuesday), ("A", WED, tuesday)])
        self.place: dict[str, Any] = {"source": SOURCE, "calendar": Calendar("XNYS"), "now": KNOWN}
        run = desk.open(MON)
        settle(self.ledger, None, desk.paper, desk.paper.advance, [market(MON, {})], run=run, file=self.file, now=desk.now)
        mark_book(self.ledger, None, self.lake, self.snapshot, book=BOOK, session=MON, run_id=run.run_id, **self.place)
        self.run = desk.open(WED)

    def settle(self) -> None:
        def mark(session: date) -> Marked:
            place = (self.desk.ledger, None, self.lake, self.snapshot)
            return mark_missed(*place, run=self.run, session=session, file=self.file, **self.place)

        markets = marked_before(self.ledger, BOOK, [market(TUE, {}), market(WED, {})], mark)
        settle(self.desk.ledger, None, self.desk.paper, self.desk.paper.advance, markets, run=self.run, file=self.file, now=self.desk.now)

    def rows(self, query: str) -> list[tuple[object, ...]]:
        with closing(sqlite3.connect(self.desk.folder / "ledger.db")) as file:
            return file.execute(query).fetchall()

    def found(self) -> tuple[list[tuple[object, ...]], list[str]]:
        """What control 28 said, and the halts that hold."""
        with self.ledger.read() as tx:
            halts = [f"{halt.side} {halt.control} {halt.reason}" for halt in active(tx, BOOK, KNOWN)]
        return self.rows("SELECT part, scope, value, verdict, reason FROM later_checks WHERE control = 28 ORDER BY check_id"), halts


def test_a_loss_of_a_session_that_nobody_marked_latches_when_it_is_marked_late(desk: Desk) -> None:
    late = Late(desk, 20.0)
    late.settle()
    ((part, scope, value, verdict, reason),), halts = late.found()
    assert (part, scope, value, verdict) == (str(TUE), "book", pytest.approx(1.5), "halt")
    assert str(reason).startswith("daily_loss_beyond_limit: ")
    assert str(reason).endswith(f"(control 28: value is 1.5, limit 1), at the close of {TUE}, which was marked late")
    assert halts == [f"reduce_only 28 {reason}"]
    late.settle()
    assert late.found() == ([(part, scope, value, verdict, reason)], halts)


def test_a_loss_within_its_limit_leaves_a_row_that_passes(desk: Desk) -> None:
    late = Late(desk, 40.0)
    late.settle()
    assert late.found() == ([(str(TUE), "book", pytest.approx(0.5), "pass", "")], [])


def test_a_loss_that_two_people_override_is_an_alert_when_it_is_marked_late(desk: Desk) -> None:
    late = Late(desk, 20.0)
    with late.ledger.write() as tx:
        asked = ask_override(tx, book=BOOK, control=28, symbol="", cycles=1, until=None, by="ann", reason="a spin-off", now=KNOWN)
        act(tx, asked.request_id, "approve", by="bob", reason="seen", now=KNOWN)
    late.settle()
    assert late.found() == ([(str(TUE), "book", pytest.approx(1.5), "alert", "overridden by ann and bob: a spin-off")], [])
