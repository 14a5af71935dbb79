"""The source that a books file describes, with its key and its clock."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from grodt.bars.alpaca import AlpacaSource
from grodt.bars.ccxt import CcxtSource
from grodt.bars.credentials import Credentials
from grodt.bars.source import MinuteSource
from grodt.bars.yahoo import YahooSource
from grodt.errors import ConfigError
from grodt.sessions import Calendar
from grodt.settings.sources import AlpacaConfig, CcxtConfig, YahooConfig
from tasks import wiring

ALWAYS, XNYS = Calendar("24/7"), Calendar("XNYS")
HERE = Path()


@pytest.fixture(autouse=True)
def _anew() -> None:
    wiring.source.cache_clear()


def test_alpaca_and_ccxt_get_the_key_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, Any] = {}

    def noted(kind: type[Any]) -> None:
        original = kind.__init__

        def init(self: Any, name: str, settings: Any, key: Credentials | None, *more: Any, **named: Any) -> None:
            given[name] = key
            original(self, name, settings, key, *more, **named)

        monkeypatch.setattr(kind, "__init__", init)

    noted(AlpacaSource)
    noted(CcxtSource)
    for name in ("APCA_API_KEY_ID", "APCA_API_SECRET_KEY", "DEEP_SEA_API_KEY", "DEEP_SEA_API_SECRET"):
        monkeypatch.setenv(name, f"the {name}")
    made = [
        wiring.source("us", AlpacaConfig(kind="alpaca", feed="iex"), XNYS, HERE),
        wiring.source("deep-sea", CcxtConfig(kind="ccxt", venue="kraken", quote="USD", with_key=True), ALWAYS, HERE),
        wiring.source("public", CcxtConfig(kind="ccxt", venue="kraken", quote="USD"), ALWAYS, HERE),
    ]
    assert given == {
        "us": Credentials("the APCA_API_KEY_ID", "the APCA_API_SECRET_KEY"),
        "deep-sea": Credentials("the DEEP_SEA_API_KEY", "the DEEP_SEA_API_SECRET"),
        "public": None,
    }
    assert [source.name for source in made] == ["us", "deep-sea", "public"]
    assert all(isinstance(source, MinuteSource) for source in made)


def test_a_venue_that_wants_a_key_and_has_none_names_its_own_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEEP_SEA_API_KEY", "k")
    with pytest.raises(
        ConfigError, match="DEEP_SEA_API_SECRET is not set; set DEEP_SEA_API_KEY and DEEP_SEA_API_SECRET in the environment"
    ):
        wiring.source("deep-sea", CcxtConfig(kind="ccxt", venue="kraken", quote="USD", with_key=True), ALWAYS, HERE)


def test_yahoo_is_made_without_a_key_and_its_clock_is_that_of_the_environment_when_it_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    source = wiring.source("y", YahooConfig(kind="yahoo", symbols=("AAPL",)), XNYS, HERE)
    assert isinstance(source, YahooSource)
    assert [each.symbol for each in source.instruments(date(2024, 1, 2))] == ["AAPL"]
    for now in ("2024-03-01T12:00:00Z", "2025-03-01T12:00:00Z"):
        monkeypatch.setenv("GRODT_NOW", now)
        assert wiring._now().year == int(now[:4])


def test_one_source_of_one_description_is_kept() -> None:
    config = YahooConfig(kind="yahoo", symbols=("AAPL",))
    assert wiring.source("y", config, XNYS, HERE) is wiring.source("y", config, XNYS, HERE)
