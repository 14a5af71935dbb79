"""The last price of each symbol at a slot: of the company that has it in the session, in shares of the session."""

import random
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import polars as pl
import pytest

from grodt.bars.history import last_closes, read_market, read_markets
from grodt.bars.listings import listings_frame
from grodt.execution.decision import last_known
from grodt.execution.history import read_panel, read_volume
from grodt.execution.slot_market import last_prices
from grodt.instruments import Listing
from grodt.lake import Lake, LakeFile, Snapshot, actions_path, instruments_path
from grodt.lake.tables import TABLES
from grodt.ledger.manifest import LedgerManifest, commit_files
from grodt.money import micros, micros_from_float
from grodt.sessions import Calendar
from grodt.slots import Slot
from tests.brokers.world import MON, TUE
from tests.execution.desk import Desk
from tests.execution.stocked import KNOWN, SOURCE, stock

XNYS = Calendar("XNYS")
FRI, SAT = MON - timedelta(days=3), MON - timedelta(days=2)


def _slot(session: date) -> Slot:
    at = datetime(session.year, session.month, session.day, 15, 0, tzinfo=UTC)
    return Slot(session, "1000", "trade", at, at + timedelta(minutes=30), at + timedelta(minutes=5))


class Shelf:
    """A lake of closes, actions and listings."""

    def __init__(self, desk: Desk, closes: Sequence[tuple[str, date, float]]) -> None:
        self._ledger = desk.real_ledger
        self.lake = Lake(desk.folder / "lake", LedgerManifest(self._ledger))
        stock(self.lake, self._ledger, closes)

    def _commit(self, file: LakeFile) -> None:
        with self._ledger.write() as tx:
            commit_files(tx, [file], KNOWN)

    def actions(self, *rows: dict[str, object]) -> None:
        frame = pl.DataFrame(
            [{"source": SOURCE, "known_at": KNOWN} | row for row in rows], schema=TABLES["corporate_actions"].create_empty().schema
        )
        path = actions_path(SOURCE, ["A"], SAT, TUE, SAT.year)
        self._commit(self.lake.write("corporate_actions", path, frame, source=SOURCE, known_at=KNOWN, run_id="r"))

    def split(self, ex_date: date, symbol: str = "A", new: int = 2, old: int = 1) -> None:
        self.actions({"symbol": symbol, "ex_date": ex_date, "kind": "split", "ratio_new": new, "ratio_old": old})

    def listings(self, *rows: Listing) -> None:
        frame = listings_frame(SOURCE, rows, KNOWN)
        self._commit(self.lake.write("instruments", instruments_path(SOURCE), frame, source=SOURCE, known_at=KNOWN, run_id="r"))

    @property
    def place(self) -> tuple[Lake, Snapshot, str, Calendar]:
        snapshot = LedgerManifest(self._ledger).snapshot(tables=("bars_1d", "bars_1m", "corporate_actions", "instruments"))
        return self.lake, snapshot, SOURCE, XNYS

    def at_slot(self, session: date, *symbols: str) -> list[float]:
        prices: list[float] = last_prices(*self.place, _slot(session), 30, symbols, symbols).price.tolist()
        return prices


def test_a_symbol_that_changes_hands_is_priced_and_measured_as_the_company_that_has_it(desk: Desk) -> None:
    """OLD becomes NEW on Monday; until Friday NEW was another company, which goes on as FBY."""
    shelf = Shelf(desk, [("OLD", FRI, 30.0), ("NEW", FRI - timedelta(days=1), 200.0), ("NEW", FRI, 200.0)])
    begun = date(2020, 1, 2)
    metrix, fabrix = Listing("metrix", "OLD", begun, MON), Listing("fabrix", "NEW", begun, MON)
    shelf.listings(metrix, Listing("metrix", "NEW", MON, None), fabrix, Listing("fabrix", "FBY", MON, None))
    assert shelf.at_slot(MON, "FBY", "NEW") == [200.0, 30.0]
    assert read_volume(*shelf.place, MON, ["FBY", "NEW"], until=FRI).tolist() == [200, 100]
    assert read_volume(*shelf.place, FRI, ["NEW"]).tolist() == [200]


@pytest.mark.parametrize("ex_date", [SAT, MON])
def test_a_split_of_the_night_or_of_the_weekend_before_is_in_the_price(desk: Desk, ex_date: date) -> None:
    shelf = Shelf(desk, [("A", FRI, 100.0)])
    shelf.split(ex_date)
    assert shelf.at_slot(MON, "A") == [50.0]


def test_a_split_of_a_session_without_a_bar_is_in_the_price_of_the_next_one(desk: Desk) -> None:
    shelf = Shelf(desk, [("A", FRI, 100.0), ("B", MON, 1.0)])
    shelf.split(MON)
    assert shelf.at_slot(TUE, "A") == [50.0]
    assert last_closes(*shelf.place, MON, symbols=["A"]).rows() == [("A", FRI, 50.0)]
    assert last_closes(*shelf.place, FRI, symbols=["A"]).rows() == [("A", FRI, 100.0)]


def test_a_split_before_the_bar_is_in_it_already(desk: Desk) -> None:
    shelf = Shelf(desk, [("A", FRI, 100.0), ("A", MON, 50.0)])
    shelf.split(MON)
    assert shelf.at_slot(TUE, "A") == [50.0]
    assert last_closes(*shelf.place, TUE, symbols=["A"]).rows() == [("A", MON, 50.0)]


def test_a_split_that_the_bar_has_is_not_in_the_price_again_when_the_source_tells_a_second_date(desk: Desk) -> None:
    """The books hold the second one back, so the price must as well: in the lake's closes, in a market and in a decision's panel."""
    shelf = Shelf(desk, [("A", FRI, 100.0), ("A", MON, 50.0), ("B", FRI, 1.0), ("B", MON, 1.0), ("B", TUE, 1.0)])
    shelf.actions(*({"symbol": "A", "ex_date": day, "kind": "split", "ratio_new": 2, "ratio_old": 1} for day in (MON, TUE)))
    assert last_closes(*shelf.place, TUE, symbols=["A"]).rows() == [("A", MON, 50.0)]
    assert shelf.at_slot(TUE, "A") == [50.0]
    wednesday = TUE + timedelta(days=1)
    for first in (FRI, MON, TUE, wednesday):
        assert [*read_markets(*shelf.place, start=first, end=wednesday)][-1].previous_close["A"] == micros(50), first
    panel = read_panel(*shelf.place, TUE, ("A", "B"))
    assert last_known(panel, len(panel.sessions))[0].tolist() == [50.0, 1.0]


def test_a_close_that_no_split_came_after_is_as_its_bar_has_it(desk: Desk) -> None:
    shelf = Shelf(desk, [("A", FRI, 100.0), ("A", MON, 50.12345678), ("B", FRI, 1.0), ("B", TUE, 1.0)])
    shelf.split(MON)
    assert last_closes(*shelf.place, TUE, symbols=["A", "B"]).rows() == [("A", MON, 50.12345678), ("B", TUE, 1.0)]


def test_fractions_are_paid_at_the_close_before_a_split_and_what_comes_after_is_in_new_shares(desk: Desk) -> None:
    """What is borrowed is charged on the same; each session says what it says by itself."""
    shelf = Shelf(desk, [("A", FRI, 100.0), ("B", MON, 1.0), ("A", XNYS.next(TUE), 70.0)])
    shelf.split(MON, new=3, old=2)
    markets = list(read_markets(*shelf.place, start=MON, end=XNYS.next(TUE)))
    assert [market.previous_close["A"] for market in markets] == [micros(100), micros("66.666667"), micros("66.666667")]
    assert markets == [read_market(*shelf.place, market.session) for market in markets]
    (after,) = read_markets(*shelf.place, start=XNYS.latest(XNYS.next(TUE), 1)[0], end=XNYS.next(TUE))
    assert after == markets[-1]


def test_a_close_goes_along_with_its_company_over_a_split_and_a_change_of_symbol(desk: Desk) -> None:
    """A splits on Monday, and from Tuesday on is C."""
    shelf = Shelf(desk, [("A", FRI, 100.0), ("B", MON, 1.0)])
    split = {"symbol": "A", "ex_date": MON, "kind": "split", "ratio_new": 4, "ratio_old": 1}
    shelf.actions(split, {"symbol": "A", "ex_date": TUE, "kind": "symbol_change", "new_symbol": "C"})
    shelf.listings(Listing("alpha", "A", date(2020, 1, 2), TUE), Listing("alpha", "C", TUE, None))
    assert last_closes(*shelf.place, TUE, symbols=["C"]).rows() == [("C", FRI, 25.0)]
    assert shelf.at_slot(TUE, "C") == [25.0]
    wednesday = XNYS.next(TUE)
    monday, tuesday, after = read_markets(*shelf.place, start=MON, end=wednesday)
    assert (monday.previous_close["A"], tuesday.previous_close["A"], after.previous_close["C"]) == (micros(100), micros(25), micros(25))
    assert read_market(*shelf.place, wednesday, symbols=["C"]).previous_close == {"C": micros(25)}


@pytest.mark.parametrize("seed", range(4))
def test_a_close_is_the_same_read_back_brought_forward_and_out_of_the_history_of_a_decision(desk: Desk, seed: int) -> None:
    """Bars at random, and splits on any day of three weeks, some told again under another date."""
    draw, sessions, symbols = random.Random(seed), XNYS.between(FRI, FRI + timedelta(days=20)), ("A", "B", "C")
    closes = [(each, FRI, 50.0) for each in symbols] + [("D", session, 1.0) for session in sessions]
    closes += [(each, session, draw.randrange(1, 10**8) / 1e6) for each in symbols for session in sessions[1:] if draw.random() < 0.3]
    shelf = Shelf(desk, closes)
    days = draw.sample(range(1, 21), 9)
    rows = [(symbols[at % 3], FRI + timedelta(days=day), draw.choice([(2, 1), (3, 2), (1, 7)])) for at, day in enumerate(days)]
    shelf.actions(*({"symbol": s, "ex_date": day, "kind": "split", "ratio_new": n, "ratio_old": o} for s, day, (n, o) in rows))
    after = {}
    for before, market in pairwise(read_markets(*shelf.place, start=sessions[0], end=XNYS.next(sessions[-1]))):
        after[before.session] = {symbol: market.previous_close[symbol] for symbol in symbols}
    assert list(after) == list(sessions)
    panel = read_panel(*shelf.place, sessions[-1], symbols)
    for row, session in enumerate(sessions):
        read = {symbol: micros_from_float(close) for symbol, _, close in last_closes(*shelf.place, session, symbols=symbols).iter_rows()}
        price, micros, _ = last_known(panel, row + 1)
        assert read == after[session] == dict(zip(symbols, micros.tolist(), strict=True))
        assert [micros_from_float(each) for each in price.tolist()] == micros.tolist()
