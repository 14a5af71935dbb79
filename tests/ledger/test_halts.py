"""Halts hold until a person re-arms."""

import pytest

from grodt.errors import ConfigError, HaltActive
from grodt.ledger.halts import active, halt, rearm, require_none
from grodt.ledger.unit import Write
from tests.ledger.world import BOOK, MINUTE, NOW


def test_a_halted_book_is_stopped_with_reason_author_and_the_next_step(tx: Write) -> None:
    require_none(tx, BOOK)
    halt(tx, scope="book", book=BOOK, reason="basket value", author="risk", now=NOW)
    with pytest.raises(
        HaltActive, match=r"halt 1 on book demo by risk since 2026-11-20 21:30 UTC: basket value.*`grodt rearm --book demo --reason WHY`"
    ) as caught:
        require_none(tx, BOOK)
    assert caught.value.exit_status == 3
    require_none(tx, "us")


def test_an_identical_active_halt_is_not_doubled(tx: Write) -> None:
    first = halt(tx, scope="book", book=BOOK, reason="basket value", author="risk", now=NOW)
    assert halt(tx, scope="book", book=BOOK, reason="basket value", author="ann", now=NOW + MINUTE) == first
    other = halt(tx, scope="book", book=BOOK, reason="breaks", author="risk", now=NOW)
    assert active(tx, BOOK) == (first, other)


def test_rearming_ends_the_halts_of_the_book_and_they_may_come_again(tx: Write) -> None:
    first = halt(tx, scope="book", book=BOOK, reason="breaks", author="risk", now=NOW)
    symbol = halt(tx, scope="symbol", book=BOOK, symbol="AAPL", reason="unknown order", author="send", now=NOW)
    with pytest.raises(HaltActive) as caught:
        require_none(tx, BOOK)
    assert "AAPL" not in str(caught.value)
    other = halt(tx, scope="book", book="us", reason="breaks", author="risk", now=NOW)
    assert rearm(tx, book=BOOK, reason="resolved", author="ann", now=NOW + MINUTE) == (first, symbol)
    assert active(tx, BOOK) == ()
    assert active(tx, "us") == (other,)
    assert rearm(tx, book=BOOK, reason="resolved", author="ann", now=NOW + MINUTE) == ()
    assert halt(tx, scope="book", book=BOOK, reason="breaks", author="risk", now=NOW).halt_id > first.halt_id


def test_a_halt_on_all_books_outlives_the_rearming_of_one(tx: Write) -> None:
    everything = halt(tx, scope="all", reason="kill switch", author="ann", now=NOW)
    rearm(tx, book=BOOK, reason="mended", author="ann", now=NOW)
    with pytest.raises(HaltActive, match=r"on all books by ann.*`grodt rearm --all --reason WHY`"):
        require_none(tx, BOOK)
    assert rearm(tx, book="", reason="mended", author="ann", now=NOW) == (everything,)
    require_none(tx, BOOK)


@pytest.mark.parametrize(
    ("scope", "book", "symbol"), [("all", "demo", ""), ("book", "", ""), ("book", "demo", "AAPL"), ("symbol", "demo", "")]
)
def test_a_halt_whose_scope_does_not_fit_is_refused(tx: Write, scope: str, book: str, symbol: str) -> None:
    with pytest.raises(ConfigError, match="does not fit"):
        halt(tx, scope=scope, book=book, symbol=symbol, reason="r", author="a", now=NOW)  # type: ignore[arg-type]


def test_a_halt_and_its_end_need_words(tx: Write) -> None:
    with pytest.raises(ConfigError, match="need a reason"):
        halt(tx, scope="all", reason=" ", author="ann", now=NOW)
    with pytest.raises(ConfigError, match=r"need a author|need an author"):
        rearm(tx, book=BOOK, reason="mended", author="", now=NOW)
