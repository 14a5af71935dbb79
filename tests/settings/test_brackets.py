"""The `bracket` of a book's `order` section, and the books that cannot mean one."""

from decimal import Decimal
from typing import Any

import pytest

from grodt.errors import ConfigError
from grodt.orders.brackets import BracketTerms
from grodt.orders.terms import OrderTerms
from tests.settings.books_files import DEMO, edited, load, mistake

BRACKET: dict[str, Any] = {"stop_bps": 500, "take_profit_bps": 1000.5}


def test_a_bracket_is_a_part_of_what_orders_are(tmp_path):
    written = {"books.demo.order": {"bracket": BRACKET | {"cool_off_sessions": 3}}}
    found = load(tmp_path, edited(written)).book("demo").order
    assert found == OrderTerms(bracket=BracketTerms(Decimal(500), Decimal("1000.5"), 3))
    assert load(tmp_path, edited({"books.demo.order": {"bracket": {"stop_bps": 500}}})).book("demo").order.bracket == BracketTerms(
        Decimal(500), None, 5
    )


def test_a_bracket_is_a_part_of_the_configuration_and_none_leaves_its_hash_alone(tmp_path):
    limits = {"type": "limit", "offset_bps": 20, "tif": "day"}
    hashes = [
        load(tmp_path, edited({"books.demo.order": written}) if written else DEMO).config_hash("demo")
        for written in (
            None,
            limits,
            {"bracket": BRACKET},
            {"bracket": BRACKET | {"cool_off_sessions": 9}},
            {"tif": "cls", "bracket": BRACKET},
        )
    ]
    assert len(set(hashes)) == 5


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ({}, "order.bracket.stop_bps"),
        ({"stop_bps": 0}, "order.bracket.stop_bps is 0; it must be from 1 to 9000 basis points"),
        ({"stop_bps": 500, "take_profit_bps": 20000}, "order.bracket.take_profit_bps is 20000; it must be from 1 to 9000"),
        ({"stop_bps": 500, "cool_off_sessions": 1000}, "order.bracket.cool_off_sessions is 1000; it must be from 0 (bought back at once)"),
        ({"stop_bps": 500, "trail_bps": 1}, "trail_bps"),
    ],
)
def test_a_bracket_that_makes_no_sense_is_named(tmp_path, written, said):
    assert said in mistake(tmp_path, edited({"books.demo.order": {"bracket": written}}))


def test_books_that_cannot_mean_a_bracket_say_why(tmp_path):
    for kind in ("limit", "stop"):
        waiting = {"type": kind, "offset_bps": 20, "tif": "gtc", "bracket": BRACKET}
        said = mistake(tmp_path, edited({"books.demo.order": waiting}))
        assert f"order.bracket goes with market orders, and order.type is {kind}" in said
    with pytest.raises(ConfigError, match="sends market opg orders with brackets, and replays know market orders for the open alone"):
        load(tmp_path, edited({"books.demo.order": {"bracket": BRACKET}})).book("demo").require_market_orders()
