"""The backfill of a book's source: history it lacks, and gaps in what it has."""

from datetime import date

from prefect import flow, runtime

from grodt.execution.backfill import Backfilled
from tasks.backfill import backfill_of, fetch_missing


def _name() -> str:
    parameters = runtime.flow_run.parameters
    return f"{parameters['book']} · {parameters['start']} to {parameters['end']}"


@flow(name="backfill", flow_run_name=_name)
def backfill(book: str, start: date, end: date) -> Backfilled:
    """Bring the lake to hold what the source has from `start` to `end`. What is there is not asked for again."""
    with backfill_of(book, start, end) as this:
        return fetch_missing(this)
