"""A session that goes on, as a venue and the book see it at a slot: bars between slots, and the last price of each symbol."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache, partial
from itertools import pairwise

import numpy as np
import polars as pl
from numpy.typing import NDArray

from grodt.bars.history import last_closes, micros_of_prices
from grodt.bars.market import SessionMarket, SlotBar, TradingFigures
from grodt.brokers.fills import FillTerms
from grodt.execution.markets import read_figures
from grodt.lake import Lake, Snapshot
from grodt.ledger.valuation import Close
from grodt.money import Micros, micros_from_float
from grodt.sessions import Calendar
from grodt.slots import Slot, minutes_traded, times_within

_BARS = ["symbol", "start", "open", "close", "volume"]
_NOTHING = Snapshot(0, "", ())
_NO_FIGURES: Mapping[str, TradingFigures] = {}


def bars_between(
    lake: Lake,
    snapshot: Snapshot,
    source: str,
    calendar: Calendar,
    slots: Sequence[Slot],
    *,
    until: datetime,
    symbols: Collection[str],
    terms: FillTerms,
    slices: int = 1,
    starts: Collection[datetime] = (),
) -> Iterator[SlotBar]:
    """The bars from each slot of a session to the next, of those that have ended, as markets in which orders for the day fill.

    A bar's open is that of its first minute with a trade, its close that of its last one, its volume the sum.

    Args:
        lake: where minutes are.
        snapshot: which versions of them.
        source: whose.
        calendar: of the exchange.
        slots: of one session, ascending.
        until: bars that have ended by then.
        symbols: with an open order.
        terms: what the orders fill by.
        slices: bars from a slot to the next: one for each time at which slices of orders begin to work.
        starts: instants at which other orders begin to work; the bar that one lies within has a rest from there.
    """
    ended = [slot for slot in slots if slot.at < slot.ends_at <= until]
    if not ended:
        return
    session, asked = ended[0].session, sorted(set(symbols))
    minutes = lake.read("bars_1m", snapshot if asked else _NOTHING, source=source, columns=_BARS, start=session, end=session, symbols=asked)
    traded = minutes.filter(pl.col("volume") > 0).sort("symbol", "start")
    figures = _NO_FIGURES
    if terms.needs_figures and asked:
        figures = read_figures(lake, snapshot, source, calendar, calendar.previous(session), session, asked)

    def market(begin: datetime, end: datetime) -> SessionMarket:
        own = traded.filter((pl.col("start") >= begin) & (pl.col("start") < end))
        summed = own.group_by("symbol", maintain_order=True).agg(pl.col("open").first(), pl.col("close").last(), pl.col("volume").sum())
        names = summed["symbol"].to_list()
        opened, closed = (dict(zip(names, micros_of_prices(summed[name].to_numpy()), strict=True)) for name in ("open", "close"))
        return SessionMarket(
            session=session,
            nights=0,
            opens_at=begin,
            closes_at=end,
            open=opened,
            previous_close={},
            actions=(),
            close=closed,
            volume=dict(zip(names, summed["volume"].to_list(), strict=True)),
            figures=figures,
        )

    for begin, end in (pair for slot in ended for pair in pairwise(_cut(slot, times_within(slot, slices, calendar)))):
        within = sorted({at for at in starts if begin < at < end})
        yield SlotBar(market(begin, end), tuple(market(at, end) for at in within))


def _cut(slot: Slot, begins: Collection[datetime]) -> list[datetime]:
    """Those that lie within a slot, ascending, and its end."""
    return [*sorted({at for at in begins if slot.at <= at < slot.ends_at}), slot.ends_at]


@dataclass(frozen=True, slots=True, eq=False)
class LastPrices:
    """The last price of each symbol at a slot; arrays of shape (N,), aligned to `symbols`.

    Attributes:
        symbols: ascending tickers.
        price: currency units: close of the last minute, or of the last session before, as `last_closes` has it; NaN where there never was
            one.
        micros: the same; 0 where there never was one.
        age: whole slots of trading since then, 0: within the last one; −1: there never was one.
        session: of that price; None where there never was one.
    """

    symbols: tuple[str, ...]
    price: NDArray[np.float64]
    micros: NDArray[np.int64]
    age: NDArray[np.int64]
    session: tuple[date | None, ...]

    def closes(self, held: Collection[str]) -> dict[str, Close]:
        """Of what is held, as a mark takes them."""
        return {
            symbol: Close(day, Micros(int(micros)))
            for symbol, day, micros in zip(self.symbols, self.session, self.micros.tolist(), strict=True)
            if symbol in held and day is not None
        }


def last_prices(
    lake: Lake,
    snapshot: Snapshot,
    source: str,
    calendar: Calendar,
    slot: Slot,
    every: int,
    symbols: Sequence[str],
    held: Collection[str] = (),
) -> LastPrices:
    """What each symbol was last traded at by a slot's instant.

    Args:
        lake: where bars are.
        snapshot: which versions of them.
        source: whose.
        calendar: of the exchange.
        slot: whose instant.
        every: minutes between slots.
        symbols: ascending tickers.
        held: those whose last close is looked for however long ago it was.
    """
    session = slot.session
    minutes = lake.read("bars_1m", snapshot, source=source, columns=_BARS, start=session, end=session, symbols=list(symbols))
    so_far = minutes.filter(pl.col("start") < slot.at).sort("start").unique("symbol", keep="last", maintain_order=True)
    today = {symbol: (start, close) for symbol, start, close in so_far.select("symbol", "start", "close").iter_rows()}
    before = last_closes(
        lake,
        snapshot,
        source,
        calendar,
        session,
        until=calendar.previous(session),
        symbols=[s for s in symbols if s not in today],
        always=set(held) - set(today),
    )
    older = {symbol: (day, close) for symbol, day, close in before.iter_rows()}
    since = cache(partial(minutes_traded, calendar, slot))
    opens_at = calendar.opens_at(session)
    price, age, days = np.full(len(symbols), np.nan), np.full(len(symbols), -1, dtype=np.int64), list[date | None]()
    for at, symbol in enumerate(symbols):
        if symbol in today:
            start, price[at] = today[symbol]
            age[at] = since(start + timedelta(minutes=1)) // every
            days.append(session)
        elif symbol in older:
            day, price[at] = older[symbol]
            age[at] = 1 + since(opens_at) // every
            days.append(day)
        else:
            days.append(None)
    micros = np.array([0 if np.isnan(each) else micros_from_float(each) for each in price.tolist()], dtype=np.int64)
    return LastPrices(tuple(symbols), price, micros, age, tuple(days))
