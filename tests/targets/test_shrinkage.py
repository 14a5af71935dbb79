"""Shrinkage against hand-worked examples and scikit-learn."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.covariance import LedoitWolf

from grodt.signals.panel import FloatArray
from grodt.targets.shrinkage import ledoit_wolf, shrunk_correlation
from tests.examples import examples

NAN = float("nan")


def test_a_shrinkage_worked_by_hand() -> None:
    # sessions (2, 0) and (1, 1): S = [[2.5, 0.5], [0.5, 0.5]], μ = 1.5, d² = 2.5 / 2, b² = (3 / 2 + 3 / 2) / 4
    found = ledoit_wolf(np.array([[2.0, 1.0], [0.0, 1.0]]))
    assert found.mean_variance == 1.5
    assert found.intensity == pytest.approx(0.75 / 1.25, rel=1e-15)


def test_one_session_that_repeats_is_all_there_is_to_know_and_is_not_shrunk() -> None:
    assert ledoit_wolf(np.array([[1.0, -1.0], [1.0, -1.0]])).intensity == 0.0


def test_what_differs_from_its_target_by_noise_alone_is_the_target() -> None:
    # sessions (2, 0) and (0, 0): b² = d² = 1
    assert ledoit_wolf(np.array([[2.0, 0.0], [0.0, 0.0]])).intensity == 1.0


def test_one_symbol_and_returns_of_zero_are_not_shrunk() -> None:
    assert ledoit_wolf(np.array([[1.0, 2.0]])).intensity == 0.0
    assert ledoit_wolf(np.zeros((3, 4))).intensity == 0.0


@examples(150)
@given(arrays(np.float64, st.tuples(st.integers(2, 8), st.integers(2, 12)), elements=st.floats(-0.2, 0.2).map(lambda x: round(x, 4))))
def test_it_is_scikit_learn_s_with_means_of_zero(returns: FloatArray) -> None:
    theirs = LedoitWolf(assume_centered=True).fit(returns.T)
    found = ledoit_wolf(returns)
    sample = returns @ returns.T / returns.shape[1]
    ours = (1 - found.intensity) * sample + found.intensity * found.mean_variance * np.eye(len(returns))
    distance = ((sample - found.mean_variance * np.eye(len(returns))) ** 2).sum()
    assert ours == pytest.approx(theirs.covariance_, rel=1e-9, abs=1e-15)
    if distance > 1e-6 * (sample**2).sum():  # else the intensity is nothing over nothing
        assert found.intensity == pytest.approx(theirs.shrinkage_, rel=1e-7, abs=1e-9)


def test_correlations_are_those_of_the_shrunk_covariance_of_standardised_returns() -> None:
    draw = np.random.default_rng(3)
    returns = draw.normal(size=(2, 60)) @ np.eye(60) * 0.01
    returns = draw.normal(size=(6, 2)) @ returns + draw.normal(0, 0.01, (6, 60)) * draw.uniform(0.2, 5, (6, 1))
    standard = returns / np.sqrt((returns**2).mean(axis=1, keepdims=True))
    theirs = LedoitWolf(assume_centered=True).fit(standard.T).covariance_
    deviation = np.sqrt(np.diag(theirs))
    assert shrunk_correlation(returns) == pytest.approx(theirs / np.outer(deviation, deviation), rel=1e-12)


def test_a_correlation_worked_by_hand() -> None:
    # ±1 with a product of 1, 1, −1, 1 a hundred times: ρ = 0.5 of S; b² = 3 · 25 / 100² / … = 0.1875 / 25, d² = 0.25, δ = 0.03
    one, other = np.tile([1.0, 1.0, -1.0, -1.0], 25), np.tile([1.0, 1.0, 1.0, -1.0], 25)
    found = shrunk_correlation(np.array([one * 0.02, other * 0.5]))
    assert found == pytest.approx(np.array([[1.0, 0.5 * 0.97], [0.5 * 0.97, 1.0]]), rel=1e-12)


def test_what_has_no_return_is_uncorrelated_and_a_young_symbol_nearly() -> None:
    base = np.tile([0.01, -0.01], 30)
    young = np.where(np.arange(60) < 57, NAN, base)
    found = shrunk_correlation(np.array([base, base, young, np.full(60, NAN), np.zeros(60)]))
    assert np.diag(found).tolist() == [1.0] * 5
    assert found[3].tolist() == [0, 0, 0, 1, 0]
    assert found[4].tolist() == [0, 0, 0, 0, 1]
    assert 0.0 < found[0, 2] < 0.3 < found[0, 1]
    assert shrunk_correlation(np.empty((2, 0))).tolist() == [[1, 0], [0, 1]]
