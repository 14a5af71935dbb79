"""An `alpaca` source in a books file."""

from pathlib import Path

import pytest

from grodt.settings.books import load_books
from grodt.settings.sources import AlpacaConfig
from tests.settings.books_files import REMOVED, US_DAILY, edited, load, mistake

EXAMPLE = US_DAILY.with_name("alpaca-daily.yaml")


def test_the_alpaca_example_loads() -> None:
    books = load_books(EXAMPLE)
    source = books.sources["alpaca"]
    assert isinstance(source, AlpacaConfig)
    assert (source.feed, source.adjustment) == ("sip", "raw")
    assert (source.data_url, source.trading_url) == ("https://data.alpaca.markets", "https://paper-api.alpaca.markets")
    assert books.book("alpaca").source == "alpaca"


def test_the_feed_decides_the_orders_and_so_the_configuration_s_hash(tmp_path: Path) -> None:
    text = EXAMPLE.read_text()
    other = load(tmp_path, edited({"sources.alpaca.feed": "iex"}, text))
    assert other.config_hash("alpaca") != load_books(EXAMPLE).config_hash("alpaca")


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        ("feed", REMOVED, "sources.alpaca.feed: missing"),
        ("feed", "overnight", "sources.alpaca.feed: Input should be 'iex', 'sip', 'delayed_sip' or 'otc' (given: 'overnight')"),
        ("adjustment", "all", "sources.alpaca.adjustment: Input should be 'raw' (given: 'all')"),
        ("secret", "s", "sources.alpaca.secret: unknown key"),
        ("data_url", "http://data.alpaca.markets", "sources.alpaca.data_url: must be the https URL of a host, such as"),
    ],
)
def test_a_mistake_in_the_source_is_one_line(tmp_path: Path, place: str, value: object, said: str) -> None:
    assert said in mistake(tmp_path, edited({f"sources.alpaca.{place}": value}, EXAMPLE.read_text()))
