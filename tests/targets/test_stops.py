"""Sizes from the distance of a stop: known answers by hand, and what always holds."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grodt.errors import ConfigError, DataError
from grodt.money import micros
from grodt.targets.stops import StopRule, StopSizes, stop_sizes
from tests.examples import examples

NAN = float("nan")
#: Of 100,000: 1,000 may be lost by a trade.
RULE = StopRule(risk_per_trade=0.01, atr_multiple=2, weight_cap=1.0, gross_cap=4.0)
CENT = micros("0.01")


def size(rule: StopRule = RULE, **given: Any) -> StopSizes:
    """Trades of S0, S1, …: to buy at 50 with an ATR of 2.5, in shares and cents, of a book of 100,000."""
    width = len(next(np.asarray(value) for value in given.values() if not np.isscalar(value)))

    def column(name: str, otherwise: float, dtype: Any = np.float64) -> Any:
        return np.array(given.get(name, [otherwise] * width), dtype=dtype)

    return stop_sizes(
        tuple(f"S{i}" for i in range(width)),
        side=column("side", 1.0),
        price=column("price", 50.0),
        atr=column("atr", 2.5),
        lot=column("lot", 1, np.int64),
        tick=column("tick", CENT, np.int64),
        equity=given.get("equity", 100_000.0),
        tradable=column("tradable", True, np.bool_),
        shortable=column("shortable", True, np.bool_),
        rule=rule,
        held_value=given.get("held_value", 0.0),
    )


def test_shares_are_the_risk_over_the_distance_of_the_stop() -> None:
    # 1,000 over 2 · 2.5: 200 shares; stops five away, on the losing side
    got = size(side=[1.0, -0.3])
    assert got.quantity.tolist() == [200, -200]
    assert got.stop.tolist() == [micros(45), micros(55)]
    assert got.risk.tolist() == [micros(1000)] * 2
    assert (got.quantity.dtype, got.stop.dtype) == (np.int64, np.int64)


def test_a_fraction_of_a_share_or_lot_is_left() -> None:
    assert size(atr=[3.0, 2.5], lot=[1, 30]).quantity.tolist() == [166, 180]


def test_a_stop_is_on_the_tick_away_from_the_price_and_the_size_is_by_where_it_is() -> None:
    # 2 · 0.1665 = 0.333 from 10: 9.667 becomes 9.66, 10.333 becomes 10.34; 1,000 / 0.34 = 2,941.2
    got = size(side=[1.0, -1.0], price=[10.0, 10.0], atr=[0.1665, 0.1665])
    assert got.stop.tolist() == [micros("9.66"), micros("10.34")]
    assert got.quantity.tolist() == [2941, -2941]
    # a price between ticks of a quarter: 10.10 − 0.333 = 9.767 becomes 9.75, at a distance of 0.35; 1,000 / 0.35 = 2,857.1
    got = size(price=[10.1], atr=[0.1665], tick=[micros("0.25")])
    assert (got.stop.tolist(), got.quantity.tolist()) == ([micros("9.75")], [2857])


def test_a_float_a_hair_under_a_whole_share_is_that_share() -> None:
    assert 100_000 * 0.0003 / (2 * 0.05) < 300  # 299.99999999999994
    assert size(StopRule(0.0003, 2, 1.0, 1.0), atr=[0.05], price=[10.0]).quantity.tolist() == [300]


def test_a_trade_is_held_to_the_weight_cap_and_risks_less_then() -> None:
    # 5,000 at 50
    got = size(StopRule(0.01, 2, 0.05, 4.0), side=[1.0, -1.0])
    assert got.quantity.tolist() == [100, -100]
    assert got.risk.tolist() == [micros(500)] * 2


def test_trades_that_exceed_the_gross_cap_together_are_scaled_down_to_it() -> None:
    # 200 · 50 and 100 · 50 want 15,000; 7,500 are left of 10,000: half of each
    got = size(StopRule(0.01, 2, 0.1, 0.1), atr=[2.5, 5.0], held_value=2_500.0)
    assert got.quantity.tolist() == [100, 50]
    assert got.stop.tolist() == [micros(45), micros(40)]
    assert size(StopRule(0.01, 2, 0.1, 0.1), atr=[2.5], held_value=20_000.0).quantity.tolist() == [0]


def test_no_trade_where_something_is_missing_or_not_allowed() -> None:
    got = size(
        side=[NAN, 0.0, 1.0, -1.0, 1.0, 1.0, 1.0, 1.0, 1.0],
        tradable=[1, 1, 0, 1, 1, 1, 1, 1, 1],
        shortable=[1, 1, 1, 0, 1, 1, 1, 1, 1],
        price=[50.0, 50.0, 50.0, 50.0, NAN, 0.0, 50.0, 50.0, float("inf")],
        atr=[2.5, 2.5, 2.5, 2.5, 2.5, 2.5, NAN, 0.0, 2.5],
    )
    for array in (got.quantity, got.stop, got.risk):
        assert array.tolist() == [0] * 9


def test_no_trade_where_the_stop_would_be_as_far_as_zero_is() -> None:
    got = size(side=[1.0, -1.0, 1.0, 1.0], price=[5.0, 5.0, 5.01, 0.5], atr=[2.5, 2.5, 2.5, 1e-9], tick=[CENT] * 3 + [micros(1)])
    # 5 − 5 is no price; a stop of a cent is one; a tick of 1 leaves none under 0.5
    assert got.quantity.tolist() == [0, 0, 200, 0]


def test_an_empty_session_has_no_trades() -> None:
    assert size(side=[]).quantity.shape == (0,)


@pytest.mark.parametrize("equity", [0.0, -1.0, NAN, float("inf")])
def test_a_book_without_equity_is_not_sized(equity: float) -> None:
    with pytest.raises(DataError, match=rf"equity {equity} must be a finite number > 0"):
        size(side=[1.0], equity=equity)
    with pytest.raises(DataError, match=r"held_value -1\.0 one >= 0"):
        size(side=[1.0], held_value=-1.0)


def test_what_does_not_fit_64_bits_is_refused_by_name() -> None:
    with pytest.raises(DataError, match=r"S1: price 1e\+20 does not fit 64 bits"):
        size(price=[1.0, 1e20])
    with pytest.raises(DataError, match=r"S0: price or tick does not fit 61 bits"):
        size(price=[3e12])
    with pytest.raises(DataError, match=r"the book: equity · risk_per_trade 1e\+13 does not fit 64 bits"):
        size(side=[1.0], equity=1e15)


def test_arrays_must_be_aligned_to_the_symbols() -> None:
    with pytest.raises(ValueError, match=r"price has shape \(1,\), not \(2,\)"):
        size(side=[1.0, 1.0], price=[1.0])
    for name in ("lot", "tick"):
        with pytest.raises(ValueError, match=f"S1: {name} 0 must be at least 1"):
            size(**{name: [1, 0]})


@pytest.mark.parametrize(
    ("name", "value", "bound"),
    [
        ("risk_per_trade", 0.0, "> 0 and <= 0.1"),
        ("risk_per_trade", 1, "> 0 and <= 0.1"),
        ("atr_multiple", NAN, "> 0 and <= 20"),
        ("weight_cap", 5.0, "> 0 and <= 4"),
        ("gross_cap", 11.0, "> 0 and <= 10"),
    ],
)
def test_a_bad_parameter_is_named_with_its_value_and_bound(name: str, value: float, bound: str) -> None:
    good = {"risk_per_trade": 0.01, "atr_multiple": 2, "weight_cap": 1.0, "gross_cap": 4.0}
    with pytest.raises(ConfigError, match=rf"stop rule: {name} is {value!r}; it must be .*{bound}"):
        StopRule(**good | {name: value})


_figure = st.one_of(st.sampled_from([NAN, 0.0, -1.0, float("inf"), 1e-9]), st.floats(0.01, 2000.0))


@examples(200)
@given(st.data())
def test_risk_caps_and_lots_hold_whatever_comes_in(data: st.DataObject) -> None:
    width = data.draw(st.integers(1, 6))

    def column(values: st.SearchStrategy[Any]) -> list[Any]:
        return data.draw(st.lists(values, min_size=width, max_size=width))

    gross = data.draw(st.floats(0.01, 2.0))
    rule = StopRule(data.draw(st.floats(1e-4, 0.1)), data.draw(st.floats(0.1, 20)), gross * data.draw(st.floats(0.01, 1.0)), gross)
    equity, held = data.draw(st.floats(1.0, 1e9)), data.draw(st.floats(0, 1e8))
    side, price, lot, tick = column(st.floats(-2, 2)), column(_figure), column(st.integers(1, 100)), column(st.sampled_from([1, 100, CENT]))
    shortable = column(st.booleans())
    got = size(rule, side=side, price=price, atr=column(_figure), lot=lot, tick=tick, shortable=shortable, equity=equity, held_value=held)
    total = 0
    for i in range(width):
        quantity, stop = int(got.quantity[i]), int(got.stop[i])
        if quantity == 0:
            assert (stop, got.risk[i]) == (0, 0)
            continue
        entry = round(price[i] * 1e6)
        assert quantity % lot[i] == 0
        assert stop % tick[i] == 0
        assert (quantity > 0) == (side[i] > 0) == (stop < entry)
        assert quantity > 0 or shortable[i]
        assert got.risk[i] == abs(quantity) * abs(entry - stop) <= round(equity * rule.risk_per_trade * 1e6)
        assert abs(quantity) * entry <= round(equity * rule.weight_cap * 1e6)
        total += abs(quantity) * entry
    assert total <= max(0, round((equity * gross - held) * 1e6))
