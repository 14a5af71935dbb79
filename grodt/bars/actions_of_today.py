"""Corporate actions of a session that goes on, which are known before its daily bars are."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime

import polars as pl

from grodt.bars.source import RAW_ACTIONS, BarSource
from grodt.errors import DataError
from grodt.lake import Lake, LakeFile, Snapshot, actions_path

_KEY = ("symbol", "ex_date", "kind")


async def fetch_actions_of_today(
    source: BarSource, symbols: Sequence[str], session: date, *, lake: Lake, standing: Snapshot, run_id: str, known_at: datetime
) -> LakeFile | None:
    """Ask the source for the actions whose ex date the session is, and write those that the lake lacks.

    What the source says of the session's daily bars is not looked at: it may be a part of them, or more than was known by now.

    Args:
        source: who is asked.
        symbols: whose, ascending.
        session: goes on.
        lake: where the file goes.
        standing: the lake's `corporate_actions` now.
        run_id: written beside the file.
        known_at: the instant at which the answer is known.

    Returns:
        The file, for the caller to commit; None where there is nothing new.

    Raises:
        VendorUnavailable: the source did not answer.
        DataError: its actions cannot be read.
    """
    actions = (await source.fetch(symbols, session, session)).actions
    if actions.schema != RAW_ACTIONS:
        raise DataError(
            f"corporate actions of source {source.name!r} have columns {dict(actions.schema)}, not {dict(RAW_ACTIONS)}; mend it"
        )
    own = actions.filter((pl.col("ex_date") == session) & pl.col("symbol").is_in(list(symbols)))
    known = lake.read("corporate_actions", standing, source=source.name, start=session, end=session, symbols=symbols)
    new = own.join(known.cast({"kind": pl.String}), on=_KEY, how="anti")
    if not new.height:
        return None
    path = actions_path(source.name, symbols, session, session, session.year)
    frame = new.with_columns(pl.lit(source.name).alias("source"), pl.lit(known_at).cast(pl.Datetime("us", "UTC")).alias("known_at"))
    there = tuple(file for file in standing.of("corporate_actions") if file.path == path)
    if there:
        frame = pl.concat([lake.read("corporate_actions", replace(standing, files=there)).select(frame.columns).cast(frame.schema), frame])
    return lake.write("corporate_actions", path, frame, source=source.name, known_at=known_at, run_id=run_id)
