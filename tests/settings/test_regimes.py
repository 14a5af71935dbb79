"""Regimes in the books file."""

from pathlib import Path

import pytest

from grodt.settings.books import load_books
from grodt.signals.gating import Gating, RegimeSettings
from tests.settings.books_files import edited, load, mistake


def test_a_book_says_in_which_regimes_a_signal_is_on_and_how_regimes_are_told_apart(tmp_path: Path) -> None:
    changes = {
        "books.demo.signals.0.regimes": ["trending", "high_volatility"],
        "books.demo.signals.1.parameters": {"name": "slow"},
        "books.demo.regime": {"long": 90, "calm": 0.4, "scope": "symbol", "override": "ranging"},
    }
    book = load(tmp_path, edited(changes)).book("demo")
    own = RegimeSettings(long=90, calm=0.4, scope="symbol", override="ranging")
    assert book.gating() == Gating(own, {"momentum": ("trending", "high_volatility")})


def test_an_empty_section_is_the_defaults_and_without_one_there_is_no_gating(tmp_path: Path) -> None:
    assert load_books(None).book("demo").gating() is None
    assert load(tmp_path, edited({"books.demo.regime": {}})).book("demo").gating() == Gating(RegimeSettings(), {})


def test_an_override_is_another_configuration(tmp_path: Path) -> None:
    hashes = {
        load(tmp_path, edited({"books.demo.regime": regime})).config_hash("demo")
        for regime in (None, {}, {"override": "ranging"}, {"override": "trending"}, {"scope": "symbol"})
    }
    assert len(hashes) == 5


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"books.demo.signals.0.regimes": ["trending"]},
            "books.demo: signals: momentum is on in some regimes and the book has no `regime` section that says how they are told apart",
        ),
        (
            {"books.demo.signals.0.regimes": [], "books.demo.regime": {}},
            "books.demo.signals.0.regimes: regimes is nothing; it must be of trend",
        ),
        (
            {"books.demo.signals.0.regimes": ["bull"], "books.demo.regime": {}},
            "books.demo.signals.0.regimes.0: Input should be 'trending', 'ran",
        ),
        (
            {"books.demo.signals.0.regimes": ["ranging", "ranging"], "books.demo.regime": {}},
            "regimes is 'ranging', 'ranging'; it must be of",
        ),
        ({"books.demo.regime": {"override": "calm"}}, "books.demo.regime: regime: override is 'calm'; it must be of trending, ranging"),
        ({"books.demo.regime": {"scope": "sector"}}, "books.demo.regime: regime: scope is 'sector'; it must be one of market, symbol"),
        ({"books.demo.regime": {"calm": 0}}, "books.demo.regime: regime: calm is 0"),
        ({"books.demo.regime": {"calm": "0.4"}}, "books.demo.regime: calm is '0.4'; it must be a number"),
        ({"books.demo.regime": {"short": 60}}, "books.demo.regime: regime: short is 60; it must be a whole number from 2 to 59"),
        ({"books.demo.regime": {"windows": 60}}, "books.demo.regime.windows: unknown key"),
        ({"books.demo.regime": "ranging"}, "books.demo.regime: Input should be"),
    ],
)
def test_a_mistake_is_one_error_with_place_and_value(tmp_path: Path, changes: dict[str, object], said: str) -> None:
    assert said in mistake(tmp_path, edited(changes))
