"""What a source says of its instruments: kept as it was known, and followed when bars are asked for and read."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from grodt.bars.history import last_closes, read_listings, read_market
from grodt.bars.listings import UNKNOWN_SINCE
from grodt.errors import VendorUnavailable
from grodt.execution.history import read_panel, read_turnover
from grodt.instruments import Instrument, Listing
from grodt.ledger.manifest import LedgerManifest, coverage
from tests.bars.test_ingest import XNYS, ScriptedSource
from tests.execution.stocked import hold
from tests.execution.test_backfill import asked, fill
from tests.execution.test_refresh import FRI, MON, TUE, Depot

BEGUN, REUSED = date(2013, 12, 2), date(2014, 1, 6)
KNOWN = datetime(2014, 1, 8, tzinfo=UTC)


class Changing(ScriptedSource):
    """`A` of one company is `D` from `change` on; where `reused` is given, another company is `A` from then on."""

    def __init__(self) -> None:
        super().__init__("ABCD")
        self.change: date | None = None
        self.reused: date | None = None
        self.fails = False

    def at(self, change: date, reused: date | None = None) -> None:
        """The change is known from now on."""
        self.change, self.reused = change, reused
        self.actions = [("A", change, "symbol_change", None, None, None, None, "D")]  # type: ignore[list-item]
        gone = XNYS.between(change, (reused or date(2014, 6, 1)) - timedelta(days=1))
        self.left_out = {("A", day) for day in gone} | {("D", day) for day in XNYS.between(BEGUN, change - timedelta(days=1))}

    def instruments(self, session: date) -> tuple[Instrument, ...]:
        changed = self.change is not None and session >= self.change
        names = ["B", "C", "D" if changed else "A"] + (["A"] if self.reused and session >= self.reused else [])
        return tuple(Instrument(symbol) for symbol in names)

    def listings(self, symbols: Sequence[str]) -> tuple[Listing, ...]:
        if self.fails:
            raise VendorUnavailable("no answer")
        first: tuple[Listing, ...] = (Listing("one", "A", None, self.change),)
        first += (Listing("one", "D", self.change),) if self.change else ()
        first += (Listing("two", "A", self.reused),) if self.reused else ()
        rest = tuple(Listing(symbol, symbol) for symbol in sorted(set(symbols) - {"A", "D"}))
        return (*first, *rest) if {"A", "D"}.intersection(symbols) else rest


class Changed(Depot):
    """A depot over such a source."""

    source: Changing


@pytest.fixture
def depot(tmp_path: Path, template: Path) -> Iterator[Changed]:
    opened = Changed(tmp_path / "depot", template, history_start=BEGUN)
    opened.source = Changing()
    opened.source.left_out = {("D", day) for day in XNYS.between(BEGUN, date(2014, 6, 1))}
    yield opened
    opened.close()


def _listed(depot: Changed) -> list[tuple[str, str, date, date | None, datetime]]:
    frame = pl.read_parquet(f"{depot.lake.root}/instruments/**/*.parquet")
    return frame.select("instrument", "symbol", "session", "until", "known_at").sort("instrument", "session").rows()


def test_listings_are_recorded_and_a_change_is_known_since_it_was_said(depot: Changed) -> None:
    depot.cycle(FRI)
    first = KNOWN
    assert _listed(depot) == [(i, s, UNKNOWN_SINCE, None, first) for i, s in (("B", "B"), ("C", "C"), ("one", "A"))]
    depot.source.at(MON)
    depot.now = second = KNOWN + timedelta(hours=1)
    depot.cycle(MON)
    assert _listed(depot) == [
        ("B", "B", UNKNOWN_SINCE, None, first),
        ("C", "C", UNKNOWN_SINCE, None, first),
        ("one", "A", UNKNOWN_SINCE, MON, second),
        ("one", "D", MON, None, second),
    ]


def test_nothing_new_writes_nothing(depot: Changed) -> None:
    depot.cycle(FRI)
    before = LedgerManifest(depot.real_ledger).snapshot(tables=("instruments",))
    depot.now += timedelta(hours=1)
    depot.cycle(MON)
    fill(depot, BEGUN, MON)
    after = LedgerManifest(depot.real_ledger).snapshot(tables=("instruments",))
    assert (after.digest, len(after.files)) == (before.digest, 1)


def test_a_pinned_run_knows_what_was_known(depot: Changed) -> None:
    run = depot.open(FRI)
    depot.refresh(run)
    depot.source.at(MON)
    depot.cycle(MON)
    pinned = depot.refresh(depot.run(FRI)).snapshot
    assert read_listings(depot.lake, pinned, "scripted").spans(["A"], FRI) == ()
    assert len(read_listings(depot.lake, depot.refresh(depot.run(MON)).snapshot, "scripted").spans(["D"], MON)) == 2


def test_a_source_that_does_not_say_leaves_the_run_open(depot: Changed) -> None:
    depot.source.fails = True
    with pytest.raises(VendorUnavailable):
        depot.cycle(FRI)
    depot.source.fails = False
    assert depot.refresh(depot.run(FRI)).fetched


def test_the_earlier_symbol_is_asked_for_too(depot: Changed) -> None:
    depot.source.at(MON)
    depot.cycle(MON)
    assert {symbol for chunk in depot.source.asked for symbol in chunk.symbols} == set("ABCD")
    panel = read_panel(depot.lake, depot.refresh(depot.run(MON)).snapshot, "scripted", XNYS, MON, ["B", "D"])
    assert not np.isnan(panel.close).any()
    assert panel.close[-2:, 1].tolist() == [10.0, 40.0]


def test_what_is_held_is_asked_for_under_its_new_symbol_though_the_universe_has_it_no_more(depot: Changed) -> None:
    hold(depot.real_ledger, {"A": (5, "10")}, FRI)
    depot.source.at(MON)
    depot.cycle(MON, universe=lambda session: (Instrument("B"), Instrument("C")))
    assert set(depot.read(lambda tx: coverage(tx, "scripted"))) == set("ABCD")


def test_a_backfill_asks_for_all_symbols_and_for_no_gap_between_two_companies(depot: Changed) -> None:
    change = date(2013, 12, 18)
    depot.source.at(change, REUSED)
    fill(depot, BEGUN, TUE)
    bars = set(depot.glob().filter(pl.col("symbol").is_in(["A", "D"])).select("symbol", "session").rows())
    a, d = XNYS.between(BEGUN, date(2013, 12, 17)) + XNYS.between(REUSED, TUE), XNYS.between(change, TUE)
    assert bars == {("A", day) for day in a} | {("D", day) for day in d}
    assert asked(depot, lambda: fill(depot, BEGUN, TUE)) == []


def test_closes_and_sessions_follow_the_company(depot: Changed) -> None:
    depot.source.at(FRI, TUE)
    depot.source.left_out |= {("D", FRI), ("D", MON)}
    seen = depot.cycle(TUE).snapshot
    place = (depot.lake, seen, "scripted", XNYS)
    before = date(2014, 1, 2)
    assert last_closes(*place, MON, symbols=["D"]).rows() == [("D", before, 10.0)]
    assert last_closes(*place, TUE, symbols=["A"], always=["A"]).rows() == [("A", TUE, 10.0)]
    assert read_market(*place, FRI).previous_close["A"] == 10_000_000
    assert read_market(*place, FRI).actions[0].new_symbol == "D"
    assert read_market(*place, MON).previous_close["D"] == 10_000_000


def test_turnover_of_a_window_follows_the_company(depot: Changed) -> None:
    depot.source.at(MON, TUE)
    seen = depot.cycle(TUE).snapshot
    turnover = read_turnover(depot.lake, seen, "scripted", XNYS, TUE, ["A", "B", "D"], 3)
    volume = [100.0 + session.toordinal() % 7 for session in (FRI, MON, TUE)]
    assert turnover[:, 2].tolist() == [10.0 * volume[0], 40.0 * volume[1], 40.0 * volume[2]]
    assert np.isnan(turnover[:, 0]).tolist() == [True, True, False]
    assert turnover[2, 0] == 10.0 * volume[2]
    assert turnover.shape == (3, 3)
