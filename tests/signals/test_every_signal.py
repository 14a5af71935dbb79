"""What holds for every daily signal that comes with GRODT."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grodt.signals.forecasts import forecast_session, forecast_sessions
from grodt.signals.indicators import Volatility
from grodt.signals.panel import FloatArray, Panel
from grodt.signals.registry import BUILT_IN, build_signal
from grodt.signals.signal import Signal, SignalOutput
from tests.examples import examples
from tests.signals.daily import COUNT_BARS, CROSS_SECTIONAL, DAILY, SHORT, variants
from tests.signals.worlds import full_panel, of_columns, panel_of, panels, random_closes, same

QUICK = Volatility(span=8, history=1)
TIME_SERIES = tuple(name for name in DAILY if name not in CROSS_SECTIONAL)


def _all_rows(signal: Signal, panel: Panel) -> SignalOutput:
    return signal.evaluate(panel, QUICK.evaluate(panel, len(panel.sessions)))


def test_every_daily_signal_is_tested_here() -> None:
    assert set(SHORT) == set(DAILY)
    assert set(CROSS_SECTIONAL) | set(COUNT_BARS) | {"momentum"} == set(DAILY)


@examples(60)
@given(panel=panels(), data=st.data())
def test_a_signal_on_data_up_to_t_is_the_longer_one_cut_at_t_bit_for_bit(panel: Panel, data: st.DataObject) -> None:
    count = data.draw(st.integers(1, len(panel.sessions)))
    last = data.draw(st.integers(1, count))
    sigma = QUICK.evaluate(panel, len(panel.sessions))
    cut = panel.until(count)
    for signal in variants():
        whole = signal.evaluate(panel, sigma)
        part = signal.evaluate(cut, QUICK.evaluate(cut, last))
        assert same(part.value, np.ascontiguousarray(whole.value[count - last : count])), signal.name
        assert same(part.forecast, np.ascontiguousarray(whole.forecast[count - last : count])), signal.name


@examples(20)
@given(panel=panels(), data=st.data())
def test_tonights_combination_is_the_replays(panel: Panel, data: st.DataObject) -> None:
    count = data.draw(st.integers(1, len(panel.sessions)))
    specs = [(signal, 1.0 + number) for number, signal in enumerate(variants())]
    replayed = forecast_sessions(panel, specs, len(panel.sessions), QUICK).at(count - 1)
    tonight = forecast_session(panel.until(count), specs, QUICK)
    for name in ("value", "forecast", "combined", "volatility"):
        assert same(np.ascontiguousarray(getattr(replayed, name)), getattr(tonight, name))


@examples(30)
@given(panel=panels(), data=st.data())
def test_bars_that_come_later_change_nothing(panel: Panel, data: st.DataObject) -> None:
    count = data.draw(st.integers(1, len(panel.sessions)))
    other = full_panel(random_closes(data.draw(st.integers(0, 2**32 - 1)), *panel.close.shape, gaps=0.3), 5)
    assert panel.members is not None
    assert other.members is not None
    changed = replace(
        panel,
        close=np.concatenate([panel.close[:count], other.close[count:]]),
        log_return=np.concatenate([panel.log_return[:count], other.log_return[count:]]),
        fields={name: np.concatenate([panel.fields[name][:count], other.fields[name][count:]]) for name in panel.fields},
        members=np.concatenate([panel.members[:count], other.members[count:]]),
    )
    for signal in variants():
        for name in ("value", "forecast"):
            before, after = (getattr(_all_rows(signal, one), name)[:count] for one in (panel, changed))
            assert same(np.ascontiguousarray(before), np.ascontiguousarray(after)), signal.name


@examples(30)
@given(panel=panels())
def test_values_stand_where_there_is_a_bar_and_forecasts_within_the_cap_where_there_is_a_value(panel: Panel) -> None:
    for signal in variants():
        got = _all_rows(signal, panel)
        assert not np.isinf(got.value).any()
        assert np.isnan(got.value[np.isnan(panel.close)]).all()
        assert np.isnan(got.forecast[np.isnan(got.value)]).all()
        assert (np.abs(got.forecast[~np.isnan(got.forecast)]) <= 2.0).all()


@examples(30)
@given(panel=panels(), data=st.data())
def test_another_symbol_in_the_universe_changes_nothing_for_those_that_compare_none(panel: Panel, data: st.DataObject) -> None:
    width = len(panel.symbols)
    chosen = sorted(data.draw(st.sets(st.integers(0, width - 1)))) if width else []
    part = of_columns(panel, chosen)
    for signal in variants(*TIME_SERIES):
        whole, alone = _all_rows(signal, panel), _all_rows(signal, part)
        assert same(alone.value, np.ascontiguousarray(whole.value[:, chosen])), signal.name
        assert same(alone.forecast, np.ascontiguousarray(whole.forecast[:, chosen])), signal.name


@examples(30)
@given(panel=panels(), data=st.data())
def test_symbols_that_may_not_be_traded_change_no_forecast_and_have_none(panel: Panel, data: st.DataObject) -> None:
    width = len(panel.symbols)
    chosen = sorted(data.draw(st.sets(st.integers(0, width - 1)))) if width else []
    left_out = np.setdiff1d(np.arange(width), chosen)
    assert panel.members is not None
    fewer = panel.members.copy()
    fewer[:, left_out] = False
    for signal in variants(*CROSS_SECTIONAL):
        whole, alone = _all_rows(signal, panel.of_members(fewer)), _all_rows(signal, of_columns(panel, chosen))
        assert same(whole.value, _all_rows(signal, panel).value), signal.name
        assert np.isnan(whole.forecast[~panel.of_members(fewer).members_of(len(fewer))]).all(), signal.name
        assert same(alone.forecast, np.ascontiguousarray(whole.forecast[:, chosen])), signal.name


@examples(20)
@given(panel=panels(), data=st.data())
def test_who_may_be_traded_in_one_session_decides_on_that_session_alone(panel: Panel, data: st.DataObject) -> None:
    row = data.draw(st.integers(0, len(panel.sessions) - 1))
    assert panel.members is not None
    others = panel.members.copy()
    others[row] = ~others[row]
    for signal in variants():
        before, after = _all_rows(signal, panel), _all_rows(signal, panel.of_members(others))
        rest = np.arange(len(panel.sessions)) != row
        assert same(before.value, after.value), signal.name
        assert same(before.forecast[rest], after.forecast[rest]), signal.name


@pytest.mark.parametrize("name", DAILY)
def test_the_history_a_signal_states_is_what_it_needs_from_the_first_bar_on(name: str) -> None:
    close = random_closes(10, 640, 3)
    close[:90, 1] = np.nan  # listed late
    for signal in (build_signal(name, {}), *variants(name)):
        value = _all_rows(signal, panel_of(close)).value
        assert np.flatnonzero(~np.isnan(value[:, 0]))[0] == signal.history - 1, signal
        assert np.flatnonzero(~np.isnan(value[:, 1]))[0] == 90 + signal.history - 1, signal


@pytest.mark.parametrize("name", DAILY)
def test_a_ticker_that_another_company_takes_up_begins_anew(name: str) -> None:
    close = random_closes(11, 120, 3)
    panel = panel_of(close)
    panel.log_return[60, 1] = np.nan
    late = close.copy()
    late[:60, 1] = np.nan
    for signal in variants(name):
        value = _all_rows(signal, panel).value
        assert np.isnan(value[60 : 60 + signal.history - 1, 1]).all(), signal
        np.testing.assert_allclose(value[60:, 1], _all_rows(signal, panel_of(late)).value[60:, 1], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", COUNT_BARS)
def test_a_halt_is_left_out_as_if_those_sessions_had_not_been(name: str) -> None:
    close = random_closes(12, 90, 2)
    panel = panel_of(close)
    halted = np.concatenate([np.arange(40), np.arange(52, 90)])
    gap = panel_of(np.concatenate([close[:40], np.full((12, 2), np.nan), close[52:]]))
    squeezed = panel_of(close[halted])
    for signal in variants(name):
        got, want = _all_rows(signal, gap), _all_rows(signal, squeezed)
        assert np.isnan(got.value[40:52]).all()
        assert same(got.value[halted], want.value), signal
        assert same(got.forecast[halted], want.forecast), signal
    assert panel.sessions[-1] == gap.sessions[-1]


@pytest.mark.parametrize("name", ["momentum", "cross_sectional_momentum", "cross_sectional_reversal"])
def test_over_a_halt_the_last_price_holds_for_those_that_count_sessions(name: str) -> None:
    close = random_closes(13, 90, 4)
    close[40:52, 1] = np.nan
    held = close.copy()
    held[40:52, 1] = close[39, 1]
    for signal in variants(name):
        got, want = (_all_rows(signal, panel_of(one)).value for one in (close, held))
        assert np.isnan(got[40:52, 1]).all()
        np.testing.assert_allclose(got[52:, 1], want[52:, 1], rtol=1e-9, atol=1e-12)


#: Average absolute forecast on a random walk before the cap: parameters, and what it is if not 1.
ON_A_WALK: dict[str, list[tuple[dict[str, object], float]]] = {
    "momentum": [({}, 1.0), ({"lookback": 126, "skip": 21}, 1.0), ({"lookback": 21, "skip": 0}, 1.0), ({"response": "sign"}, 1.0)],
    "ewma_crossover": [({}, 1.0)],
    "ewma_trend": [({}, 1.0), ({"fast": (4, 8), "slow": (16, 32)}, 1.0), ({"fast": (16,), "slow": (64,)}, 1.0)],
    "breakout": [({"window": 10}, 1.07), ({"window": 20}, 1.0), ({}, 1.0), ({"window": 250}, 1.0)],
    "cross_sectional_momentum": [({}, 1.0), ({"select": 0.1, "side": "long"}, 0.1), ({"select": 0.1}, 0.2)],
    "cross_sectional_reversal": [({}, 1.0), ({"select": 0.2}, 0.4)],
    "z_score_reversion": [({"window": 2}, 1.0), ({"window": 5}, 1.0), ({}, 1.0), ({"window": 120}, 1.0)],
    "rsi_reversion": [
        ({"oversold": 50, "overbought": 50}, 1.0),
        ({"length": 2, "oversold": 50, "overbought": 50}, 0.95),
        ({}, 0.22),
    ],
    "low_volatility": [({}, 1.0), ({"select": 0.1, "side": "long"}, 0.1)],
}


@pytest.fixture(scope="module")
def walks() -> Panel:
    """Three thousand random walks. Only to be read."""
    rng = np.random.default_rng(99)
    return panel_of(np.exp(np.cumsum(rng.normal(0, 0.01, (520, 3000)), axis=0)))


@pytest.mark.parametrize("name", DAILY)
def test_the_average_absolute_forecast_on_a_random_walk_is_one_or_what_the_docstring_says(name: str, walks: Panel) -> None:
    for parameters, expected in ON_A_WALK[name]:
        signal = build_signal(name, {**parameters, "cap": 20.0})  # type: ignore[dict-item]
        forecast = signal.evaluate(walks, np.full((1, 3000), 0.01 * np.sqrt(252))).forecast
        assert np.abs(forecast).mean() == pytest.approx(expected, rel=0.05, abs=0.02), parameters
        assert forecast.mean() == pytest.approx(expected if parameters.get("side") == "long" else 0.0, abs=0.06), parameters


def test_the_prefix_holds_for_the_default_signals_over_three_years() -> None:
    panel = full_panel(random_closes(12, 760, 37, gaps=0.02), 3)
    specs = [(build_signal(name, {}), 1.0) for name in DAILY]
    whole = forecast_sessions(panel, specs, 760)
    for count in (1, 61, 130, 254, 520, 759, 760):
        tonight, then = forecast_session(panel.until(count), specs), whole.at(count - 1)
        assert same(tonight.value, np.ascontiguousarray(then.value))
        assert same(tonight.forecast, np.ascontiguousarray(then.forecast))
        assert same(tonight.combined, np.ascontiguousarray(then.combined))


@pytest.mark.parametrize("name", DAILY)
def test_a_signal_travels_to_another_process_and_reads_no_field_it_does_not_name(name: str) -> None:
    signal = build_signal(name, {})
    assert pickle.loads(pickle.dumps(signal)) == signal
    full = full_panel(random_closes(14, 560, 6), 4)
    bare = replace(full, fields={one: full.fields[one] for one in signal.fields})
    assert same(_all_rows(signal, bare).forecast, _all_rows(signal, full).forecast)
    assert set(DAILY) <= set(BUILT_IN)


@pytest.mark.parametrize("name", DAILY)
def test_a_panel_without_symbols_has_forecasts_of_none_and_one_too_short_is_refused(name: str) -> None:
    for signal in variants(name):
        assert _all_rows(signal, panel_of(np.empty((5, 0)))).forecast.shape == (5, 0)
        with pytest.raises(ValueError, match="asked of a panel"):
            signal.evaluate(panel_of(np.ones((3, 2))), np.full((4, 2), 0.2))


def _still(rows: int) -> FloatArray:
    return np.full((rows, 4), 25.0)


@pytest.mark.parametrize("name", DAILY)
def test_prices_that_stand_still_are_no_reason_for_a_position(name: str) -> None:
    for signal in variants(name):
        if signal.name.startswith("cross_sectional") and getattr(signal, "select", 0):
            continue  # of equal symbols the first ones are selected
        forecast = _all_rows(signal, panel_of(_still(60))).forecast
        assert (np.nan_to_num(forecast) == 0.0).all(), signal
