"""History that is too short for a signal is an error before anything is decided."""

from dataclasses import replace

import numpy as np
import pytest

from grodt.errors import ConfigError
from grodt.signals.indicators import Volatility
from grodt.signals.momentum import Momentum
from grodt.signals.warm_up import require_history
from tests.signals.worlds import panel_of, random_closes, weekdays

QUICK = Volatility(span=8, history=4)
SIGNALS = [Momentum(lookback=10, skip=0, name="fast"), Momentum(lookback=30, skip=0, name="slow")]


def test_a_panel_as_long_as_the_longest_signal_needs_is_enough() -> None:
    require_history(panel_of(random_closes(1, 31, 2)), SIGNALS, volatility=QUICK)


def test_one_session_less_is_refused_with_signal_need_and_what_there_is() -> None:
    days = weekdays(30)
    said = (
        rf"^signal slow needs 31 sessions of history, and there are 30, from {days[0]} to {days[-1]}; set the book's `history` further back"
    )
    with pytest.raises(ConfigError, match=said):
        require_history(panel_of(random_closes(1, 30, 2)), SIGNALS, volatility=QUICK)


def test_every_signal_that_is_short_is_named() -> None:
    with pytest.raises(ConfigError, match="signal fast needs 11, signal slow needs 31 sessions of history, and there are 5"):
        require_history(panel_of(random_closes(1, 5, 2)), SIGNALS, volatility=QUICK)


def test_the_volatility_that_scales_every_target_needs_its_returns_too() -> None:
    with pytest.raises(ConfigError, match=r"^volatility needs 61 sessions of history, and there are 60"):
        require_history(panel_of(random_closes(1, 60, 2)), SIGNALS)
    require_history(panel_of(random_closes(1, 61, 2)), SIGNALS)


def test_of_several_decisions_the_first_one_must_have_enough() -> None:
    panel = panel_of(random_closes(1, 40, 2))
    require_history(panel, SIGNALS, last=10, volatility=QUICK)
    with pytest.raises(ConfigError, match=f"there are 30, from {weekdays(1)[0]} to {weekdays(30)[-1]};"):
        require_history(panel, SIGNALS, last=11, volatility=QUICK)
    with pytest.raises(ConfigError, match="there are 0; set"):
        require_history(panel, SIGNALS, last=41, volatility=QUICK)


def test_young_symbols_are_no_error_and_bars_of_minutes_are_called_bars() -> None:
    close = random_closes(1, 40, 2)
    close[:39] = np.nan
    require_history(panel_of(close), SIGNALS, volatility=QUICK)
    panel = panel_of(random_closes(1, 20, 2))
    minutes = replace(panel, ends=np.arange(20).astype("datetime64[us]"))
    with pytest.raises(ConfigError, match="signal slow needs 31 bars of history, and there are 20"):
        require_history(minutes, SIGNALS, volatility=QUICK)
