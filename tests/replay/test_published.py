"""Statistics against values that other projects publish.

- empyrical (Quantopian, Apache-2.0), `empyrical/tests/test_stats.py` at commit 0a9fa5848a3e: literal expected values of its tests. Where
  a series there begins with NaN, what ignores it is asked of the series without, and what counts it of the series with 0 in its place.
  Its Sortino ratios of weeks and months are left out: at that commit they are √(252 / periods) times smaller than mean over downside risk.
- QuantStats (Ran Aroussi, Apache-2.0), `tests/data/reference_values.json` at commit b7a787269634: values of documented estimators, those
  marked R reproduced there by R 4.3.3 with PerformanceAnalytics 2.1.0.
- empyrical-reloaded 0.7.1 and QuantStats 0.0.86 and SciPy 1.18.1, run once in an environment of their own on the same series.
"""

import math

import numpy as np
import pytest

from grodt.replay.benchmark import alpha, beta, correlation, information_ratio, tracking_error
from grodt.replay.drawdowns import calmar, max_drawdown
from grodt.replay.returns import annual_return, annual_volatility, growth_of, hit_rate, profit_factor, sharpe, sortino, total_return
from grodt.replay.tails import (
    excess_kurtosis,
    gaussian_cvar,
    gaussian_var,
    historical_cvar,
    historical_var,
    moments,
    skewness,
    tail_ratio,
)
from grodt.signals.panel import FloatArray
from tests.replay.courses import BACON

SEVEN = np.array(
    [-0.018720930383, -0.014303070725, -0.014572173794, -0.003467788444, -0.025038397377, -0.001677869157, -0.010129521509]
)  # fmt: skip

MIXED = np.array([1.0, 10, -4, 2, 3, 2, 1, -10]) / 100  # published with a leading NaN
MIXED_FROM_ZERO = np.concatenate(([0.0], MIXED))
POSITIVE = np.array([1.0, 2, 1, 1, 1, 1, 1, 1, 1]) / 100
NEGATIVE = np.array([0.0, -6, -7, -1, -9, -2, -6, -8, -5]) / 100
BENCHMARK = np.array([0.0, 1, 0, 1, 0, 1, 0, 1, 0]) / 100
ONE = np.array([-0.00171614, 0.01322056, 0.03063862, -0.01422057, -0.00489779, 0.01268925, -0.03357711, 0.01797036])
TWO = np.array([0.01846232, 0.00793951, -0.01448395, 0.00422537, -0.00339611, 0.03756813, 0.0151531, 0.03549769])
FLAT = np.full(9, 0.01)


@pytest.mark.parametrize(
    ("returns", "periods", "expected"),
    [(MIXED_FROM_ZERO, 252, 1.9135925373194231), (MIXED_FROM_ZERO, 52, 0.24690830513998208), (MIXED_FROM_ZERO, 12, 0.052242061386048144)],
)
def test_annual_return_is_empyricals(returns: FloatArray, periods: int, expected: float) -> None:
    assert annual_return(returns, periods) == pytest.approx(expected, abs=1e-12)


def test_annual_return_of_three_years_of_three_per_cent_is_three_per_cent() -> None:
    assert annual_return(np.full(3, 0.03), 1) == pytest.approx(0.03, abs=1e-15)


@pytest.mark.parametrize(
    ("returns", "expected"), [(MIXED, 0.03893), (NEGATIVE, -0.36590), (np.array([0.01]), 0.01), (BENCHMARK, 0.040604010000000024)]
)
def test_total_return_is_empyricals(returns: FloatArray, expected: float) -> None:
    assert total_return(returns) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(
    ("returns", "periods", "expected"),
    [
        (np.full(1000, 0.01), 252, 0.0),
        (MIXED, 252, 0.9136465399704637),
        (MIXED_FROM_ZERO, 52, 0.38851569394870583),
        (MIXED_FROM_ZERO, 12, 0.18663690238892558),
    ],
)
def test_annual_volatility_is_empyricals(returns: FloatArray, periods: int, expected: float) -> None:
    assert annual_volatility(returns, periods) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("returns", "expected"), [(MIXED, 1.7238613961706866), (POSITIVE, 52.915026221291804), (NEGATIVE, -24.406808633910085)]
)
def test_sharpe_is_empyricals(returns: FloatArray, expected: float) -> None:
    assert sharpe(returns) == pytest.approx(expected, rel=1e-12)


def test_sharpe_of_what_is_earned_above_a_series_is_empyricals() -> None:
    assert sharpe(MIXED - BENCHMARK[1:]) == pytest.approx(0.34111411441060574, rel=1e-12)


@pytest.mark.parametrize(
    ("returns", "expected"),
    [
        (MIXED, 2.605531251673693),
        (NEGATIVE, -13.532743075043401),
        (MIXED - 0.01, -1.3934779588919977),
        (ONE, 3.0639640966566306),
        (TWO, 38.090963117002495),
    ],
)
def test_sortino_is_empyricals(returns: FloatArray, expected: float) -> None:
    assert sortino(returns) == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize(
    ("returns", "expected"),
    [(MIXED, -0.1), (BENCHMARK, 0.0), (POSITIVE, 0.0), (NEGATIVE, -0.36590730349873601), (np.array([0.1, -0.1, 0.1]), -0.1)],
)
def test_max_drawdown_is_empyricals(returns: FloatArray, expected: float) -> None:
    assert max_drawdown(growth_of(returns)) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(("periods", "expected"), [(252, 19.135925373194233), (52, 2.4690830513998208), (12, 0.52242061386048144)])
def test_calmar_is_empyricals(periods: int, expected: float) -> None:
    assert calmar(growth_of(MIXED_FROM_ZERO), periods) == pytest.approx(expected, rel=1e-12)


def test_information_ratio_is_empyricals_per_session() -> None:
    assert information_ratio(MIXED, np.zeros(8), 1) == pytest.approx(0.10859306069076737, rel=1e-12)
    assert information_ratio(MIXED, FLAT[1:], 1) == pytest.approx(-0.06515583641446039, rel=1e-12)


def test_alpha_and_beta_are_empyricals() -> None:
    assert beta(MIXED, NEGATIVE[1:]) == pytest.approx(-0.71296296296296313, rel=1e-12)
    assert alpha(MIXED, NEGATIVE[1:]) == pytest.approx(-8.306666666666668, rel=1e-12)
    assert (alpha(MIXED, MIXED), beta(MIXED, MIXED)) == (pytest.approx(0.0, abs=1e-15), pytest.approx(1.0))
    assert (alpha(MIXED, -MIXED), beta(MIXED, -MIXED)) == (pytest.approx(0.0, abs=1e-15), pytest.approx(-1.0))


def test_tail_ratio_is_empyricals() -> None:
    assert tail_ratio(MIXED) == pytest.approx(0.9473684210526313, abs=0.05)  # published to one decimal
    assert tail_ratio(np.array([0.01])) == 1.0


@pytest.mark.parametrize(
    ("returns", "periods", "expected"),
    [
        (MIXED, 252, 0.60448325038829653),
        (MIXED_FROM_ZERO, 52, 0.25888650451930134),
        (MIXED_FROM_ZERO, 12, 0.1243650540411842),
        (ONE, 252, 0.20671788246185202),
        (TWO, 252, 0.083495680595704475),
        (ONE, 52, 0.093902996054410062),
        (TWO, 12, 0.018220251263412916),
    ],
)
def test_the_shortfall_under_sortino_is_empyricals_downside_risk(returns: FloatArray, periods: int, expected: float) -> None:
    assert float(returns.mean()) * periods / sortino(returns, 0.0, periods) == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize(
    ("statistic", "bacon", "seven"),
    [
        ("volatility, R StdDev.annualized", 0.13700015867969229, 0.13086457754395944),
        ("return, R Return.annualized", 0.10367828972980941, -0.9589235732751437),
        ("sharpe, R SharpeRatio.annualized", 0.7883202548144859, -24.183404779195588),
        ("sortino", 1.3592165786838633, -13.565806946540524),
        ("drawdown, R maxDrawdown", -0.144672955739218, -0.08485758410265398),
        ("calmar, R CalmarRatio", 0.7166390511623746, -11.30038738924165),
        ("gaussian var", -0.05605155822002584, -0.026118205089509853),
        ("gaussian cvar", -0.0725772784216993, -0.029562908106231696),
        ("profit factor, R Omega at 0", 1.7797833935018055, 0.0),
        ("skewness, R method fisher", -0.08817174934967567, -0.05724138737086073),
        ("kurtosis, R method sample_excess", -0.4076603211860866, -0.6907159418089514),
    ],
)
def test_statistics_are_those_of_quantstats_reference_values(statistic: str, bacon: float, seven: float) -> None:
    def ours(returns: FloatArray, periods: int) -> float:
        return {
            "volatility": lambda: annual_volatility(returns, periods),
            "return": lambda: annual_return(returns, periods),
            "sharpe": lambda: sharpe(returns, 0.0, periods),
            "sortino": lambda: sortino(returns, 0.0, periods),
            "drawdown": lambda: max_drawdown(growth_of(returns)),
            "calmar": lambda: calmar(growth_of(returns), periods),
            "gaussian var": lambda: gaussian_var(returns),
            "gaussian cvar": lambda: gaussian_cvar(returns),
            "profit factor": lambda: profit_factor(returns),
            "skewness": lambda: skewness(returns),
            "kurtosis": lambda: excess_kurtosis(returns),
        }[statistic.partition(",")[0]]()

    assert ours(BACON, 12) == pytest.approx(bacon, rel=1e-9)
    assert ours(SEVEN, 252) == pytest.approx(seven, rel=1e-9)


def test_the_rest_is_what_libraries_give_for_bacons_months() -> None:
    against = np.array(
        [
            0.0023,
            0.0092,
            0.0047,
            -0.0016,
            0.0059,
            0.0096,
            0.023,
            0.0278,
            -0.0112,
            0.0225,
            0.016,
            0.0355,
            0.0589,
            -0.0209,
            0.0097,
            0.0016,
            0.042,
            0.0214,
            -0.0049,
            -0.0253,
            -0.0076,
            -0.0271,
            -0.0169,
            0.0463,
        ]
    )
    assert historical_var(BACON) == pytest.approx(-0.0592, rel=1e-12)  # empyrical value_at_risk
    assert historical_cvar(BACON) == pytest.approx(-0.063, rel=1e-12)  # empyrical conditional_value_at_risk
    assert historical_var(BACON, 0.9) == pytest.approx(-0.0454, rel=1e-12)
    assert historical_cvar(BACON, 0.9) == pytest.approx(-0.05833333333333333, rel=1e-12)
    assert tail_ratio(BACON) == pytest.approx(1.1748310810810811, rel=1e-12)  # empyrical
    assert hit_rate(BACON) == pytest.approx(0.5833333333333334, rel=1e-12)  # quantstats win_rate
    assert moments(BACON) == pytest.approx((-0.08256245520856835, 2.4324537941078748), rel=1e-12)  # scipy skew, kurtosis
    assert beta(BACON, against) == pytest.approx(0.21023374494064934, rel=1e-12)  # empyrical
    assert alpha(BACON, against, 0.0, 1) == pytest.approx(0.007064973572608775, rel=1e-12)  # scipy linregress, intercept
    assert correlation(BACON, against) == pytest.approx(0.12024456975820907, rel=1e-12)  # scipy pearsonr
    assert tracking_error(BACON, against, 1) == pytest.approx(0.043134838932238344, rel=1e-12)  # pandas std
    assert information_ratio(BACON, against, 12) == pytest.approx(
        -0.004733219636855419 * math.sqrt(12), rel=1e-9
    )  # empyrical excess_sharpe
