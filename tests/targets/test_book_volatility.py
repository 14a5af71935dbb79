"""Expected volatility of a book: by hand, by pandas, NumPy and scikit-learn."""

from dataclasses import replace
from math import sqrt
from typing import get_args

import numpy as np
import pandas as pd
import pytest
from sklearn.covariance import LedoitWolf

from grodt.targets.book_volatility import expected_volatility
from grodt.targets.construction import Covariance
from tests.targets.decisions import NAN, PLAIN, decide

DRAW = np.random.default_rng(11)
RETURNS = DRAW.normal(0, 0.02, (60, 1)) + DRAW.normal(0, 0.02, (60, 7))
WEIGHT = np.array([0.2, -0.1, 0.0, 0.3, 0.05, 0.0, -0.2])


def test_exponential_weights_by_hand() -> None:
    # span 3 keeps a half: 2 % weighs a half of 1 %; (0.5 · 0.0004 + 0.0001) / 1.5 = 0.0002 a session
    found = expected_volatility(np.array([0.5]), np.array([[-0.04], [0.02]]), "ewma", 3)
    assert found == pytest.approx(sqrt(0.0002 * 252), rel=1e-15)


def test_each_estimate_is_the_quadratic_form_of_its_matrix() -> None:
    sample = RETURNS.T @ RETURNS / 60
    assert expected_volatility(WEIGHT, RETURNS) == pytest.approx(sqrt(WEIGHT @ sample @ WEIGHT * 252), rel=1e-12)
    squares = pd.Series((RETURNS @ WEIGHT) ** 2).ewm(span=20, adjust=True).mean().iloc[-1]
    assert expected_volatility(WEIGHT, RETURNS, "ewma", 20) == pytest.approx(sqrt(squares * 252), rel=1e-12)
    held = WEIGHT != 0
    shrunk = LedoitWolf(assume_centered=True).fit(RETURNS[:, held]).covariance_
    assert expected_volatility(WEIGHT, RETURNS, "shrunk") == pytest.approx(sqrt(WEIGHT[held] @ shrunk @ WEIGHT[held] * 252), rel=1e-12)


def test_a_hedge_counts_for_less_when_covariance_is_shrunk() -> None:
    returns = np.tile([[0.01, 0.011], [-0.01, -0.009], [0.02, 0.019]], (20, 1))
    hedged = np.array([0.5, -0.5])
    assert expected_volatility(hedged, returns, "shrunk") > expected_volatility(hedged, returns)


@pytest.mark.parametrize("covariance", get_args(Covariance))
def test_no_returns_or_no_weights_have_no_volatility_and_a_missing_return_is_zero(covariance: Covariance) -> None:
    assert expected_volatility(np.array([0.5]), np.empty((0, 1)), covariance) == 0.0
    assert expected_volatility(np.zeros(7), RETURNS, covariance) == 0.0
    holes, zeros = RETURNS.copy(), RETURNS.copy()
    holes[3, 1], zeros[3, 1] = NAN, 0.0
    assert expected_volatility(WEIGHT, holes, covariance) == expected_volatility(WEIGHT, zeros, covariance)


@pytest.mark.parametrize("covariance", get_args(Covariance))
def test_symbols_without_weight_and_the_layout_in_memory_change_no_bit(covariance: Covariance) -> None:
    found = expected_volatility(WEIGHT, RETURNS, covariance)
    held = WEIGHT != 0
    assert expected_volatility(WEIGHT[held], RETURNS[:, held], covariance) == found
    assert expected_volatility(WEIGHT, np.asfortranarray(RETURNS), covariance) == found
    wider = np.insert(RETURNS, [0, 2, 2, 7], 9.0, axis=1)
    columns = np.array([1, 2, 5, 6, 7, 8, 9])
    assert expected_volatility(WEIGHT, wider, covariance, columns=columns) == found


@pytest.mark.parametrize("covariance", get_args(Covariance))
def test_the_book_is_scaled_by_the_estimate_that_is_configured(covariance: Covariance) -> None:
    construction = replace(PLAIN, covariance=covariance, span=10, history=40)
    got = decide(construction, forecast=[1.0, -2.0, 1.0, 1.0, 0.5, 1.0, 1.0], returns=RETURNS)
    assert expected_volatility(got.weight, RETURNS[-40:], covariance, 10) == pytest.approx(0.1, rel=1e-12)
