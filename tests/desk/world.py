"""The desk over a ledger in which a basket waits for people, without a server and without Prefect."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from grodt.desk.app import create_app
from grodt.desk.keys import Keys, renew
from grodt.desk.parts import Cancelled, Parts
from grodt.desk.passwords import Passwords
from grodt.desk.tokens import LIFE
from grodt.errors import BrokerUnavailable, GrodtError
from grodt.execution.changes import Changes, CloseCheck, PositionChange
from grodt.lake.store import Lake
from grodt.ledger.basket_requests import ask_for_basket
from grodt.ledger.halts import Halt
from grodt.ledger.limits import limits_in_force
from grodt.ledger.manifest import LedgerManifest
from grodt.ledger.requests import Request
from grodt.ledger.runs import pin_limits
from grodt.ledger.unit import Ledger
from grodt.ledger.users import Role, add_user
from grodt.money import micros
from grodt.settings.books import Books, load_books
from tests.ledger.world import BOOK, MINUTE, NOW, basket, order, started

PASSWORD = "correct horse battery"
UNTIL = NOW + 60 * MINUTE
PEOPLE: dict[str, Role] = {"ann": "approver", "bob": "approver", "tom": "trader", "vic": "viewer"}
ORIGIN = "https://blotter.example"
_MILLION = 1_000_000

CHANGES = Changes(
    equity=1_000_000 * _MILLION,
    value=9_370 * _MILLION,
    cash_now=900_000 * _MILLION,
    cash_after=890_625 * _MILLION,
    gross_now=100_000 * _MILLION,
    gross_after=109_370 * _MILLION,
    net_now=100_000 * _MILLION,
    net_after=109_370 * _MILLION,
    cost=5 * _MILLION,
    positions=(
        PositionChange("AAPL", 0, 0, 100, 100, 93_700_000, 9_370 * _MILLION, 0.00937),
        PositionChange("<b>MSFT", 1000, 0, 0, 1000, 100_000_000, 100_000 * _MILLION, 0.1),
    ),
    checks=(CloseCheck(9, "symbol weight", "<b>MSFT", 0.1, 0.105, 0.005, "pass", ""),),
    more_checks=0,
)


@dataclass
class Told:
    """What brokers are taken to have said."""

    told: tuple[str, ...] = ("no order that it covers is open at the broker of demo",)
    failed: tuple[GrodtError, ...] = ()


@dataclass
class World:
    """A desk, its clock, and what it asked of others."""

    folder: Path
    ledger: Ledger
    now: datetime = NOW
    cancelled: list[Halt] = field(default_factory=list)
    woken: list[Request] = field(default_factory=list)
    broker: Told = field(default_factory=Told)
    waits: str = ""
    gone_fails: GrodtError | None = None
    asked_for: list[tuple[str, int]] = field(default_factory=list)
    wake_fails: GrodtError | None = None
    books_fail: Exception | None = None
    https: bool = False
    proxies: int = 0
    app: Flask = field(init=False)

    def __post_init__(self) -> None:
        renew(self.key_file, self.now, outlives=LIFE)
        self.parts = Parts(
            ledger=self.ledger,
            lake=Lake(self.folder / "lake", LedgerManifest(self.ledger)),
            books=self._books,
            now=lambda: self.now,
            keys=Keys(self.key_file, {}),
            passwords=Passwords(cheap=True),
            cancel=self._cancel,
            gone=self._gone,
            wake=self._wake,
            origins=(ORIGIN,),
            https=self.https,
            proxies=self.proxies,
            version="0.1.0",
        )
        self.app = create_app(self.parts)

    @property
    def key_file(self) -> Path:
        """Of its keys."""
        return self.folder / "desk" / "keys.json"

    def client(self) -> FlaskClient:
        """Somebody's browser or program."""
        return self.app.test_client()

    def token(self, name: str) -> str:
        """A fresh token of the API."""
        answer = self.client().post("/api/token", json={"name": name, "password": PASSWORD})
        assert answer.status_code == 200, answer.text
        return str(answer.get_json()["access_token"])

    def ask(self, name: str, method: str, path: str, **options: Any) -> TestResponse:
        """A request of the API in somebody's name."""
        return self.with_token(self.token(name), method, path, **options)

    def with_token(self, token: str, method: str, path: str, **options: Any) -> TestResponse:
        """A request with that token."""
        return self.client().open(path, method=method, headers={"Authorization": f"Bearer {token}"}, **options)

    def later(self, wait: timedelta) -> None:
        """Let time go by."""
        self.now += wait

    def rows(self, query: str) -> Sequence[tuple[Any, ...]]:
        """Of its ledger."""
        with self.ledger.read() as tx:
            return [tuple(row) for row in tx.connection.exec_driver_sql(query)]

    def unreachable(self) -> None:
        """From now on no broker answers."""
        self.broker = Told((), (BrokerUnavailable("the broker of demo did not answer"),))

    def _books(self) -> Books:
        if self.books_fail is not None:
            raise self.books_fail
        return load_books(None)

    def _cancel(self, made: Halt) -> Cancelled:
        self.cancelled.append(made)
        self._books()
        return self.broker

    def _gone(self, book: str, break_id: int) -> None:
        self.asked_for.append((book, break_id))
        if self.gone_fails is not None:
            raise self.gone_fails

    def _wake(self, request: Request) -> str:
        if self.wake_fails is not None:
            raise self.wake_fails
        self.woken.append(request)
        return self.waits


def fill(ledger: Ledger, *, people: int = 2) -> str:
    """Put users and a basket that waits into a ledger; returns its hash."""
    passwords = Passwords(cheap=True)
    with ledger.write() as tx:
        for name, role in PEOPLE.items():
            add_user(tx, name, role, passwords.hash(PASSWORD), by="root", now=NOW)
        limits_in_force(tx, BOOK, load_books(None).books[BOOK].limits)
        run = started(tx)
        pin_limits(tx, run.run_id, 1)
        made = basket([replace(order(), order_type="limit", time_in_force="day", price=micros("94.10"))], run.run_id)
        asked = ask_for_basket(tx, made, run=run, changes=CHANGES.plain(), people=people, now=NOW, expires_at=UNTIL)
        assert asked is not None
        return asked.request_id
