"""What a value may depend on: the symbol's own bars up to its session, and nothing else, bit for bit."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grodt.signals.indicators import compiled
from tests.examples import examples
from tests.signals.indicators.worlds import INDICATORS, VWAPS, World, world, worlds
from tests.signals.worlds import same

EVERY = INDICATORS | VWAPS


def _whole(name: str, made: World) -> np.ndarray:
    return np.array(EVERY[name](made))


@pytest.mark.parametrize("name", EVERY)
@examples(25)
@given(made=worlds(), data=st.data())
def test_a_value_from_data_up_to_t_is_the_value_at_t_from_longer_data(name: str, made: World, data: st.DataObject) -> None:
    whole = _whole(name, made)
    count = data.draw(st.integers(1, len(made.close)))
    assert same(_whole(name, made.rows(count)), np.ascontiguousarray(whole[:, :count]))


@pytest.mark.parametrize("name", EVERY)
@examples(25)
@given(made=worlds(), data=st.data())
def test_symbols_do_not_touch_each_other(name: str, made: World, data: st.DataObject) -> None:
    whole = _whole(name, made)
    order = data.draw(st.permutations(range(made.close.shape[1])))
    chosen = np.array(order[: data.draw(st.integers(1, len(order)))])
    assert same(_whole(name, made.columns(chosen)), np.ascontiguousarray(whole[:, :, chosen]))


@pytest.mark.parametrize("name", EVERY)
@examples(10)
@given(made=worlds(), data=st.data())
def test_bars_that_come_later_and_gaps_that_come_later_change_nothing(name: str, made: World, data: st.DataObject) -> None:
    count = data.draw(st.integers(1, len(made.close)))
    other = world(data.draw(st.integers(0, 2**32 - 1)), *made.close.shape, gaps=0.3, listings=3)
    changed = World(*(np.concatenate([getattr(made, f)[:count], getattr(other, f)[count:]]) for f in World.__dataclass_fields__))
    assert same(np.ascontiguousarray(_whole(name, changed)[:, :count]), np.ascontiguousarray(_whole(name, made)[:, :count]))


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("gaps", [0.0, 0.01])
def test_any_number_of_columns_at_once_and_in_any_number_of_threads_give_the_same_bits(
    name: str, gaps: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = world(3, 150, 160, gaps=gaps, listings=4 if gaps else 0)
    whole = _whole(name, made)
    for columns in (1, 7, 70, 100):
        monkeypatch.setattr(compiled, "MOST_COLUMNS", columns)
        assert same(_whole(name, made), whole)
    cuts = [slice(low, low + 13) for low in range(0, 160, 13)]
    with ThreadPoolExecutor(4) as pool:
        parts = list(pool.map(lambda cut: _whole(name, made.columns(cut)), cuts))
    assert same(np.concatenate(parts, axis=2), whole)


@pytest.mark.parametrize("name", EVERY)
def test_the_order_of_the_numbers_in_memory_does_not_matter_and_inputs_are_left_alone(name: str) -> None:
    made = world(4, 120, 9, gaps=0.02, listings=2)
    whole = _whole(name, made)
    turned = World(*(np.asfortranarray(getattr(made, f)) for f in World.__dataclass_fields__))
    for f in World.__dataclass_fields__:
        getattr(turned, f).setflags(write=False)
    assert same(_whole(name, turned), whole)


@pytest.mark.parametrize("name", EVERY)
def test_panels_without_symbols_without_bars_and_of_one_session_have_no_values_of_a_window(name: str) -> None:
    made = world(1, 12, 3)
    assert _whole(name, made.columns(slice(0, 0))).shape[1:] == (12, 0)
    assert not np.isfinite(_whole(name, world(1, 1, 3))).any() or name in ("sma of one", *VWAPS)
    void = World(*(np.full(getattr(made, f).shape, np.nan) for f in list(World.__dataclass_fields__)[:5]), made.listed, made.index)
    assert np.isnan(_whole(name, void)).all()
