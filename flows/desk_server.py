"""Serving the desk: its parts put together, over workers of granian."""

import os
import re
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from threading import Thread
from typing import Any

import grodt
from flows.cancelling import cancel_meanwhile
from flows.waking import let_go_on_elsewhere, server_answers, suspended_run
from flows.whole_requests import WholeRequests
from grodt.desk.app import create_app
from grodt.desk.keys import VARIABLE, Keys, renew
from grodt.desk.parts import Parts
from grodt.desk.passwords import Passwords
from grodt.desk.tokens import LIFE
from grodt.errors import ConfigError
from grodt.execution.ending import require_gone
from grodt.lake.store import Checked, Lake
from grodt.ledger.manifest import LedgerManifest
from grodt.ledger.requests import Request
from grodt.ledger.unit import Ledger
from grodt.settings.books import Books
from grodt.settings.environment import Environment
from grodt.telemetry.logs import configure
from tasks.environment import clock, environment
from tasks.wiring import books, broker_of

WORKERS = 2
#: Of a worker; each may hold one connection that reads the ledger.
_THREADS = 4
#: Halts of a worker whose brokers are asked at once, and how long whoever halts waits for them; a thread that serves is not theirs.
_CANCELLING, _PATIENCE = 8, timedelta(seconds=5)
_ORIGIN = re.compile(r"https?://[a-z0-9.-]+(:[0-9]{1,5})?")
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


@dataclass(frozen=True, slots=True)
class Serving:
    """How the desk is reached.

    Attributes:
        host, port: where it listens.
        certificate, key: of TLS, as PEM files; None: without.
        proxies: how many proxies stand before it, which end TLS and say in headers who asks.
        origins: of pages elsewhere whose scripts may use the API.
    """

    host: str
    port: int
    certificate: Path | None = None
    key: Path | None = None
    proxies: int = 0
    origins: tuple[str, ...] = ()

    @property
    def https(self) -> bool:
        """Whether passwords and tokens travel encrypted."""
        return self.certificate is not None or self.proxies > 0

    @property
    def url(self) -> str:
        """Where a browser on this machine finds it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http{'s' if self.certificate is not None else ''}://{host}:{self.port}"

    def require_safe(self) -> None:
        """Refuse to send passwords over a network as they are, or to open the API to whatever page asks.

        Raises:
            ConfigError: it would be reached from elsewhere without TLS, half of what TLS needs is missing, or an origin is none.
        """
        for each in self.origins:
            if _ORIGIN.fullmatch(each) is None:
                raise ConfigError(f"--origin {each!r} is no origin of one site; write it as https://blotter.example")
        if (self.certificate is None) != (self.key is None):
            raise ConfigError("TLS needs both --certificate and --key")
        if self.host not in _LOOPBACK and not self.https:
            raise ConfigError(
                f"on {self.host} passwords would travel as they are: give --certificate and --key, or, behind a proxy with TLS, --proxies 1"
            )


def key_file(where: Environment) -> Path:
    """The file of the keys that tokens are signed with."""
    return where.home / "desk" / "keys.json"


def renew_keys(where: Environment, *, anew: bool = False) -> None:
    """Have keys ready, unless the environment names its own; `anew`: a new one signs from now on.

    Raises:
        ConfigError: the file holds no keys, or a new key is wanted where it would sign nothing.
    """
    if os.environ.get(VARIABLE):
        if anew:
            raise ConfigError(
                f"tokens are signed with the keys of {VARIABLE}: put a new one in front of them there and start the desk anew"
            )
    else:
        renew(key_file(where), clock(where)(), outlives=LIFE, anew=anew)


def parts_of(where: Environment, ledger: Ledger, serving: Serving) -> Parts:
    """The parts of the desk of a home."""
    now = clock(where)
    checked: Checked = {}
    beside = ThreadPoolExecutor(_CANCELLING, "cancel")
    return Parts(
        ledger=ledger,
        lake=Lake(where.lake, LedgerManifest(ledger), checked=checked),
        books=rereading(where),
        now=now,
        keys=Keys(key_file(where), os.environ),
        passwords=Passwords(),
        cancel=lambda made: cancel_meanwhile(beside, ledger, made, now, _PATIENCE),
        gone=partial(_gone, ledger),
        wake=partial(_wake, where, ledger),
        origins=serving.origins,
        https=serving.https,
        proxies=serving.proxies,
        version=grodt.__version__,
    )


def _gone(ledger: Ledger, book: str, break_id: int) -> None:
    """Refuse to end the order of a break that its broker still has, or cannot say."""
    with broker_of(book) as broker:
        if broker is None:
            raise ConfigError(f"break {break_id}: book {book} has no account that could be asked for the order")
        require_gone(ledger, broker, break_id, sleep=time.sleep)


def application(serving: Serving) -> Any:
    """The application of one worker."""
    where = environment()
    configure(where.home)
    return WholeRequests(create_app(parts_of(where, Ledger.open(where.ledger_url), serving)), threads=_THREADS)


def serve_desk(serving: Serving, ready: Callable[[str], None]) -> None:
    """Serve until Ctrl-C or SIGTERM.

    Args:
        serving: how.
        ready: told the address before it is served.

    Raises:
        ConfigError: there is no ledger, the address cannot be used, or passwords would travel as they are.
    """
    from granian import Granian
    from granian.constants import Interfaces
    from granian.log import LogLevels

    serving.require_safe()
    where = environment()
    if not where.has_ledger:
        raise ConfigError(f"there is no ledger in {where.home}: run `grodt run` first, or set GRODT_HOME")
    Ledger.open(where.ledger_url).close()  # brought to this schema once, before two workers would
    books(where)
    renew_keys(where)
    _require_free(serving)
    server = Granian(
        "grodt",
        address=serving.host,
        port=serving.port,
        interface=Interfaces.RSGI,
        workers=WORKERS,
        websockets=False,
        respawn_failed_workers=True,
        log_level=LogLevels.warning,
        ssl_cert=serving.certificate,
        ssl_key=serving.key,
    )
    ready(serving.url)
    server.serve(target_loader=partial(application, serving), wrap_loader=False)


def rereading(where: Environment) -> Callable[[], Books]:
    """The books file as it is, read again when it has changed.

    What is returned raises ConfigError where the file is gone or wrong.
    """
    seen: tuple[int, int] | None = None
    found: Books | None = None

    def current() -> Books:
        nonlocal seen, found
        try:
            state = None if where.books_file is None else where.books_file.stat()
        except OSError as error:
            raise ConfigError(
                f"books file {where.books_file} cannot be read ({error.strerror}): put it back, or start the desk with another"
            ) from None
        mark = (0, 0) if state is None else (state.st_mtime_ns, state.st_size)
        if found is None or mark != seen:
            found, seen = books(where), mark
        return found

    return current


def _wake(where: Environment, ledger: Ledger, request: Request) -> str:
    with ledger.read() as tx:
        waits = suspended_run(tx, request, clock(where)())
    if waits is None or not server_answers(where.home):
        return ""
    Thread(target=let_go_on_elsewhere, args=(request,), name=f"wake {request.short}", daemon=True).start()
    return "the flow run that waits in the Prefect UI is asked to go on with it"


def _require_free(serving: Serving) -> None:
    family = socket.AF_INET6 if ":" in serving.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((serving.host, serving.port))
        except OSError as error:
            raise ConfigError(
                f"port {serving.port} of {serving.host} cannot be used ({error.strerror}): choose another with --port"
            ) from None
