"""A book's cycles in small: a real ledger, a paper broker, and faults to put between them."""

import shutil
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from grodt.bars.market import SessionMarket
from grodt.brokers.alpaca import AlpacaBroker
from grodt.brokers.fills import FillTerms
from grodt.brokers.paper import PaperBroker
from grodt.brokers.protocol import Broker, BrokerOrder, no_last_look
from grodt.brokers.windows import PAPER
from grodt.errors import BrokerUnavailable, OrderOutcomeUnknown
from grodt.execution import Sent, Settled, send, settle
from grodt.execution.windows import Windows
from grodt.ledger.baskets import approve_basket, record_basket
from grodt.ledger.leases import Lease
from grodt.ledger.postings import deposit_entry, post
from grodt.ledger.runs import Run, close_run, open_run
from grodt.ledger.unit import Ledger, Write
from grodt.money import Micros
from grodt.orders.basket import Basket, basket_hash
from grodt.orders.cash_activity import CashActivity
from grodt.orders.fill import Fill
from grodt.orders.order import Order, Side
from grodt.reconciliation import Reconciled, reconcile
from grodt.sessions import Calendar
from tests.brokers.world import BOOK, MON, order, usd
from tests.risk.proposals import limits

CASH = usd("1000000")
TERMS = FillTerms.of(5.0, 1.0)
#: Of equity, that interest and fees of a session may come to.
CHARGES_BPS = Decimal(1)
WINDOWS = Windows(Calendar("XNYS"), PAPER)
#: What stands of `later_checks`: a message that is sent twice is two of control 20, so it goes with the events.
_LAST_CHECKS = (
    "(SELECT *, max(check_id) AS last_at FROM later_checks GROUP BY run_id, part, control, scope, symbol)"  # and the row that has it
)
_EPOCH = datetime(2026, 3, 2, 21, 5, tzinfo=UTC)


class Killed(BaseException):
    """The process ends here."""


@dataclass
class Fuse:
    """Blows at a given step; None: never. `steps` names those passed, `watch` is told the number of each."""

    at: int | None = None
    steps: list[str] = field(default_factory=list)
    watch: Callable[[int], object] = lambda number: None

    def __call__(self, step: str) -> None:
        self.watch(len(self.steps))
        self.steps.append(step)
        if self.at is not None and len(self.steps) > self.at:
            raise Killed(step)


class FusedLedger:
    """A ledger that may be killed around each of its commits."""

    def __init__(self, inner: Ledger, fuse: Fuse) -> None:
        self._inner = inner
        self._fuse = fuse
        self.read = inner.read
        self.state = inner.state

    @contextmanager
    def write(self, lease: Lease | None = None) -> Iterator[Write]:
        self._fuse("before a write")
        with self._inner.write(lease) as tx:
            yield tx
            self._fuse("before a commit")
        self._fuse("after a commit")


class FaultyBroker:
    """A broker that loses replies, does not answer, or is killed with us, as its script says.

    Attributes:
        lose_before: sends that never arrive: the n-th sends (counted from 0) that raise without reaching the broker.
        lose_after: sends that arrive and whose reply is lost.
        hide: look-ups (counted from 0) that say "never had it" although it is there.
        down: reads fail.
        before_look: what happens while an order waits to be sent, told how many were sent.
        before_send: what happens while one is on its way, likewise.
    """

    def __init__(self, inner: Broker, fuse: Fuse | None = None) -> None:
        self._inner = inner
        self._fuse = fuse or Fuse()
        self.lose_before: set[int] = set()
        self.lose_after: set[int] = set()
        self.hide: set[int] = set()
        self.down = False
        self.sends: list[str] = []
        self.finds = 0
        self.before_look: Callable[[int], None] = lambda number: None
        self.before_send: Callable[[int], None] = lambda number: None

    def submit(self, order: Order, session: date, last_look: Callable[[], None] = no_last_look) -> BrokerOrder:
        self._fuse("before a send")
        number = len(self.sends)
        self.before_look(number)
        last_look()
        self.before_send(number)
        self.sends.append(order.client_order_id)
        if number in self.lose_before:
            raise OrderOutcomeUnknown(f"{order.client_order_id}: connection reset")
        answer = self._inner.submit(order, session)
        self._fuse("after a send")
        if number in self.lose_after:
            raise OrderOutcomeUnknown(f"{order.client_order_id}: timeout")
        return answer

    def find(self, client_order_id: str) -> BrokerOrder | None:
        self._read()
        self.finds += 1
        return None if self.finds - 1 in self.hide else self._inner.find(client_order_id)

    def orders(self, client_order_ids: Sequence[str]) -> Mapping[str, BrokerOrder]:
        self._read()
        return self._inner.orders(client_order_ids)

    def open_orders(self) -> tuple[BrokerOrder, ...]:
        self._read()
        return self._inner.open_orders()

    def cancel(self, client_order_id: str) -> None:
        self._inner.cancel(client_order_id)

    def fills(self, since: date) -> tuple[Fill, ...]:
        self._read()
        return self._inner.fills(since)

    def positions(self) -> Mapping[str, Decimal]:
        self._read()
        return self._inner.positions()

    def cash(self) -> Micros:
        self._read()
        return self._inner.cash()

    @property
    def account(self) -> str:
        return self._inner.account

    def close(self) -> None:
        self._inner.close()

    def _read(self) -> None:
        self._fuse("before a read")
        if self.down:
            raise BrokerUnavailable("no answer; try again later")


class TellingBroker(FaultyBroker):
    """The same, of a broker that tells what moves cash apart from fills."""

    def __init__(self, inner: AlpacaBroker, fuse: Fuse | None = None) -> None:
        super().__init__(inner, fuse)
        self._telling = inner

    def cash_activities(self, since: date) -> tuple[CashActivity, ...]:
        self._read()
        return self._telling.cash_activities(since)


class GroupedBroker(FaultyBroker):
    """The same, of a broker that takes orders in groups."""

    def __init__(self, inner: PaperBroker, fuse: Fuse, group: int) -> None:
        super().__init__(inner, fuse)
        self._grouping = inner
        self.group = group

    @contextmanager
    def together(self) -> Iterator[None]:
        self._fuse("before a group")
        with self._grouping.together():
            yield
        self._fuse("after a group")


def make_basket(run: Run, orders: Iterable[Order]) -> Basket:
    """A basket of orders made by hand, in sending order."""
    ordered = tuple(sorted(orders, key=lambda each: (each.side is Side.BUY, -each.quantity * each.reference_price, each.symbol)))
    digest = basket_hash(book=run.book, kind=run.kind, session=run.session, run_id=run.run_id, orders=ordered)
    return Basket(run.book, run.kind, run.session, run.run_id, ordered, digest)


class Desk:
    """One book: its ledger and broker, and the steps of its cycles. Every step may be repeated."""

    def __init__(
        self,
        folder: Path,
        *,
        template: Path | None = None,
        fuse: Fuse | None = None,
        cash: Micros = CASH,
        terms: FillTerms = TERMS,
        group: int = 1,
        ledger_url: str | None = None,
    ) -> None:
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self.fuse = fuse or Fuse()
        self._ticks = 0
        self.pauses: list[float] = []
        path = folder / "ledger.db"
        if template is not None and not path.exists() and ledger_url is None:
            shutil.copy(template, path)
        self.real_ledger = Ledger.open(ledger_url or f"sqlite:///{path}")
        self.ledger: Ledger = FusedLedger(self.real_ledger, self.fuse)  # type: ignore[assignment]
        self.terms = terms
        self.windows = WINDOWS
        self.file = limits(slippage=0.9, slippages_in_a_row=10**6)
        self.paper = PaperBroker(folder / "paper.db", BOOK, cash, terms, allow_short=True)
        self.broker = FaultyBroker(self.paper, self.fuse) if group == 1 else GroupedBroker(self.paper, self.fuse, group)
        with self.real_ledger.write() as tx:
            post(tx, deposit_entry(BOOK, cash, "USD", MON - timedelta(days=3)), "start", _EPOCH)

    def now(self) -> datetime:
        self._ticks += 1
        return _EPOCH + timedelta(milliseconds=self._ticks)

    def advance(self, market: SessionMarket) -> None:
        self.fuse("before the venue plays")
        self.paper.advance(market)
        self.fuse("after the venue played")

    def open(self, session: date) -> Run:
        with self.real_ledger.write() as tx:
            return open_run(
                tx,
                book=BOOK,
                kind="eod",
                session=session,
                config_hash="c",
                code_version="v",
                flow_run_id="f",
                fence=1,
                now=self.now(),
            )

    def decide(self, run: Run, quantities: Mapping[str, int], price: str = "100", *, approve: bool = True) -> Basket:
        basket = make_basket(run, (order(symbol, quantity, run.session, price) for symbol, quantity in quantities.items()))
        with self.ledger.write() as tx:
            record_basket(tx, basket, run.run_id, self.now())
            if approve:
                approve_basket(tx, basket.hash, "automatic", self.now())
        return basket

    def send(self, run: Run, **bounds: int) -> Sent:
        return send(
            self.ledger, None, self.broker, run, file=limits(**bounds), windows=self.windows, now=self.now, sleep=self.pauses.append
        )

    def settle(self, run: Run, *markets: SessionMarket) -> Settled:
        bps = self.terms.borrow_bps
        return settle(
            self.ledger,
            None,
            self.broker,
            None if isinstance(self.broker, TellingBroker) else self.advance,
            markets,
            run=run,
            file=self.file,
            now=self.now,
            borrow_bps=bps,
            charges_bps=CHARGES_BPS,
        )

    def reconcile(self, run: Run) -> Reconciled:
        now = self.now()
        return reconcile(
            self.ledger, None, self.broker, book=BOOK, session=run.session, run_id=run.run_id, now=now, charges_bps=CHARGES_BPS
        )

    def cycle(self, session: date, markets: Sequence[SessionMarket], quantities: Mapping[str, int], price: str = "100") -> None:
        """One whole cycle; nothing, when it is done."""
        run = self.open(session)
        if run.state == "done":
            return
        self.settle(run, *markets)
        self.reconcile(run)
        self.decide(run, quantities, price)
        self.send(run)
        with self.ledger.write() as tx:
            close_run(tx, run.run_id, "done", self.now())

    def close(self) -> None:
        self.real_ledger.close()
        self.paper.close()

    def state(self, *, events: bool = True) -> dict[str, list[tuple[object, ...]]]:
        """Everything in both files but instants, attempts and running ids of ours."""
        tables = {
            "ledger.db": ["runs", "baskets", "orders", "order_status", "fills", "entries", "postings", "dividends", "settlements", "halts"],
            "paper.db": ["account", "sessions", "positions", "orders", "fills", "payments"],
        }
        if events:
            tables["ledger.db"] += ["order_events", _LAST_CHECKS]
        found: dict[str, list[tuple[object, ...]]] = {}
        for file, names in tables.items():
            with closing(sqlite3.connect(self.folder / file)) as connection:
                for name in names:
                    columns = [column[0] for column in connection.execute(f"SELECT * FROM {name} LIMIT 0").description]
                    own = ("event_id", "halt_id", "check_id", "attempt")
                    kept = ", ".join(each for each in columns if not each.endswith("_at") and each not in own)
                    found[f"{file} {name}"] = sorted(connection.execute(f"SELECT {kept} FROM {name}"), key=repr)
        return found
