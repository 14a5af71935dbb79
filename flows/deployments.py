"""Each book as a Prefect deployment: its end of day, or its slots within a session; cron in the exchange's zone, one run at a time."""

from collections import defaultdict
from datetime import timedelta
from typing import Any

from prefect import Flow, serve
from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
from prefect.deployments.runner import RunnerDeployment
from prefect.schedules import Cron, Schedule
from prefect.types.entrypoint import EntrypointType

from flows.end_of_day import end_of_day
from flows.intraday import intraday
from grodt.settings.book import BookConfig
from grodt.slots import CLOSE, times_of_day
from tasks.wiring import books

#: How far before the end of what a calendar knows slots are looked for, and slots of early closes: a year need not have every one of
#: these. Hong Kong had no half day from February 2022 to January 2024, as all fell on weekends.
_DAYS, _EARLY_DAYS = timedelta(days=400), timedelta(days=8 * 366)


def deployment(book: BookConfig) -> RunnerDeployment:
    """A book's end of day, `<book>-eod`, or its slots and their close, `<book>-intraday`.

    A run that would overlap another is cancelled; the ledger's lease guards the book besides.
    """
    if book.intraday is None:
        schedules = [Cron(book.schedule.cron, timezone=book.exchange.zone.key, slug="eod")]
        return _deployment(book, end_of_day, "eod", schedules, f"through the latest complete session of {book.calendar}")
    return _deployment(book, intraday, "intraday", slot_schedules(book), f"through the slots of the sessions of {book.calendar}")


def slot_schedules(book: BookConfig) -> list[Schedule]:
    """One schedule for each minute of the hour at which some session has a slot, early closes too, and the book's own for the close.

    Slots come on every day of the week: which days are sessions the calendar knows, and the close may run on other days than its session,
    such as after midnight. A time that is no slot of the day in question makes a run that says so and does nothing.
    """
    calendar = book.exchange
    zone, (first, last) = calendar.zone.key, calendar.bounds()
    end = calendar.previous(last)
    sessions = (*calendar.between(max(first, last - _DAYS), end), *calendar.early_closes(max(first, last - _EARLY_DAYS), end))
    hours: dict[int, list[int]] = defaultdict(list)
    for each in times_of_day(book.within.rule(), calendar, sessions):
        hours[each.minute].append(each.hour)
    slots = [
        Cron(f"{minute} {','.join(map(str, of))} * * *", timezone=zone, slug=f"slots-{minute:02}") for minute, of in sorted(hours.items())
    ]
    return [*slots, Cron(book.schedule.cron, timezone=zone, slug=CLOSE, parameters={"slot": CLOSE})]


def _deployment(book: BookConfig, what: Flow[Any, Any], name: str, schedules: list[Schedule], takes: str) -> RunnerDeployment:
    return what.to_deployment(  # type: ignore[return-value]  # typed as awaitable too; it is one only inside a loop
        f"{book.name}-{name}",
        schedules=schedules,
        parameters={"book": book.name},
        tags=[f"book:{book.name}"],
        description=f"Takes book {book.name} {takes}.",
        concurrency_limit=ConcurrencyLimitConfig(limit=1, collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW, grace_period_seconds=60),
        entrypoint_type=EntrypointType.MODULE_PATH,
    )


def describe() -> list[str]:
    """One line per deployment: what runs when."""
    return [_described(book) for book in books().books.values()]


def _described(book: BookConfig) -> str:
    zone, cron = book.exchange.zone.key, book.schedule.cron
    if book.intraday is None:
        return (
            f"{book.name}-eod: {cron} {zone}, not on holidays of {book.calendar}, not later than {book.schedule.latest_start_minutes} min "
            "after its time"
        )
    rule = book.within.rule()
    flat = "" if rule.flat_by is None else f", flat by {rule.flat_by:%H:%M}"
    return (
        f"{book.name}-intraday: every {book.within.every} from {rule.first:%H:%M} to {rule.last:%H:%M}{flat}, the close at {cron} {zone}, "
        f"not on holidays of {book.calendar}, a slot not later than {rule.latest_start} min after its time"
    )


def serve_books() -> None:
    """Schedule every book and run what is due, until interrupted."""
    found = list(books().books.values())
    serve(*(deployment(book) for book in found), limit=len(found), pause_on_shutdown=False, print_starting_message=False)
