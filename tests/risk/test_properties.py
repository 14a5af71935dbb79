"""For any input at all: no limit is violated, nothing is turned around, reductions live, and a plain reading of the rules agrees."""

import dataclasses
from fractions import Fraction
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grodt.lake.tables import RiskChecks
from grodt.risk.assess import Assessment, Proposal, assess
from grodt.risk.limits import Limits, SymbolLimits
from tests.risk.proposals import SESSION, USD, limits

INT64 = 2**63 - 1
#: Ordinary shares mostly, so that limits bind rather than drown; now and then the impossible.
SHARES = st.one_of(st.integers(-60, 60), st.integers(-2_000, 2_000), st.sampled_from([0, 1, -1, 58_000_000, 2**53, INT64, -INT64 - 1]))
HELD = st.one_of(st.just(0), st.integers(-60, 60), st.integers(-2_000, 2_000), st.sampled_from([10**15, -(10**15)]))
PRICES = st.one_of(st.integers(1, 400).map(lambda usd: usd * USD), st.integers(1, 10**9), st.sampled_from([0, -1, 1, INT64]))
MONEY = st.one_of(st.integers(1, 10**12), st.integers(10**9, 10**11), st.sampled_from([0, -1, -INT64, INT64]))
SHARE = st.one_of(st.floats(0.001, 1.0), st.sampled_from([0.01, 0.1, 0.29, 0.5, 1.0]))


@st.composite
def proposals(draw: st.DrawFn) -> Proposal:
    count = draw(st.integers(0, 7))

    def column(of: st.SearchStrategy[int]) -> np.ndarray:
        return np.array(draw(st.lists(of, min_size=count, max_size=count)), dtype=np.int64)

    calm = draw(st.booleans())  # mostly no gate fails, so that orders are approved
    return Proposal(
        book="demo",
        session=SESSION,
        run_id="demo-eod-2026-11-20",
        symbols=tuple("ABCDEFG"[:count]),
        wanted=column(SHARES if not calm else st.integers(-80, 80)),
        position=column(HELD if not calm else st.integers(-80, 80)),
        working=column(st.one_of(st.just(0), HELD if not calm else st.integers(-30, 30))),
        price=column(PRICES if not calm else st.integers(1, 100).map(lambda usd: usd * USD)),
        price_age=column(st.sampled_from([0, 0, 0, 1, 2, -1])),
        lot=column(st.sampled_from([1, 1, 10, 7])),
        shortable=column(st.integers(0, 1)).astype(np.bool_),
        intended=column(st.sampled_from([0, 0, 0, 1])).astype(np.bool_),
        equity=draw(MONEY if not calm else st.integers(10**9, 10**11)),
        buying_power=draw(MONEY),
        bars_expected=10,
        bars_present=draw(st.sampled_from([10, 10, 10, 9, 5, 11, -1])) if not calm else 10,
        last_session_fresh=calm or draw(st.booleans()),
        active_halts=0 if calm else draw(st.sampled_from([0, 0, 1])),
        open_breaks=0 if calm else draw(st.sampled_from([0, 0, 1])),
    )


def symbol_limits() -> st.SearchStrategy[SymbolLimits]:
    return st.builds(
        SymbolLimits,
        order_quantity=st.none() | st.integers(1, 100),
        order_value=st.none() | st.floats(1, 5_000),
        symbol_weight=st.none() | SHARE,
    )


def any_limits() -> st.SearchStrategy[Limits]:
    return st.builds(
        Limits,
        order_quantity=st.one_of(st.integers(1, 200), st.just(10**12)),
        order_value=st.one_of(st.floats(1, 10_000), st.just(1e12)),
        price_age=st.integers(1, 2),
        symbol_weight=SHARE,
        gross_exposure=st.one_of(st.floats(0.01, 3), st.just(20.0)),
        basket_value=st.one_of(st.floats(0.5, 20), st.just(20.0)),
        cash_buffer=st.floats(0.001, 0.999),
        completeness=st.floats(0.5, 1.0),
        overrides=st.dictionaries(st.sampled_from("ABCDEFG"), symbol_limits(), max_size=3),
    )


def written(share: float) -> Fraction:
    """The decimal a limit was written as."""
    return Fraction(repr(share))


@dataclasses.dataclass
class Wish:
    """One symbol of a proposal, in Python integers."""

    symbol: str
    wanted: int
    low: int
    high: int
    price: int
    age: int
    lot: int
    shortable: bool
    intended: bool
    order_quantity: int
    order_value: Fraction
    weight: Fraction

    def reduces(self, quantity: int) -> bool:
        return (quantity < 0 and self.low > 0 and self.low + quantity >= 0) or (
            quantity > 0 and self.high < 0 and self.high + quantity <= 0
        )

    def exposure(self, quantity: int) -> int:
        return max(abs(self.low + quantity), abs(self.high + quantity)) * self.price


def wishes(asked: Proposal, bound: Limits) -> list[Wish]:
    found = []
    for place, symbol in enumerate(asked.symbols):
        own = bound.overrides.get(symbol, SymbolLimits())
        position, working = int(asked.position[place]), int(asked.working[place])
        found.append(
            Wish(
                symbol,
                int(asked.wanted[place]),
                position + min(working, 0),
                position + max(working, 0),
                max(int(asked.price[place]), 0),
                int(asked.price_age[place]),
                int(asked.lot[place]),
                bool(asked.shortable[place]),
                bool(asked.intended[place]),
                own.order_quantity or bound.order_quantity,
                written(own.order_value or bound.order_value),
                written(own.symbol_weight or bound.symbol_weight),
            )
        )
    return found


def clipped_to_cap(wish: Wish, quantity: int, equity: int) -> int:
    """Control 9, one share at a time as far as possible: the largest size of whole lots, or the close, whichever is more."""
    cap = wish.weight * equity / wish.price
    base = wish.high if quantity > 0 else wish.low
    sign = 1 if quantity > 0 else -1

    def fits(size: int) -> bool:
        after = base + sign * size
        shrinks = base * sign < 0 and abs(size) <= abs(base)
        return shrinks or abs(after) <= cap

    if fits(abs(quantity)):
        return quantity
    size = max(int(cap) - sign * base, 0) if int(cap) - sign * base >= 0 else 0
    size = min(size, abs(quantity))
    whole = size - size % wish.lot
    close = min(abs(base), abs(quantity)) if base * sign < 0 else 0
    return sign * max(whole, close)


def plainly(asked: Proposal, bound: Limits) -> dict[str, int]:
    """The rules of `grodt.risk.assess`, one order after the other in exact arithmetic."""
    everything = wishes(asked, bound)
    basket = sum(abs(wish.wanted) * wish.price for wish in everything)
    sane = 0 <= asked.bars_present <= asked.bars_expected and asked.last_session_fresh
    if (
        not sane
        or Fraction(asked.bars_present, asked.bars_expected) < written(bound.completeness)
        or asked.active_halts
        or asked.open_breaks
        or asked.equity <= 0
        or basket > written(bound.basket_value) * asked.equity
    ):
        return {}
    left: dict[str, int] = {}
    for wish in everything:
        size = abs(wish.wanted)
        if (
            size == 0
            or wish.price <= 0
            or not 0 <= wish.age <= bound.price_age
            or size > wish.order_quantity
            or size * wish.price > wish.order_value * USD
            or wish.intended
        ):
            continue
        quantity = wish.wanted
        if quantity < 0 and not wish.shortable:
            quantity = max(quantity, -max(wish.low, 0))
        if quantity and not wish.reduces(quantity):
            quantity = clipped_to_cap(wish, quantity, asked.equity)
        if quantity:
            left[wish.symbol] = quantity
    by_symbol = {wish.symbol: wish for wish in everything}
    spent = sum((wish.high - wish.low) * wish.price for wish in everything if asked.working[asked.symbols.index(wish.symbol)] > 0)
    gross = sum(wish.exposure(0) for wish in everything)
    known_gross = all(wish.price > 0 or (wish.low == 0 and wish.high == 0) for wish in everything)
    known_buys = all(price > 0 or working <= 0 for price, working in zip(asked.price.tolist(), asked.working.tolist(), strict=True))
    approved: dict[str, int] = {}

    def take(symbol: str) -> None:
        nonlocal spent, gross
        wish, quantity = by_symbol[symbol], left[symbol]
        spent += max(quantity, 0) * wish.price
        gross += wish.exposure(quantity) - wish.exposure(0)
        approved[symbol] = quantity

    rest = []
    for symbol, quantity in left.items():
        if by_symbol[symbol].reduces(quantity):
            take(symbol)
        else:
            rest.append(symbol)
    for symbol in sorted(rest, key=lambda symbol: (-abs(left[symbol]) * by_symbol[symbol].price, symbol)):
        wish, quantity = by_symbol[symbol], left[symbol]
        spendable = (1 - written(bound.cash_buffer)) * asked.buying_power
        if quantity > 0 and (not known_buys or asked.buying_power <= 0 or spent + quantity * wish.price > spendable):
            continue
        after = gross + wish.exposure(quantity) - wish.exposure(0)
        if not known_gross or after > written(bound.gross_exposure) * asked.equity:
            continue
        take(symbol)
    return approved


def approvals(found: Assessment) -> dict[str, int]:
    return {one.symbol: one.quantity for one in found.approved()}


@settings(max_examples=400, deadline=None)
@given(proposals(), any_limits())
def test_a_plain_reading_of_the_rules_approves_the_same(asked: Proposal, bound: Limits) -> None:
    assert approvals(assess(asked, bound)) == plainly(asked, bound)


@settings(max_examples=250, deadline=None)
@given(proposals(), any_limits())
def test_nothing_approved_violates_a_limit_turns_around_or_grows(asked: Proposal, bound: Limits) -> None:
    found = assess(asked, bound)
    quantity = [int(one) for one in found.quantity]
    if found.halt:
        assert not any(quantity)
    spent = 0
    gross = 0
    adds = False
    for wish, approved in zip(wishes(asked, bound), quantity, strict=True):
        gross += wish.exposure(approved)
        if not approved:
            continue
        assert approved * wish.wanted > 0
        assert abs(approved) <= abs(wish.wanted)
        assert wish.price > 0
        assert 0 <= wish.age <= bound.price_age
        assert not wish.intended
        assert abs(approved) <= wish.order_quantity
        assert abs(approved) * wish.price <= wish.order_value * USD
        assert approved > 0 or wish.shortable or wish.low + approved >= 0
        if not wish.reduces(approved):
            adds = True
            side = wish.high if approved > 0 else wish.low
            assert abs(side + approved) * wish.price <= wish.weight * asked.equity
        spent += max(approved, 0) * wish.price
    opening = any(one > 0 and not wish.reduces(one) for wish, one in zip(wishes(asked, bound), quantity, strict=True))
    if opening:
        spent += sum(max(int(one), 0) * max(int(price), 0) for one, price in zip(asked.working, asked.price, strict=True))
        assert spent <= (1 - written(bound.cash_buffer)) * asked.buying_power
    if adds:
        assert gross <= written(bound.gross_exposure) * asked.equity


@settings(max_examples=250, deadline=None)
@given(proposals(), any_limits())
def test_a_pure_reduction_is_approved_in_full_unless_the_book_or_its_own_size_price_or_intent_forbids(
    asked: Proposal, bound: Limits
) -> None:
    found = assess(asked, bound)
    refused = found.evidence.filter(pl.col("control").is_in([1, 6, 2, 3, 18]) & (pl.col("verdict") == "reject"))
    for wish, approved in zip(wishes(asked, bound), found.quantity.tolist(), strict=True):
        if wish.reduces(wish.wanted) and not found.halt and wish.symbol not in refused["symbol"]:
            assert approved == wish.wanted


@settings(max_examples=250, deadline=None)
@given(proposals(), any_limits())
def test_the_evidence_is_complete_unique_and_says_what_was_decided(asked: Proposal, bound: Limits) -> None:
    found = assess(asked, bound)
    evidence = found.evidence
    RiskChecks.validate(evidence)
    assert evidence.columns == RiskChecks.column_names()
    ordered = [wish for wish in wishes(asked, bound) if wish.wanted]
    for control in (1, 2, 3, 6, 18):
        assert evidence.filter(control=control)["symbol"].to_list() == [wish.symbol for wish in ordered]
    assert evidence.filter(control=16)["symbol"].to_list() == [wish.symbol for wish in ordered if wish.wanted < 0]
    assert evidence.filter(pl.col("symbol") == "").select("control").to_series().to_list() == [24, 29, 31, 13, 11]
    of_symbols = evidence.filter(pl.col("symbol") != "")
    refused = set(of_symbols.filter(pl.col("verdict") == "reject")["symbol"])
    for wish, approved in zip(wishes(asked, bound), found.quantity.tolist(), strict=True):
        assert (approved != 0) == (wish.wanted != 0 and wish.symbol not in refused and not found.halt)
        if approved:
            clips = of_symbols.filter((pl.col("symbol") == wish.symbol) & (pl.col("verdict") == "clip"))
            assert (approved == wish.wanted) == clips.is_empty()
            if not wish.reduces(approved):
                asked_of = set(of_symbols.filter(pl.col("symbol") == wish.symbol)["control"])
                assert asked_of >= ({9, 11, 15} if approved > 0 else {9, 11})
    passes = pl.col("verdict") == "pass"
    assert evidence.filter(passes & (pl.col("value").is_null() | pl.col("limit").is_null())).is_empty()
    assert evidence.filter(passes & (pl.col("value") > pl.col("limit") * (1 + 1e-12))).is_empty()
    assert evidence.filter(~passes & (pl.col("value") < pl.col("limit") * (1 - 1e-12))).is_empty()
    assert evidence.filter(passes == (pl.col("reason") != "")).is_empty()
    assert not evidence.select(pl.col("value", "limit", "headroom").is_infinite().any()).row(0).count(True)


@pytest.mark.parametrize("seed", range(4))
def test_five_thousand_symbols_agree_with_a_plain_reading_too(seed: int) -> None:
    random = np.random.default_rng(seed)
    count = 5_000
    price = random.integers(5 * USD, 500 * USD, count)
    asked = Proposal(
        book="demo",
        session=SESSION,
        run_id="demo-eod-2026-11-20",
        symbols=tuple(f"S{place:04d}" for place in range(count)),
        wanted=random.integers(-300, 300, count),
        position=random.integers(-100, 400, count),
        working=np.where(random.random(count) < 0.1, random.integers(-50, 50, count), 0),
        price=price,
        price_age=np.where(random.random(count) < 0.02, 3, 0).astype(np.int64),
        lot=random.choice(np.array([1, 10], dtype=np.int64), count),
        shortable=random.random(count) < 0.5,
        intended=random.random(count) < 0.01,
        equity=200_000_000 * USD,
        buying_power=int(random.integers(10, 200)) * 1_000_000 * USD,
        bars_expected=count,
        bars_present=count,
        last_session_fresh=True,
        active_halts=0,
        open_breaks=0,
    )
    changed: dict[str, Any] = {"symbol_weight": 0.0005, "gross_exposure": [0.9, 1.0, 1.1, 5.0][seed], "order_value": 120_000.5}
    found = assess(asked, limits(**changed))
    assert found.halt == ""
    assert approvals(found) == plainly(asked, limits(**changed))
    assert 500 < np.count_nonzero(found.quantity) < 4_950
