"""Universe rules in the books file."""

from typing import Any

import pytest

from grodt.targets.universe import UniverseRules
from tests.settings.books_files import edited, load, mistake

RULES = "books.demo.universe.rules"


def test_rules_stand_beside_the_candidates(tmp_path):
    given = {"listing": True, "price": 5, "age": 60, "dollar_volume": 1e6, "largest": 500}
    books = load(tmp_path, edited({RULES: given}))
    universe = books.book("demo").universe
    assert universe.rules == UniverseRules(listing=True, price=5.0, age=60, dollar_volume=1e6, window=20, largest=500)
    assert universe.listed is not None
    plain = load(tmp_path, edited({}))
    assert plain.book("demo").universe.rules is None
    assert plain.config_hash("demo") != books.config_hash("demo")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, f"{RULES}: universe rules: none is given; give one of listing, price, age, dollar_volume, largest, or leave `rules` out"),
        ({"volume": 5}, f"{RULES}.volume: unknown key"),
        ({"price": -1}, f"{RULES}: universe rules: price is -1.0; it must be a finite number > 0"),
        ({"price": True}, f"{RULES}: price is True; it must be a number"),
        ({"price": "5"}, f"{RULES}: price is '5'; it must be a number"),
        ({"age": 2.5}, f"{RULES}.age: Input should be a valid integer"),
        ({"age": 5, "window": 0}, f"{RULES}: universe rules: window is 0; it must be a whole number from 1 to 2520"),
        ({"largest": True}, f"{RULES}: largest is True; it must be a number"),
        ({"listing": 1}, f"{RULES}: listing is 1; it must be true or false"),
    ],
)
def test_a_mistake_in_a_rule_names_its_place_and_bound(tmp_path, given: dict[str, Any], said: str):
    assert said in mistake(tmp_path, edited({RULES: given}))


def test_rules_alone_are_no_universe(tmp_path):
    content = edited({"books.demo.universe": {"rules": {"age": 5}}})
    assert "books.demo.universe: give either `symbols` (a list) or `listed` (a number)" in mistake(tmp_path, content)
