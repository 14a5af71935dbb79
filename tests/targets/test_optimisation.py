"""Sizing by optimisers: closed forms by hand, conditions that an optimum fulfils, and what is refused."""

import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grodt.errors import ConfigError, DataError
from grodt.targets import optimisation
from grodt.targets.construction import Construction
from grodt.targets.shrinkage import shrunk_correlation
from tests.examples import examples
from tests.targets.decisions import NAN, decide

#: Not scaled, so that weights are what the optimiser makes of them; without returns nothing is correlated.
UTILITY = Construction(
    volatility_target=None,
    weight_cap=1.0,
    gross_cap=2.0,
    no_trade_band=0.0,
    long_only=False,
    sizing="mean_variance",
    covariance="shrunk",
)
BUDGET = replace(UTILITY, sizing="risk_budget", gross_cap=1.0)
#: What weights are rounded to, and solver tolerances on top.
NEAR = 3e-5


def correlated(rho_of_sample: float = 0.5) -> Any:
    """A hundred sessions of two symbols with a correlation of 0.5, which shrinks by 0.03 to 0.485; see test_shrinkage."""
    assert rho_of_sample == 0.5
    return np.array([np.tile([0.01, 0.01, -0.01, -0.01], 25), np.tile([0.02, 0.02, 0.02, -0.02], 25)]).T


def test_uncorrelated_symbols_have_their_forecast_over_risk_aversion_and_volatility() -> None:
    # 1 / (10 · 0.2) and −0.5 / (10 · 0.4)
    got = decide(UTILITY, forecast=[1.0, -0.5], volatility=[0.2, 0.4])
    assert got.weight == pytest.approx([0.5, -0.125], abs=NEAR)
    assert decide(replace(UTILITY, risk_aversion=20.0), forecast=[1.0, -0.5], volatility=[0.2, 0.4]).weight == pytest.approx(
        [0.25, -0.0625], abs=NEAR
    )


def test_correlated_symbols_share_what_they_have_in_common() -> None:
    construction = replace(UTILITY, history=100)
    got = decide(construction, forecast=[1.0, 1.0], volatility=[0.2, 0.2], returns=correlated())
    # (1 + ρ) w σ λ = 1 for both, ρ = 0.485
    assert got.weight == pytest.approx([1 / (1.485 * 2)] * 2, abs=NEAR)
    hedge = decide(construction, forecast=[1.0, 0.0], volatility=[0.2, 0.2], returns=correlated())
    # w = (1, −ρ) / (1 − ρ²) / (λ σ): what has a forecast of zero is the hedge
    assert hedge.weight == pytest.approx([1 / (1 - 0.485**2) / 2, -0.485 / (1 - 0.485**2) / 2], abs=NEAR)


def test_caps_bind_in_the_optimum() -> None:
    weight = {"volatility": [0.2, 0.2], "forecast": [1.0, 1.0]}
    assert decide(replace(UTILITY, weight_cap=0.3), **weight).weight == pytest.approx([0.3, 0.3], abs=NEAR)
    assert decide(replace(UTILITY, gross_cap=0.6, weight_cap=0.6), **weight).weight == pytest.approx([0.3, 0.3], abs=NEAR)
    grouped = replace(UTILITY, group_cap={"Energy": 0.2})
    assert decide(grouped, **weight, group=[0, 1], groups=("Energy", "Tech")).weight == pytest.approx([0.2, 0.5], abs=NEAR)
    none = decide(
        grouped,
        **weight | {"forecast": [1.0, 1.0, NAN]} | {"volatility": [0.2] * 3},
        position=[0, 0, 20],
        tradable=[1, 1, 0],
        group=[0, 1, 0],
        groups=("Energy", "Tech"),
    )
    assert none.weight == pytest.approx([0.0, 0.5, 0.2], abs=NEAR), "what is held and may not trade takes Energy's whole cap"


def test_a_book_without_shorts_has_none() -> None:
    got = decide(replace(UTILITY, long_only=True), forecast=[1.0, -1.0])
    assert got.weight == pytest.approx([0.5, 0.0], abs=NEAR)
    assert (got.weight >= 0).all()
    assert decide(UTILITY, forecast=[1.0, -1.0], shortable=[1, 0]).weight == pytest.approx([0.5, 0.0], abs=NEAR)


def test_a_neutral_book_is_the_optimum_of_neutral_books() -> None:
    # Lagrange: w = (f − m) / (λ σ) with m the mean forecast, 1/3
    got = decide(replace(UTILITY, dollar_neutral=True), forecast=[1.0, 1.0, -1.0])
    assert got.weight == pytest.approx([1 / 3, 1 / 3, -2 / 3], abs=NEAR)


def test_where_nothing_is_usable_or_there_is_no_room_nothing_is_held() -> None:
    for construction in (UTILITY, BUDGET):
        assert decide(construction, forecast=[NAN, 1.0], volatility=[0.2, NAN], position=[3, 3]).quantity.tolist() == [0, 0]
        full = decide(replace(construction, gross_cap=1.0), forecast=[1.0, NAN], position=[5, 100], tradable=[1, 0])
        assert full.quantity.tolist() == [0, 100]


def test_equal_budgets_of_risk_are_inverse_volatility_where_two_symbols_are_held_whatever_they_have_in_common() -> None:
    for returns in (np.empty((0, 2)), correlated()):
        got = decide(replace(BUDGET, history=100), forecast=[1.0, 1.0], volatility=[0.1, 0.3], returns=returns)
        assert got.weight == pytest.approx([0.75, 0.25], abs=1e-6)


def test_a_budget_four_times_as_large_is_twice_the_weight_where_nothing_is_correlated() -> None:
    assert decide(BUDGET, forecast=[2.0, -0.5]).weight == pytest.approx([2 / 3, -1 / 3], abs=1e-6)
    got = decide(BUDGET, forecast=[2.0, 0.0, 0.5, 1e-9, NAN], shortable=[1, 1, 1, 1, 1])
    assert got.weight == pytest.approx([2 / 3, 0.0, 1 / 3, 0.0, 0.0], abs=1e-6)
    assert decide(replace(BUDGET, long_only=True), forecast=[2.0, -0.5]).weight.tolist() == [1.0, 0.0]


@examples(25)
@given(st.integers(0, 10**6), st.integers(2, 12))
def test_shares_of_risk_are_as_the_forecasts(seed: int, width: int) -> None:
    draw = np.random.default_rng(seed)
    returns = draw.normal(0, 0.01, (60, 1)) * draw.normal(1, 0.5, (1, width)) + draw.normal(0, 0.01, (60, width))
    forecast, volatility = draw.choice([-1, 1], width) * draw.uniform(0.2, 2, width), draw.uniform(0.1, 0.6, width)
    got = decide(BUDGET, forecast=forecast, volatility=volatility, returns=returns)
    covariance = shrunk_correlation(returns.T) * np.outer(volatility, volatility)
    shares = got.weight * (covariance @ got.weight) / (got.weight @ covariance @ got.weight)
    assert shares == pytest.approx(np.abs(forecast) / np.abs(forecast).sum(), abs=1e-4)
    assert np.sign(got.weight).tolist() == np.sign(forecast).tolist()
    assert np.abs(got.weight).sum() == pytest.approx(1.0, abs=1e-5)


@examples(25)
@given(st.integers(0, 10**6), st.integers(2, 12))
def test_no_other_book_within_the_caps_is_of_higher_utility(seed: int, width: int) -> None:
    draw = np.random.default_rng(seed)
    returns = draw.normal(0, 0.01, (60, 1)) + draw.normal(0, 0.01, (60, width))
    forecast, volatility = draw.uniform(-2, 2, width), draw.uniform(0.1, 0.6, width)
    construction = replace(UTILITY, weight_cap=0.3, gross_cap=1.0)
    got = decide(construction, forecast=forecast, volatility=volatility, returns=returns)
    covariance = shrunk_correlation(returns.T) * np.outer(volatility, volatility)

    def utility(weight: Any) -> float:
        return float(forecast * volatility @ weight - 5.0 * weight @ covariance @ weight)

    for size in (0.001, 0.01, 0.1, 0.5):
        other = np.clip(got.weight + draw.normal(0, size, width), -0.3, 0.3)
        other *= min(1.0, 1.0 / np.abs(other).sum())
        assert utility(other) <= utility(got.weight) + 1e-5


@pytest.mark.parametrize("construction", [UTILITY, BUDGET])
def test_the_same_question_has_the_same_answer_whoever_else_holds_nothing(construction: Construction) -> None:
    draw = np.random.default_rng(2)
    returns, forecast, volatility = draw.normal(0, 0.01, (60, 20)), draw.normal(0, 1, 20), draw.uniform(0.1, 0.5, 20)
    got = decide(construction, forecast=forecast, volatility=volatility, returns=returns)
    again = decide(construction, forecast=forecast, volatility=volatility, returns=returns)
    idle = [0, 3, 3, 20]
    wider = decide(
        construction,
        forecast=np.insert(forecast, idle, NAN),
        volatility=np.insert(volatility, idle, 0.3),
        returns=np.insert(returns, idle, 0.5, axis=1),
    )
    held = ~np.isnan(np.insert(forecast, idle, NAN))
    for other in (again.weight, wider.weight[held]):
        assert other.tobytes() == got.weight.tobytes()
    last_bits = returns * (1.0 + 1e-15 * draw.normal(size=returns.shape))
    moved = decide(construction, forecast=forecast, volatility=volatility, returns=last_bits)
    assert moved.quantity.tolist() == got.quantity.tolist()


@pytest.mark.parametrize("construction", [UTILITY, BUDGET])
def test_the_book_is_scaled_to_its_target_after_it_was_sized(construction: Construction) -> None:
    draw = np.random.default_rng(4)
    returns, forecast = draw.normal(0, 0.01, (60, 5)), np.array([1.0, 2.0, 1.0, 0.5, 1.5])
    plain = decide(construction, forecast=forecast, returns=returns).weight
    scaled = decide(replace(construction, volatility_target=0.01), forecast=forecast, returns=returns).weight
    assert scaled == pytest.approx(plain * (scaled[0] / plain[0]), rel=1e-9)
    assert scaled[0] != plain[0]


@pytest.mark.parametrize("construction", [UTILITY, BUDGET])
def test_what_no_solver_can_size_is_refused_by_name(construction: Construction) -> None:
    with pytest.raises(DataError, match=r"sizing \w+: S1 has a volatility of 1000 a year, outside 0.0001 to 100"):
        decide(construction, forecast=[1.0, 1.0], volatility=[0.2, 1000.0])
    many = optimisation.MOST_SYMBOLS + 1
    with pytest.raises(DataError, match=r"is asked for 1,001 symbols, and 1,000 are the most; set universe.rules.largest"):
        decide(construction, forecast=[1.0] * many)


def test_an_optimiser_that_finds_nothing_is_an_error_and_never_a_book() -> None:
    from skfolio.optimization import MeanRisk

    impossible = MeanRisk(
        min_weights=0.6, max_weights=1.0, budget=1.0, solver="CLARABEL", prior_estimator=optimisation._Known(np.zeros(2), np.eye(2))
    )
    with pytest.raises(DataError, match="sizing mean_variance of 2 symbols found no solution"):
        optimisation._solved(impossible, 2, "mean_variance", sure=True)


@pytest.mark.parametrize("sizing", ["mean_variance", "risk_budget"])
def test_a_construction_that_needs_skfolio_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch, sizing: Any) -> None:
    monkeypatch.setitem(sys.modules, "skfolio", None)  # what Python sees where it is not installed
    with pytest.raises(ConfigError, match=f"sizing is '{sizing}' and skfolio is not installed; install it with `uv sync --extra optimise`"):
        replace(UTILITY, sizing=sizing)
    assert replace(UTILITY, sizing="equal_weight").sizing == "equal_weight"


@pytest.mark.parametrize("covariance", ["returns", "ewma"])
def test_an_optimiser_needs_a_shrunk_covariance(covariance: Any) -> None:
    with pytest.raises(ConfigError, match=f"sizing is 'risk_budget' and covariance '{covariance}'; an optimiser needs covariance 'shrunk'"):
        replace(BUDGET, covariance=covariance)
