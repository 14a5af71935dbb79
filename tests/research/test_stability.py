"""How a metric hangs on parameters, by hand."""

import math

import numpy as np
import pytest

from grodt.research.grid import Axis, combinations
from grodt.research.stability import Neighbour, heat_map, marginals, neighbours

LOOKBACK, BAND = Axis("signals.momentum.lookback", (126, 189, 252)), Axis("construction.no_trade_band", (0.0, 0.002))
GRID = combinations([LOOKBACK, BAND])
#: By lookback and band: (126) 1.0 0.8, (189) 1.4 1.5, (252) undefined 0.2.
VALUES = [1.0, 0.8, 1.4, 1.5, None, 0.2]


def test_each_value_has_the_mean_and_the_spread_of_its_runs() -> None:
    first, second, third = marginals(LOOKBACK, GRID, VALUES)
    assert (first.value, first.runs, first.undefined) == (126, 2, 0)
    assert (first.mean, first.lowest, first.median, first.highest) == pytest.approx((0.9, 0.8, 0.9, 1.0))
    assert first.deviation == pytest.approx(math.sqrt(0.02))
    assert second.mean == pytest.approx(1.45)
    assert (third.runs, third.undefined, third.mean) == (1, 1, 0.2)
    assert math.isnan(third.deviation)
    assert [each.mean for each in marginals(BAND, GRID, VALUES)] == pytest.approx([1.2, 2.5 / 3])


def test_a_value_that_no_run_has_is_left_out_and_one_without_a_metric_has_no_figures() -> None:
    (only,) = marginals(LOOKBACK, GRID[4:5], [None])
    assert (only.value, only.runs, only.undefined) == (252, 0, 1)
    assert math.isnan(only.mean)


def test_a_heat_map_has_the_mean_of_each_pair() -> None:
    third = Axis("broker.slippage_bps", (2, 5))
    grid = combinations([LOOKBACK, BAND, third])
    values = [float(number) for number in range(12)]
    values[0] = float("nan")
    found = heat_map(LOOKBACK, BAND, grid, [None if math.isnan(value) else value for value in values])
    assert found.tolist() == [[1.0, 2.5], [4.5, 6.5], [8.5, 10.5]]  # the first of the first pair is undefined
    assert np.isnan(heat_map(LOOKBACK, BAND, grid[:2], [None, None])).all()


def test_neighbours_of_the_best_are_one_step_away_on_one_axis() -> None:
    path, band = LOOKBACK.path, BAND.path
    found = neighbours([LOOKBACK, BAND], GRID, VALUES, 3)
    assert found == (
        Neighbour(path, -1, 126, 1, 0.8, 1.5 - 0.8),
        Neighbour(path, 1, 252, 5, 0.2, 1.5 - 0.2),
        Neighbour(band, -1, 0.0, 2, 1.4, 1.5 - 1.4),
    )
    assert neighbours([LOOKBACK, BAND], GRID, VALUES, 2)[1] == Neighbour(path, 1, 252, 4, None, None)  # undefined there


def test_a_neighbour_that_was_not_drawn_is_named_without_a_run() -> None:
    drawn = [GRID[1], GRID[3]]
    found = neighbours([LOOKBACK, BAND], drawn, [0.8, 1.5], 1)
    assert found[0].run == 0
    assert found[1] == Neighbour(LOOKBACK.path, 1, 252, None, None, None)
    assert found[2] == Neighbour(BAND.path, -1, 0.0, None, None, None)
