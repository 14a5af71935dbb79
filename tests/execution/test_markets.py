"""The sessions that a cycle settles are read with what the broker's terms ask for, and no more."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import polars as pl
import pytest

from grodt.bars.history import read_markets
from grodt.bars.liquidity import FIGURE_SESSIONS, trading_figures
from grodt.bars.market import SessionMarket, TradingFigures
from grodt.brokers.fills import FillTerms
from grodt.execution.history import read_turnover
from grodt.execution.markets import markets_to_settle, read_figures
from grodt.lake import Lake, Snapshot
from grodt.ledger.manifest import LedgerManifest
from grodt.money import micros
from grodt.sessions import Calendar
from tests.brokers.world import FRI, MON, THU, TUE, WED
from tests.execution.desk import Desk
from tests.execution.stocked import SOURCE, stock
from tests.execution.test_listings import Changed, depot  # noqa: F401 - a fixture

XNYS = Calendar("XNYS")
EVERYTHING = FillTerms(impact=Decimal(1), participation=Decimal(1), borrow_bps=Decimal(1))


@pytest.fixture
def stocked(desk: Desk) -> tuple[Lake, Snapshot]:
    """A trades each day since February, B on Tuesday and Wednesday, OLD last in 2020."""
    lake = Lake(desk.folder / "lake", LedgerManifest(desk.real_ledger))
    closes = [("A", session, 10.0 + number) for number, session in enumerate(XNYS.between(date(2026, 2, 2), FRI))]
    closes += [("B", TUE, 20.0), ("B", WED, 21.0), ("OLD", date(2020, 1, 2), 5.0)]
    return lake, stock(lake, desk.real_ledger, closes)


def _markets(stocked: tuple[Lake, Snapshot], terms: FillTerms, ordered: list[str], held: tuple[str, ...] = ()) -> list[SessionMarket]:
    asked = markets_to_settle(*stocked, SOURCE, XNYS, start=TUE, end=THU, terms=terms, ordered=lambda: ordered, held=lambda: held)
    return list(asked)


def test_plain_terms_read_what_they_always_read(stocked: tuple[Lake, Snapshot]) -> None:
    plain = list(read_markets(*stocked, SOURCE, XNYS, start=TUE, end=THU))
    assert _markets(stocked, FillTerms(), ["A"], ("OLD",)) == plain
    assert all((market.close, market.volume, market.figures) == ({}, {}, {}) for market in plain)
    assert "OLD" not in plain[0].previous_close


def test_plain_terms_do_not_ask_what_is_ordered_or_held(stocked: tuple[Lake, Snapshot]) -> None:
    def nobody() -> list[str]:
        raise AssertionError("asked")

    plain = markets_to_settle(*stocked, SOURCE, XNYS, start=TUE, end=THU, terms=FillTerms(), ordered=nobody, held=nobody)
    assert len(list(plain)) == 3


def test_volume_and_close_are_read_of_what_is_ordered(stocked: tuple[Lake, Snapshot]) -> None:
    markets = _markets(stocked, FillTerms(participation=Decimal(1)), ["B"])
    assert [market.volume for market in markets] == [{"B": 100.0}, {"B": 100.0}, {}]
    assert [market.close for market in markets] == [{"B": micros(20)}, {"B": micros(21)}, {}]
    assert [market.close for market in _markets(stocked, FillTerms(fill_at="close"), ["B"])] == [market.close for market in markets]
    plain = list(read_markets(*stocked, SOURCE, XNYS, start=TUE, end=THU))
    assert [replace(market, volume={}, high={}, low={}, close={}) for market in markets] == plain


def test_the_whole_bar_is_read_where_an_open_order_works_by_it(stocked: tuple[Lake, Snapshot]) -> None:
    place = {"start": TUE, "end": TUE, "terms": FillTerms(), "ordered": lambda: ["B"], "held": list}
    (found,) = markets_to_settle(*stocked, SOURCE, XNYS, by_bars=lambda: True, **place)  # type: ignore[arg-type]
    (plain,) = markets_to_settle(*stocked, SOURCE, XNYS, by_bars=lambda: False, **place)  # type: ignore[arg-type]
    assert (set(found.high), set(found.low), set(found.close)) == ({"B"}, {"B"}, {"B"})
    assert found.low["B"] <= found.close["B"] <= found.high["B"]
    assert (plain.high, plain.low, plain.close) == ({}, {}, {})


def test_figures_are_of_the_sessions_before(stocked: tuple[Lake, Snapshot]) -> None:
    tuesday, wednesday, thursday = (market.figures for market in _markets(stocked, EVERYTHING, ["A", "B"]))
    assert list(tuesday) == ["A", "B"]
    assert (tuesday["B"].average_value, wednesday["B"], thursday["B"]) == (
        0.0,
        TradingFigures(20.0 * 100 / 20, 0.0),
        TradingFigures(41.0 * 100 / 20, 0.0),
    )
    turnover = read_turnover(*stocked, SOURCE, XNYS, MON, ["A"], FIGURE_SESSIONS)
    assert tuesday["A"].average_value == pytest.approx(turnover.sum() / 20, rel=1e-15)


def test_nothing_is_read_for_figures_where_nothing_is_ordered(stocked: tuple[Lake, Snapshot]) -> None:
    assert [market.figures for market in _markets(stocked, EVERYTHING, [])] == [{}, {}, {}]


def test_the_nights_are_counted_over_the_weekend(stocked: tuple[Lake, Snapshot]) -> None:
    markets = list(read_markets(*stocked, SOURCE, XNYS, start=date(2026, 2, 27), end=TUE))
    assert [market.nights for market in markets] == [1, 3, 1]


def test_the_last_close_of_what_is_held_is_found_however_old_it_is(stocked: tuple[Lake, Snapshot]) -> None:
    markets = _markets(stocked, EVERYTHING, [], ("OLD", "A"))
    assert [market.previous_close["OLD"] for market in markets] == [micros(5)] * 3


def test_figures_follow_the_company(depot: Changed) -> None:  # noqa: F811
    """A is D from Monday on, and from Tuesday on another company is A."""
    monday, tuesday = date(2014, 1, 6), date(2014, 1, 7)
    depot.source.at(monday, tuesday)
    seen = depot.cycle(tuesday).snapshot
    place = (depot.lake, seen, "scripted", XNYS)
    figures = read_figures(*place, monday, tuesday, ["A", "D"])
    assert figures["A"].average_value == 0.0
    bars = depot.lake.read("bars_1d", seen, source="scripted", end=monday).filter(pl.col("symbol").is_in(["A", "D"])).sort("session")
    last = bars.filter(pl.col("session").is_in(XNYS.latest(monday, FIGURE_SESSIONS)))
    assert last["session"].n_unique() == last.height
    columns = (last[name].to_numpy()[:, None] for name in ("high", "low", "close", "volume"))
    average, volatility = trading_figures(*columns)
    assert figures["D"] == TradingFigures(average[0], volatility[0])
