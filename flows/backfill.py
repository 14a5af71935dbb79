"""The backfill of a book's source: history it lacks, and gaps in what it has."""

from datetime import date

from prefect import flow, runtime

from grodt.execution.backfill import Backfilled
from grodt.execution.backfill_minutes import BackfilledMinutes
from grodt.ledger.manifest import Width
from tasks.backfill import backfill_of, fetch_missing


def _name() -> str:
    parameters = runtime.flow_run.parameters
    kind = ("" if parameters["bars"] == "1d" else f" · {parameters['bars']}") + (" · again" if parameters["again"] else "")
    return f"{parameters['book']}{kind} · {parameters['start']} to {parameters['end']}"


@flow(name="backfill", flow_run_name=_name)
def backfill(book: str, start: date, end: date, bars: Width = "1d", again: bool = False) -> Backfilled | BackfilledMinutes:
    """Bring the lake to hold the daily (or minute) bars of the source from `start` to `end`.

    What is there is not asked for, unless `again` says so: then what the source has corrected becomes a new version.
    """
    with backfill_of(book, start, end, bars, again=again) as this:
        return fetch_missing(this)
