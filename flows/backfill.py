"""The backfill of a book's source: history it lacks, and gaps in what it has."""

from datetime import date

from prefect import flow, runtime

from grodt.execution.backfill import Backfilled
from grodt.execution.backfill_minutes import BackfilledMinutes
from grodt.ledger.manifest import Width
from tasks.backfill import backfill_of, fetch_missing


def _name() -> str:
    parameters = runtime.flow_run.parameters
    kind = "" if parameters["bars"] == "1d" else f" · {parameters['bars']}"
    return f"{parameters['book']}{kind} · {parameters['start']} to {parameters['end']}"


@flow(name="backfill", flow_run_name=_name)
def backfill(book: str, start: date, end: date, bars: Width = "1d") -> Backfilled | BackfilledMinutes:
    """Bring the lake to hold the daily (or minute) bars of the source from `start` to `end`. What is there is not asked for again."""
    with backfill_of(book, start, end, bars) as this:
        return fetch_missing(this)
