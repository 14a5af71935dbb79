"""What a signal of one's own answers is looked at each time."""

from pathlib import Path

import numpy as np
import pytest

from grodt.errors import DataError
from grodt.signals.forecasts import forecast_session
from grodt.signals.indicators import Volatility
from grodt.signals.panel import Panel
from grodt.signals.registry import find_signal
from grodt.signals.signal import Signal
from tests.signals.plugins.signal_files import GAP, GAP_CLASS, written
from tests.signals.worlds import random_closes, tickers, weekdays


def panel() -> Panel:
    """Two symbols over 70 sessions; S0001 has no bar in the last but one. Nights are flat, but for S0000's last one: from 10 to 11."""
    close = np.full((70, 2), 10.0)
    close[-2, 1] = np.nan
    opened = close.copy()
    close[-1, 0] = opened[-1, 0] = 11.0
    before = np.where(np.isnan(close[:-1]), 10.0, close[:-1])
    change = np.concatenate([np.full((1, 2), np.nan), np.log(close[1:] / before)])
    return Panel(weekdays(70), tickers(2), close, change, {"open": opened})


def built(folder: Path, text: str, name: str = "gap") -> Signal:
    written(folder, text)
    return find_signal(name, "my_signals.py", folder).build({})


def test_its_values_and_forecasts_are_used_as_they_are(tmp_path: Path) -> None:
    got = forecast_session(panel(), [(built(tmp_path, GAP), 1.0)])
    assert got.value[0].tolist() == pytest.approx([-np.log(1.1), 0.0], abs=1e-15)
    assert got.forecast[0].tolist() == got.value[0].tolist()


def test_over_volatility_a_forecast_is_in_standard_deviations_of_a_session(tmp_path: Path) -> None:
    made = built(tmp_path, GAP.replace("history=2", "history=2, over_volatility=True, scale=0.5"))
    assert made.evaluate(panel(), np.full((1, 2), 0.2)).forecast[0, 0] == -2.0  # capped
    wide = find_signal("gap", "my_signals.py", tmp_path).build({"cap": 20.0}).evaluate(panel(), np.full((1, 2), 0.2))
    # a night of −0.09531 in sessions of 0.2 / √252 = 0.012599, halved
    assert wide.forecast[0, 0] == pytest.approx(-3.7825, abs=5e-4)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("value, None", "the forecast is a NoneType; it must be an array of float64"),
        ("value[0], value", "the value is an array of float64 of shape (2,); it must be of float64, a row for each session asked for"),
        ("value, value.astype('float32')", "the forecast is an array of float32 of shape (2, 2)"),
        ("np.nan_to_num(value), value", "S0001 2020-04-06: the value is 0, and there is no bar; it must be NaN there"),
        ("value, np.nan_to_num(value)", "S0001 2020-04-06: the forecast is 0, and there is no bar; it must be NaN there"),
        ("value + np.inf, value", "S0000 2020-04-06: the value is inf; it must be finite, or NaN where there is none"),
        ("value, value - np.inf", "S0000 2020-04-06: the forecast is -inf; it must be finite, or NaN where there is none"),
        ("value, value - 2.01", "S0000 2020-04-06: the forecast is -2.01; it must lie within ±2, the signal's cap"),
        ("value * np.nan, value", "S0000 2020-04-06: the forecast is 0, and there is no value that it could come from"),
    ],
)
def test_an_answer_that_no_signal_may_give_stops_the_cycle_with_symbol_session_and_value(tmp_path: Path, answer: str, said: str) -> None:
    made = built(tmp_path, GAP_CLASS.replace("SignalOutput(value, capped(value, self.scale, 2.0))", f"SignalOutput({answer})"))
    with pytest.raises(DataError) as caught:
        made.evaluate(panel(), np.full((2, 2), 0.2))
    assert str(caught.value).startswith("signal gap in my_signals.py: ")
    assert said in str(caught.value)
    assert str(caught.value).endswith("; correct it, and try `grodt check-signal gap --file my_signals.py`")


def test_the_cap_is_the_signal_s_own(tmp_path: Path) -> None:
    made = built(
        tmp_path, GAP_CLASS.replace("scale: float = 1.0", "cap: float = 3.0\n    scale: float = 1.0").replace("2.0))", "9.0) - 2.5)")
    )
    assert made.evaluate(panel(), np.full((1, 2), 0.2)).forecast.min() < -2.5
    with pytest.raises(DataError, match="within ±3, the signal's cap"):
        find_signal("gap", "my_signals.py", tmp_path).build({"scale": 20.0}).evaluate(panel(), np.full((1, 2), 0.2))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (GAP.replace('"open")', '"high")'), "line 9: ValueError: field 'high' was not asked for"),
        (GAP_CLASS.replace("return SignalOutput(value, ", "return (value, "), "evaluate returned a tuple; it must return a SignalOutput"),
        (GAP.replace("return np", "return -panel.log_return[-1:] or np"), "line 9: ValueError: The truth value of an array"),
        (
            GAP.replace("return np", "return panel.log_return[-1:]\n    np"),
            "signal gap returned an array of float64 of shape (1, 2); it must return an array of float64",
        ),
        (GAP.replace("    return", "    return None\n    return"), "signal gap returned a NoneType"),
    ],
)
def test_code_that_fails_while_it_is_asked_is_named_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    made = built(tmp_path, text)
    with pytest.raises(DataError) as caught:
        made.evaluate(panel(), np.full((1, 2), 0.2))
    assert str(caught.value).startswith("signal gap in my_signals.py")
    assert said in str(caught.value)


@pytest.mark.parametrize("text", [GAP, GAP_CLASS])
def test_function_and_class_agree_and_give_a_session_the_same_whatever_number_is_asked_for(tmp_path: Path, text: str) -> None:
    made = built(tmp_path, text)
    close = random_closes(5, 200, 4)
    change = np.concatenate([np.full((1, 4), np.nan), np.log(close[1:] / close[:-1])])
    one = Panel(weekdays(200), tickers(4), close, change, {"open": close * 1.01})
    sigma = Volatility().evaluate(one, 200)
    whole = made.evaluate(one, sigma)
    np.testing.assert_allclose(whole.value[1:], -np.log(close[1:] * 1.01 / close[:-1]), rtol=0, atol=1e-12)
    assert made.evaluate(one, sigma[-3:]).value.tobytes() == whole.value[-3:].tobytes()
