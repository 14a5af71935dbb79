"""Strategies in the books file."""

from pathlib import Path
from typing import Any

import pytest

from grodt.errors import ConfigError
from grodt.settings.naming import require_strategy
from tests.settings.books_files import REMOVED, edited, load, mistake

_SIGNAL = {"signal": "momentum", "weight": 1}


def _strategy(name: str, share: float, **more: Any) -> dict[str, Any]:
    return {"name": name, "share": share, "signals": [_SIGNAL], **more}


def _file(*strategies: dict[str, Any], **more: Any) -> str:
    return edited(
        {"books.demo.signals": REMOVED, "books.demo.strategies": list(strategies), "books.demo.construction.long_only": True, **more}
    )


def test_each_has_its_share_its_signals_and_its_own_construction_or_the_book_s(tmp_path: Path) -> None:
    own = {"volatility_target": 0.1, "weight_cap": 0.1, "gross_cap": 1.0, "no_trade_band": 0.0, "long_only": True, "rebalance": "week"}
    book = load(tmp_path, _file(_strategy("trend", 0.7), _strategy("value", 0.3, construction=own))).book("demo")
    (trend, signals), (value, _) = book.several()
    assert (trend.name, trend.share, trend.construction) == ("trend", 0.7, book.construction)
    assert (value.construction.rebalance, [signal.name for signal, _ in signals]) == ("week", ["momentum"])
    assert len(book.weighted_signals()) == 2
    require_strategy(book, "value")
    with pytest.raises(ConfigError, match="has no strategy 'momentum'; its strategies are trend, value"):
        require_strategy(book, "momentum")
    with pytest.raises(ConfigError, match=r"book 'demo' has strategies \(trend, value\), and a replay has one"):
        book.require_one_strategy("a replay has one")


def test_a_book_without_strategies_has_the_hash_it_had_and_each_thing_of_a_strategy_is_part_of_it(tmp_path: Path) -> None:
    files = [
        edited({"books.demo.strategies": []}),
        edited({}),
        _file(_strategy("a", 0.5)),
        _file(_strategy("a", 0.6)),
        _file(_strategy("b", 0.5)),
    ]
    hashes = [load(tmp_path, each).config_hash("demo") for each in files]
    assert hashes[0] == hashes[1]
    assert len(set(hashes)) == 4


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            _file(_strategy("a", 0.7), _strategy("b", 0.4)),
            "strategies: their shares add up to 1.1, and a book's capital is 1 (a 0.7, b 0.4)",
        ),
        (_file(_strategy("a", 0.5), _strategy("a", 0.4)), "strategies: a is named 2 times; give each its own name"),
        (_file(_strategy("demo", 0.5)), "strategies: demo is the name of the book"),
        (_file(_strategy("a", 0)), "books.demo.strategies.0.share: Input should be greater than 0 (given: 0)"),
        (_file(_strategy("a", 1.5)), "books.demo.strategies.0.share: Input should be less than or equal to 1 (given: 1.5)"),
        (_file({"name": "a", "share": 1, "signals": []}), "books.demo.strategies.0.signals"),
        (_file({"name": "a", "share": 1, "signals": [_SIGNAL, _SIGNAL]}), "momentum is configured 2 times; give each its own name"),
        (_file(_strategy("a", 1), **{"books.demo.construction.long_only": False}), "strategies: a may sell short"),
        (_file(_strategy("a", 1), **{"books.demo.regime": {}}), "strategies: a book of several has no `regime` section"),
        (edited({"books.demo.strategies": [_strategy("a", 1)]}), "give either `signals`, or `strategies` that have their own"),
        (edited({"books.demo.signals": REMOVED}), "signals: none is given; name at least one with its weight, or `strategies`"),
    ],
)
def test_what_cannot_be_is_refused_with_the_strategy_the_value_and_the_bound(tmp_path: Path, text: str, said: str) -> None:
    assert said in mistake(tmp_path, text)
