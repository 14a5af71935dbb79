"""Which instrument was behind a symbol on which day, so that a history follows the company and not its ticker.

A bar is stored under the symbol it was quoted under in its session, a corporate action under the symbol that was valid before its
ex date. One symbol is taken by one instrument after another. It belongs to each from the first session of its listing (from the
beginning, if it is the first of the symbol and of the instrument), and it ends

- where `until` says, when the instrument goes on under another symbol;
- where the next instrument takes it up, when it does not: what is told of a company after its end is still of that company.

Nearly every symbol is the only one of its instrument, and that instrument the only one of it. Such symbols are *plain*: their rows are
left as they are, and cost nothing here.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property

import polars as pl

from grodt.instruments import Listing
from grodt.lake.tables import TABLES

#: What stands in the lake for a first session that the source does not know.
UNKNOWN_SINCE = date(1900, 1, 1)
_COLUMNS = ("source", "instrument", "symbol", "session", "until")
_KEY = ("instrument", "session", "symbol")
_NEVER = date.max


@dataclass(frozen=True, slots=True)
class Span:
    """Rows quoted under one symbol that belong to the history of another one's instrument (or of the same one's).

    Attributes:
        symbol: the symbol whose history it is a part of.
        quoted: the symbol of the rows.
        since: first session of the bars; actions have a later ex date.
        until: first session of which the bars belong to it no more; actions have this ex date or an earlier one.
    """

    symbol: str
    quoted: str
    since: date
    until: date


@dataclass(frozen=True, slots=True)
class _Owned:
    """A listing with the days of its symbol that belong to it."""

    instrument: str
    symbol: str
    begins: date
    since: date
    until: date


class Listings:
    """The listings of one source, as the lake has them. Empty: every symbol is plain."""

    def __init__(self, rows: pl.DataFrame) -> None:
        """Of the rows of table `instruments` of one source."""
        self._rows = rows
        odd = rows.filter(pl.col("symbol").is_duplicated() | pl.col("instrument").is_duplicated())
        self._odd = _owned(odd) if odd.height else {}
        self._of_instrument: dict[str, list[_Owned]] = {}
        for owned in self._odd.values():
            for each in owned:
                self._of_instrument.setdefault(each.instrument, []).append(each)

    def spans(self, symbols: Iterable[str] | None, session: date) -> tuple[Span, ...]:
        """What the histories of symbols consist of at a session, as far as they are not plain; of None: of every symbol.

        A symbol stands for the instrument that has it in the session or had it last. What changes later is left out, so a history
        that is cut at the session has the same spans.
        """
        wanted = sorted(self._odd) if symbols is None else [symbol for symbol in symbols if symbol in self._odd] if self._odd else []
        found: list[Span] = []
        for symbol in wanted:
            own = self._of_instrument[self._at(symbol, session).instrument]
            found += (Span(symbol, each.symbol, each.since, each.until) for each in own if each.begins <= session or each.symbol == symbol)
        return tuple(sorted(found, key=lambda span: (span.symbol, span.since, span.quoted)))

    def quoted(self, symbols: Iterable[str], session: date) -> tuple[str, ...]:
        """Every symbol under which the instruments of those symbols have been quoted up to the session, ascending."""
        own = set(symbols)
        odd = own.intersection(self._odd)
        return tuple(sorted((own - odd).union(odd, (span.quoted for span in self.spans(odd, session)))))

    def instrument(self, symbol: str, session: date) -> str:
        """Id of the instrument that a symbol stands for in a session; the symbol itself where nothing is known of it."""
        if symbol not in self._odd:
            return self._plain.get(symbol, symbol)
        return self._at(symbol, session).instrument

    def _at(self, symbol: str, session: date) -> _Owned:
        """Its listing in the session, else the last before, else the first."""
        own = self._odd[symbol]
        return next((each for each in reversed(own) if each.begins <= session), own[0])

    @cached_property
    def _plain(self) -> dict[str, str]:
        return dict(self._rows.select("symbol", "instrument").iter_rows())


def listings_frame(source: str, listings: Iterable[Listing], known_at: datetime) -> pl.DataFrame:
    """Listings as rows of table `instruments`."""
    given = tuple(listings)
    columns = {
        "source": pl.repeat(source, len(given), eager=True, dtype=pl.String),
        "instrument": [each.instrument for each in given],
        "symbol": [each.symbol for each in given],
        "session": [each.since or UNKNOWN_SINCE for each in given],
        "until": [each.until for each in given],
        "known_at": pl.repeat(known_at, len(given), eager=True, dtype=pl.Datetime("us", "UTC")),
    }
    return pl.DataFrame(columns, schema=TABLES["instruments"].create_empty().schema)


def changed(rows: pl.DataFrame, source: str, asked: Collection[str], answer: Sequence[Listing], known_at: datetime) -> pl.DataFrame | None:
    """The rows of a source after it was asked for the listings of symbols; None where they are what they were.

    What the answer says of an instrument or of an asked symbol stands in place of what was known of it. Rows that say what they said
    keep their `known_at`.

    Args:
        rows: of table `instruments`, of that source.
        source: its name.
        asked: the symbols.
        answer: of `BarSource.listings`.
        known_at: when it answered.
    """
    given = listings_frame(source, answer, known_at)
    told = pl.col("symbol").is_in(list(asked)) | pl.col("instrument").is_in(given["instrument"].unique().to_list())
    kept, before = rows.filter(~told), rows.filter(told)
    if before.select(_COLUMNS).sort(_KEY).equals(given.select(_COLUMNS).sort(_KEY)):
        return None
    same = before.join(given, on=_COLUMNS, how="semi", nulls_equal=True)
    new = given.join(same, on=_COLUMNS, how="anti", nulls_equal=True)
    return pl.concat([kept, same, new]).sort(_KEY)


def relabelled(frame: pl.DataFrame, day: str, spans: Sequence[Span], *, actions: bool = False) -> pl.DataFrame:
    """Rows under the symbols whose histories they are part of; rows quoted under a symbol of the spans in no span are left out.

    Args:
        frame: bars or actions with `symbol` (text) and a day.
        day: name of the day's column.
        spans: of `Listings.spans`. None: the frame as it is.
        actions: the rows are corporate actions, which are stored under the symbol before their ex date.
    """
    if not spans:
        return frame
    named = {span.quoted for span in spans}.union(span.symbol for span in spans)
    odd = pl.col("symbol").is_in(sorted(named))
    table = pl.DataFrame(
        [(span.quoted, span.symbol, span.since, span.until) for span in spans],
        schema={"symbol": pl.String, "_symbol": pl.String, "_since": pl.Date, "_until": pl.Date},
        orient="row",
    )
    inside = pl.col(day).is_between(pl.col("_since"), pl.col("_until"), closed="right" if actions else "left")
    moved = frame.filter(odd).join(table, on="symbol", how="inner").filter(inside).with_columns(symbol=pl.col("_symbol"))
    return pl.concat([frame.filter(~odd), moved.select(frame.columns)])


def kin(rows: pl.DataFrame, symbols: Iterable[str]) -> list[str]:
    """Those symbols and every other one that their instruments were ever quoted under, ascending; `rows` of table `instruments`."""
    own = set(symbols)
    theirs = rows.filter(pl.col("symbol").is_in(sorted(own))).select("source", "instrument")
    return sorted(own.union(rows.join(theirs, on=["source", "instrument"], how="semi")["symbol"]))


def owners(frame: pl.DataFrame, day: str, rows: pl.DataFrame, *, actions: bool = False) -> pl.DataFrame:
    """Number of each row whose symbol is not plain, and source and instrument that it belongs to; without those that belong to none.

    Args:
        frame: `source`, `symbol` (text) and a day; rows of any sources.
        day: name of the day's column.
        rows: of table `instruments`.
        actions: as for `relabelled`.

    Returns:
        Columns row (position in `frame`), source, instrument.
    """
    odd = rows.filter(pl.struct("source", "symbol").is_duplicated() | pl.struct("source", "instrument").is_duplicated())
    owned = [
        (str(source), each.symbol, each.instrument, each.since, each.until)
        for (source,), own in odd.group_by("source")
        for listed in _owned(own).values()
        for each in listed
    ]
    names = ("source", "symbol", "instrument", "_since", "_until")
    table = pl.DataFrame(owned, schema=dict(zip(names, (pl.String, pl.String, pl.String, pl.Date, pl.Date), strict=True)), orient="row")
    inside = pl.col(day).is_between(pl.col("_since"), pl.col("_until"), closed="right" if actions else "left")
    numbered = frame.select("source", "symbol", day).with_row_index("row") if owned else frame.clear().with_row_index("row")
    return (
        numbered.filter(pl.col("symbol").is_in(table["symbol"].unique().to_list()))
        .join(table, on=("source", "symbol"), how="inner")
        .filter(inside)
        .select(pl.col("row").cast(pl.Int64), "source", "instrument")
    )


def _owned(rows: pl.DataFrame) -> dict[str, tuple[_Owned, ...]]:
    """By symbol, ascending by first session, the listings with the days that belong to each."""
    listed = rows.sort("symbol", "session").select("instrument", "symbol", "session", "until").rows()
    begins: dict[str, list[tuple[date, str]]] = {}
    for instrument, symbol, begun, _ in listed:
        begins.setdefault(instrument, []).append((begun, symbol))
    found: dict[str, list[_Owned]] = {}
    for at, (instrument, symbol, begun, until) in enumerate(listed):
        following = listed[at + 1] if at + 1 < len(listed) and listed[at + 1][1] == symbol else None
        ends = following[2] if following else _NEVER
        moves = [later for later, other in begins[instrument] if later > begun and other != symbol]
        if moves:
            ends = min(ends, until or min(moves))
        own = found.setdefault(symbol, [])
        first = not own and begun == min(begins[instrument])[0]
        own.append(_Owned(instrument, symbol, begun, date.min if first else begun, ends))
    return {symbol: tuple(own) for symbol, own in found.items()}
