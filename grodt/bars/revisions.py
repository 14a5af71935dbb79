"""What a source says on second thoughts: bars and corporate actions that it had given before, asked for again.

A row that differs from what the lake has is a revision. It becomes part of a new version of the very file that holds the row, with the
`known_at` of the answer; the version before stays readable, so a reader that asks as of an earlier instant sees what was known then. A row
that the lake lacks is added. A row that the source no longer gives stays: silence is no correction.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

import polars as pl

from grodt.bars.chunks import Chunk, parted
from grodt.bars.quality import GateResult
from grodt.lake import Lake, LakeFile, Snapshot, actions_path, bars_path, quarantine_path

_CELL = ("symbol", "session")
_ACTION = ("symbol", "ex_date", "kind")
_BAR_VALUES = ("open", "high", "low", "close", "volume")
_ACTION_VALUES = ("pay_date", "ratio_new", "ratio_old", "cash_per_share", "new_symbol")


@dataclass(frozen=True, slots=True)
class Revised:
    """What an answer that was asked for again has changed.

    Attributes:
        files: versions to commit, at most one per path.
        rows: bars that the lake did not have.
        revised: bars and corporate actions that differ from those it had.
        quarantined: rows refused that had not been refused before.
    """

    files: tuple[LakeFile, ...]
    rows: int
    revised: int
    quarantined: int


def plan_again(
    coverage: Mapping[str, tuple[date, date]], symbols: Iterable[str], start: date, end: date, *, largest: int | None = None
) -> tuple[Chunk, ...]:
    """The chunks that ask again for what is covered of `symbols` from `start` to `end`, oldest first; each of one calendar year.

    Args:
        coverage: first and last day recorded, per symbol; a symbol without has nothing to be asked again.
        symbols: those that are wanted.
        start: first day.
        end: last day.
        largest: most symbols of one chunk; None: no bound.
    """
    together: dict[tuple[date, date], set[str]] = defaultdict(set)
    for symbol in symbols:
        if symbol not in coverage:
            continue
        first, last = max(start, coverage[symbol][0]), min(end, coverage[symbol][1])
        for year in range(first.year, last.year + 1):
            span = max(first, date(year, 1, 1)), min(last, date(year, 12, 31))
            if span[0] <= span[1]:
                together[span].add(symbol)
    return tuple(Chunk(part, *span, again=True) for span in sorted(together) for part in parted(together[span], largest))


def write_again(
    chunk: Chunk, result: GateResult, lake: Lake, standing: Snapshot, *, source: str, run_id: str, known_at: datetime
) -> Revised:
    """Write new versions of the files whose rows the answer revises, and what the lake lacks to the path of the chunk.

    Args:
        chunk: the question.
        result: the gate's verdict on the answer.
        lake: where files go.
        standing: the lake as it is.
        source: who answered.
        run_id: written beside each file and each refused row.
        known_at: the instant of the answer.
    """
    mark = pl.lit(source).alias("source"), pl.lit(known_at).cast(pl.Datetime("us", "UTC")).alias("known_at")
    bars = _Part("bars_1d", _CELL, _BAR_VALUES, result.bars.with_columns(mark))
    actions = _Part("corporate_actions", _ACTION, _ACTION_VALUES, result.actions.with_columns(mark))
    refused = _Part("quarantine", _CELL, (), result.quarantined.with_columns(*mark, pl.lit(run_id).alias("run_id")))
    files: list[LakeFile] = []
    added, revised = {}, 0
    for part, path_of in ((bars, bars_path), (actions, actions_path), (refused, quarantine_path)):
        old = part.standing(lake, standing, source)
        changed = part.changed(old)
        news = part.rows.join(old, on=part.key, how="anti")
        frames = _rewritten(part, changed, lake, standing, source)
        if news.height:
            path = path_of(source, chunk.symbols, chunk.start, chunk.end, chunk.start.year)
            stands = frames[path] if path in frames else _at(path, part.table, lake, standing)
            frames[path] = news if stands is None else pl.concat([_shaped(stands, news), news])
        files += [
            lake.write(part.table, path, frame, source=source, known_at=known_at, run_id=run_id) for path, frame in sorted(frames.items())
        ]
        added[part.table] = news.height
        revised += changed.height
    return Revised(tuple(files), added["bars_1d"], revised, added["quarantine"])


@dataclass(frozen=True, slots=True)
class _Part:
    """The answer's rows of one table; `values` are the columns that a revision changes."""

    table: str
    key: tuple[str, ...]
    values: tuple[str, ...]
    rows: pl.DataFrame

    def standing(self, lake: Lake, snapshot: Snapshot, source: str) -> pl.DataFrame:
        """Key and values of the rows that the lake has of the same symbols and days."""
        day, columns = self.key[1], [*self.key, *self.values]
        if self.rows.is_empty():
            return self.rows.select(columns)
        first, last = self.rows[day].min(), self.rows[day].max()
        symbols = self.rows["symbol"].unique().to_list()
        assert isinstance(first, date)
        assert isinstance(last, date)
        return _shaped(lake.read(self.table, snapshot, source=source, columns=columns, start=first, end=last, symbols=symbols), self.rows)

    def changed(self, standing: pl.DataFrame) -> pl.DataFrame:
        """The rows that differ from the one of the same key that stands."""
        if not self.values:
            return self.rows.clear()
        both = self.rows.join(standing, on=self.key, how="inner", suffix="_before", maintain_order="left")
        differs = pl.any_horizontal(pl.col(value).ne_missing(pl.col(f"{value}_before")) for value in self.values)
        return both.filter(differs).select(self.rows.columns)


def _rewritten(part: _Part, changed: pl.DataFrame, lake: Lake, standing: Snapshot, source: str) -> dict[str, pl.DataFrame]:
    """By path, the rows of each file that holds a row that changed, with the change."""
    frames: dict[str, pl.DataFrame] = {}
    if changed.is_empty():
        return frames
    days = changed[part.key[1]]
    first, last = days.min(), days.max()
    assert isinstance(first, date)
    assert isinstance(last, date)
    for file in standing.of(part.table, source):
        if file.first_session is not None and file.last_session is not None and (file.last_session < first or file.first_session > last):
            continue
        rows = _shaped(lake.read(part.table, replace(standing, files=(file,))), changed)
        kept = rows.join(changed, on=part.key, how="anti")
        if kept.height < rows.height:
            frames[file.path] = pl.concat([kept, changed.join(rows, on=part.key, how="semi")])
    return frames


def _at(path: str, table: str, lake: Lake, standing: Snapshot) -> pl.DataFrame | None:
    files: Sequence[LakeFile] = tuple(file for file in standing.of(table) if file.path == path)
    return lake.read(table, replace(standing, files=tuple(files))) if files else None


def _shaped(rows: pl.DataFrame, like: pl.DataFrame) -> pl.DataFrame:
    """The rows with as many of the other's columns as they have, in its order and of its types."""
    return rows.select(pl.col(name).cast(dtype) for name, dtype in like.schema.items() if name in rows.columns)
