"""Asking brokers to cancel beside who waits for it."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from threading import Event
from types import SimpleNamespace

import pytest

import flows.cancelling
from flows.cancelling import cancel_meanwhile, cancel_what_it_covers
from grodt.errors import BrokerUnavailable, ConfigError
from grodt.ledger.halts import halt
from grodt.ledger.unit import Ledger
from grodt.settings.books import Books, load_books
from tests.ledger.world import NOW, open_ledger

_HOUR = timedelta(hours=1)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with closing(open_ledger(tmp_path)) as opened:
        yield opened


def test_a_broker_that_takes_long_holds_up_nobody_and_is_named_until_it_is_done(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    answers, asked = Event(), []

    @contextmanager
    def broker_of(name: str) -> Iterator[None]:
        assert answers.wait(10)
        asked.append(name)
        yield None

    monkeypatch.setattr(flows.cancelling, "broker_of", broker_of)
    monkeypatch.setattr(flows.cancelling, "books", lambda: load_books(None))
    with ledger.write() as tx:
        made = halt(tx, scope="all", reason="r", author="ann", now=NOW)
    with ThreadPoolExecutor(1) as beside:
        late = cancel_meanwhile(beside, ledger, made, lambda: NOW, timedelta(0))
        assert (late.told, [str(each).split(" holds; ", 1)[1] for each in late.failed]) == (
            (),
            [
                "0 s later the brokers of demo have not been asked, or have not answered; asking goes on and `grodt halts` shows what they "
                "say; their orders may still be open"
            ],
        )
        answers.set()
        done = cancel_meanwhile(beside, ledger, made, lambda: NOW, _HOUR)
    assert (done.told, done.failed, asked) == (("no order that it covers is open at the broker of demo",), (), ["demo", "demo"])


def test_a_books_file_that_is_wrong_is_told(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    def books() -> Books:
        raise ConfigError("books.yaml is no YAML")

    monkeypatch.setattr(flows.cancelling, "books", books)
    with ledger.write() as tx:
        made = halt(tx, scope="all", reason="r", author="ann", now=NOW)
    with ThreadPoolExecutor(1) as beside, pytest.raises(ConfigError, match="no YAML"):
        cancel_meanwhile(beside, ledger, made, lambda: NOW, _HOUR)


def test_a_fault_that_nobody_foresaw_at_one_broker_keeps_none_of_the_others_from_being_asked(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    @contextmanager
    def broker_of(name: str) -> Iterator[SimpleNamespace]:
        yield SimpleNamespace(account=f"paper {name}")

    def covered(_ledger: Ledger, _broker: SimpleNamespace, name: str, _now: object) -> tuple[()]:
        asked.append(name)
        if name == "a":
            raise ValueError("amount nan is not finite")
        return ()

    monkeypatch.setattr(flows.cancelling, "broker_of", broker_of)
    monkeypatch.setattr(flows.cancelling, "cancel_covered", covered)
    monkeypatch.setattr(flows.cancelling, "books", lambda: SimpleNamespace(books={"a": 1, "b": 2}))
    with ledger.write() as tx:
        made = halt(tx, scope="all", reason="r", author="ann", now=NOW)
    done = cancel_what_it_covers(ledger, made, lambda: NOW)
    assert asked == ["a", "b"]
    assert done.told == ("no order that it covers is open at the broker of b",)
    with pytest.raises(
        BrokerUnavailable, match=r"the broker of a could not be asked: ValueError: amount nan is not finite; its orders may"
    ):
        done.require_done()


def test_a_book_with_open_orders_that_the_books_file_has_no_more_is_asked_about_too(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    @contextmanager
    def broker_of(name: str) -> Iterator[None]:
        asked.append(name)
        yield None

    monkeypatch.setattr(flows.cancelling, "broker_of", broker_of)
    monkeypatch.setattr(flows.cancelling, "books", lambda: SimpleNamespace(books={"a": 1}))
    monkeypatch.setattr(flows.cancelling, "books_with_orders", lambda *_: ("gone",))
    with ledger.write() as tx:
        made = halt(tx, scope="all", reason="r", author="ann", now=NOW)
    cancel_what_it_covers(ledger, made, lambda: NOW)
    assert asked == ["a", "gone"]
