"""Corporate actions of a session that goes on, which are known before its daily bars are."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

import polars as pl

from grodt.bars.source import RAW_ACTIONS, BarSource
from grodt.bars.taken_back import TakenBack, Untold, take_back
from grodt.errors import DataError
from grodt.lake import Lake, LakeFile, Snapshot, actions_path

_KEY = ("symbol", "ex_date", "kind")


@dataclass(frozen=True, slots=True)
class ActionsOfToday:
    """What an answer brought, for the caller to commit.

    Attributes:
        files: one for each year of the days, and new versions of those that lose a row; none where there is nothing new.
        taken_back: actions that leave the lake with them.
    """

    files: tuple[LakeFile, ...]
    taken_back: tuple[TakenBack, ...]


async def fetch_actions_of_today(
    source: BarSource,
    symbols: Sequence[str],
    session: date,
    untold: Untold,
    *,
    since: date,
    lake: Lake,
    standing: Snapshot,
    run_id: str,
    known_at: datetime,
) -> ActionsOfToday:
    """Ask the source for the actions that take effect in the session, and write those that the lake lacks, without those that have moved.

    These are those with its ex date, and those of days before it that are no sessions, as of a weekend. What the source says of the
    session's daily bars is not looked at: it may be a part of them, or more than was known by now.

    Args:
        source: who is asked.
        symbols: whose, ascending.
        session: goes on.
        untold: what it does not tell any more of the sessions before, which it has just been asked for.
        since: the day after the session before.
        lake: where files go.
        standing: the lake's `corporate_actions` now.
        run_id: written beside the file.
        known_at: the instant at which the answer is known.

    Raises:
        VendorUnavailable: the source did not answer.
        DataError: its actions cannot be read.
    """
    actions = (await source.fetch(symbols, since, session)).actions
    if actions.schema != RAW_ACTIONS:
        raise DataError(
            f"corporate actions of source {source.name!r} have columns {dict(actions.schema)}, not {dict(RAW_ACTIONS)}; mend it"
        )
    own = actions.filter(pl.col("ex_date").is_between(since, session) & pl.col("symbol").is_in(list(symbols)))
    known = lake.read("corporate_actions", standing, source=source.name, start=since, end=session, symbols=symbols)
    new = own.join(known.cast({"kind": pl.String}), on=_KEY, how="anti")
    gone = untold.answered(lake, standing, symbols, since, session, own)
    mark = pl.lit(source.name).alias("source"), pl.lit(known_at).cast(pl.Datetime("us", "UTC")).alias("known_at")
    frames: dict[str, pl.DataFrame] = {}
    for year in sorted({day.year for day in new["ex_date"]}):
        path = actions_path(source.name, symbols, since, session, year)
        frame = new.filter(pl.col("ex_date").dt.year() == year).with_columns(*mark)
        there = tuple(file for file in standing.of("corporate_actions") if file.path == path)
        if there:
            rows = lake.read("corporate_actions", replace(standing, files=there))
            frame = pl.concat([rows.select(frame.columns).cast(frame.schema), frame])
        frames[path] = frame
    take_back(frames, gone, lake, standing)
    files = [
        lake.write("corporate_actions", path, frame, source=source.name, known_at=known_at, run_id=run_id)
        for path, frame in sorted(frames.items())
    ]
    return ActionsOfToday(tuple(files), gone)
