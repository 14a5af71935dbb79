"""Commands that stay: ui, metrics, serve, desk."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from flows.progress import console, out
from flows.server import UI_PORT, scheduling_server, serve_ui
from grodt.errors import ConfigError
from tasks.environment import clock, environment

METRICS_PORT = 9464
DESK_PORT = 4210


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (ui, metrics, serve, desk):
        app.command(command.__name__)(command)


def ui(port: Annotated[int, typer.Option("--port", min=1, max=65535, help="Port on this machine.")] = UI_PORT) -> None:
    """Open the Prefect UI on this home's runs, until Ctrl-C."""
    console.print("starting the Prefect server, about ten seconds")
    serve_ui(environment().home, port, ready=lambda url: out.print(f"Prefect UI  {url}/runs  (Ctrl-C ends it)", soft_wrap=True))


def metrics(
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Port to serve on; 0 for any free one.")] = METRICS_PORT,
    host: Annotated[str, typer.Option("--host", help="Address to listen on; 0.0.0.0 for every one.")] = "127.0.0.1",
    once: Annotated[bool, typer.Option("--once", help="Print the metrics and end.")] = False,
) -> None:
    """Serve Prometheus metrics over ledger and lake, until Ctrl-C."""
    from flows.at_home import ledger_at_home
    from grodt.telemetry.ledger_metrics import LedgerMetrics
    from grodt.telemetry.metrics import render
    from grodt.telemetry.metrics import serve as serve_metrics
    from tasks.wiring import books

    where = environment()
    calendars = {book.source: book.exchange for book in books(where).books.values()}
    with ledger_at_home() as ledger:
        source = LedgerMetrics(ledger, calendars, clock(where))
        if once:
            typer.echo(render(source).decode(), nl=False)
            return
        try:
            server = serve_metrics(source, port, host)
        except OSError as error:
            raise ConfigError(f"port {port} of {host} cannot be used ({error.strerror}): choose another with --port") from None
        out.print(f"metrics  {server.url}  (Ctrl-C ends it)", soft_wrap=True)
        try:
            with _interruptible():
                server.wait()
        except KeyboardInterrupt:
            server.stop()


def serve(port: Annotated[int, typer.Option("--port", min=1, max=65535, help="Port of the Prefect UI on this machine.")] = UI_PORT) -> None:
    """Schedule and run every book's end of day, with the Prefect UI beside it, until Ctrl-C."""
    where = environment()
    os.environ["GRODT_LOG_STDOUT"] = "1"
    console.print("starting the Prefect server, about ten seconds")
    with scheduling_server(where.home, port) as server:
        from flows.deployments import describe, serve_books

        console.print(f"Prefect UI  {server.ui_url}  (Ctrl-C ends it)", soft_wrap=True)
        for line in describe():
            console.print(line, soft_wrap=True)
        serve_books()


def desk(
    host: Annotated[str, typer.Option("--host", help="Address to listen on; any but this machine's own needs TLS.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=1, max=65535, help="Port to serve on.")] = DESK_PORT,
    certificate: Annotated[
        Path | None, typer.Option("--certificate", exists=True, dir_okay=False, resolve_path=True, help="PEM file of TLS.")
    ] = None,
    key: Annotated[
        Path | None, typer.Option("--key", exists=True, dir_okay=False, resolve_path=True, help="PEM file of its private key.")
    ] = None,
    proxies: Annotated[
        int, typer.Option("--proxies", min=0, max=9, help="Proxies before it, which end TLS and name who asks in X-Forwarded-For.")
    ] = 0,
    origin: Annotated[
        list[str] | None, typer.Option("--origin", help="Origin, such as https://desk.example, whose scripts may use the API; repeatable.")
    ] = None,
    new_key: Annotated[bool, typer.Option("--new-key", help="Sign tokens with a new key from now on, and end.")] = False,
) -> None:
    """Serve the desk, API and pages, until Ctrl-C. `grodt users` says who may log in."""
    from flows.desk_server import Serving, renew_keys, serve_desk

    if new_key:
        renew_keys(environment(), anew=True)
        out.print("a new key signs tokens from now on; those of before are valid for as long as they said", soft_wrap=True)
        return
    serving = Serving(host, port, certificate, key, proxies, tuple(each.rstrip("/") for each in origin or ()))
    serve_desk(serving, lambda url: out.print(f"desk  {url}  (Ctrl-C ends it)", soft_wrap=True))


@contextmanager
def _interruptible() -> Iterator[None]:
    """Ctrl-C and SIGTERM end the block at once. Polars, once imported, takes Ctrl-C in a way that lets a wait for a thread go on."""
    before = {each: signal.signal(each, signal.default_int_handler) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
