"""Metrics for Prometheus, read from ledger and lake at each scrape, so that numbers outlive short runs.

Names follow Prometheus: base units, `_total` for what only grows, `_timestamp_seconds` for instants, `_ratio` for shares of
equity. Nothing is kept between two scrapes.

| metric | labels | |
|---|---|---|
| `grodt_run_last_success_timestamp_seconds` | book, kind | when the latest done run closed |
| `grodt_run_last_success_session_timestamp_seconds` | book, kind | its session, midnight UTC |
| `grodt_runs` | book, kind, state | runs by state |
| `grodt_run_attempts_total` | book, kind, outcome | starts that ended |
| `grodt_stage_tries_total` | book, stage, outcome | tries that ended |
| `grodt_stage_seconds`, `grodt_stage_rows`, `grodt_stage_success` | book, stage | the latest try: how long, how many rows, 1 if done |
| `grodt_equity_usd`, `grodt_cash_usd`, `grodt_receivable_usd`, `grodt_profit_usd` | book | at the latest mark |
| `grodt_exposure_gross_ratio`, `grodt_exposure_net_ratio`, `grodt_drawdown_ratio` | book | at the latest mark |
| `grodt_mark_session_timestamp_seconds` | book | its session, midnight UTC |
| `grodt_orders` | book, state | orders by state |
| `grodt_fills_total` | book | fills booked |
| `grodt_breaks_open`, `grodt_break_oldest_age_seconds` | book, kind; book | reconciliation breaks |
| `grodt_halts_active` | book, scope, side, kind | halts that hold; an empty book is every book |
| `grodt_requests_waiting` | book, kind | requests that wait for people; an empty book is every book |
| `grodt_request_first_expiry_timestamp_seconds` | book, kind | when the first of them expires undecided |
| `grodt_data_age_seconds`, `grodt_data_age_sessions` | source | since we learned the latest bar; sessions complete since its session |
| `grodt_lake_files`, `grodt_lake_rows`, `grodt_lake_bytes` | table, source | current files |
"""

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from functools import partial
from typing import Protocol
from wsgiref.simple_server import WSGIServer

from prometheus_client import CollectorRegistry, generate_latest, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from grodt.ledger.marks import Mark
from grodt.ledger.metrics import Count, LedgerFigures
from grodt.money import units

_BARS = "bars_1d"


@dataclass(frozen=True, slots=True)
class Figures:
    """What one scrape shows.

    Attributes:
        ledger: what the ledger and its manifest of the lake say.
        at: when they were read.
        data_age_sessions: by source, complete sessions that have no bars yet.
    """

    ledger: LedgerFigures
    at: datetime
    data_age_sessions: Mapping[str, int] = field(default_factory=dict)


class MetricsSource(Protocol):
    """Reads the figures; called from the threads of the server."""

    def figures(self) -> Figures:
        """The figures now."""
        ...


class LedgerCollector(Collector):
    """Turns figures into metrics. A source that raises fails the scrape, and Prometheus sees the target as down."""

    def __init__(self, source: MetricsSource) -> None:
        self._source = source

    def collect(self) -> Iterable[Metric]:
        """All metrics, from one reading."""
        figures = self._source.figures()
        yield from _runs(figures.ledger)
        yield from _books(figures)
        yield from _data(figures)

    def describe(self) -> Iterable[Metric]:
        """Nothing: naming the metrics would read the ledger before the first scrape."""
        return ()


@dataclass(frozen=True, slots=True)
class MetricsServer:
    """A running exporter."""

    url: str
    _server: WSGIServer
    _thread: threading.Thread

    def wait(self) -> None:
        """Wait until another thread stops it."""
        self._thread.join()

    def stop(self) -> None:
        """End it and free its port."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def render(source: MetricsSource) -> bytes:
    """The metrics now, in Prometheus' text format."""
    return generate_latest(_registry(source))


def serve(source: MetricsSource, port: int, host: str = "127.0.0.1") -> MetricsServer:
    """Serve `/metrics` from a thread until stopped. Port 0 takes any free one.

    Raises:
        OSError: the port is taken.
    """
    server, thread = start_http_server(port, addr=host, registry=_registry(source))
    return MetricsServer(f"http://{host}:{server.server_port}/metrics", server, thread)


def _registry(source: MetricsSource) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(LedgerCollector(source))
    return registry


def _gauge[T](name: str, text: str, labels: Sequence[str], items: Iterable[T], read: Callable[[T], tuple[Sequence[str], float]]) -> Metric:
    family = GaugeMetricFamily(name, text, labels=labels)
    for item in items:
        family.add_metric(*read(item))
    return family


def _counted(name: str, text: str, labels: Sequence[str], counts: Iterable[Count]) -> Metric:
    kind = CounterMetricFamily if name.endswith("_total") else GaugeMetricFamily
    family = kind(name, text, labels=labels)
    for count in counts:
        given = dict(count.labels)
        family.add_metric([given[label] for label in labels], count.value)
    return family


def _runs(ledger: LedgerFigures) -> Iterable[Metric]:
    cycle = ("book", "kind")
    yield _gauge(
        "grodt_run_last_success_timestamp_seconds",
        "When the latest done run closed",
        cycle,
        ledger.last_done,
        lambda run: ((run.book, run.kind), run.closed_at.timestamp()),
    )
    yield _gauge(
        "grodt_run_last_success_session_timestamp_seconds",
        "Session of the latest done run, midnight UTC",
        cycle,
        ledger.last_done,
        lambda run: ((run.book, run.kind), _midnight(run.session)),
    )
    yield _counted("grodt_runs", "Runs by state", ("book", "kind", "state"), ledger.runs)
    yield _counted("grodt_run_attempts_total", "Starts of runs that ended", ("book", "kind", "outcome"), ledger.attempts)
    stage = ("book", "stage")
    yield _counted("grodt_stage_tries_total", "Tries of stages that ended", ("book", "stage", "outcome"), ledger.stage_tries)
    yield _gauge(
        "grodt_stage_seconds",
        "How long the latest try of the stage took",
        stage,
        ledger.stages,
        lambda last: ((last.book, last.stage), (last.ended_at - last.started_at).total_seconds()),
    )
    yield _gauge(
        "grodt_stage_rows",
        "Rows the latest try of the stage made",
        stage,
        ledger.stages,
        lambda last: ((last.book, last.stage), last.rows),
    )
    yield _gauge(
        "grodt_stage_success",
        "1 if the latest try of the stage was done, 0 if it failed or halted",
        stage,
        ledger.stages,
        lambda last: ((last.book, last.stage), float(last.outcome == "done")),
    )


def _books(figures: Figures) -> Iterable[Metric]:
    ledger = figures.ledger
    for name, text, read in _AT_MARK:
        yield _gauge(name, text, ("book",), ledger.marks, partial(_of_mark, read))
    yield _counted("grodt_orders", "Orders by the state they have reached", ("book", "state"), ledger.orders)
    yield _counted("grodt_fills_total", "Fills booked", ("book",), ledger.fills)
    yield _counted("grodt_breaks_open", "Open reconciliation breaks", ("book", "kind"), ledger.open_breaks)
    yield _gauge(
        "grodt_break_oldest_age_seconds",
        "Time since the oldest open break was first seen",
        ("book",),
        ledger.oldest_breaks,
        lambda oldest: ((oldest.book,), (figures.at - oldest.first_seen_at).total_seconds()),
    )
    yield _counted(
        "grodt_halts_active", "Halts that hold; an empty book is every book", ("book", "scope", "side", "kind"), ledger.active_halts
    )
    waiting = ("book", "kind")
    yield _gauge(
        "grodt_requests_waiting",
        "Requests that wait for people; an empty book is every book",
        waiting,
        ledger.waiting,
        lambda each: ((each.book, each.kind), each.requests),
    )
    yield _gauge(
        "grodt_request_first_expiry_timestamp_seconds",
        "When the first of the waiting requests expires undecided",
        waiting,
        ledger.waiting,
        lambda each: ((each.book, each.kind), each.expires_at.timestamp()),
    )


def _data(figures: Figures) -> Iterable[Metric]:
    lake = figures.ledger.lake
    yield _gauge(
        "grodt_data_age_seconds",
        "Time since we learned the latest bar of the source",
        ("source",),
        [size for size in lake if size.table == _BARS],
        lambda size: ((size.source,), (figures.at - size.known_at).total_seconds()),
    )
    yield _gauge(
        "grodt_data_age_sessions",
        "Complete sessions without bars of the source yet",
        ("source",),
        figures.data_age_sessions.items(),
        lambda age: ((age[0],), age[1]),
    )
    of_table = ("table", "source")
    yield _gauge("grodt_lake_files", "Current files", of_table, lake, lambda size: ((size.table, size.source), size.files))
    yield _gauge("grodt_lake_rows", "Rows of the current files", of_table, lake, lambda size: ((size.table, size.source), size.rows))
    yield _gauge("grodt_lake_bytes", "Bytes of the current files", of_table, lake, lambda size: ((size.table, size.source), size.size))


def _of_mark(read: Callable[[Mark], float], mark: Mark) -> tuple[Sequence[str], float]:
    return (mark.book,), read(mark)


def _midnight(session: date) -> float:
    return datetime.combine(session, time(), UTC).timestamp()


#: What is shown of each book's latest mark.
_AT_MARK: tuple[tuple[str, str, Callable[[Mark], float]], ...] = (
    ("grodt_equity_usd", "Equity at the latest mark", lambda mark: units(mark.equity)),
    ("grodt_cash_usd", "Cash at the latest mark", lambda mark: units(mark.cash)),
    ("grodt_receivable_usd", "Dividends owed to the book at the latest mark", lambda mark: units(mark.receivable)),
    ("grodt_profit_usd", "Change of equity from the mark before to the latest", lambda mark: units(mark.profit)),
    ("grodt_exposure_gross_ratio", "Sum of absolute position values over equity at the latest mark", lambda mark: mark.gross),
    ("grodt_exposure_net_ratio", "Sum of position values over equity at the latest mark", lambda mark: mark.net),
    ("grodt_drawdown_ratio", "Equity over its high-water mark, less one", lambda mark: mark.drawdown),
    ("grodt_mark_session_timestamp_seconds", "Session of the latest mark, midnight UTC", lambda mark: _midnight(mark.session)),
)
