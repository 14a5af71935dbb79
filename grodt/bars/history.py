"""Reading the past out of the lake: sessions as a venue sees them, last closes, corporate actions, listings."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from grodt.bars.corporate_actions import SAME_DAYS, CorporateAction, by_ex_date, carried, renamed
from grodt.bars.listings import Listings, relabelled
from grodt.bars.market import SessionMarket
from grodt.lake import Lake, Snapshot
from grodt.money import MICROS_PER_UNIT, Micros, micros, micros_from_float, units
from grodt.sessions import Calendar

#: Sessions in which a last close is looked for before the whole history is read.
RECENT_SESSIONS = 60
_BARS = ["symbol", "session", "open", "close", "volume"]
_REST = ["high", "low"]
_DAY = timedelta(days=1)


def read_market(
    lake: Lake, snapshot: Snapshot, source: str, calendar: Calendar, session: date, *, symbols: Collection[str] | None = None
) -> SessionMarket:
    """One session; see `read_markets`.

    Raises:
        SessionError: the date is no session of the calendar.
    """
    calendar.require_session(session)
    return next(read_markets(lake, snapshot, source, calendar, start=session, end=session, symbols=symbols))


def read_markets(
    lake: Lake,
    snapshot: Snapshot,
    source: str,
    calendar: Calendar,
    *,
    start: date,
    end: date,
    symbols: Collection[str] | None = None,
    detailed: Collection[str] = (),
    always: Collection[str] = (),
) -> Iterator[SessionMarket]:
    """Each session from `start` to `end`, ascending, read a calendar year at a time.

    An action whose ex date is no session belongs to the first session after it.

    Args:
        lake: where bars and actions are.
        snapshot: which versions of them.
        source: whose.
        calendar: of the exchange.
        start: first session.
        end: last session.
        symbols: only these (what is held or ordered); None: all of the source.
        detailed: symbols whose high, low, close and volume are wanted too.
        always: symbols whose last close is wanted however long ago it was.
    """
    sessions = calendar.between(start, end)
    if not sessions:
        return
    wanted = None if symbols is None else sorted(set(symbols))
    before = calendar.previous(sessions[0])
    actions = read_actions(lake, snapshot, source, before + _DAY, end, symbols=wanted)
    looked_for = {action.symbol for action in actions}.union(wanted or (), always)
    closes = _Closes(*_last_bars(lake, snapshot, source, calendar, before, before, wanted, looked_for, silent=False))
    asked = sorted(set(detailed))
    at = 0
    for year in sorted({session.year for session in sessions}):
        own = [session for session in sessions if session.year == year]
        columns = [*_BARS, *_REST] if asked else _BARS
        bars = lake.read("bars_1d", snapshot, source=source, columns=columns, start=own[0], end=own[-1], symbols=wanted)
        by_session = bars.partition_by("session", as_dict=True)
        for session in own:
            first = at
            while at < len(actions) and actions[at].ex_date <= session:
                at += 1
            today = by_session.get((session,), bars.clear())
            traded = today.filter(pl.col("volume") > 0)
            told = traded.filter(pl.col("symbol").is_in(asked)) if asked else traded.clear()
            yield SessionMarket(
                session=session,
                nights=(session - before).days,
                opens_at=calendar.opens_at(session),
                closes_at=calendar.closes_at(session),
                open=_by_symbol(traded, "open"),
                previous_close=closes.prices(),
                actions=tuple(sorted(actions[first:at], key=lambda action: (action.symbol, action.kind, action.ex_date))),
                close=_by_symbol(told, "close"),
                volume=dict(zip(told["symbol"].to_list(), told["volume"].to_list(), strict=True)),
                high=_by_symbol(told, "high") if asked else {},
                low=_by_symbol(told, "low") if asked else {},
            )
            before = session
            closes.go_on(session, actions[first:at], _by_symbol(today, "close"))


def read_actions(
    lake: Lake, snapshot: Snapshot, source: str, start: date, end: date, *, symbols: Sequence[str] | None = None
) -> tuple[CorporateAction, ...]:
    """Corporate actions with `start` ≤ ex date ≤ `end`, by ex date, symbol and kind."""
    return actions_of(lake.read("corporate_actions", snapshot, source=source, start=start, end=end, symbols=symbols))


def read_known_actions(lake: Lake, snapshot: Snapshot, source: str, start: date, end: date) -> tuple[tuple[CorporateAction, datetime], ...]:
    """The same of all symbols, each with the instant it was known at."""
    frame = lake.read("corporate_actions", snapshot, source=source, start=start, end=end)
    rows = frame.with_columns(pl.col("kind").cast(pl.String)).sort("ex_date", "symbol", "kind").iter_rows(named=True)
    return tuple((_action(row), row["known_at"]) for row in rows)


def read_listings(lake: Lake, snapshot: Snapshot, source: str) -> Listings:
    """Which instruments its symbols stood for."""
    return Listings(lake.read("instruments", snapshot, source=source))


def last_closes(
    lake: Lake,
    snapshot: Snapshot,
    source: str,
    calendar: Calendar,
    session: date,
    *,
    until: date | None = None,
    symbols: Collection[str] | None = None,
    always: Collection[str] = (),
) -> pl.DataFrame:
    """The last good bar up to and including a session: symbol, session (of that bar), close; sorted by symbol.

    It is one of the instrument that the symbol stands for in the session, under whatever symbol it was quoted. Its close is in shares of
    the session: an instrument that has split since the bar has it `carried` over the split, as the holdings are that it values.

    Args:
        lake: where bars and actions are.
        snapshot: which versions of them.
        source: whose.
        calendar: of the exchange.
        session: the session.
        until: the last session whose bars are read, where the session itself goes on; None: the session.
        symbols: only these; None: all of the source.
        always: symbols that are looked for in the whole history; the others in the last `RECENT_SESSIONS`.
    """
    bars, splits = _last_bars(lake, snapshot, source, calendar, session, until or session, symbols, always, silent=True)
    split = bars.filter(pl.col("symbol").cast(pl.String).is_in(list(splits)))  # a few symbols of all
    new = {
        symbol: units(carried(micros_from_float(close), splits[symbol], barred))
        for symbol, barred, close in split.iter_rows()
        if any(each.ex_date > barred for each in splits[symbol])
    }
    carried_on = pl.col("symbol").cast(pl.String).replace_strict(new, default=None, return_dtype=pl.Float64)
    return bars.with_columns(close=pl.coalesce(carried_on, "close")) if new else bars


def micros_of_prices(prices: NDArray[np.float64]) -> list[Micros]:
    """Each price in micros, the same as `micros_from_float` gives, fast where the price has at most six decimals.

    If m is the nearest integer to price · 10⁶, m < 10¹⁵ and m / 10⁶ is the very same float, then m · 10⁻⁶ is the float's shortest
    decimal text, because no two decimals of up to 15 digits share a float.

    Raises:
        ValueError: a price is NaN, infinite, or leaves int64.
    """
    whole = np.rint(prices * MICROS_PER_UNIT)
    exact = (np.abs(whole) < 10**15) & (whole / MICROS_PER_UNIT == prices)
    if exact.all():
        return [Micros(m) for m in whole.astype(np.int64).tolist()]
    return [
        Micros(int(m)) if simple else micros_from_float(price)
        for m, simple, price in zip(whole.tolist(), exact.tolist(), prices.tolist(), strict=True)
    ]


def micros_array(prices: NDArray[np.float64]) -> NDArray[np.int64]:
    """`micros_of_prices` of an array of any shape, 0 where there is no price.

    Raises:
        ValueError: a price is infinite or leaves int64.
    """
    whole = np.rint(prices * MICROS_PER_UNIT)
    exact = (np.abs(whole) < 10**15) & (whole / MICROS_PER_UNIT == prices)
    micros = np.where(exact, whole, 0.0).astype(np.int64)
    odd = ~exact & ~np.isnan(prices)
    if odd.any():
        micros[odd] = [micros_from_float(price) for price in prices[odd].tolist()]
    return micros


def actions_of(frame: pl.DataFrame) -> tuple[CorporateAction, ...]:
    """Rows of `corporate_actions` as actions, by ex date, symbol and kind."""
    rows = frame.with_columns(pl.col("kind").cast(pl.String)).sort("ex_date", "symbol", "kind").iter_rows(named=True)
    return tuple(_action(row) for row in rows)


type _Splits = dict[str, tuple[CorporateAction, ...]]


class _Closes:
    """Last closes by symbol, from session to session: what a bar said and when, and the splits since it and shortly before."""

    def __init__(self, bars: pl.DataFrame, splits: _Splits) -> None:
        """From `_last_bars`."""
        self._raw, self._splits = _by_symbol(bars, "close"), splits
        self._barred = dict(bars.select("symbol", "session").iter_rows())

    def prices(self) -> dict[str, Micros]:
        """In shares of the close that was reached."""
        return {
            **self._raw,
            **{symbol: carried(self._raw[symbol], splits, self._barred[symbol]) for symbol, splits in self._splits.items()},
        }

    def go_on(self, session: date, actions: Sequence[CorporateAction], closes: Mapping[str, Micros]) -> None:
        """To the close of the next session: its actions, and what its bars say."""
        for of_date in by_ex_date(actions):
            for symbol, action in of_date["split"].items():
                if symbol in self._raw:
                    self._splits[symbol] = (*self._splits.get(symbol, ()), action)
            changes = of_date["symbol_change"]
            moving: _Splits = {symbol: () for symbol in changes if symbol in self._raw}
            self._splits = renamed({**moving, **self._splits}, changes.values())
            self._raw = renamed(self._raw, changes.values())
            self._barred = renamed(self._barred, changes.values())
        self._raw = {**self._raw, **closes}
        self._barred.update(dict.fromkeys(closes, session))


def _last_bars(
    lake: Lake,
    snapshot: Snapshot,
    source: str,
    calendar: Calendar,
    session: date,
    until: date,
    symbols: Collection[str] | None,
    always: Collection[str],
    *,
    silent: bool,
) -> tuple[pl.DataFrame, _Splits]:
    """What `last_closes` gives with closes as the bars have them, and by symbol the splits up to the session that `carried` asks for.

    Where `silent`, they are only those of symbols without a bar of the session.
    """
    listings = read_listings(lake, snapshot, source)
    columns = ["symbol", "session", "close"]

    def read(start: date | None, wanted: Collection[str] | None) -> pl.DataFrame:
        quoted = None if wanted is None else listings.quoted(wanted, session)
        bars = lake.read("bars_1d", snapshot, source=source, columns=columns, start=start, end=until, symbols=quoted)
        return relabelled(bars, "session", listings.spans(wanted, session))

    recent = calendar.latest(until, RECENT_SESSIONS)
    bars = read(recent[0], None if symbols is None else set(symbols) | set(always))
    older = set(always) - set(bars["symbol"])
    if older:
        bars = pl.concat([bars, read(None, older)])
    last = bars.sort("session").unique("symbol", keep="last", maintain_order=True).sort("symbol")
    since = dict((last.filter(pl.col("session") < session) if silent else last).select("symbol", "session").iter_rows())
    if not since:
        return last, {}
    quoted = listings.quoted(since, session)
    start = min(since.values()) - timedelta(days=SAME_DAYS)
    rows = lake.read("corporate_actions", snapshot, source=source, start=start, end=session, symbols=quoted)
    own = rows.filter(pl.col("kind").cast(pl.String) == "split").with_columns(pl.col("symbol").cast(pl.String))
    splits: _Splits = {}
    for action in actions_of(relabelled(own, "ex_date", listings.spans(since, session), actions=True)):
        if action.symbol in since:
            splits[action.symbol] = (*splits.get(action.symbol, ()), action)
    return last, splits


def _by_symbol(frame: pl.DataFrame, column: str) -> dict[str, Micros]:
    ordered = frame.sort("symbol")
    return dict(zip(ordered["symbol"].to_list(), micros_of_prices(ordered[column].to_numpy()), strict=True))


def _action(row: Mapping[str, Any]) -> CorporateAction:
    return CorporateAction(
        symbol=row["symbol"],
        ex_date=row["ex_date"],
        kind=row["kind"],
        pay_date=row["pay_date"],
        ratio_new=row["ratio_new"] or 0,
        ratio_old=row["ratio_old"] or 0,
        cash_per_share=micros(row["cash_per_share"] or 0),
        new_symbol=row["new_symbol"] or "",
    )
