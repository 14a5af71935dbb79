"""Puts the parts of a cycle together. The only reader of settings."""

import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict, dataclass, fields, replace
from datetime import date, datetime
from functools import cache, partial
from pathlib import Path
from random import Random
from typing import Any

import psutil

from grodt.bars.alpaca_settings import VARIABLES
from grodt.bars.credentials import source_variables
from grodt.bars.files import FilesSource
from grodt.bars.market import SessionMarket
from grodt.bars.quality import Thresholds
from grodt.bars.simulated import SimulatedSource
from grodt.bars.simulated_paths import SUPPLY
from grodt.bars.source import BarSource
from grodt.brokers.fills import FillTerms
from grodt.brokers.paper import PaperBroker
from grodt.brokers.protocol import Broker
from grodt.brokers.windows import ALPACA, CCXT, IB, PAPER, SendingHours
from grodt.errors import GrodtError
from grodt.instruments import Instrument
from grodt.lake.store import Checked, Lake
from grodt.ledger.limits import InForce, limits_in_force
from grodt.ledger.manifest import LedgerManifest
from grodt.ledger.orders import order_symbols
from grodt.ledger.unit import Ledger
from grodt.sessions import Calendar
from grodt.settings.book import BookConfig
from grodt.settings.books import Books, load_books
from grodt.settings.brokers import AlpacaBrokerConfig, CcxtBrokerConfig, IbBrokerConfig, PaperConfig
from grodt.settings.environment import Environment
from grodt.settings.sources import AlpacaConfig, CcxtConfig, FilesConfig, SimulatedConfig, SourceConfig, YahooConfig
from grodt.slots import Slot
from grodt.telemetry.logs import get_logger
from tasks.credentials import START_SECONDS, credentials
from tasks.environment import clock, environment
from tasks.paper_files import require_paper_file

#: Told (stage, text) as a cycle proceeds; the command line listens to it.
observer: ContextVar[Callable[[str, str], None]] = ContextVar("observer", default=lambda _stage, _text: None)

#: Lake files that a cycle of this process has checked; the next cycle checks those that are new or other than they were.
_checked: Checked = {}
_log = get_logger("grodt.sources")


def books(where: Environment | None = None) -> Books:
    """The books file in force."""
    return load_books((where or environment()).books_file)


@cache
def source(name: str, config: SourceConfig, calendar: Calendar, folder: Path) -> BarSource:
    """The source the books file describes; kept for the process, since parsing or simulating it costs seconds."""
    match config:
        case SimulatedConfig():
            return SimulatedSource(name, config.seed, calendar, SUPPLY, config.opened)
        case FilesConfig():
            return FilesSource(name, config, folder)
        case AlpacaConfig():
            from grodt.bars.alpaca import AlpacaSource  # loads httpx: only for a book that asks over it

            return AlpacaSource(
                name,
                config,
                credentials(name, VARIABLES),
                calendar,
                random=Random(),
                report=lambda action: _log.warning("a corporate action is not supported and was left out", **asdict(action), source=name),
            )
        case CcxtConfig():
            from grodt.bars.ccxt import CcxtSource

            key = credentials(name, source_variables(name)) if config.with_key else None
            return CcxtSource(name, config, key, calendar, now=_now, random=Random())
        case YahooConfig():
            from grodt.bars.yahoo import YahooSource
            from grodt.bars.yahoo_client import YfinanceClient

            client = YfinanceClient(name, calendar.zone.key, timeout_seconds=config.timeout_seconds)
            return YahooSource(name, config, client, calendar, now=_now, random=Random())


def _now() -> datetime:
    """The clock of the environment as it is when asked: a source outlives one."""
    return clock(environment())()


def process_name() -> str:
    """Who holds a lease: host, process and when it started, so that a number used again is not mistaken for it."""
    own = psutil.Process()
    return f"{socket.gethostname()}:{own.pid}:{own.create_time():.2f}"


def is_alive(holder: str) -> bool:
    """Whether the process of that name may still run. One on another host is taken for alive until its lease expires."""
    host, pid, started = holder.rsplit(":", 2)
    if host != socket.gethostname():
        return True
    try:
        process = psutil.Process(int(pid))
        # One that was killed and that its parent has not asked about keeps its number, and does nothing any more.
        return f"{process.create_time():.2f}" == started and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@dataclass(frozen=True, slots=True)
class DataParts:
    """What the market data of one book is kept up with."""

    where: Environment
    config: BookConfig
    config_hash: str
    calendar: Calendar
    source: BarSource
    ledger: Ledger
    lake: Lake
    now: Callable[[], datetime]

    def universe(self, session: date) -> tuple[Instrument, ...]:
        """What the book may trade in a session."""
        return self.config.universe.of(self.source.instruments(session))

    def limits(self) -> InForce:
        """The limits in force now."""
        with self.ledger.read() as tx:
            return limits_in_force(tx, self.config.name, self.config.limits)

    def quality(self) -> Thresholds:
        """The thresholds of the data gate, with the limit of control 24 that is in force now."""
        return replace(self.config.quality, completeness=self.limits().limits.completeness)

    def close(self) -> None:
        """Close its files."""
        self.ledger.close()


@dataclass(frozen=True, slots=True)
class Parts(DataParts):
    """Everything a cycle of one book works with.

    Attributes:
        broker: where its orders go.
        hours: those in which its broker takes orders.
        advance: plays a session at a paper broker; None at a real one, which plays it by itself.
        terms: what is needed to play one, and what is charged for borrowing; nothing at a real broker, whose statement says it.
    """

    broker: Broker
    hours: SendingHours
    advance: Callable[[SessionMarket], None] | None
    terms: FillTerms
    by_bars: Callable[[], bool] = lambda: False

    def close(self) -> None:
        """Close its files."""
        DataParts.close(self)
        self.broker.close()


def parts(book: str, session: date, slot: Slot | None = None) -> Parts:
    """The parts of a book for a session, its files made where they are missing; raises what `data_parts` does.

    Raises:
        DataError: the file of its paper account is lost.
    """
    config = books().book(book)
    if slot is None:
        config.require_end_of_day(f"`grodt intraday --book {book}` runs it")
    real = _real(config)
    data = data_parts(book, session, slot)
    if real is not None:
        broker, hours = real
        return Parts(**_fields(data), broker=broker, hours=hours, advance=None, terms=FillTerms())
    try:
        paper, terms = _paper(data.where, data.config), data.config.broker.terms()
    except GrodtError:
        data.close()
        raise
    return Parts(**_fields(data), broker=paper, hours=PAPER, advance=paper.advance, terms=terms, by_bars=paper.works_by_bars)


@contextmanager
def broker_of(book: str) -> Iterator[Broker | None]:
    """The broker of a book, outside a cycle; None for a paper account that was never opened: nothing is at it.

    Raises:
        ConfigError: the book is unknown, or the credentials of its broker are missing.
        DataError: the file of its paper account is lost.
    """
    where = environment()
    config = books(where).book(book)
    if isinstance(config.broker, PaperConfig) and not where.broker_file(book).exists():
        require_paper_file(where, book)
        yield None
        return
    real = _real(config, wait_seconds=0)  # a halt must not wait for a server that may not be there
    broker = real[0] if real is not None else _paper(where, config)
    try:
        yield broker
    finally:
        broker.close()


def _real(config: BookConfig, wait_seconds: float = START_SECONDS) -> tuple[Broker, SendingHours] | None:
    """A book's broker that is no paper broker of ours, and when it takes orders. Nothing is asked of it yet.

    Args:
        config: the book.
        wait_seconds: see `credentials`.

    Raises:
        ConfigError: its key is missing, or what it needs is not installed.
    """
    owner = f"broker of book {config.name!r}"
    match config.broker:
        case AlpacaBrokerConfig() as account:
            from grodt.brokers.alpaca import AlpacaBroker  # loads httpx: only for a book that trades there

            key = credentials(account.key, account.variables, owner=owner, wait_seconds=wait_seconds)
            return AlpacaBroker(config.name, account, key, config.exchange, random=Random()), ALPACA
        case IbBrokerConfig() as gateway:
            from grodt.brokers.ib import IbBroker, client_class

            return IbBroker(config.name, gateway, config.exchange, client=client_class(config.name)), IB
        case CcxtBrokerConfig() as venue:
            from grodt.brokers.ccxt import CcxtBroker
            from grodt.brokers.ccxt_client import client_class as ccxt_client

            key = credentials(venue.key_name, venue.variables, owner=owner, wait_seconds=wait_seconds)
            made = ccxt_client(config.name, venue, key)
            where = environment()
            ours, now, hidden = partial(_order_symbols, where, config.name), clock(where), key.hidden_in
            return CcxtBroker(
                config.name, venue, config.exchange, client=made, ours=ours, now=now, hidden_in=hidden, key=key.fingerprint
            ), CCXT
        case PaperConfig():
            return None


def _order_symbols(where: Environment, book: str) -> Mapping[str, str]:
    """What the ledger knows of a book's orders, over a connection of its own: a broker is asked outside of any transaction."""
    ledger = Ledger.open(where.ledger_url)
    try:
        with ledger.read() as tx:
            return order_symbols(tx, book)
    finally:
        ledger.close()


def _paper(where: Environment, config: BookConfig) -> PaperBroker:
    require_paper_file(where, config.name)
    terms, shorts = config.broker.terms(), not config.construction.long_only
    within = config.intraday is not None
    return PaperBroker(where.broker_file(config.name), config.name, config.capital_micros, terms, allow_short=shorts, intraday=within)


def _fields(data: DataParts) -> dict[str, Any]:
    return {field.name: getattr(data, field.name) for field in fields(data)}


def data_parts(book: str, session: date, slot: Slot | None = None) -> DataParts:
    """The parts that no broker is needed for.

    Whatever can be wrong in what the user wrote is looked at first, so that a mistake leaves nothing behind.

    Raises:
        ConfigError: the book is unknown, or the books file is wrong.
        SessionError: the session is none, or is not over and no slot of it is asked for.
        DataError: the book's source cannot be read.
    """
    where = environment()
    described = books(where)
    config = described.book(book)
    now = clock(where)
    config.weighted_signals()
    if slot is None:
        config.exchange.require_complete(session, now())
    folder = where.books_file.parent if where.books_file else Path.cwd()
    chosen = source(config.source, described.sources[config.source], config.exchange, folder)
    config.universe.require_known(chosen)
    config.universe.of(chosen.instruments(session))
    ledger = Ledger.open(where.ledger_url)
    return DataParts(
        where=where,
        config=config,
        config_hash=described.config_hash(book),
        calendar=config.exchange,
        source=chosen,
        ledger=ledger,
        lake=Lake(where.lake, LedgerManifest(ledger), checked=_checked),
        now=now,
    )
