"""Backfilling a source: more history, and gaps in what is there."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from grodt.bars.chunks import Chunk
from grodt.bars.ingest import GateHalt
from grodt.errors import LeaseHeld, SessionError, VendorUnavailable
from grodt.execution.backfill import Backfilled, backfill, find_missing, last_session
from grodt.execution.filling import SOURCE_LEASE_TTL
from grodt.execution.history import read_panel
from grodt.ledger.halts import active
from grodt.ledger.leases import acquire, holder_of, release
from grodt.ledger.manifest import LedgerManifest, coverage
from tests.bars.test_ingest import XNYS, ScriptedSource
from tests.execution.desk import Fuse, Killed
from tests.execution.test_refresh import BOOK, FRI, LOW, MON, START, TUE, Depot

EARLY, THU = date(2011, 12, 1), date(2014, 1, 2)
GAP = date(2013, 12, 18)
BEGUN = date(2013, 12, 2)
NOW = datetime(2014, 1, 8, tzinfo=UTC)


@pytest.fixture
def depot(tmp_path: Path, template: Path) -> Iterator[Depot]:
    opened = Depot(tmp_path / "depot", template, history_start=BEGUN)
    yield opened
    opened.close()


def fill(depot: Depot, start: date = BEGUN, session: date = FRI, **changed: Any) -> Backfilled:
    how: dict[str, Any] = {"universe": depot.source.instruments, "thresholds": LOW} | changed
    return backfill(
        depot.ledger,
        depot.lake,
        depot.source,
        calendar=XNYS,
        start=start,
        session=session,
        run_id="demo-backfill",
        holder="here",
        is_alive=lambda holder: holder not in depot.dead,
        now=lambda: depot.now,
        sleep=depot._sleep,
        progress=lambda done, total, rows: depot.progress.append((done, total, rows)),
        **how,
    )


def asked(depot: Depot, work: Callable[[], object]) -> list[Chunk]:
    """What the source was asked while that went on."""
    before = len(depot.source.asked)
    work()
    return depot.source.asked[before:]


def bars(depot: Depot) -> list[tuple[str, date]]:
    return depot.glob().select("symbol", "session").rows()


def every(start: date, end: date, less: set[tuple[str, date]] = frozenset()) -> list[tuple[str, date]]:  # type: ignore[assignment]
    return [(symbol, session) for symbol in "ABCD" for session in XNYS.between(start, end) if (symbol, session) not in less]


def test_an_empty_lake_is_filled_year_by_year(depot):
    done = fill(depot, START, FRI)
    assert done == Backfilled(START, FRI, chunks=3, rows=len(every(START, FRI)))
    assert bars(depot) == every(START, FRI)
    assert depot.progress[-1] == (3, 3, done.rows)
    assert depot.read(lambda tx: coverage(tx, "scripted")) == dict.fromkeys("ABCD", (START, FRI))
    assert depot.read(lambda tx: holder_of(tx, "source:scripted")) is None


def test_history_comes_before_and_after_what_is_there_and_nothing_of_it_is_asked_again(depot):
    depot.cycle(FRI)
    assert asked(depot, lambda: fill(depot, EARLY, TUE)) == [
        Chunk(tuple("ABCD"), date(2013, 1, 1), date(2013, 12, 1)),
        Chunk(tuple("ABCD"), date(2012, 1, 1), date(2012, 12, 31)),
        Chunk(tuple("ABCD"), EARLY, date(2011, 12, 31)),
        Chunk(tuple("ABCD"), date(2014, 1, 4), TUE),
    ]
    assert bars(depot) == every(EARLY, TUE)


def test_a_range_that_does_not_touch_what_is_there_is_joined_to_it(depot):
    depot.cycle(FRI)
    fill(depot, START, date(2012, 12, 31))
    assert bars(depot) == every(START, FRI)


def test_a_second_time_nothing_is_missing_and_nothing_changes(depot):
    fill(depot)
    before = depot.read(lambda tx: LedgerManifest(depot.real_ledger).snapshot())
    assert asked(depot, lambda: fill(depot)) == []
    assert fill(depot) == Backfilled(BEGUN, FRI)
    assert depot.read(lambda tx: LedgerManifest(depot.real_ledger).snapshot()) == before


def test_symbols_of_any_session_of_the_range_are_asked_for(depot):
    depot.source.delisted["A"] = GAP
    depot.cycle(FRI)
    assert {symbol for symbol, _ in bars(depot)} == set("BCD")
    fill(depot)
    assert bars(depot) == every(BEGUN, FRI, {("A", session) for session in XNYS.between(GAP, FRI)})


class TestGaps:
    def test_a_bar_that_the_vendor_lacked_comes_in_when_it_has_it(self, depot):
        depot.source.left_out = {("A", GAP), ("B", GAP)}
        depot.cycle(FRI)
        depot.source.left_out = {("B", GAP)}
        assert asked(depot, lambda: fill(depot)) == [Chunk(("A", "B"), GAP, GAP)]
        assert bars(depot) == every(BEGUN, FRI, {("B", GAP)})
        assert fill(depot) == Backfilled(BEGUN, FRI, chunks=1, gap_bars=1)
        depot.source.left_out = set()
        assert fill(depot) == Backfilled(BEGUN, FRI, chunks=1, rows=1, gap_bars=1, healed=1)
        assert asked(depot, lambda: fill(depot)) == []
        assert bars(depot) == every(BEGUN, FRI)
        assert depot.read(lambda tx: coverage(tx, "scripted")) == dict.fromkeys("ABCD", (BEGUN, FRI))

    def test_one_that_is_still_not_there_changes_nothing(self, depot):
        depot.source.left_out = {("A", GAP)}
        depot.cycle(FRI)
        before = LedgerManifest(depot.real_ledger).snapshot()
        assert fill(depot) == Backfilled(BEGUN, FRI, chunks=1, gap_bars=1)
        assert LedgerManifest(depot.real_ledger).snapshot() == before

    def test_gaps_outside_the_range_are_left_alone(self, depot):
        depot.source.left_out = {("A", GAP), ("A", THU)}
        depot.cycle(FRI)
        assert asked(depot, lambda: fill(depot, THU, THU)) == [Chunk(("A",), THU, THU)]

    def test_an_action_that_comes_with_a_bar_is_recorded_once(self, depot):
        depot.source.left_out = {("A", GAP), ("B", GAP)}
        depot.source.actions = [("B", GAP, "dividend", None, None, None, 1, None)]
        depot.cycle(FRI)
        depot.source.actions += [("A", GAP, "dividend", None, None, None, 2, None)]
        depot.source.left_out = set()
        fill(depot)
        actions = depot.lake.read("corporate_actions", LedgerManifest(depot.real_ledger).snapshot())
        assert sorted(actions["symbol"]) == ["A", "B"]

    def test_a_bad_bar_that_the_vendor_mended_comes_in_and_its_refusal_stays_as_history(self, depot):
        depot.source.prices = {("A", FRI): 0.1}
        depot.cycle(FRI)
        assert bars(depot) == every(BEGUN, FRI, {("A", FRI)})
        refused = depot.glob("quarantine")
        depot.source.prices = {}
        assert fill(depot) == Backfilled(BEGUN, FRI, chunks=1, rows=1, gap_bars=1, healed=1)
        assert bars(depot) == every(BEGUN, FRI)
        assert depot.glob("quarantine").equals(refused)
        assert depot.read(lambda tx: active(tx, BOOK, depot.now)) == ()
        # The jump rule remembers the good bar, not the refusal: another 0.1 is a leap again, and no sign that the first one lasts.
        depot.source.prices = {("A", MON): 0.1}
        assert depot.cycle(MON).quarantined == 1

    def test_bars_that_are_still_bad_stop_nothing_and_are_refused_once(self, depot):
        depot.source.prices = {(symbol, GAP): 0.1 + number for number, symbol in enumerate("ABC")}
        depot.cycle(FRI)
        refused = depot.glob("quarantine")
        assert refused.height == 3
        assert fill(depot) == Backfilled(BEGUN, FRI, chunks=1, gap_bars=3)
        assert depot.glob("quarantine").equals(refused)

    def test_a_bar_that_comes_late_and_bad_is_refused_beside_what_was_refused_before(self, depot):
        next_day = XNYS.next(GAP)
        depot.source.left_out = {("A", GAP), ("A", next_day)}
        depot.cycle(FRI)
        depot.source.left_out = {("A", next_day)}
        depot.source.prices = {("A", GAP): 0.3}
        first = fill(depot)
        depot.source.left_out = set()
        depot.source.prices = {("A", GAP): 0.3, ("A", next_day): 3_000.0}
        second = fill(depot)
        assert (first.quarantined, second.quarantined, len(second.reasons)) == (1, 1, 1)
        assert depot.glob("quarantine").select("symbol", "session").rows() == [("A", GAP), ("A", next_day)]
        depot.source.prices = {}
        assert fill(depot).healed == 2
        assert bars(depot) == every(BEGUN, FRI)
        assert depot.lake.verify(LedgerManifest(depot.real_ledger).snapshot()) == []

    def test_a_symbol_that_fell_silent_is_not_asked_for_again(self, depot):
        silent = XNYS.between(GAP, FRI)
        depot.source.left_out = {("A", session) for session in silent}
        depot.cycle(FRI)
        assert asked(depot, lambda: fill(depot)) == []


class TestWorkers:
    def test_a_source_that_another_fills_is_waited_for_and_then_nothing_is_missing(self, depot):
        with depot.real_ledger.write() as tx:
            theirs = acquire(tx, "source:scripted", "other", depot.now, SOURCE_LEASE_TTL)

        def finish() -> None:
            with depot.real_ledger.write() as tx:
                release(tx, theirs)
            depot.on_pause = lambda: None
            fill(depot)

        depot.on_pause = finish
        assert asked(depot, lambda: fill(depot))[-1].end == FRI
        assert bars(depot) == every(BEGUN, FRI)
        assert len(depot.pauses) == 1

    def test_one_that_stays_taken_is_given_up_with_the_holder_s_name(self, depot):
        with depot.real_ledger.write() as tx:
            acquire(tx, "source:scripted", "host:7:0", depot.now, SOURCE_LEASE_TTL)
        with pytest.raises(LeaseHeld, match="source:scripted is being worked on by host:7:0"):
            fill(depot)
        assert depot.source.asked == []

    def test_one_that_lost_the_source_commits_nothing_more(self, depot):
        class Slow(ScriptedSource):
            async def fetch(self, symbols: Any, start: date, end: date) -> Any:
                if start.year == 2014:
                    with depot.real_ledger.write() as tx:
                        acquire(tx, "source:scripted", "other", depot.now, SOURCE_LEASE_TTL, lambda _: False)
                return await super().fetch(symbols, start, end)

        depot.source = Slow("ABCD")
        with pytest.raises(LeaseHeld, match="was taken over by other"):
            fill(depot)
        assert depot.read(lambda tx: coverage(tx, "scripted")).get("A", (BEGUN, BEGUN))[1] < FRI

    @pytest.mark.parametrize("stride", [13, pytest.param(1, marks=pytest.mark.long)])
    def test_killed_anywhere_and_run_again_it_ends_the_same(self, tmp_path, template, stride):
        def prepared(name: str, fuse: Fuse) -> Depot:
            depot = Depot(tmp_path / name, template, fuse, BEGUN)
            real, depot.ledger = depot.ledger, depot.real_ledger
            depot.source.left_out = {("A", GAP)}
            depot.source.prices = {("B", GAP): 0.1}
            depot.cycle(FRI)
            depot.source.left_out, depot.source.prices = set(), {}
            depot.ledger = real
            return depot

        whole = prepared("whole", fuse := Fuse())
        done = fill(whole, date(2012, 12, 20), MON)
        assert (done.chunks, done.healed) == (4, 2)
        rows, kept = whole.glob().drop("known_at"), whole.read(lambda tx: coverage(tx, "scripted"))
        refused = whole.glob("quarantine").drop("known_at")
        assert len(fuse.steps) == 3 * (1 + 4 + 2 + 1)  # the lease, each chunk, what is merged afterwards, the lease
        for at in range(0, len(fuse.steps), stride):
            depot = prepared(f"killed-{at}", Fuse(at=at))
            with pytest.raises(Killed):
                fill(depot, date(2012, 12, 20), MON)
            depot.dead = {"here"}
            depot.ledger = depot.real_ledger
            fill(depot, date(2012, 12, 20), MON)
            assert depot.glob().drop("known_at").equals(rows), at
            assert depot.glob("quarantine").drop("known_at").equals(refused), at
            assert depot.read(lambda tx: coverage(tx, "scripted")) == kept
            depot.close()
        whole.close()

    def test_a_vendor_that_fails_leaves_what_came_in_and_the_next_start_asks_for_the_rest(self, depot):
        depot.source.fails_after = 1
        with pytest.raises(VendorUnavailable):
            fill(depot, START)
        assert depot.read(lambda tx: holder_of(tx, "source:scripted")) is None
        depot.source.fails_after = 1_000
        assert asked(depot, lambda: fill(depot, START))[0].start == date(2013, 1, 1)
        assert bars(depot) == every(START, FRI)


class TestGate:
    def test_a_halt_leaves_what_was_committed_and_halts_no_book(self, depot):
        depot.source = ScriptedSource([f"S{number}" for number in range(8)])
        depot.source.prices = {(symbol, THU): 123.47 for symbol in depot.source.symbols}
        with pytest.raises(GateHalt, match=r"the one close 123\.47 for 8 symbols"):
            fill(depot, START)
        assert depot.glob()["session"].max() == date(2013, 12, 31)
        assert depot.read(lambda tx: coverage(tx, "scripted"))["S0"] == (START, date(2013, 12, 31))
        assert depot.read(lambda tx: active(tx, BOOK, depot.now)) == ()

    def test_a_recent_session_must_be_complete(self, depot):
        depot.source.left_out = {("A", FRI), ("B", FRI)}
        with pytest.raises(GateHalt, match="good bars for 2 of 4 listed"):
            fill(depot)

    def test_a_late_bar_of_a_recent_session_is_asked_for_again(self, depot):
        depot.source.left_out = {("A", FRI)}
        fill(depot)
        assert depot.read(lambda tx: coverage(tx, "scripted"))["A"] == (BEGUN, THU)
        depot.source.left_out = set()
        assert asked(depot, lambda: fill(depot)) == [Chunk(("A",), FRI, FRI)]
        assert bars(depot) == every(BEGUN, FRI)

    def test_an_old_session_is_history_and_need_not_be(self, depot):
        depot.now = datetime(2014, 3, 3, tzinfo=UTC)
        depot.source.left_out = {("A", FRI), ("B", FRI)}
        fill(depot)
        assert depot.read(lambda tx: coverage(tx, "scripted")) == dict.fromkeys("ABCD", (BEGUN, FRI))
        assert asked(depot, lambda: fill(depot)) == []


def test_a_cycle_after_it_works_on_the_longer_history(depot):
    depot.cycle(FRI)
    fill(depot, START)
    found = depot.cycle(MON)
    assert (found.fetched, found.completeness.present) == (4, 4)
    assert read_panel(depot.lake, found.snapshot, "scripted", XNYS, MON, list("ABCD")).sessions == XNYS.between(START, MON)
    pinned = depot.refresh(depot.open(FRI))
    assert read_panel(depot.lake, pinned.snapshot, "scripted", XNYS, FRI, list("ABCD")).sessions == XNYS.between(BEGUN, FRI)


def test_looking_at_what_is_missing_changes_nothing(depot):
    found = find_missing(
        depot.real_ledger, depot.lake, depot.source, calendar=XNYS, universe=depot.source.instruments, start=START, session=FRI
    )
    assert (len(found.chunks), found.gap_bars) == (3, 0)
    assert depot.source.asked == []


@pytest.mark.parametrize(
    ("start", "end", "last"),
    [
        (START, FRI, FRI),
        (START, date(2014, 1, 5), FRI),
        (START, date(2030, 1, 1), TUE),
        (date(2014, 1, 4), MON, MON),
        (date(1990, 1, 2), date(1990, 1, 2), date(1990, 1, 2)),
    ],
)
def test_a_range_ends_at_its_last_complete_session(start, end, last):
    assert last_session(XNYS, start, end, NOW) == last


@pytest.mark.parametrize(
    ("start", "end", "message"),
    [
        (MON, FRI, "start 2014-01-06 lies after end 2014-01-03"),
        (date(1980, 1, 2), FRI, "start 1980-01-02 lies before 1990-01-02, the first session of XNYS"),
        (date(2014, 1, 9), date(2014, 2, 1), "start 2014-01-09 lies after 2014-01-07, the latest complete session"),
        (date(2014, 1, 4), date(2014, 1, 5), "XNYS has no complete session from 2014-01-04 to 2014-01-05; the latest one is 2014-01-07"),
    ],
)
def test_a_range_without_a_session_is_refused(start, end, message):
    with pytest.raises(SessionError, match=message):
        last_session(XNYS, start, end, NOW)
