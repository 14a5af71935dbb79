"""For any input at all: no limit is violated, nothing is turned around, reductions live, and a plain reading of the rules agrees."""

import dataclasses
from fractions import Fraction
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from grodt.lake.tables import RiskChecks
from grodt.risk.assess import Proposal, assess
from grodt.risk.limits import Limits
from tests.benchmarks.risk import book
from tests.examples import examples
from tests.risk.plain import approvals, only_reduces, plainly, wishes, written
from tests.risk.proposals import USD, limits
from tests.risk.strategies import GROUPS, any_limits, proposals


@examples(300)
@given(proposals(), any_limits())
def test_a_plain_reading_of_the_rules_approves_the_same(asked: Proposal, bound: Limits) -> None:
    assert approvals(assess(asked, bound)) == plainly(asked, bound)


@examples(150)
@given(proposals(), any_limits())
def test_nothing_approved_violates_a_limit_turns_around_or_grows(asked: Proposal, bound: Limits) -> None:
    found = assess(asked, bound)
    quantity = found.quantity.tolist()
    assert bool(found.halt) == bool(found.halting)
    if found.halt:
        assert not any(quantity)
    gross, net, groups = 0, [0, 0], dict.fromkeys(GROUPS, 0)
    spent = sum(max(one, 0) * wish.price for wish, one in zip(wishes(asked, bound), quantity, strict=True))
    adds = []
    for wish, approved in zip(wishes(asked, bound), quantity, strict=True):
        gross += wish.exposure(approved)
        net = [net[0] + (wish.low + approved) * wish.price, net[1] + (wish.high + approved) * wish.price]
        if wish.group is not None:
            groups[wish.group] += wish.exposure(approved)
        if not approved:
            continue
        assert approved * wish.wanted > 0
        assert abs(approved) <= min(abs(wish.wanted), wish.order_quantity)
        assert wish.price > 0
        assert 0 <= asked.price_age[wish.place] <= bound.price_age
        assert not (asked.intended | asked.untradable | asked.unknown)[wish.place]
        assert wish.symbol not in bound.restricted
        assert (asked.open_sells if approved > 0 else asked.open_buys)[wish.place] == 0
        assert abs(approved) * wish.price <= wish.order_value * USD
        assert approved > 0 or wish.shortable or wish.low + approved >= 0
        if not wish.reduces(approved):
            adds.append(wish)
            side = abs((wish.high if approved > 0 else wish.low) + approved)
            assert side <= wish.position
            assert side * wish.price <= wish.weight * asked.equity
            assert abs(approved) <= written(bound.volume_share) * int(asked.volume[wish.place]) / 20
    if any(quantity[wish.place] > 0 for wish in adds):
        spent += sum(shares * max(price, 0) for shares, price in zip(asked.open_buys.tolist(), asked.price.tolist(), strict=True))
        assert spent <= (1 - written(bound.cash_buffer)) * asked.buying_power
    if adds:
        assert gross <= written(bound.gross_exposure) * asked.equity
    if bound.group_weight:
        for wish in adds:
            cap = bound.group_weight.get(wish.group, bound.group_weight.get("*"))
            through_zero = wish.low * (wish.low + quantity[wish.place]) < 0
            # an order through zero may keep its reduction in a group that stays full
            assert groups[wish.group] <= written(cap) * asked.equity or through_zero


@examples(150)
@given(proposals(), any_limits())
def test_reduce_only_never_opens_and_never_crosses_zero(asked: Proposal, bound: Limits) -> None:
    found = assess(asked, bound)
    assert bool(found.reduce_only) == only_reduces(asked, bound)
    if found.reduce_only:
        for wish, approved in zip(wishes(asked, bound), found.quantity.tolist(), strict=True):
            assert not approved or wish.reduces(approved)


#: Controls that refuse an order whatever its size is; 4 refuses a reduction only where the volume is not known.
REFUSING = [1, 17, 30, 6, 5, 7, 2, 3, 18, 23, 4]


@examples(150)
@given(proposals(), any_limits())
def test_clipping_never_turns_a_reduction_into_a_refusal(asked: Proposal, bound: Limits) -> None:
    found = assess(asked, bound)
    refusals = found.evidence.filter(pl.col("control").is_in(REFUSING) & (pl.col("verdict") == "reject"))["symbol"]
    for wish, approved in zip(wishes(asked, bound), found.quantity.tolist(), strict=True):
        if wish.reduces(wish.wanted) and not found.halt and wish.symbol not in refusals:
            most = max(written(bound.volume_share) * int(asked.volume[wish.place]) / 20, Fraction(wish.lot))
            whole = int(most) - int(most) % wish.lot
            assert approved == (wish.wanted if abs(wish.wanted) <= most else whole * (1 if wish.wanted > 0 else -1))


@examples(150)
@given(proposals(), any_limits())
def test_the_evidence_is_complete_unique_and_says_what_was_decided(asked: Proposal, bound: Limits) -> None:
    found = assess(asked, bound)
    evidence = found.evidence
    RiskChecks.validate(evidence)
    assert evidence.columns == RiskChecks.column_names()
    ordered = [wish for wish in wishes(asked, bound) if wish.wanted]
    for control in (1, 2, 3, 4, 6, 7, 17, 18, 23, 30):
        assert evidence.filter(control=control)["symbol"].to_list() == [wish.symbol for wish in ordered]
    book_rows = evidence.filter(pl.col("symbol") == "")["control"].to_list()
    assert book_rows == [24, 26, 29, 31, 21, 13, *([] if asked.first_basket else [14]), 28, 33, 11, 12]
    of_symbols = evidence.filter(pl.col("symbol") != "")
    refused = set(of_symbols.filter(pl.col("verdict") == "reject")["symbol"])
    for wish, approved in zip(wishes(asked, bound), found.quantity.tolist(), strict=True):
        assert (approved != 0) == (wish.wanted != 0 and wish.symbol not in refused and not found.halt)
        if approved:
            mine = of_symbols.filter(pl.col("symbol") == wish.symbol)
            assert (approved == wish.wanted) == mine.filter(pl.col("verdict") == "clip").is_empty()
            if not wish.reduces(approved):
                assert set(mine["control"]) >= ({8, 9, 11, 12, 15} if approved > 0 else {8, 9, 11, 12})
    passes = pl.col("verdict") == "pass"
    assert evidence.filter(passes & (pl.col("value").is_null() | pl.col("limit").is_null())).is_empty()
    assert evidence.filter(passes & (pl.col("value") > pl.col("limit") + pl.col("limit").abs() * 1e-12)).is_empty()
    assert evidence.filter(~passes & (pl.col("value") < pl.col("limit") - pl.col("limit").abs() * 1e-12)).is_empty()
    assert evidence.filter(passes == (pl.col("reason") != "")).is_empty()
    assert not evidence.select(pl.col("value", "limit", "headroom").is_infinite().any()).row(0).count(True)


@examples(100)
@given(proposals(calm=True), any_limits(), st.randoms(use_true_random=False))
def test_the_names_and_places_of_symbols_decide_nothing(asked: Proposal, bound: Limits, random: Any) -> None:
    """Symbols change places. Of orders of one value the first by symbol goes first, so such baskets are left out."""
    count = len(asked.symbols)
    values = [abs(int(one)) * int(price) for one, price in zip(asked.wanted, asked.price, strict=True) if one]
    assume(len(set(values)) == len(values))
    found = assess(asked, bound)
    clipped = found.evidence.filter(pl.col("verdict") == "clip")
    assume(clipped.is_empty())  # what is clipped may come to equal values
    order = list(range(count))
    random.shuffle(order)
    arrays = {each.name: getattr(asked, each.name) for each in dataclasses.fields(asked)}
    moved = {name: array[order] if isinstance(array, np.ndarray) else array for name, array in arrays.items()}
    new_name = {asked.symbols[old]: asked.symbols[new] for new, old in enumerate(order)}
    renamed = dataclasses.replace(
        bound,
        overrides={new_name.get(symbol, symbol): own for symbol, own in bound.overrides.items()},
        restricted=tuple(new_name.get(symbol, symbol) for symbol in bound.restricted),
    )
    again = assess(Proposal(**moved), renamed)
    assert again.quantity.tolist() == found.quantity[order].tolist()
    key = ["control", "scope", "symbol", "verdict"]
    before = found.evidence.with_columns(pl.col("symbol").replace(new_name)).select(key).sort(key)
    assert before.equals(again.evidence.select(key).sort(key))


#: What may be tightened, to what; a range's lower end is tightened upwards.
TIGHTER = {
    "order_quantity": lambda value, by: max(int(value * by), 1),
    "symbol_position": lambda value, by: max(int(value * by), 1),
    **dict.fromkeys(
        ["order_value", "volume_share", "symbol_weight", "gross_exposure", "net_exposure", "basket_value", "turnover", "weights_sum",
         "volatility_high", "return_high", "collar", "collar_sigmas", "daily_loss", "drawdown", "new_share"],
        lambda value, by: value * by,
    ),
    **dict.fromkeys(["cash_buffer", "completeness"], lambda value, by: 1 - (1 - value) * by),
    "price_age": lambda value, _by: 1,
    "armed_cycles": lambda value, by: max(int(value * by), 1),
    "new_cycles": lambda value, by: value + int(10 * (1 - by)),
    "restricted": lambda value, _by: (*value, "C"),
}  # fmt: skip


def tightened(bound: Limits, name: str, by: float) -> Limits:
    return dataclasses.replace(bound, **{name: TIGHTER[name](getattr(bound, name), by)})


@examples(200)
@given(proposals(), any_limits(), st.sampled_from(sorted(TIGHTER)), st.floats(0.02, 0.98))
def test_tightening_a_limit_never_approves_more_of_a_single_order(asked: Proposal, bound: Limits, name: str, by: float) -> None:
    """Of several orders the refusal of one may leave room for another; what is true of them is the next test."""
    only = np.where(np.arange(len(asked.symbols)) == 0, asked.wanted, 0)
    alone = dataclasses.replace(asked, wanted=only)
    tight = tightened(bound, name, by) if name != "volatility_high" or bound.volatility_high * by > bound.volatility_low else bound
    assert (np.abs(assess(alone, tight).quantity.astype(float)) <= np.abs(assess(alone, bound).quantity.astype(float))).all()


@examples(200)
@given(proposals(calm=True), any_limits(), st.sampled_from(sorted(TIGHTER)), st.floats(0.02, 0.98))
def test_what_a_tighter_limit_approves_the_looser_one_approves_too(asked: Proposal, bound: Limits, name: str, by: float) -> None:
    assume(name != "volatility_high" or bound.volatility_high * by > bound.volatility_low)
    found = assess(asked, tightened(bound, name, by))
    clips = found.evidence.filter((pl.col("verdict") == "clip") & pl.col("control").is_in([10]))
    assume(clips.is_empty())  # an order that its group clips is of less value, and has another turn
    again = assess(dataclasses.replace(asked, wanted=found.quantity), bound)
    assert found.halt or not again.halt
    assert again.quantity.tolist() == found.quantity.tolist()


UNKNOWN: dict[str, Any] = {
    "price": 0,
    "price_age": -1,
    "volume": -1,
    "group": -1,
    "weight": float("nan"),
    "volatility": float("nan"),
    "log_return": float("nan"),
    "equity": 0,
    "previous_equity": 0,
    "high_water_mark": 0,
    "buying_power": 0,
    "bars_present": -1,
    "cycles_traded": -1,
    "active_halts": -1,
    "open_breaks": -1,
    "reduce_only": -1,
}


@examples(150)
@given(proposals(calm=True), any_limits(), st.sampled_from(sorted(UNKNOWN)))
def test_nothing_that_opens_or_adds_passes_without_an_input(asked: Proposal, bound: Limits, name: str) -> None:
    before = getattr(asked, name)
    gone = np.full_like(before, UNKNOWN[name]) if isinstance(before, np.ndarray) else UNKNOWN[name]
    found = assess(dataclasses.replace(asked, **{name: gone}), dataclasses.replace(bound, group_weight={"*": 20.0}))
    for wish, approved in zip(wishes(asked, bound), found.quantity.tolist(), strict=True):
        assert approved == 0 or wish.reduces(approved) or (name == "buying_power" and approved < 0)


@pytest.mark.parametrize("seed", range(4))
def test_five_thousand_symbols_agree_with_a_plain_reading_too(seed: int) -> None:
    draw = np.random.default_rng(seed)
    asked = book(5_000, 1.0, seed)
    working = np.where(draw.random(5_000) < 0.1, draw.integers(-50, 50, 5_000), 0)
    asked = dataclasses.replace(
        asked,
        open_buys=np.maximum(working, 0),
        open_sells=np.maximum(-working, 0),
        price_age=np.where(draw.random(5_000) < 0.02, 3, 0).astype(np.int64),
        lot=draw.choice(np.array([1, 10], dtype=np.int64), 5_000),
        shortable=draw.random(5_000) < 0.5,
        intended=draw.random(5_000) < 0.01,
        cycles_unchanged=seed,
    )
    changed: dict[str, Any] = {
        "order_quantity": 10**6,
        "order_value": 8_000.5,
        "volume_share": 0.01,
        "symbol_weight": 0.0002,
        "gross_exposure": [0.7, 0.8, 1.1, 5.0][seed],
        "net_exposure": [0.3, 0.5, 1.1, 5.0][seed],
        "group_weight": [{}, {"*": 0.06}, {"*": 0.1, "sector 03": 0.05}, {"*": 20.0}][seed],
        "cash_buffer": [0.01, 0.3, 0.8, 0.01][seed],
    }
    found = assess(asked, limits(**changed))
    assert found.halt == ""
    assert approvals(found) == plainly(asked, limits(**changed))
    assert 300 < np.count_nonzero(found.quantity) < 4_950
