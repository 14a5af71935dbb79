"""Corporate actions that a source tells under another ex date than it did: the row of the former date is taken back from the lake.

An action is identified by symbol, ex date and kind, so a corrected date is a second row, and prices adjusted by both count it twice.
Silence alone is no correction. But where an answer covers the former date and does not tell the row any more, and one of the same terms
came later under another date that the source does not deny as well, that one is the action. The former row leaves the newest version of
its file, with the commit of the answer that says so; the version before stays readable, and so does what was known by it. A correction
comes after what it corrects, so an older one takes no later one's place.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

import polars as pl

from grodt.bars.corporate_actions import SAME_DAYS, CorporateAction, is_same_but_date
from grodt.bars.history import actions_of
from grodt.bars.source import RAW_ACTIONS
from grodt.lake import Lake, Snapshot

_TABLE = "corporate_actions"
_KEY = ("symbol", "ex_date", "kind")
_TERMS = ("symbol", "kind", "ratio_new", "ratio_old", "cash_per_share")
_KNOWN = "known_at"
_FAR = timedelta(days=SAME_DAYS)

type _Key = tuple[str, date, str]


@dataclass(frozen=True, slots=True)
class TakenBack:
    """A row that leaves the lake.

    Attributes:
        source: whose.
        symbol: ticker.
        kind: split or dividend.
        ex_date: of the row.
        told: ex date of the one of the same terms that stays.
    """

    source: str
    symbol: str
    kind: str
    ex_date: date
    told: date

    def __str__(self) -> str:
        """In words."""
        return f"{self.symbol} {self.kind} {self.ex_date} is taken back: source {self.source!r} tells it as of {self.told} now"


def _key(action: CorporateAction) -> _Key:
    return action.symbol, action.ex_date, action.kind


class Untold:
    """Rows of the lake that a source does not tell any more, as far as its answers of one run go."""

    def __init__(self, source: str) -> None:
        """Before the first answer.

        Args:
            source: its name.
        """
        self._source = source
        self._rows = RAW_ACTIONS.to_frame()

    def answered(
        self, lake: Lake, standing: Snapshot, symbols: Sequence[str], start: date, end: date, actions: pl.DataFrame
    ) -> tuple[TakenBack, ...]:
        """Note an answer, and say which rows the lake is to lose with the commit that records it.

        What of an earlier answer had no counterpart yet may have one now: the evening's sessions are asked for after those before them.

        Args:
            lake: where the rows are.
            standing: its `corporate_actions` now.
            symbols: what was asked for.
            start: first day asked for.
            end: last day asked for.
            actions: the answer (RAW_ACTIONS).
        """
        covered = pl.col("symbol").is_in(list(symbols)) & pl.col("ex_date").is_between(start, end)
        missing = self._read(lake, standing, symbols, start, end).drop(_KNOWN).join(actions, on=_KEY, how="anti")
        self._rows = pl.concat([self._rows.filter(~covered), missing])
        if self._rows.is_empty():
            return ()
        first, last = self._rows.select(first=pl.col("ex_date").min(), last=pl.col("ex_date").max()).row(0)
        stored = self._read(lake, standing, self._rows["symbol"].unique().to_list(), first - _FAR, last + _FAR)
        known = {tuple(key): known_at for *key, known_at in stored.select(*_KEY, _KNOWN).iter_rows()}
        near = stored.drop(_KNOWN)
        candidates = pl.concat([near.join(actions, on=_KEY, how="anti"), actions]).join(self._rows, on=_KEY, how="anti")
        # Of the same terms as a row that the lake took: so they are actions too, whatever else the answer has.
        twins = actions_of(candidates.join(self._rows, on=_TERMS, how="semi", nulls_equal=True))
        missing_now = actions_of(self._rows.join(near, on=_KEY, how="semi"))
        return tuple(each for old in missing_now if (each := self._moved(old, twins, known)) is not None)

    def _moved(self, old: CorporateAction, twins: Sequence[CorporateAction], known: Mapping[_Key, datetime]) -> TakenBack | None:
        came = known[_key(old)]
        later = [twin for twin in twins if (at := known.get(_key(twin))) is None or at > came]
        same = [twin.ex_date for twin in later if is_same_but_date(twin, old)]
        if not same:
            return None
        nearest = min(same, key=lambda day: (abs(day - old.ex_date), day))
        return TakenBack(self._source, old.symbol, old.kind, old.ex_date, nearest)

    def _read(self, lake: Lake, standing: Snapshot, symbols: Sequence[str], start: date, end: date) -> pl.DataFrame:
        rows = lake.read(
            _TABLE, standing, source=self._source, columns=[*RAW_ACTIONS.names(), _KNOWN], start=start, end=end, symbols=symbols
        )
        return rows.cast({"kind": pl.String})


def take_back(frames: dict[str, pl.DataFrame], gone: Sequence[TakenBack], lake: Lake, standing: Snapshot) -> None:
    """Take rows out of the files that hold them.

    Args:
        frames: by path, the rows of `corporate_actions` that a commit is to write; the files that hold such rows are put beside them.
        gone: which rows.
        lake: where the files are.
        standing: it now.
    """
    if not gone:
        return
    keys = pl.DataFrame([(each.symbol, each.ex_date, each.kind) for each in gone], schema=[*_KEY], orient="row")
    first, last = min(each.ex_date for each in gone), max(each.ex_date for each in gone)
    for file in standing.of(_TABLE, gone[0].source):
        if file.first_session is None or file.last_session is None or file.last_session < first or file.first_session > last:
            continue
        rows = frames[file.path] if file.path in frames else lake.read(_TABLE, replace(standing, files=(file,)))
        kept = rows.join(keys.cast({"kind": rows.schema["kind"]}), on=_KEY, how="anti", maintain_order="left")
        if kept.height < rows.height:
            frames[file.path] = kept
