"""Reading the past out of the lake: sessions as a venue sees them, last closes, corporate actions, listings."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from grodt.bars.corporate_actions import CorporateAction, by_ex_date, renamed
from grodt.bars.listings import Listings, relabelled
from grodt.bars.market import SessionMarket
from grodt.lake import Lake, Snapshot
from grodt.money import MICROS_PER_UNIT, Micros, micros, micros_from_float
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
    closes = _by_symbol(last_closes(lake, snapshot, source, calendar, before, symbols=wanted, always=looked_for), "close")
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
                previous_close=closes,
                actions=tuple(sorted(actions[first:at], key=lambda action: (action.symbol, action.kind, action.ex_date))),
                close=_by_symbol(told, "close"),
                volume=dict(zip(told["symbol"].to_list(), told["volume"].to_list(), strict=True)),
                high=_by_symbol(told, "high") if asked else {},
                low=_by_symbol(told, "low") if asked else {},
            )
            before = session
            for of_date in by_ex_date(actions[first:at]):
                closes = renamed(closes, of_date["symbol_change"].values())
            closes = {**closes, **_by_symbol(today, "close")}


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
    symbols: Collection[str] | None = None,
    always: Collection[str] = (),
) -> pl.DataFrame:
    """The last good bar up to and including a session: symbol, session (of that bar), close; sorted by symbol.

    It is one of the instrument that the symbol stands for in the session, under whatever symbol it was quoted.

    Args:
        lake: where bars are.
        snapshot: which versions of them.
        source: whose.
        calendar: of the exchange.
        session: the session.
        symbols: only these; None: all of the source.
        always: symbols that are looked for in the whole history; the others in the last `RECENT_SESSIONS`.
    """
    listings = read_listings(lake, snapshot, source)
    columns = ["symbol", "session", "close"]

    def read(start: date | None, wanted: Collection[str] | None) -> pl.DataFrame:
        quoted = None if wanted is None else listings.quoted(wanted, session)
        bars = lake.read("bars_1d", snapshot, source=source, columns=columns, start=start, end=session, symbols=quoted)
        return relabelled(bars, "session", listings.spans(wanted, session))

    recent = calendar.latest(session, RECENT_SESSIONS)
    bars = read(recent[0], None if symbols is None else set(symbols) | set(always))
    older = set(always) - set(bars["symbol"])
    if older:
        bars = pl.concat([bars, read(None, older)])
    return bars.sort("session").unique("symbol", keep="last", maintain_order=True).sort("symbol")


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
