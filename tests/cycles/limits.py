"""Changing the limits of a home's book, as people do."""

from datetime import datetime

from grodt.ledger.acts import act
from grodt.ledger.limits import Changed, change_limits
from grodt.ledger.unit import Ledger
from grodt.risk.limit_values import Key, Value
from tasks.wiring import books
from tests.cycles.driver import Home


def change(home: Home, key: Key, value: Value | None, by: str = "ann") -> Changed:
    """Ask for a change of one limit."""
    with home.environment():
        file = books().book(home.book).limits
    ledger = Ledger.open(f"sqlite:///{home.folder}/ledger.db")
    try:
        with ledger.write() as tx:
            return change_limits(tx, home.book, file, [(key, value)], by=by, reason="seen", now=datetime.fromisoformat(home.now))
    finally:
        ledger.close()


def tighten(home: Home, key: Key, value: Value) -> None:
    """Make a change that needs one person."""
    assert change(home, key, value).request is None


def loosen(home: Home, key: Key, value: Value | None) -> None:
    """Make a change that needs two."""
    request = change(home, key, value).request
    assert request is not None
    ledger = Ledger.open(f"sqlite:///{home.folder}/ledger.db")
    try:
        with ledger.write() as tx:
            act(tx, request.request_id, "approve", by="bob", reason="checked", now=datetime.fromisoformat(home.now))
    finally:
        ledger.close()
