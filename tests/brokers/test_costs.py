"""Impact, participation and commission schedules: worked by hand, and what holds for any order."""

from decimal import ROUND_FLOOR, Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from grodt.brokers.fills import FillTerms, SessionFills, fill_session
from grodt.errors import ConfigError, DataError
from grodt.money import Micros, micros
from tests.brokers.exact import to_tick


def _ints(*values: int) -> NDArray[np.int64]:
    return np.array(values, dtype=np.int64)


def _floats(*values: float) -> NDArray[np.float64]:
    return np.array(values, dtype=np.float64)


def _prices(*dollars: str) -> NDArray[np.int64]:
    return _ints(*(micros(each) for each in dollars))


# commissions


def _commission(quantity: int, price: str, **terms: object) -> int:
    return int(fill_session(_ints(quantity), _prices(price), FillTerms(**terms)).commission[0])  # type: ignore[arg-type]


def test_a_commission_per_share_counts_shares_and_not_their_value() -> None:
    assert _commission(1_000, "50", commission_per_share=micros("0.005")) == micros("5")
    assert _commission(-1_000, "0.20", commission_per_share=micros("0.005")) == micros("5")


def test_a_commission_of_both_kinds_is_their_sum_rounded_once() -> None:
    # 3 shares at 33.33 are 99.99; one basis point of it is 0.009999, and 3 · 0.000017 is 0.000051: together 0.010050, half-even to 0.0100
    both = {"commission_bps": Decimal(1), "commission_per_share": Micros(17)}
    assert _commission(3, "33.33", **both) == micros("0.0100")
    assert _commission(3, "33.33", commission_bps=Decimal(1), commission_per_share=Micros(18)) == micros("0.0101")


def test_the_minimum_is_for_small_fills_and_the_maximum_for_cheap_shares() -> None:
    schedule = {"commission_per_share": micros("0.005"), "minimum_commission": micros("1"), "maximum_commission_bps": Decimal(100)}
    assert _commission(1_000, "50", **schedule) == micros("5")
    assert _commission(150, "50", **schedule) == micros("1")
    assert _commission(1_000, "0.20", **schedule) == micros("2")
    assert _commission(1, "50", **schedule) == micros("0.50")  # the maximum stands above the minimum


def test_what_does_not_trade_pays_no_minimum() -> None:
    assert _commission(0, "50", minimum_commission=micros("1")) == 0


# impact


def _impact(quantity: int, *, factor: str = "1", average: float = 1e6, volatility: float = 0.02, slippage: str = "0") -> SessionFills:
    terms = FillTerms(slippage_bps=Decimal(slippage), impact=Decimal(factor))
    return fill_session(_ints(quantity), _prices("50"), terms, average_value=_floats(average), volatility=_floats(volatility))


def test_impact_is_volatility_times_the_root_of_the_share_of_average_value() -> None:
    # 200 shares at 50 are 10,000: a hundredth of the average value, whose root is 0.1; 0.1 · 2 % is 20 basis points
    assert _impact(200).price.tolist() == [micros("50.10")]
    assert _impact(-200).price.tolist() == [micros("49.90")]


def test_four_times_the_size_moves_the_price_twice_as_far() -> None:
    assert _impact(800).price.tolist() == [micros("50.20")]


def test_half_the_coefficient_moves_it_half_as_far_and_slippage_comes_on_top() -> None:
    assert _impact(200, factor="0.5").price.tolist() == [micros("50.05")]
    assert _impact(200, slippage="5").price.tolist() == [micros("50.125")]


def test_a_still_price_does_not_move() -> None:
    assert _impact(200, volatility=0.0).price.tolist() == [micros("50")]


def test_a_price_moves_by_its_whole_at_most() -> None:
    assert _impact(200, average=1e-300).price.tolist() == [micros("100")]
    assert _impact(200, average=5e-324, volatility=0.0).price.tolist() == [micros("50")]
    assert _impact(-200, average=1e-3, slippage="5000").price.tolist() == [100]


def test_what_traded_nothing_before_has_no_known_cost_and_does_not_fill() -> None:
    fills = _impact(200, average=0.0, volatility=float("nan"))
    assert (fills.quantity.tolist(), fills.price.tolist(), fills.commission.tolist()) == ([0], [0], [0])


def test_orders_of_one_symbol_move_its_price_together() -> None:
    terms = FillTerms(impact=Decimal(1))
    figures = {"average_value": _floats(1e6, 1e6, 1e6), "volatility": _floats(0.02, 0.02, 0.02)}
    fills = fill_session(_ints(50, 200, 150), _prices("50", "50", "50"), terms, symbol=_ints(7, 3, 7), **figures)
    assert fills.price.tolist() == [micros("50.10")] * 3


# participation


def test_an_order_fills_with_its_share_of_the_session_in_whole_shares() -> None:
    terms = FillTerms(participation=Decimal("0.1"))
    fills = fill_session(_ints(150, 250, -250, 5), _prices(*["50"] * 4), terms, volume=_floats(1_999, 1_999, 1_999.9, 9))
    assert fills.quantity.tolist() == [150, 199, -199, 0]
    assert fills.price.tolist() == [micros("50")] * 3 + [0]


def test_orders_of_one_symbol_share_its_volume_in_the_order_given() -> None:
    terms = FillTerms(participation=Decimal("0.1"))
    volume = _floats(1_999, 1_999, 500, 1_999)
    fills = fill_session(_ints(150, -100, 80, 10), _prices(*["50"] * 4), terms, symbol=_ints(4, 4, 9, 4), volume=volume)
    assert fills.quantity.tolist() == [150, -49, 50, 0]


def test_a_symbol_without_volume_fills_nothing_and_needs_no_price() -> None:
    fills = fill_session(_ints(100), _ints(0), FillTerms(participation=Decimal(1)), volume=_floats(0))
    assert (fills.quantity.tolist(), fills.price.tolist()) == ([0], [0])


def test_impact_is_of_what_fills_and_not_of_what_was_wanted() -> None:
    terms = FillTerms(impact=Decimal(1), participation=Decimal("0.1"))
    figures = {"average_value": _floats(1e6), "volatility": _floats(0.02)}
    fills = fill_session(_ints(100_000), _prices("50"), terms, volume=_floats(2_000), **figures)
    assert (fills.quantity.tolist(), fills.price.tolist()) == ([200], [micros("50.10")])


# what holds for any order

_SIZES = st.lists(st.integers(-(10**9), 10**9), min_size=1, max_size=8)


@given(
    wanted=_SIZES,
    data=st.data(),
    participation=st.none() | st.decimals(min_value="0.00000001", max_value=1, places=8),
    impact=st.decimals(min_value=0, max_value=10, places=3),
    slippage=st.decimals(min_value=0, max_value=5000, places=4),
)
def test_a_fill_is_never_better_than_the_price_nor_more_than_its_share(
    wanted: list[int], data: st.DataObject, participation: Decimal | None, impact: Decimal, slippage: Decimal
) -> None:
    def figures(most: float) -> list[float]:
        return data.draw(st.lists(st.floats(0, most), min_size=len(wanted), max_size=len(wanted)))

    symbols = data.draw(st.lists(st.integers(0, 3), min_size=len(wanted), max_size=len(wanted)))
    opens = {symbol: data.draw(st.integers(1, 9 * 10**8)) for symbol in set(symbols)}  # twice of it times any size can still be booked
    volumes = {symbol: data.draw(st.floats(0, 1e15)) for symbol in set(symbols)}
    prices = [opens[symbol] for symbol in symbols]
    fills = fill_session(
        _ints(*wanted),
        _ints(*prices),
        FillTerms(slippage_bps=slippage, impact=impact, participation=participation),
        symbol=_ints(*symbols),
        volume=_floats(*(volumes[symbol] for symbol in symbols)),
        average_value=_floats(*figures(1e15)),
        volatility=_floats(*figures(10)),
    )
    together: dict[int, int] = {}
    for quantity, filled, price, paid, symbol in zip(wanted, fills.quantity.tolist(), prices, fills.price.tolist(), symbols, strict=True):
        assert min(quantity, 0) <= filled <= max(quantity, 0)
        together[symbol] = together.get(symbol, 0) + abs(filled)
        if filled > 0:
            assert paid >= max(to_tick(Decimal(price)), 100)
        elif filled < 0:
            assert 100 <= paid <= max(to_tick(Decimal(price)), 100)
        else:
            assert paid == 0
    if participation is not None:
        for symbol, filled in together.items():
            assert filled <= int((Decimal(int(volumes[symbol])) * participation).to_integral_value(ROUND_FLOOR))


@given(
    quantity=st.integers(1, 10**7),
    price=st.integers(100, 10**11),
    rates=st.tuples(*[st.decimals(min_value=0, max_value=5000, places=4)] * 2),
    per_share=st.integers(0, 10**6),
    minimum=st.integers(0, 10**9),
)
def test_a_commission_equals_the_formula_in_unbounded_decimals(
    quantity: int, price: int, rates: tuple[Decimal, Decimal], per_share: int, minimum: int
) -> None:
    terms = FillTerms(
        commission_bps=rates[0], maximum_commission_bps=rates[1], commission_per_share=Micros(per_share), minimum_commission=Micros(minimum)
    )
    fills = fill_session(_ints(quantity), _ints(price), terms)
    value = quantity * int(fills.price[0])
    charged = max(to_tick(value * rates[0] / 10_000 + quantity * per_share), minimum)
    assert fills.commission.tolist() == [min(charged, to_tick(value * rates[1] / 10_000))]


@given(count=st.integers(1, 40), seed=st.integers(0, 2**32 - 1))
def test_an_order_fills_the_same_alone_and_among_others(count: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    terms = FillTerms(Decimal(2), Decimal(1), impact=Decimal("0.7"), participation=Decimal("0.05"))
    quantity = random.integers(-10_000, 10_000, count)
    prices = random.integers(1, 10**9, count)
    figures = {
        "volume": random.uniform(0, 1e5, count),
        "average_value": random.uniform(0, 1e7, count),
        "volatility": random.uniform(0, 0.1, count),
    }
    together = fill_session(quantity, prices, terms, **figures)
    for i in range(count):
        alone = fill_session(quantity[i : i + 1], prices[i : i + 1], terms, **{name: each[i : i + 1] for name, each in figures.items()})
        for name in ("quantity", "price", "commission"):
            assert getattr(alone, name).tolist() == getattr(together, name)[i : i + 1].tolist()


# refusals


@pytest.mark.parametrize("figure", [float("nan"), float("inf"), -1.0])
@pytest.mark.parametrize("name", ["volume", "average_value", "volatility"])
def test_a_figure_that_is_no_number_is_refused(name: str, figure: float) -> None:
    figures = {"volume": _floats(100.0), "average_value": _floats(100.0), "volatility": _floats(0.1), name: _floats(figure)}
    terms = FillTerms(impact=Decimal(1), participation=Decimal(1))
    with pytest.raises(DataError, match=f"{name.replace('_', ' ')} .* of order 0 .quantity 5. is not a number from 0 on"):
        fill_session(_ints(5), _prices("1"), terms, **figures)
    assert fill_session(_ints(0), _prices("1"), terms, **figures).quantity.tolist() == [0]


def test_a_figure_that_the_terms_need_and_nobody_gave_is_refused() -> None:
    for terms in (FillTerms(impact=Decimal(1)), FillTerms(participation=Decimal(1))):
        with pytest.raises(ValueError, match="give them"):
            fill_session(_ints(1), _prices("1"), terms)


def test_shares_whose_commission_leaves_64_bits_are_refused() -> None:
    with pytest.raises(DataError, match="worth more"):
        fill_session(_ints(10**13), _ints(100), FillTerms(commission_per_share=micros(1_000)))


@pytest.mark.parametrize(
    "terms",
    [
        {"impact": Decimal(-1)},
        {"impact": Decimal("nan")},
        {"impact": Decimal(11)},
        {"participation": Decimal(0)},
        {"participation": Decimal("1.1")},
        {"participation": Decimal("nan")},
        {"participation": Decimal("0.000000001")},
        {"carry_sessions": -1},
        {"carry_sessions": 61},
        {"borrow_bps": Decimal(100_001)},
        {"borrow_bps": Decimal("inf")},
        {"maximum_commission_bps": Decimal(-1)},
        {"commission_per_share": Micros(-1)},
        {"fill_at": "noon"},
    ],
)
def test_terms_out_of_their_range_are_refused(terms: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=next(iter(terms))):
        FillTerms(**terms)  # type: ignore[arg-type]
