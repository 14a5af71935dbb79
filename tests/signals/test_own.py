"""A function below `signal` can be called as before, and makes signals."""

import numpy as np
import pytest

from grodt.errors import ConfigError
from grodt.signals.own import FloatArray, Panel, signal
from grodt.signals.signal import is_intraday
from tests.signals.worlds import panel_of


@signal(history=lambda window: window + 1, scale=lambda window, floor: floor + 1 / window, cap=3.0, intraday=True)
def gain(panel: Panel, window: int, floor: float = 0.5) -> FloatArray:
    value = np.full(panel.close.shape, np.nan)
    value[window:] = panel.close[window:] - panel.close[:-window]
    return value


PANEL = panel_of(np.array([[10.0], [11.0], [14.0]]))


def test_it_is_called_as_it_was_written() -> None:
    assert gain(PANEL, 2)[2].tolist() == [4.0]
    assert gain(PANEL, window=1)[1:].tolist() == [[1.0], [3.0]]


def test_a_signal_of_it_has_history_scale_and_cap_of_its_parameters() -> None:
    made = gain.build(window=2)
    assert (made.name, made.history, made.scale, made.cap, is_intraday(made)) == ("gain", 3, 1.0, 3.0, True)
    output = made.evaluate(PANEL, np.full((1, 1), 0.2))
    assert (output.value.tolist(), output.forecast.tolist()) == ([[4.0]], [[3.0]])
    assert gain.build(window=2, scale=0.25, name="other").evaluate(PANEL, np.full((1, 1), 0.2)).forecast.tolist() == [[1.0]]


def test_its_values_are_not_those_of_the_function_s_own_array() -> None:
    kept: list[FloatArray] = []

    @signal(history=1)
    def same(panel: Panel) -> FloatArray:
        kept.append(panel.close)
        return panel.close

    output = same.build().evaluate(PANEL, np.full((3, 1), 0.2))
    output.value[:] = 0.0
    assert kept[0][:, 0].tolist() == [10.0, 11.0, 14.0]


def test_a_parameter_that_is_not_given_or_not_known_is_named() -> None:
    with pytest.raises(ConfigError, match="signal gain has no default for window; give it under `parameters`"):
        gain.build()
    with pytest.raises(ConfigError, match="signal gain has no parameter widow; it has window, floor, scale, cap, name"):
        gain.build(window=2, widow=3)
