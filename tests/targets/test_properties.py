"""What holds of every decision, whatever comes in."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from grodt.targets.construction import COVARIANCES, Construction
from tests.examples import examples
from tests.targets.decisions import NAN, PLAIN, decide

Decision = tuple[Construction, dict[str, Any]]

_figure = st.one_of(st.sampled_from([NAN, 0.0, -1.0, float("inf"), 5e-324, 1e-9]), st.floats(0.01, 2000.0))
_GROUPS = ("Energy", "Health", "Tech")


@st.composite
def constructions(draw: st.DrawFn, sizings: tuple[str, ...] = ("inverse_volatility", "equal_weight")) -> Construction:
    """Every parameter anywhere in its bounds, and each left as it was in half of them."""
    gross = draw(st.floats(0.1, 4.0))
    cap = draw(st.floats(0.01, 1.0)) * gross
    long_only = draw(st.booleans())

    def maybe(values: st.SearchStrategy[Any], plain: Any) -> Any:
        return draw(st.one_of(st.just(plain), values))

    sizing = draw(st.sampled_from(sizings))
    covariance = draw(st.sampled_from(COVARIANCES))
    return Construction(
        volatility_target=maybe(st.none(), draw(st.floats(0.01, 0.5))),
        weight_cap=cap,
        gross_cap=gross,
        no_trade_band=draw(st.floats(0.0, 0.5)) * cap,
        long_only=long_only,
        history=draw(st.integers(2, 6)),
        sizing=sizing,  # type: ignore[arg-type]
        covariance=covariance if sizing in ("inverse_volatility", "equal_weight") else "shrunk",  # type: ignore[arg-type]
        span=draw(st.integers(2, 10)),
        group_cap={group: gross * draw(st.floats(0.01, 1.0)) for group in maybe(st.sets(st.sampled_from([*_GROUPS, "*"])), ())},
        dollar_neutral=not long_only and draw(st.booleans()),
        trade_share=maybe(st.floats(0.01, 1.0), 1.0),
        turnover_penalty=maybe(st.floats(0.0, 0.5), 0.0) * cap,
    )


@st.composite
def decisions(draw: st.DrawFn, sizings: tuple[str, ...] = ("inverse_volatility", "equal_weight")) -> Decision:
    """A construction and the arguments of a decision, broken figures among them."""
    width, rows = draw(st.integers(0, 8)), draw(st.integers(0, 6))

    def column(values: st.SearchStrategy[Any]) -> list[Any]:
        return draw(st.lists(values, min_size=width, max_size=width))

    returns = st.one_of(st.just(NAN), st.floats(-0.5, 0.5))
    plain = sizings == ("inverse_volatility", "equal_weight")
    return draw(constructions(sizings)), {
        "forecast": column(st.one_of(st.sampled_from([NAN, 0.0, float("inf")]), st.floats(-2.0, 2.0))),
        "volatility": column(st.one_of(_figure, st.floats(0.01, 1.0)) if plain else st.one_of(st.just(NAN), st.floats(0.01, 1.0))),
        "price": column(_figure),
        "position": column(st.one_of(st.just(0), st.integers(-500, 500))),
        "lot": column(st.sampled_from([1, 1, 10, 100])),
        "tradable": column(st.booleans()),
        "shortable": column(st.booleans()),
        "eligible": column(st.booleans()),
        "group": column(st.integers(-1, 2)),
        "groups": _GROUPS,
        "equity": draw(st.floats(1.0, 1e9)),
        "returns": np.array([column(returns) for _ in range(rows)], dtype=np.float64).reshape(rows, width),
    }


def _column(given_: dict[str, Any], name: str, otherwise: Any, width: int) -> Any:
    return np.array(given_.get(name, [otherwise] * width))


def _check(construction: Construction, given_: dict[str, Any]) -> None:
    got = decide(construction, **given_)
    width = len(got.symbols)
    equity = given_.get("equity", 10_000.0)
    rebalances = given_.get("rebalances", True)
    lot, tradable = _column(given_, "lot", 1, width), _column(given_, "tradable", True, width).astype(np.bool_)
    eligible, group = _column(given_, "eligible", True, width).astype(np.bool_), _column(given_, "group", -1, width)
    assert np.isfinite(got.weight).all()
    assert got.quantity.dtype == np.int64
    free = tradable & ~np.isnan(got.price)
    # what may not trade is kept as it is
    assert (got.quantity[~free] == got.current[~free]).all()
    # what may not be held is left
    assert (got.quantity[free & ~eligible] == 0).all()
    # whole lots, or what is held
    assert ((got.quantity % lot == 0) | (got.quantity == got.current)).all()
    # the shares are worth no more than the weight, to the micro
    value = np.abs(got.quantity * np.where(np.isnan(got.price), 0.0, got.price))
    traded = free & (got.quantity != got.current)
    micro = 1e-6 + 1e-12 * equity + 5e-7 * np.abs(got.quantity)  # the last term: prices under a micro's grid
    assert (value <= np.abs(got.weight) * equity + micro)[traded].all()
    # what rounding leaves in cash is less than a lot of each symbol traded
    left = (np.abs(got.weight) * equity - value)[traded]
    lots = (lot * np.where(np.isnan(got.price), 0.0, got.price))[traded]
    assert (left < lots + micro[traded]).all()
    assert left.sum() <= lots.sum() + micro[traded].sum()
    # caps at the end, in weights and in shares
    assert (np.abs(got.weight[free]) <= construction.weight_cap * (1 + 1e-12)).all()
    assert (value <= construction.weight_cap * equity + micro)[free].all()
    if rebalances:
        locked = np.abs(got.weight[~free]).sum()
        assert np.abs(got.weight[free]).sum() <= max(0.0, construction.gross_cap - locked) * (1 + 1e-12) + 1e-12
        for index, cap in enumerate(construction.group_caps(_GROUPS)):
            inside = group == index
            room = max(0.0, cap - np.abs(got.weight[inside & ~free]).sum())
            assert np.abs(got.weight[inside & free]).sum() <= room * (1 + 1e-12) + 1e-12
    # no short where none is allowed
    shortable = _column(given_, "shortable", True, width).astype(np.bool_) & (not construction.long_only)
    assert (got.quantity[free & ~shortable] >= 0).all()
    # the same again, byte for byte
    again = decide(construction, **given_)
    assert got.quantity.tobytes() == again.quantity.tobytes()
    assert got.weight.tobytes() == again.weight.tobytes()


@examples(500)
@given(decisions())
@example((PLAIN, {"forecast": [1.0, 0.0], "volatility": [5e-324, 0.2], "returns": np.full((2, 2), 1e-300)}))
def test_caps_and_lots_hold_and_nothing_is_nan_whatever_comes_in(decision: Decision) -> None:
    _check(*decision)


@examples(150)
@given(decisions())
def test_so_they_do_in_sessions_without_a_rebalance(decision: Decision) -> None:
    construction, given_ = decision
    _check(construction, given_ | {"rebalances": False})
    got = decide(construction, **given_ | {"rebalances": False})
    assert (np.abs(got.quantity) <= np.abs(got.current)).all(), "nothing is bought, and nothing sold short"
    assert (got.quantity * got.current >= 0).all()


@examples(12)
@given(decisions(("mean_variance", "risk_budget")))
def test_so_they_do_with_an_optimiser(decision: Decision) -> None:
    _check(*decision)


@examples(150)
@given(decisions(), st.data())
def test_symbols_that_hold_nothing_and_have_no_forecast_change_no_bit_of_the_others(decision: Decision, data: st.DataObject) -> None:
    construction, given_ = decision
    width = len(given_["forecast"])
    assume(width > 0)
    got = decide(construction, **given_)
    idle = sorted(data.draw(st.lists(st.integers(0, width), max_size=6)))
    empty = {"forecast": NAN, "volatility": 0.3, "price": 20.0, "position": 0, "lot": 1, "tradable": True, "shortable": True}
    empty |= {"eligible": data.draw(st.booleans()), "group": data.draw(st.integers(-1, 2))}
    wider = given_ | {name: np.insert(np.array(given_[name], dtype=np.float64), idle, value) for name, value in empty.items()}
    wider["returns"] = np.insert(given_["returns"], idle, 0.25, axis=1)
    for name in ("tradable", "shortable", "eligible", "position", "lot", "group"):
        wider[name] = wider[name].astype(np.int64 if name in ("position", "lot", "group") else np.bool_)
    there = np.insert(np.ones(width, dtype=np.bool_), idle, False)
    found = decide(construction, **wider)
    assert found.weight[there].tobytes() == got.weight.tobytes()
    assert found.quantity[there].tobytes() == got.quantity.tobytes()
    assert not found.quantity[~there].any()


@examples(150)
@given(decisions(), st.randoms(use_true_random=False))
def test_the_order_of_symbols_does_not_matter_beyond_the_last_bits(decision: Decision, random: Any) -> None:
    construction, given_ = decision
    got = decide(construction, **given_)
    order = list(range(len(got.symbols)))
    random.shuffle(order)
    turned = {name: np.array(value)[order] for name, value in given_.items() if name not in ("groups", "equity", "returns")}
    found = decide(construction, **turned, groups=_GROUPS, equity=given_["equity"], returns=given_["returns"][:, order])
    band = construction.no_trade_band + construction.turnover_penalty > 0 or construction.dollar_neutral
    if not band and construction.covariance != "shrunk":  # else a last bit may decide whether a symbol is traded
        assert found.weight == pytest.approx(got.weight[order], rel=1e-9, abs=1e-12)


@examples(100)
@given(decisions())
def test_a_dollar_neutral_aim_has_sides_of_one_weight(decision: Decision) -> None:
    construction, given_ = decision
    free = replace(construction, long_only=False, dollar_neutral=True, no_trade_band=0.0, trade_share=1.0, turnover_penalty=0.0)
    got = decide(free, **given_ | {"position": [0] * len(given_["forecast"])})
    assert got.weight.sum() == pytest.approx(0.0, abs=1e-11 * construction.gross_cap)


@given(st.lists(st.sampled_from([NAN, 0.0, 1.0, -0.5]), max_size=60), st.randoms(use_true_random=False), st.floats(0.1, 2.0))
def test_equal_weights_do_not_depend_on_the_order_of_symbols_to_the_last_bit(forecast: list[float], random: Any, gross: float) -> None:
    construction = Construction(None, gross / 20, gross, 0.0, False, sizing="equal_weight")
    order = list(range(len(forecast)))
    random.shuffle(order)
    got, found = decide(construction, forecast=forecast), decide(construction, forecast=[forecast[place] for place in order])
    assert found.weight.tobytes() == got.weight[order].tobytes()
    assert found.quantity.tobytes() == got.quantity[order].tobytes()
