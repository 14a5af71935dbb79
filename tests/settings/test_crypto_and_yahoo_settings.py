"""`ccxt` and `yahoo` sources in a books file."""

from pathlib import Path

import pytest

from grodt.settings.books import load_books
from grodt.settings.sources import CcxtConfig, YahooConfig
from tests.settings.books_files import REMOVED, US_DAILY, edited, load, mistake

CRYPTO = US_DAILY.with_name("crypto.yaml")
ALPACA = US_DAILY.with_name("alpaca-daily.yaml")


def _yahoo(**changes: object) -> str:
    source = {"kind": "yahoo", "symbols": ["AAPL", "BRK-B"], **changes}
    return edited({"sources.alpaca": source, "books.alpaca.universe": {"symbols": ["AAPL", "BRK-B"]}}, ALPACA.read_text())


def test_the_crypto_example_loads() -> None:
    books = load_books(CRYPTO)
    source = books.sources["coinbase"]
    assert isinstance(source, CcxtConfig)
    assert (source.venue, source.quote, source.url, source.with_key) == ("coinbase", "USD", None, False)
    book = books.book("crypto")
    assert book.calendar == "24/7"
    assert {"BTC/USD", "ETH/USD"} <= set(book.universe.symbols or ())


def test_a_yahoo_source_loads(tmp_path: Path) -> None:
    source = load(tmp_path, _yahoo()).sources["alpaca"]
    assert isinstance(source, YahooConfig)
    assert source.symbols == ("AAPL", "BRK-B")


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        ("venue", REMOVED, "sources.coinbase.venue: missing"),
        ("quote", "usd", "sources.coinbase.quote: String should match"),
        ("url", "http://api.coinbase.com", "sources.coinbase.url: must be the https URL of a host, such as"),
        ("with_key", "yes", "sources.coinbase.with_key: Input should be a valid boolean"),
        ("timeout_seconds", 0, "sources.coinbase.timeout_seconds: Input should be"),
        ("api_key", "k", "sources.coinbase.api_key: unknown key"),
    ],
)
def test_a_mistake_in_a_ccxt_source_is_one_line(tmp_path: Path, place: str, value: object, said: str) -> None:
    assert said in mistake(tmp_path, edited({f"sources.coinbase.{place}": value}, CRYPTO.read_text()))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"symbols": []}, "sources.alpaca.symbols: "),
        ({"symbols": ["AAPL", "AAPL"]}, "sources.alpaca.symbols: each ticker once; AAPL is repeated"),
        ({"symbols": ["a b"]}, "sources.alpaca.symbols.0: String should match"),
        ({"key": "k"}, "sources.alpaca.key: unknown key"),
    ],
)
def test_a_mistake_in_a_yahoo_source_is_one_line(tmp_path: Path, changes: dict[str, object], said: str) -> None:
    assert said in mistake(tmp_path, _yahoo(**changes))
