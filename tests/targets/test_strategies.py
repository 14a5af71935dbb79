"""Several strategies' wishes as one target per symbol, and whose it is."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from grodt.targets.quantities import Targets
from grodt.targets.strategies import Wish, net_targets
from tests.examples import examples
from tests.targets.decisions import decide
from tests.targets.test_properties import Decision, decisions

EQUITY = 100_000.0
PRICE = np.array([10.0, 25.0, np.nan])
SYMBOLS = ("AAPL", "IBM", "NONE")
ONE = np.ones(3, dtype=np.int64)
NOTHING = np.zeros(3, dtype=np.int64)


def _wish(*weight: float, share: float, held: tuple[int, int, int] = (0, 0, 0), kept: tuple[bool, bool, bool] = (False,) * 3) -> Wish:
    return Wish(np.array(weight), np.array(kept), np.array(held), share)


def _net(*wishes: Wish, lot: int = 1) -> tuple[list[int], list[list[int]]]:
    found, own = net_targets(SYMBOLS, wishes, price=PRICE, position=NOTHING, lot=lot * ONE, equity=EQUITY)
    assert own.sum(axis=0).tolist() == found.quantity.tolist()
    return found.quantity.tolist(), own.tolist()


def test_wishes_add_up_on_each_one_s_part_of_the_equity() -> None:
    """0.1 of 60,000 and 0.05 of 40,000 are 6,000 and 2,000: at 10 a share 600 and 200."""
    assert _net(_wish(0.1, 0, 0, share=0.6), _wish(0.05, 0, 0, share=0.4)) == ([800, 0, 0], [[600, 0, 0], [200, 0, 0]])


def test_whole_lots_are_rounded_once_and_what_is_lost_is_shared_by_size() -> None:
    """2,500 and 1,300 want 100 and 52 shares at 25: 152, in lots of 100 just 100, of which 65.8 and 34.2 are theirs."""
    assert _net(_wish(0, 0.05, 0, share=0.5), _wish(0, 0.026, 0, share=0.5), lot=100) == ([0, 100, 0], [[0, 66, 0], [0, 34, 0]])


def test_what_is_kept_is_kept_to_the_share_whatever_the_others_want() -> None:
    keeps = _wish(0.0017, 0, 0, share=0.5, held=(17, 0, 3), kept=(True, True, True))
    assert _net(keeps, _wish(0.02, 0, 0, share=0.5)) == ([117, 0, 3], [[17, 0, 3], [100, 0, 0]])


def test_a_strategy_that_is_gone_leaves_what_can_be_traded() -> None:
    gone = Wish.leaving(np.array([40, 20, 5]), PRICE, EQUITY, np.array([True, False, True]))
    assert _net(_wish(0.01, 0, 0, share=0.5), gone) == ([50, 20, 5], [[50, 0, 0], [0, 20, 5]])


def test_where_it_may_not_trade_a_strategy_keeps_what_it_has() -> None:
    targets = Targets(SYMBOLS, np.array([0.1, 0.1, 0.0]), np.array([500, 200, 0]), np.array([100, 300, 0]), PRICE)
    wish = Wish.of(targets, 0.5, EQUITY / 2, np.array([True, False, False]))
    assert (wish.kept.tolist(), wish.weight[:2].tolist()) == ([True, False, True], [0.02, 0.1])


@examples(60)
@given(decision=decisions())
def test_one_strategy_with_all_of_the_capital_has_the_book_s_own_targets_to_the_bit(decision: Decision) -> None:
    construction, given_ = decision
    if not given_["forecast"]:
        return
    alone = decide(construction, **given_)
    equity, lot = given_["equity"], np.array(given_["lot"], dtype=np.int64)
    wish = Wish.of(alone, 1.0, equity)
    found, own = net_targets(alone.symbols, [wish], price=alone.price, position=alone.current, lot=lot, equity=equity)
    assert (found.quantity == alone.quantity).all()
    assert (own[0] == alone.quantity).all()
    assert (found.weight == alone.weight).all()


_WEIGHTS = st.lists(st.floats(0, 0.4), min_size=3, max_size=3)


@examples(150)
@given(weights=st.lists(_WEIGHTS, min_size=1, max_size=4), lot=st.sampled_from([1, 7, 100]), scale=st.floats(0.01, 1000))
def test_parts_add_up_and_nobody_long_is_made_short(weights: list[list[float]], lot: int, scale: float) -> None:
    price = np.array([1.0, 33.37, 250.0]) * scale
    wishes = [Wish(np.array(each), np.zeros(3, dtype=np.bool_), NOTHING, 1 / len(weights)) for each in weights]
    found, own = net_targets(SYMBOLS, wishes, price=price, position=NOTHING, lot=lot * ONE, equity=EQUITY)
    assert (own.sum(axis=0) == found.quantity).all()
    assert (own >= 0).all()
    assert (found.quantity % lot == 0).all()
    wanted = np.array([wish.weight * wish.share for wish in wishes]) * EQUITY / price
    assert (own <= wanted * 1.0001 + 1.001).all()  # a price is rounded to whole micros
    assert (own[wanted == 0] == 0).all()
