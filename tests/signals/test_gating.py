"""Signals switched off by regime."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grodt.errors import ConfigError
from grodt.lake.tables import TABLES
from grodt.signals.ewma_crossover import EwmaCrossover
from grodt.signals.forecasts import Forecasts, combine, fields_of, forecast_session, forecast_sessions
from grodt.signals.gate_evidence import facts, regimes_frame
from grodt.signals.gating import Gates, Gating, RegimeSettings
from grodt.signals.indicators import Volatility
from grodt.signals.momentum import Momentum
from grodt.signals.panel import FloatArray, Panel
from grodt.signals.regime import REGIMES, UNKNOWN, RegimeName
from grodt.signals.signal import Signal
from grodt.signals.vwap_ema_trend import VwapEmaTrend
from grodt.signals.vwap_reversion import VwapReversion
from tests.examples import examples
from tests.signals.minute_worlds import Minutes, minute_worlds
from tests.signals.test_regime import SHORT, whole_panel
from tests.signals.worlds import closes, panel_of, random_closes, same

MOMENTUM, CROSSOVER = Momentum(lookback=5, skip=1), EwmaCrossover(fast=2, slow=4)
SPECS: list[tuple[Signal, float]] = [(MOMENTUM, 1.0), (CROSSOVER, 3.0)]
QUICK = Volatility(span=8, history=4)
SESSION = date(2020, 6, 1)


def _settings(**more: str) -> RegimeSettings:
    own = {name: getattr(SHORT, name) for name in SHORT.__slots__}
    return RegimeSettings(**own, **more)  # type: ignore[arg-type]


def _gating(*regimes: RegimeName, **more: str) -> Gating:
    """Momentum is on in those regimes, the crossover always."""
    return Gating(_settings(**more), {"momentum": regimes})


def _panel(seed: int = 1, gaps: float = 0.0) -> Panel:
    return whole_panel(random_closes(seed, 80, 6, gaps), seed)


def test_a_signal_that_is_off_has_forecast_0_and_keeps_its_weight_and_its_value() -> None:
    panel = _panel()
    free = forecast_session(panel, SPECS, QUICK)
    on = forecast_session(panel, SPECS, QUICK, gating=_gating("ranging", override="ranging"))
    off = forecast_session(panel, SPECS, QUICK, gating=_gating("ranging", override="trending"))
    assert same(on.forecast, free.forecast)
    assert same(on.combined, free.combined)
    assert off.forecast.tolist() == [[0.0] * 6, free.forecast[1].tolist()]
    assert same(off.value, free.value)
    np.testing.assert_allclose(off.combined, free.forecast[1] * 0.75, rtol=1e-15)


def test_a_book_whose_only_signal_is_off_has_forecast_0_and_so_no_position_and_none_where_there_was_none() -> None:
    close = random_closes(2, 40, 3)
    close[:38, 1] = np.nan
    got = forecast_session(whole_panel(close), SPECS[:1], QUICK, gating=_gating("trending", override="transition"))
    assert got.combined[[0, 2]].tolist() == [0.0, 0.0]
    assert np.isnan(got.combined[1])
    assert np.isnan(got.forecast[0, 1])


def test_the_market_s_regime_switches_all_symbols_and_a_symbol_s_own_its_own() -> None:
    panel = _panel(3)
    market = forecast_session(panel, SPECS, QUICK, gating=_gating("trending")).gates
    each = forecast_session(panel, SPECS, QUICK, gating=_gating("trending", scope="symbol")).gates
    assert market is not None
    assert each is not None
    assert len(set(each.label.tolist())) > 1
    assert market.off[0].tolist() == [REGIMES[market.market] != "trending"] * 6
    assert each.off[0].tolist() == [REGIMES[label] != "trending" for label in each.label]
    assert not market.off[1].any()
    assert not each.off[1].any()
    assert each.market_off.tolist() == [False, False]


def test_where_the_regime_is_not_known_a_signal_that_names_regimes_is_off() -> None:
    panel = _panel(4).until(SHORT.history - 1)
    got = forecast_session(panel, SPECS, QUICK, gating=_gating(*REGIMES))
    assert got.gates is not None
    assert got.gates.market == UNKNOWN
    assert got.forecast[0].tolist() == [0.0] * 6
    assert (got.forecast[1] != 0).all()
    known = forecast_session(_panel(4).until(SHORT.history), SPECS, QUICK, gating=_gating(*REGIMES))
    assert (known.forecast[0] != 0).all()


def test_an_override_holds_whatever_is_measured_and_what_is_measured_is_still_told() -> None:
    panel = _panel(5)
    for scope in ("market", "symbol"):
        plain = forecast_session(panel, SPECS, QUICK, gating=_gating("trending", scope=scope)).gates
        gates = forecast_session(panel, SPECS, QUICK, gating=_gating("trending", scope=scope, override="high_volatility")).gates
        assert plain is not None
        assert gates is not None
        assert same(gates.label, plain.label)
        assert gates.market == plain.market
        assert {REGIMES[code] for code in (gates.market_in_force, *gates.in_force)} == {"high_volatility"}
        assert gates.off.tolist() == [[True] * 6, [False] * 6]


def test_members_alone_make_the_market() -> None:
    panel = _panel(6)
    alone = [
        forecast_session(panel.of_members(np.arange(6)[None] == column), SPECS, QUICK, gating=_gating("trending")).gates
        for column in range(6)
    ]
    for column, gates in enumerate(alone):
        assert gates is not None
        assert gates.market == gates.label[column]
        assert gates.market_confidence == 1.0


@examples(30)
@given(close=closes(), regimes=st.sets(st.sampled_from(REGIMES), min_size=1), scope=st.sampled_from(["market", "symbol"]), data=st.data())
def test_many_sessions_at_once_are_gated_as_one_after_another_bit_for_bit(
    close: FloatArray, regimes: set[RegimeName], scope: str, data: st.DataObject
) -> None:
    panel, gating = whole_panel(close), _gating(*sorted(regimes), scope=scope)
    count = data.draw(st.integers(1, len(close)))
    members = np.random.default_rng(count).random(close.shape) < 0.8
    at_once = forecast_sessions(panel.of_members(members), SPECS, len(close), QUICK, gating=gating)
    tonight = forecast_session(panel.until(count).of_members(members[count - 1 : count]), SPECS, QUICK, gating=gating)
    _same(at_once.at(count - 1), tonight)
    assert at_once.gates is not None
    without = forecast_sessions(panel.of_members(members), SPECS, len(close), QUICK, gating=gating, keep=False)
    assert same(without.combined, at_once.combined)
    free = forecast_sessions(panel, SPECS, len(close), QUICK)
    gated = np.where(at_once.gates.off(0) & ~np.isnan(free.forecast[0]), 0.0, free.forecast[0])
    assert same(at_once.combined, combine(np.stack([gated, free.forecast[1]]), [1.0, 3.0]))


@examples(20)
@given(world=minute_worlds(), data=st.data())
def test_so_are_bars_of_a_session(world: Minutes, data: st.DataObject) -> None:
    specs: list[tuple[Signal, float]] = [(VwapEmaTrend(fast=2, slow=4, opening=1), 1.0), (VwapReversion(window=5, entry=0.5), 1.0)]
    gating = Gating(_settings(), {"vwap_ema_trend": ("trending",), "vwap_reversion": ("ranging", "transition")})
    count = data.draw(st.integers(1, len(world.grid.sessions)))
    at_once = forecast_sessions(world.panel(), specs, len(world.grid.sessions), QUICK, gating=gating)
    _same(at_once.at(count - 1), forecast_session(world.until(count), specs, QUICK, gating=gating))


def _same(one: Forecasts, other: Forecasts) -> None:
    for name in ("value", "forecast", "combined", "volatility"):
        assert same(np.ascontiguousarray(getattr(one, name)), np.ascontiguousarray(getattr(other, name))), name
    assert one.gates is not None
    assert other.gates is not None
    for name in ("label", "confidence", "in_force", "off", "market_off"):
        assert same(np.ascontiguousarray(getattr(one.gates, name)), np.ascontiguousarray(getattr(other.gates, name))), name
    for name in ("market", "market_in_force", "override", "scope"):
        assert getattr(one.gates, name) == getattr(other.gates, name)
    assert str(one.gates.market_confidence) == str(other.gates.market_confidence)


def test_a_panel_for_gating_has_what_it_reads() -> None:
    assert fields_of(SPECS) == ()
    assert fields_of(SPECS, _gating("trending")) == ("high", "low", "volume")


def test_an_intraday_signal_on_daily_bars_is_refused_before_any_is_computed() -> None:
    with pytest.raises(ConfigError, match="signal vwap_ema_trend reads bars of a session and this panel's rows are sessions"):
        forecast_session(panel_of(random_closes(1, 30, 2)), [(MOMENTUM, 1.0), (VwapEmaTrend(), 1.0)])


def test_a_history_too_short_for_any_regime_is_refused_unless_none_is_needed() -> None:
    gating = Gating(RegimeSettings(), {"momentum": ("trending",)})
    gating.require_history("book b", 266)
    with pytest.raises(ConfigError, match="book b: regime needs 266 sessions of history and there are 265; bring in more with"):
        gating.require_history("book b", 265)
    replace(gating, settings=RegimeSettings(override="ranging")).require_history("book b", 1)
    replace(gating, regimes={}).require_history("book b", 1)


# evidence


def _gates(scope: str = "market", *, override: bool = False) -> Gates:
    """Three symbols: one trends, one ranges, one is not known; momentum trades trends."""
    label = np.array([0, 1, UNKNOWN], dtype=np.int8)
    in_force = label if scope == "symbol" and not override else np.full(3, 1, dtype=np.int8)
    off = np.stack([in_force != 0, np.zeros(3, dtype=np.bool_)])
    by_market = np.array([scope == "market" or override, False])
    sure = np.array([0.75, 0.9, np.nan])
    return Gates(("A", "B", "C"), ("momentum", "other"), label, sure, 1, 0.6, in_force, 1, off, by_market, override, scope)


def _rows(gates: Gates) -> list[tuple[object, ...]]:
    frame = regimes_frame("b", SESSION, "b-eod-2020-06-01", gates)
    TABLES["regimes"].validate(frame, cast=False)
    assert frame.columns == TABLES["regimes"].column_names()
    assert frame.select("book", "session", "run_id").unique().rows() == [("b", SESSION, "b-eod-2020-06-01")]
    return frame.drop("book", "session", "run_id").rows()


def test_the_table_says_of_market_and_symbols_what_was_measured_and_what_is_off_and_why() -> None:
    assert _rows(_gates()) == [
        ("", "ranging", 0.6, "ranging", False, "momentum", "market is ranging"),
        ("A", "trending", 0.75, "ranging", False, "momentum", "market is ranging"),
        ("B", "ranging", 0.9, "ranging", False, "momentum", "market is ranging"),
        ("C", None, None, "ranging", False, "momentum", "market is ranging"),
    ]
    assert _rows(_gates("symbol")) == [
        ("", "ranging", 0.6, "ranging", False, "", ""),
        ("A", "trending", 0.75, "trending", False, "", ""),
        ("B", "ranging", 0.9, "ranging", False, "momentum", "symbol is ranging"),
        ("C", None, None, None, False, "momentum", "regime of the symbol is not known"),
    ]


def test_an_override_is_the_reason_where_it_holds() -> None:
    for scope in ("market", "symbol"):
        rows = _rows(_gates(scope, override=True))
        assert {row[3:] for row in rows} == {("ranging", True, "momentum", "override")}
        assert rows[1][:3] == ("A", "trending", 0.75)


def test_a_log_line_says_the_same_of_all_symbols() -> None:
    line = {"regime": "ranging", "confidence": 0.6, "switched_off": {"momentum": 3}, "symbols": 3, "reason": "market is ranging"}
    assert facts(_gates()) == line
    assert facts(_gates("symbol")) == line | {"switched_off": {"momentum": 2}, "reason": "regime of each symbol"}
    assert facts(_gates(override=True)) == line | {"reason": "override"}


def test_gates_of_some_symbols_are_theirs() -> None:
    some = _gates("symbol").of(np.array([2, 0]), ("X", "Y"))
    assert some.symbols == ("X", "Y")
    assert some.label.tolist() == [UNKNOWN, 0]
    assert some.off.tolist() == [[True, False], [False, False]]
    assert some.market == 1


@pytest.mark.parametrize(
    ("given_", "message"),
    [
        ({"scope": "sector"}, "regime: scope is 'sector'; it must be one of market, symbol"),
        ({"override": "calm"}, "regime: override is 'calm'; it must be of trending, ranging, transition, high_volatility, each once"),
        ({"calm": 2}, "regime: calm is 2"),
    ],
)
def test_a_setting_that_is_none_is_refused(given_: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        RegimeSettings(**given_)  # type: ignore[arg-type]
