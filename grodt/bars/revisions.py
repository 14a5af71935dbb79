"""What a source says on second thoughts: bars and corporate actions that it had given before, asked for again.

A row that differs from what the lake has is a revision. It becomes part of a new version of the very file that holds the row, with the
`known_at` of the answer; the version before stays readable, so a reader that asks as of an earlier instant sees what was known then. A row
that the lake lacks is added. A row that the source no longer gives stays, since silence is no correction, unless it is a corporate action
that comes under another ex date instead (`grodt.bars.taken_back`).
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

import polars as pl

from grodt.bars.chunks import Chunk, ChunkResult, parted
from grodt.bars.quality import GateResult
from grodt.bars.taken_back import TakenBack, take_back
from grodt.lake import Lake, LakeFile, Snapshot, actions_path, bars_path, quarantine_path

_CELL = ("symbol", "session")
_ACTION = ("symbol", "ex_date", "kind")
#: What of a bar a revision changes.
BAR_VALUES = ("open", "high", "low", "close", "volume")
_ACTION_VALUES = ("pay_date", "ratio_new", "ratio_old", "cash_per_share", "new_symbol")


@dataclass(frozen=True, slots=True)
class Again:
    """Of an answer that was asked for again, the rows of one table.

    Attributes:
        table: its name.
        key: what identifies a row, beside the source.
        day: the column with its session or ex date.
        values: columns that a revision changes; none: a row that stands is never changed.
        path: where rows go that the lake lacks.
        rows: with every column of the table, `known_at` being the instant of the answer.
        gone: of corporate actions, rows that leave the lake.
    """

    table: str
    key: tuple[str, ...]
    day: str
    values: tuple[str, ...]
    path: str
    rows: pl.DataFrame
    gone: tuple[TakenBack, ...] = ()

    def standing(self, lake: Lake, snapshot: Snapshot, source: str) -> pl.DataFrame:
        """Key and values of the rows that the lake has of the same symbols and days."""
        columns = [*self.key, *self.values]
        if self.rows.is_empty():
            return self.rows.select(columns)
        first, last = _range(self.rows, self.day)
        symbols = self.rows["symbol"].unique().to_list()
        return _shaped(lake.read(self.table, snapshot, source=source, columns=columns, start=first, end=last, symbols=symbols), self.rows)

    def changed(self, standing: pl.DataFrame) -> pl.DataFrame:
        """The rows that differ from the one of the same key that stands."""
        if not self.values:
            return self.rows.clear()
        both = self.rows.join(standing, on=self.key, how="inner", suffix="_before", maintain_order="left")
        differs = pl.any_horizontal(pl.col(value).ne_missing(pl.col(f"{value}_before")) for value in self.values)
        return both.filter(differs).select(self.rows.columns)


@dataclass(frozen=True, slots=True)
class Revised:
    """What an answer that was asked for again has changed.

    Attributes:
        files: versions to commit, at most one per path.
        added: by table, rows that the lake did not have.
        revised: by table, rows that differ from those it had.
        taken_back: corporate actions that leave the lake.
    """

    files: tuple[LakeFile, ...]
    added: Mapping[str, int]
    revised: Mapping[str, int]
    taken_back: tuple[TakenBack, ...] = ()

    def result(self, chunk: Chunk, bars: str, quarantine: str, reasons: tuple[str, ...]) -> ChunkResult:
        """The same for whoever commits it; `bars` and `quarantine` are the names of the answer's tables."""
        revised = sum(self.revised.values())
        return ChunkResult(chunk, self.files, (), self.added[bars], self.added[quarantine], reasons, revised, self.taken_back)


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


def write_again(parts: Sequence[Again], lake: Lake, standing: Snapshot, *, source: str, run_id: str, known_at: datetime) -> Revised:
    """Write new versions of the files whose rows an answer revises, and what the lake lacks.

    Args:
        parts: the answer, as the gate let it through and refused it.
        lake: where files go.
        standing: the lake as it is.
        source: who answered.
        run_id: written beside each file.
        known_at: the instant of the answer.
    """
    files: list[LakeFile] = []
    added, revised = {}, {}
    for part in parts:
        old = part.standing(lake, standing, source)
        changed = part.changed(old)
        news = part.rows.join(old, on=part.key, how="anti")
        frames = _rewritten(part, changed, lake, standing, source)
        if news.height:
            stands = frames[part.path] if part.path in frames else _at(part.path, part.table, lake, standing)
            frames[part.path] = news if stands is None else pl.concat([_shaped(stands, news), news])
        take_back(frames, part.gone, lake, standing)
        files += [
            lake.write(part.table, path, frame, source=source, known_at=known_at, run_id=run_id) for path, frame in sorted(frames.items())
        ]
        added[part.table], revised[part.table] = news.height, changed.height
    return Revised(tuple(files), added, revised, tuple(each for part in parts for each in part.gone))


def daily_parts(
    chunk: Chunk, result: GateResult, gone: tuple[TakenBack, ...], *, source: str, run_id: str, known_at: datetime
) -> tuple[Again, ...]:
    """An answer with daily bars, as the gate judged it, and the corporate actions that leave the lake, in parts for `write_again`."""
    mark = pl.lit(source).alias("source"), pl.lit(known_at).cast(pl.Datetime("us", "UTC")).alias("known_at")
    where = source, chunk.symbols, chunk.start, chunk.end, chunk.start.year
    refused = result.quarantined.with_columns(*mark, pl.lit(run_id).alias("run_id"))
    return (
        Again("bars_1d", _CELL, "session", BAR_VALUES, bars_path(*where), result.bars.with_columns(mark)),
        Again("corporate_actions", _ACTION, "ex_date", _ACTION_VALUES, actions_path(*where), result.actions.with_columns(mark), gone),
        Again("quarantine", _CELL, "session", (), quarantine_path(*where), refused),
    )


def _rewritten(part: Again, changed: pl.DataFrame, lake: Lake, standing: Snapshot, source: str) -> dict[str, pl.DataFrame]:
    """By path, the rows of each file that holds a row that changed, with the change."""
    frames: dict[str, pl.DataFrame] = {}
    if changed.is_empty():
        return frames
    first, last = _range(changed, part.day)
    for file in standing.of(part.table, source):
        if file.first_session is not None and file.last_session is not None and (file.last_session < first or file.first_session > last):
            continue
        rows = _shaped(lake.read(part.table, replace(standing, files=(file,))), changed)
        kept = rows.join(changed, on=part.key, how="anti")
        if kept.height < rows.height:
            frames[file.path] = pl.concat([kept, changed.join(rows, on=part.key, how="semi")])
    return frames


def _range(rows: pl.DataFrame, day: str) -> tuple[date, date]:
    first, last = rows[day].min(), rows[day].max()
    assert isinstance(first, date)
    assert isinstance(last, date)
    return first, last


def _at(path: str, table: str, lake: Lake, standing: Snapshot) -> pl.DataFrame | None:
    files: Sequence[LakeFile] = tuple(file for file in standing.of(table) if file.path == path)
    return lake.read(table, replace(standing, files=tuple(files))) if files else None


def _shaped(rows: pl.DataFrame, like: pl.DataFrame) -> pl.DataFrame:
    """The rows with as many of the other's columns as they have, in its order and of its types."""
    return rows.select(pl.col(name).cast(dtype) for name, dtype in like.schema.items() if name in rows.columns)
