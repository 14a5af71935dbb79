"""The panels that signals are looked at on."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grodt.signals.checking.worlds import PER_SESSION, split_walk, worlds
from grodt.signals.indicators import listings
from tests.examples import examples


@examples(15)
@given(history=st.integers(1, 150), seed=st.integers(0, 2**32), per_session=st.sampled_from([1, PER_SESSION]))
def test_every_bar_is_one_that_a_market_could_have(history: int, seed: int, per_session: int) -> None:
    for world in worlds(history, seed, per_session):
        panel = world.panel
        barred = ~np.isnan(panel.close)
        opened, high, low, volume = (panel.raw(name) for name in ("open", "high", "low", "volume"))
        for array in (opened, high, low, volume):
            assert (~np.isnan(array) == barred).all()
        assert (low[barred] > 0).all()
        assert (high[barred] >= np.maximum(opened, panel.close)[barred]).all()
        assert (low[barred] <= np.minimum(opened, panel.close)[barred]).all()
        assert (volume[barred] >= 0).all()
        assert panel.members is not None
        assert panel.members.shape == panel.close.shape
        assert (panel.ends is None) == (per_session == 1)


@pytest.mark.parametrize("per_session", [1, PER_SESSION])
def test_the_same_seed_makes_the_same_panels(per_session: int) -> None:
    for one, same, other in zip(*(worlds(20, seed, per_session) for seed in (5, 5, 6)), strict=True):
        assert one.panel.close.tobytes() == same.panel.close.tobytes()
        assert one.panel.log_return.tobytes() == same.panel.log_return.tobytes()
        assert one.panel.close.tobytes() != other.panel.close.tobytes() or not one.panel.symbols


def test_what_happens_to_real_bars_happens_there() -> None:
    walks, gaps, events, extremes, alone, nobody, jumps = (world.panel for world in worlds(20, 1, 1))
    assert len(walks.sessions) == 160
    assert np.isnan(walks.close[:32, 2]).all()
    holes = np.isnan(gaps.close).mean(axis=0)
    assert holes[0] == 0
    assert (holes[1:] > 0).all()
    assert gaps.members is not None
    assert not gaps.members.all()
    # the third and fourth ticker are taken up by another company, the third without a pause; the seventh twice
    assert listings(events).sum(axis=0).tolist() == [1, 1, 2, 2, 1, 1, 3, 1, 1]
    assert not np.isnan(events.close[:, 2]).any()
    # seven for one at row 53: the price falls to a seventh, and nobody has lost anything
    assert events.close[53, 0] / events.close[52, 0] == pytest.approx(1 / 7, rel=0.15)
    assert abs(events.log_return[53, 0]) < 0.15
    assert (np.diff(extremes.close[:, 0]) == 0).all()
    assert (extremes.raw("volume")[:, 1] == 0).all()
    assert np.isnan(extremes.close[:, 8]).all()
    assert (~np.isnan(extremes.close[:, 7])).sum() == 1
    assert (alone.close.shape[1], nobody.close.shape[1]) == (1, 0)
    printed = (np.abs(jumps.log_return[:-1]) > 0.08) & (np.abs(jumps.log_return[:-1] + jumps.log_return[1:]) < 0.05)
    stayed = (np.abs(jumps.log_return[1:-1]) > 0.08) & ~printed[1:] & ~printed[:-1]
    assert printed.any()
    assert stayed.any()


def test_rows_of_an_intraday_panel_are_bars_that_end_in_its_sessions() -> None:
    panel = worlds(20, 1, PER_SESSION)[0].panel
    assert panel.ends is not None
    assert panel.starts.tolist() == [0, 40, 80, 120]
    assert str(panel.ends[0]) == "2020-01-01T14:31:00.000000"
    assert str(panel.ends[41]) == "2020-01-02T14:32:00.000000"
    assert panel.rows_per_year == 252 * 40
    assert (np.diff(panel.ends) > np.timedelta64(0, "us")).all()


@pytest.mark.parametrize("per_session", [1, PER_SESSION])
def test_walks_with_and_without_splits_have_the_same_returns(per_session: int) -> None:
    plain, split = (world.panel for world in split_walk(200, 6, 2, per_session))
    np.testing.assert_allclose(split.log_return, plain.log_return, rtol=0, atol=1e-12)
    assert split.close[-1, 0] == pytest.approx(plain.close[-1, 0] / 7)
    assert split.close[-1, 2] == pytest.approx(plain.close[-1, 2] * 10)
