"""The limits of a book one by one, and which change of one gives the book more room."""

from dataclasses import fields
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grodt.errors import ConfigError
from grodt.risk.limit_values import (
    OF_SYMBOLS,
    RULES,
    Key,
    as_file,
    limits_of,
    loosened,
    read_value,
    values_of,
)
from grodt.risk.limits import Limits, SymbolLimits
from tests.risk.proposals import limits

#: Of each limit that is a number, one that holds the book tighter than the other.
TIGHTER_AND_LOOSER: dict[str, tuple[float, float]] = {
    "order_quantity": (5, 10),
    "order_value": (5.0, 10.0),
    "volume_share": (0.1, 0.2),
    "collar": (0.1, 0.2),
    "collar_sigmas": (1.0, 2.0),
    "price_age": (1, 2),
    "symbol_position": (5, 10),
    "symbol_weight": (0.1, 0.2),
    "gross_exposure": (0.1, 0.2),
    "net_exposure": (0.1, 0.2),
    "basket_value": (0.1, 0.2),
    "turnover": (0.1, 0.2),
    "cash_buffer": (0.2, 0.1),
    "completeness": (0.95, 0.9),
    "weights_sum": (0.1, 0.2),
    "volatility_low": (0.2, 0.1),
    "volatility_high": (0.8, 0.9),
    "return_high": (0.1, 0.2),
    "daily_loss": (0.1, 0.2),
    "drawdown": (0.1, 0.2),
    "armed_cycles": (5, 10),
    "new_cycles": (10, 5),
    "new_share": (0.1, 0.2),
    "cycle_messages": (5, 10),
    "minute_messages": (5, 10),
    "rejects_in_a_row": (5, 10),
    "slippage": (0.1, 0.2),
    "slippages_in_a_row": (5, 10),
}


def test_every_limit_has_a_rule_and_an_example_here() -> None:
    names = {field.name for field in fields(Limits)} - {"overrides"}
    assert set(RULES) == names
    assert set(TIGHTER_AND_LOOSER) == names - {"group_weight", "restricted"}


@pytest.mark.parametrize("name", sorted(TIGHTER_AND_LOOSER))
def test_which_way_each_limit_holds_the_book_tighter(name: str) -> None:
    tight, loose = TIGHTER_AND_LOOSER[name]
    assert loosened(limits(**{name: tight}), limits(**{name: loose})) == (name,)
    assert loosened(limits(**{name: loose}), limits(**{name: tight})) == ()
    assert loosened(limits(**{name: loose}), limits(**{name: loose})) == ()


def test_to_restrict_a_symbol_is_tighter() -> None:
    free, held = limits(), limits(restricted=("S1",))
    assert loosened(free, held) == ()
    assert loosened(held, free) == ("restricted of S1",)
    assert loosened(held, limits(restricted=("S2",))) == ("restricted of S1",)


@pytest.mark.parametrize("name", OF_SYMBOLS)
def test_a_symbol_s_own_limit_is_judged_by_what_held_before_and_what_holds_after(name: str) -> None:
    tight, loose = TIGHTER_AND_LOOSER[name]

    def of(book: float, own: float | None) -> Limits:
        return limits(**{name: book}, overrides={} if own is None else {"S1": SymbolLimits(**{name: own})})  # type: ignore[arg-type]

    assert loosened(of(loose, None), of(loose, tight)) == ()
    assert loosened(of(loose, tight), of(loose, None)) == (f"{name} of S1",)
    assert loosened(of(tight, None), of(tight, loose)) == (f"{name} of S1",)
    assert loosened(of(tight, loose), of(tight, None)) == ()
    assert loosened(of(tight, tight), of(loose, tight)) == (name,)  # every other symbol has more room


@pytest.mark.parametrize(
    ("before", "after", "looser"),
    [
        ({}, {"tech": 0.3}, ()),  # from here on, a group without a cap fits none
        ({"tech": 0.3}, {}, ("group_weight", "group_weight of *", "group_weight of tech")),
        ({"tech": 0.3}, {"tech": 0.4}, ("group_weight of tech",)),
        ({"tech": 0.4}, {"tech": 0.3}, ()),
        ({"tech": 0.3}, {"tech": 0.3, "oil": 0.1}, ("group_weight of oil",)),  # nothing in oil fitted
        ({"tech": 0.3, "oil": 0.1}, {"tech": 0.3}, ()),
        ({"tech": 0.3, "*": 0.5}, {"*": 0.5}, ("group_weight of tech",)),
        ({"tech": 0.6, "*": 0.5}, {"*": 0.5}, ()),
        ({"tech": 0.3}, {"tech": 0.3, "*": 0.1}, ("group_weight of *",)),
        ({"tech": 0.3, "*": 0.5}, {"tech": 0.3, "*": 0.4}, ()),
    ],
)
def test_the_cap_of_a_group_is_judged_by_what_the_group_then_has(before: Any, after: Any, looser: tuple[str, ...]) -> None:
    assert loosened(limits(group_weight=before), limits(group_weight=after)) == looser


FULL = limits(
    group_weight={"tech": 0.3, "*": 0.5},
    restricted=("S1", "S9"),
    overrides={"S1": SymbolLimits(order_quantity=5), "S2": SymbolLimits(symbol_weight=0.05, order_value=10.0)},
)


def test_limits_taken_apart_and_put_together_are_the_same() -> None:
    assert limits_of(values_of(FULL)) == FULL
    assert values_of(FULL)[Key("order_quantity", symbol="S1")] == 5
    assert values_of(FULL)[Key("group_weight", group="*")] == 0.5
    assert Key("symbol_weight", symbol="S1") not in values_of(FULL)
    assert limits_of(values_of(limits())) == limits()


def test_limits_with_one_missing_are_refused() -> None:
    values = values_of(FULL)
    del values[Key("order_value")]
    with pytest.raises(ConfigError, match="limit order_value is missing"):
        limits_of(values)


def test_as_the_books_file_has_them_they_are_read_back() -> None:
    written = as_file(FULL)
    own = {symbol: SymbolLimits(**each) for symbol, each in written.pop("overrides").items()}
    assert Limits(**{**written, "restricted": tuple(written["restricted"])}, overrides=own) == FULL


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        (Key("order_quantity"), "500", 500),
        (Key("order_value"), "500", 500.0),
        (Key("symbol_weight", symbol="S1"), "0.05", 0.05),
        (Key("group_weight", group="*"), "0.3", 0.3),
        (Key("restricted", symbol="S1"), "yes", True),
    ],
)
def test_a_value_is_read_as_the_books_file_would_read_it(key: Key, text: str, value: object) -> None:
    found = read_value(key, text)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("key", "text", "words"),
    [
        (Key("order_quantity"), "1.5", r"limit order_quantity is 1\.5; it must be a whole number above 0"),
        (
            Key("order_value"),
            "0",
            "limit order_value is 0; it must be a finite number above 0 .*write `grodt limits set order_value 150000`",
        ),
        (Key("order_value"), "nan", "limit order_value is nan"),
        (Key("symbol_weight"), "10%", "limit symbol_weight is '10%'; it must be a finite number"),
        (Key("symbol_weight"), "10", "0.1 is a tenth, not 10"),
        (Key("group_weight", group="tech"), "30", r"limit group_weight of 'tech' is 30; .*0\.3 is three tenths, not 30"),
        (Key("group_weight"), "0.3", "is of a group: name it with --group"),
        (Key("group_weight", symbol="S1"), "0.3", "is of a group: name it with --group"),
        (Key("restricted"), "yes", "restricted is of a symbol: name it with --symbol"),
        (Key("restricted", symbol="S1"), "no", "write `grodt limits set restricted yes --symbol S1`"),
        (Key("turnover", symbol="S1"), "1", "turnover is of the whole book; leave --symbol away"),
        (Key("order_value", group="tech"), "1", "order_value is not of a group; leave --group away"),
        (Key("ordervalue"), "1", "there is no limit 'ordervalue'; there are order_quantity, "),
    ],
)
def test_a_value_or_a_scope_that_cannot_be_is_refused(key: Key, text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        read_value(key, text)


_SHARES = st.sampled_from([0.1, 0.2, 0.3])
_CAPS = st.dictionaries(st.sampled_from(["tech", "oil", "*"]), _SHARES)
_OWN = st.dictionaries(st.sampled_from(["S1", "S2"]), st.builds(SymbolLimits, symbol_weight=_SHARES))
_SOME = st.builds(
    lambda weight, caps, listed, own: limits(symbol_weight=weight, group_weight=caps, restricted=tuple(sorted(listed)), overrides=own),
    _SHARES,
    _CAPS,
    st.sets(st.sampled_from(["S1", "S2"])),
    _OWN,
)


@given(_SOME, _SOME)
def test_limits_that_differ_give_more_room_one_way_or_the_other_or_ask_the_same(one: Limits, other: Limits) -> None:
    """A change that gives no room and is no tighter asks every symbol and group the same."""
    if not loosened(one, other) and not loosened(other, one):
        for symbol in ("S1", "S2", "S3"):
            assert one.of("symbol_weight", [symbol]).tolist() == other.of("symbol_weight", [symbol]).tolist()
            assert (symbol in one.restricted) == (symbol in other.restricted)
        for group in ("tech", "oil", "gas"):
            assert repr(one.of_groups([group])) == repr(other.of_groups([group]))


@given(_SOME, _SOME, _SOME)
def test_tighter_twice_is_tighter(one: Limits, other: Limits, last: Limits) -> None:
    if not loosened(one, other) and not loosened(other, last):
        assert loosened(one, last) == ()
