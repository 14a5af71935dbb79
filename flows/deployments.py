"""Each book's end of day as a Prefect deployment: cron in the exchange's zone, one run at a time."""

from prefect import serve
from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
from prefect.deployments.runner import RunnerDeployment
from prefect.schedules import Cron
from prefect.types.entrypoint import EntrypointType

from flows.end_of_day import end_of_day
from grodt.settings.books import BookConfig
from tasks.wiring import books


def deployment(book: BookConfig) -> RunnerDeployment:
    """A book's end of day, `<book>-eod`. A run that would overlap another is cancelled; the ledger's lease guards the book besides."""
    return end_of_day.to_deployment(  # type: ignore[return-value]  # typed as awaitable too; it is one only inside a loop
        f"{book.name}-eod",
        schedules=[Cron(book.schedule.cron, timezone=book.exchange.zone.key, slug="eod")],
        parameters={"book": book.name},
        tags=[f"book:{book.name}"],
        description=f"Takes book {book.name} through the latest complete session of {book.calendar}.",
        concurrency_limit=ConcurrencyLimitConfig(limit=1, collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW, grace_period_seconds=60),
        entrypoint_type=EntrypointType.MODULE_PATH,
    )


def describe() -> list[str]:
    """One line per deployment: what runs when."""
    return [
        f"{book.name}-eod: {book.schedule.cron} {book.exchange.zone.key}, not on holidays of {book.calendar}, "
        f"not later than {book.schedule.latest_start_minutes} min after its time"
        for book in books().books.values()
    ]


def serve_books() -> None:
    """Schedule every book and run what is due, until interrupted."""
    found = list(books().books.values())
    serve(*(deployment(book) for book in found), limit=len(found), pause_on_shutdown=False, print_starting_message=False)
