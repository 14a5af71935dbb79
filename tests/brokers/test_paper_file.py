"""Files of earlier versions: an account in use goes on as if nothing had happened."""

import sqlite3
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest

from grodt.brokers.fills import FillTerms
from grodt.brokers.paper import PaperBroker
from grodt.errors import ConfigError
from grodt.orders.states import OrderState
from tests.brokers.world import BOOK, MON, TUE, WED, dividend_of, market, order, usd

#: As version 1 made it.
VERSION_1 = """
CREATE TABLE account (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    book TEXT NOT NULL,
    initial_cash INTEGER NOT NULL,
    cash INTEGER NOT NULL,
    reserved INTEGER NOT NULL
) STRICT;
CREATE TABLE sessions (
    session TEXT PRIMARY KEY NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE positions (
    symbol TEXT PRIMARY KEY NOT NULL,
    quantity INTEGER NOT NULL CHECK (quantity <> 0)
) STRICT, WITHOUT ROWID;
CREATE TABLE orders (
    number INTEGER PRIMARY KEY,
    client_order_id TEXT NOT NULL UNIQUE,
    session TEXT NOT NULL,
    symbol TEXT NOT NULL,
    side TEXT NOT NULL CHECK (side IN ('buy', 'sell')),
    quantity INTEGER NOT NULL CHECK (quantity > 0),
    reference_price INTEGER NOT NULL,
    order_type TEXT NOT NULL,
    time_in_force TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('accepted', 'filled', 'cancelled', 'expired', 'rejected')),
    filled_quantity INTEGER NOT NULL CHECK (filled_quantity BETWEEN 0 AND quantity),
    reason TEXT NOT NULL
) STRICT;
CREATE INDEX open_orders ON orders (symbol) WHERE state = 'accepted';
CREATE TABLE fills (
    number INTEGER PRIMARY KEY,
    execution_id TEXT NOT NULL UNIQUE,
    client_order_id TEXT NOT NULL REFERENCES orders (client_order_id),
    symbol TEXT NOT NULL,
    side TEXT NOT NULL CHECK (side IN ('buy', 'sell')),
    quantity INTEGER NOT NULL CHECK (quantity > 0),
    price INTEGER NOT NULL CHECK (price > 0),
    commission INTEGER NOT NULL CHECK (commission >= 0),
    session TEXT NOT NULL,
    filled_at TEXT NOT NULL
) STRICT;
CREATE TABLE payments (
    symbol TEXT NOT NULL,
    ex_date TEXT NOT NULL,
    due TEXT NOT NULL,
    amount INTEGER NOT NULL,
    PRIMARY KEY (symbol, ex_date)
) STRICT, WITHOUT ROWID;
PRAGMA user_version = 1;
INSERT INTO account VALUES (1, 'demo', 100000000000, 99000000000, 500000000);
INSERT INTO sessions VALUES ('2026-03-03');
INSERT INTO positions VALUES ('AAPL', 10);
INSERT INTO orders VALUES
    (1, 'demo-eod-20260302-AAPL-0', '2026-03-02', 'AAPL', 'buy', 10, 100000000, 'market', 'opg', 'filled', 10, ''),
    (2, 'demo-eod-20260302-GONE-0', '2026-03-02', 'GONE', 'buy', 10, 100000000, 'market', 'opg', 'expired', 0, 'no trade in session'),
    (3, 'demo-eod-20260303-IBM-0', '2026-03-03', 'IBM', 'buy', 5, 100000000, 'market', 'opg', 'accepted', 0, '');
INSERT INTO fills VALUES
    (1, 'demo-eod-20260302-AAPL-0-1', 'demo-eod-20260302-AAPL-0', 'AAPL', 'buy', 10, 100000000, 0, '2026-03-03',
     '2026-03-03T14:00:00+00:00');
INSERT INTO payments VALUES ('AAPL', '2026-03-03', '2026-03-04', 5000000);
"""


@pytest.fixture
def old(tmp_path: Path) -> Path:
    path = tmp_path / "paper.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(VERSION_1)
    return path


def _rows(path: Path, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(query).fetchall()


def test_an_account_of_version_1_goes_on(old: Path) -> None:
    with PaperBroker(old, BOOK, usd("5"), FillTerms(participation=Decimal("0.5"), carry_sessions=1)) as broker:
        assert (broker.cash(), broker.positions(), broker.last_session()) == (usd("99000"), {"AAPL": 10}, TUE)
        assert [each.symbol for each in broker.open_orders()] == ["IBM"]
        again = broker.submit(order("AAPL", 10), MON)
        assert (again.state, again.filled_quantity, again.venue_order_id) == (OrderState.FILLED, 10, "paper-1")
        broker.advance(market(WED, {"IBM": "100"}, dividend_of("NONE", WED, "1"), volume={"IBM": 4}))
        assert [(fill.execution_id, fill.quantity) for fill in broker.fills(WED)] == [("demo-eod-20260303-IBM-0-1", 2)]
        assert broker.cash() == usd("99000") + usd("5") - usd("200")
        found = broker.find(order("IBM", 5, TUE).client_order_id)
        assert found is not None
        assert found.state is OrderState.PARTIALLY_FILLED


def test_it_becomes_the_very_file_that_a_new_account_is(old: Path, tmp_path: Path) -> None:
    new = tmp_path / "new.db"
    for path in (old, new):
        PaperBroker(path, BOOK, usd("5"), FillTerms()).close()
    schema = "SELECT type, name, replace(sql, '\"', '') FROM sqlite_master WHERE name NOT IN ('account', 'payments') ORDER BY 1, 2"
    assert _rows(old, schema) == _rows(new, schema)
    assert _rows(old, "PRAGMA user_version") == _rows(new, "PRAGMA user_version") == [(5,)]
    assert _rows(old, "PRAGMA foreign_key_check") == []
    assert _rows(old, "SELECT client_order_id, executions FROM orders ORDER BY number") == [
        ("demo-eod-20260302-AAPL-0", 1),
        ("demo-eod-20260302-GONE-0", 0),
        ("demo-eod-20260303-IBM-0", 0),
    ]


def test_a_process_that_had_it_open_before_can_still_send(old: Path) -> None:
    with closing(sqlite3.connect(old, isolation_level=None)) as earlier:
        earlier.execute("SELECT * FROM orders").fetchall()
        PaperBroker(old, BOOK, usd("5"), FillTerms()).close()
        earlier.execute(
            "INSERT INTO orders (client_order_id, session, symbol, side, quantity, reference_price, order_type, time_in_force, state, "
            "filled_quantity, reason) VALUES ('x', '2026-03-03', 'MSFT', 'buy', 1, 1, 'market', 'opg', 'accepted', 0, '')"
        )
    assert _rows(old, "SELECT executions FROM orders WHERE client_order_id = 'x'") == [(0,)]


def test_the_file_of_another_book_is_left_as_it_is(old: Path) -> None:
    with pytest.raises(ConfigError, match="belongs to book 'demo', not 'other'"):
        PaperBroker(old, "other", usd("5"), FillTerms())
    assert _rows(old, "PRAGMA user_version") == [(1,)]
