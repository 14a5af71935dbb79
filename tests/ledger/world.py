"""Runs, orders and fills to put into a ledger."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from sqlalchemy import text

from grodt.ledger.baskets import approve_basket, record_basket
from grodt.ledger.order_life import transition
from grodt.ledger.runs import Run, open_run
from grodt.ledger.unit import Ledger, Read, Write
from grodt.money import Micros, micros
from grodt.orders.basket import Basket, basket_hash
from grodt.orders.fill import Fill
from grodt.orders.order import Order, Side, client_order_id
from grodt.orders.states import OrderState

BOOK = "demo"
SESSION = date(2026, 11, 19)
NEXT = date(2026, 11, 20)
NOW = datetime(2026, 11, 20, 21, 30, 0, 123456, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


class _UndoError(Exception):
    """Leaves a transaction without a trace."""


@contextmanager
def undone(ledger: Ledger) -> Iterator[Write]:
    """A write transaction that is rolled back at its end, for examples that share a ledger."""
    with suppress(_UndoError), ledger.write() as tx:
        yield tx
        raise _UndoError


def url(folder: Path) -> str:
    """A ledger in that folder."""
    return f"sqlite:///{folder / 'ledger.db'}"


def url_of(ledger: Ledger) -> str:
    """Where that ledger is."""
    return ledger.name if "://" in ledger.name else f"sqlite:///{ledger.name}"


def open_ledger(folder: Path, busy_seconds: float = 10.0) -> Ledger:
    """The ledger in that folder."""
    return Ledger.open(url(folder), busy_seconds=busy_seconds)


def started(tx: Write, session: date = SESSION, config_hash: str = "c1", code_version: str = "0.1.0", book: str = BOOK) -> Run:
    """An attempt at the session's run."""
    return open_run(
        tx,
        book=book,
        kind="eod",
        session=session,
        config_hash=config_hash,
        code_version=code_version,
        flow_run_id="flow",
        fence=1,
        now=NOW,
    )


def order(
    symbol: str = "AAPL", side: Side = Side.BUY, quantity: int = 100, session: date = SESSION, leg: int = 0, book: str = BOOK
) -> Order:
    """An order as the basket has it."""
    return Order.recorded(
        client_order_id=client_order_id(book, "eod", session, symbol, leg),
        book=book,
        session=session,
        symbol=symbol,
        side=side,
        quantity=quantity,
        reference_price=micros("93.70"),
        order_type="market",
        time_in_force="opg",
    )


def basket(orders: Sequence[Order], run_id: str, session: date = SESSION) -> Basket:
    """A basket of those orders, in that order."""
    digest = basket_hash(book=BOOK, kind="eod", session=session, run_id=run_id, orders=orders)
    return Basket(BOOK, "eod", session, run_id, tuple(orders), digest)


def sent(tx: Write, orders: Sequence[Order], session: date = SESSION) -> Run:
    """A run whose basket of those orders was sent and accepted."""
    run = started(tx, session)
    made = basket(orders, run.run_id, session)
    record_basket(tx, made, run.run_id, NOW)
    approve_basket(tx, made.hash, "automatic", NOW)
    for one in orders:
        transition(tx, one.client_order_id, OrderState.SENDING, run_id=run.run_id, now=NOW)
        transition(tx, one.client_order_id, OrderState.ACCEPTED, run_id=run.run_id, now=NOW, venue_order_id=f"v-{one.symbol}")
    return run


def fill(
    one: Order, number: int = 1, quantity: int | None = None, price: str | int = "94", commission: str = "0.5", session: date = NEXT
) -> Fill:
    """A fill of that order."""
    return Fill(
        execution_id=f"{one.client_order_id}-{number}",
        client_order_id=one.client_order_id,
        symbol=one.symbol,
        side=one.side,
        quantity=one.quantity if quantity is None else quantity,
        price=Micros(price) if isinstance(price, int) else micros(price),
        commission=micros(commission),
        session=session,
        filled_at=NOW,
    )


def count(tx: Read, table: str) -> int:
    """Rows of a table."""
    return int(tx.connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one())


def unbalanced(tx: Read) -> list[tuple[object, ...]]:
    """Entries whose postings do not sum to zero, per currency and per symbol for shares, straight from the file."""
    query = (
        "SELECT entry_id, asset, CASE asset WHEN 'shares' THEN symbol ELSE '' END AS what, sum(amount) FROM postings "
        "GROUP BY 1, 2, 3 HAVING sum(amount) <> 0"
    )
    return [tuple(row) for row in tx.connection.execute(text(query))]
