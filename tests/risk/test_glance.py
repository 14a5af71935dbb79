"""What is approved at a glance is what is approved when each control is asked."""

from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from grodt.risk.assess import Proposal, assess
from grodt.risk.glance import approved_at_a_glance
from grodt.risk.limits import Limits
from tests.benchmarks.risk import book
from tests.examples import examples
from tests.risk.proposals import limits
from tests.risk.strategies import any_limits, proposals


def _everyday(asked: Proposal) -> Proposal:
    nothing = np.zeros(len(asked.symbols), dtype=np.int64)
    no = np.zeros(len(asked.symbols), dtype=np.bool_)
    return replace(
        asked,
        open_buys=nothing,
        open_sells=nothing,
        intended=no,
        untradable=no,
        unknown=no,
        priced=no,
        reduce_only=0,
        cycles_unchanged=9,
        previous_equity=asked.equity,
        high_water_mark=asked.equity,
        buying_power=max(asked.equity, 0),
    )


def _agrees(asked: Proposal, bound: Limits) -> bool:
    """Whether a glance is certain; then it says what the controls say."""
    seen = approved_at_a_glance(asked, bound)
    if seen is None:
        return False
    found = assess(asked, bound)
    assert found.halt == ""
    assert found.reduce_only == ""
    assert found.quantity.tolist() == seen.tolist()
    # What is held may be above a bound of the book, which is an alert and stops nothing; an order that adds never leaves it so.
    said = found.evidence.select(pl.col("control"), pl.col("verdict").cast(pl.String))
    assert set(said.filter(pl.col("control") != 15)["verdict"]) <= {"pass", "alert"}
    assert (said.filter(pl.col("control") == 15)["verdict"] == "reject").sum() == np.count_nonzero(seen != asked.wanted)
    return True


@examples(400)
@given(proposals(), any_limits())
def test_any_proposal_under_any_limits(asked: Proposal, bound: Limits) -> None:
    _agrees(asked, bound)


@examples(400)
@given(proposals(calm=True).map(_everyday), any_limits(), st.integers(0, 5), st.sampled_from([0, 9]))
def test_everyday_proposals_under_any_limits(asked: Proposal, bound: Limits, shrink: int, unchanged: int) -> None:
    asked = replace(asked, wanted=asked.wanted // 4**shrink, cycles_unchanged=unchanged)
    _agrees(asked, replace(bound, overrides={}, restricted=()))


@pytest.mark.parametrize(("unchanged", "certain"), [(0, False), (1, True)])
def test_a_new_configuration_has_a_share_of_its_caps(unchanged: int, certain: bool) -> None:
    asked = _everyday(book(20, 0.0))
    asked = replace(asked, cycles_unchanged=unchanged, position=asked.wanted, wanted=asked.wanted + 10)
    heaviest = 10 * int(asked.price.max()) / asked.equity
    bound = limits(**{**WIDE, "symbol_weight": 1.5 * heaviest, "new_cycles": 1, "new_share": 0.5})
    assert _agrees(asked, bound) == certain
    assert _agrees(asked, replace(bound, symbol_weight=2.5 * heaviest))


WIDE: dict[str, Any] = {
    "order_quantity": 10_000,
    "order_value": 1e9,
    "volume_share": 1.0,
    "symbol_position": 10_000,
    "symbol_weight": 1.0,
    "gross_exposure": 15.0,
    "net_exposure": 15.0,
    "basket_value": 15.0,
    "turnover": 15.0,
    "group_weight": {"*": 12.0},
}


@examples(200)
@given(proposals(calm=True).map(_everyday), st.one_of(st.integers(0, 10**10), st.just(10**12)))
def test_wide_limits_are_passed_at_a_glance(asked: Proposal, buying_power: int) -> None:
    """So that the other tests do not pass because it always says no."""
    easy = replace(
        asked,
        wanted=np.abs(asked.wanted) * asked.lot,
        position=np.abs(asked.position),
        price_age=np.zeros_like(asked.price_age),
        volume=np.full_like(asked.volume, 10**9),
        group=np.abs(asked.group),
        weight=np.zeros_like(asked.weight),
        equity=10**12,
        previous_equity=10**12,
        high_water_mark=10**12,
        buying_power=buying_power,
    )
    assume(easy.wanted.any())
    assert _agrees(easy, limits(**WIDE))


@pytest.mark.parametrize(
    "change",
    [
        {"active_halts": 1},
        {"open_breaks": 1},
        {"reduce_only": 1},
        {"bars_present": 1},
        {"last_session_fresh": False},
        {"cycles_unchanged": -1},
        {"cycles_traded": -1},
        {"equity": 0},
    ],
)
def test_a_book_that_must_be_looked_at_is_never_passed_at_a_glance(change: dict[str, Any]) -> None:
    asked = _everyday(book(20, 0.0))
    assert approved_at_a_glance(asked, limits(**WIDE)) is not None
    assert approved_at_a_glance(replace(asked, **change), limits(**WIDE)) is None
