"""The sessions that a cycle settles, with as much of each as the broker's terms ask for, and no more."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date

from grodt.bars.history import read_listings, read_markets
from grodt.bars.liquidity import FIGURE_SESSIONS, trading_figures
from grodt.bars.market import SessionMarket, TradingFigures
from grodt.brokers.fills import FillTerms
from grodt.lake import Lake, Snapshot
from grodt.sessions import Calendar
from grodt.signals.panel import field_array

_FIELDS = ("high", "low", "close", "volume")


def markets_to_settle(
    lake: Lake,
    snapshot: Snapshot,
    source: str,
    calendar: Calendar,
    *,
    start: date,
    end: date,
    terms: FillTerms,
    ordered: Callable[[], Collection[str]],
    held: Callable[[], Collection[str]],
    by_bars: Callable[[], bool] = lambda: False,
) -> Iterator[SessionMarket]:
    """Each session from `start` to `end`, ascending; see `read_markets`.

    Args:
        lake: where bars and actions are.
        snapshot: which versions of them.
        source: whose.
        calendar: of the exchange.
        start: first session.
        end: last session.
        terms: what the orders fill by.
        ordered: asked, where the terms need it, for the symbols with an open order at the broker.
        by_bars: whether an open order fills by more of a bar than its open.
        held: asked likewise for the symbols held, whose last close borrowing is charged on.
    """
    by_bar = terms.needs_volume or terms.fill_at == "close" or by_bars()
    symbols = sorted(set(ordered())) if by_bar or terms.needs_figures else []
    detailed = symbols if by_bar else ()
    always = held() if terms.borrow_bps else ()
    for market in read_markets(lake, snapshot, source, calendar, start=start, end=end, detailed=detailed, always=always):
        if terms.needs_figures and symbols:
            before = calendar.previous(market.session)
            figures = read_figures(lake, snapshot, source, calendar, before, market.session, symbols)
            yield replace(market, figures=figures)
        else:
            yield market


def read_figures(
    lake: Lake, snapshot: Snapshot, source: str, calendar: Calendar, before: date, session: date, symbols: Sequence[str]
) -> Mapping[str, TradingFigures]:
    """How symbols traded in the 20 sessions up to and including `before`, each as the company that it stands for in `session`.

    Only those sessions are read.
    """
    sessions = calendar.latest(before, FIGURE_SESSIONS)
    listings = read_listings(lake, snapshot, source)
    quoted, spans = listings.quoted(symbols, session), listings.spans(symbols, session)
    columns = ["symbol", "session", *_FIELDS]
    bars = lake.read("bars_1d", snapshot, source=source, columns=columns, start=sessions[0], end=before, symbols=quoted)
    high, low, close, volume = (field_array(bars, name, sessions, symbols, spans, zero=name == "volume") for name in _FIELDS)
    average, volatility = trading_figures(high, low, close, volume)
    pairs = zip(symbols, average.tolist(), volatility.tolist(), strict=True)
    return {symbol: TradingFigures(value, deviation) for symbol, value, deviation in pairs}
