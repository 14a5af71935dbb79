"""Any proposal and any limits, for property tests."""

from typing import Any

import numpy as np
from hypothesis import strategies as st

from grodt.risk.assess import Proposal
from grodt.risk.limits import Limits, SymbolLimits
from tests.risk.proposals import SESSION, USD

INT64 = 2**63 - 1
#: Ordinary shares mostly, so that limits bind rather than drown; now and then the impossible.
SHARES = st.one_of(st.integers(-60, 60), st.integers(-2_000, 2_000), st.sampled_from([0, 1, -1, 58_000_000, 2**53, INT64, -INT64 - 1]))
HELD = st.one_of(st.just(0), st.integers(-60, 60), st.integers(-2_000, 2_000), st.sampled_from([10**15, -(10**15)]))
PRICES = st.one_of(st.integers(1, 400).map(lambda usd: usd * USD), st.integers(1, 10**9), st.sampled_from([0, -1, 1, INT64]))
MONEY = st.one_of(st.integers(1, 10**12), st.integers(10**9, 10**11), st.sampled_from([0, -1, -INT64, INT64]))
SHARE = st.one_of(st.floats(0.001, 1.0), st.sampled_from([0.01, 0.1, 0.29, 0.5, 1.0]))
ANY_FLOAT = st.one_of(st.floats(), st.sampled_from([0.0, -0.0, float("nan"), float("inf"), float("-inf"), 1e308, 5e-324]))
LETTERS = "ABCDEFG"
GROUPS = ("oil", "tech")


@st.composite
def proposals(draw: st.DrawFn, *, calm: bool | None = None) -> Proposal:
    """Any proposal of up to seven symbols; calm: no gate fails and numbers are ordinary, so that orders are approved. None: either."""
    count = draw(st.integers(0, len(LETTERS)))
    calm = draw(st.booleans()) if calm is None else calm

    def column(of: st.SearchStrategy[Any], kind: Any = np.int64) -> np.ndarray:
        return np.array(draw(st.lists(of, min_size=count, max_size=count)), dtype=kind)

    def rarely(odds: int) -> st.SearchStrategy[bool]:
        return st.integers(0, odds).map(lambda drawn: drawn == 1)

    working = column(st.one_of(st.just(0), st.just(0), HELD if not calm else st.integers(-30, 30)))
    also = column(st.one_of(st.just(0), st.just(0), st.integers(0, 5)))  # now and then both sides are open
    equity = draw(MONEY if not calm else st.integers(10**9, 10**11))
    price = column(PRICES if not calm else st.integers(1, 100).map(lambda usd: usd * USD))
    return Proposal(
        book="demo",
        session=SESSION,
        run_id="demo-eod-2026-11-20",
        symbols=tuple(LETTERS[:count]),
        wanted=column(SHARES if not calm else st.integers(-80, 80)),
        position=column(HELD if not calm else st.integers(-80, 80)),
        open_buys=np.maximum(working, 0) + np.where(working < 0, also, 0),
        open_sells=np.maximum(-working, 0) + np.where(working > 0, also, 0),
        price=price,
        price_age=column(st.sampled_from([0, 0, 0, 1, 2, -1])),
        lot=column(st.sampled_from([1, 1, 1, 10, 7])),
        tick=column(st.sampled_from([1, 10_000])),
        priced=column(rarely(3), np.bool_),
        limit_price=np.clip(price, -(10**15), 10**15) * column(st.sampled_from([100, 100, 99, 101, 140, 0, -1])) // 100,
        volume=column(st.one_of(st.integers(0, 100_000), st.just(10**9), st.sampled_from([-1, 0, 1]))),
        group=column(st.sampled_from([0, 1, 0, 1, -1])),
        weight=column(st.floats(-0.3, 0.3) if calm else ANY_FLOAT, np.float64),
        volatility=column(st.floats(0.1, 0.9) if calm else ANY_FLOAT, np.float64),
        log_return=column(st.floats(-0.1, 0.1) if calm else ANY_FLOAT, np.float64),
        shortable=column(st.booleans(), np.bool_),
        intended=column(rarely(8), np.bool_),
        untradable=column(rarely(8), np.bool_),
        unknown=column(rarely(8), np.bool_),
        groups=GROUPS,
        equity=equity,
        buying_power=draw(MONEY),
        previous_equity=draw(st.one_of(st.just(equity), MONEY)),
        high_water_mark=draw(st.one_of(st.just(equity), MONEY)),
        bars_expected=10,
        bars_present=draw(st.sampled_from([10, 10, 10, 9, 5, 11, -1])) if not calm else 10,
        last_session_fresh=calm or draw(st.booleans()),
        active_halts=0 if calm else draw(st.sampled_from([0, 0, 1])),
        open_breaks=0 if calm else draw(st.sampled_from([0, 0, 1])),
        reduce_only=draw(st.sampled_from([0, 0, 0, 1])),
        cycles_traded=1 if calm else draw(st.sampled_from([0, 9, 10, 11, -1])),
        cycles_unchanged=draw(st.sampled_from([9, 9, 0, 1, -1])),
        first_basket=draw(st.booleans()),
    )


def symbol_limits() -> st.SearchStrategy[SymbolLimits]:
    """Limits of one symbol, some of them."""
    return st.builds(
        SymbolLimits,
        order_quantity=st.none() | st.integers(1, 100),
        order_value=st.none() | st.floats(1, 5_000),
        symbol_position=st.none() | st.integers(1, 200),
        symbol_weight=st.none() | SHARE,
    )


def any_limits() -> st.SearchStrategy[Limits]:
    """Limits that bind often."""
    return st.builds(
        Limits,
        order_quantity=st.one_of(st.integers(1, 200), st.just(10**12)),
        order_value=st.one_of(st.floats(1, 10_000), st.just(1e12)),
        volume_share=SHARE,
        collar=st.sampled_from([0.005, 0.05, 0.5]),
        collar_sigmas=st.floats(0.01, 10),
        price_age=st.integers(1, 2),
        symbol_position=st.one_of(st.integers(1, 200), st.just(10**12)),
        symbol_weight=SHARE,
        group_weight=st.one_of(st.just({}), st.dictionaries(st.sampled_from([*GROUPS, "*"]), SHARE, max_size=3)),
        gross_exposure=st.one_of(st.floats(0.01, 3), st.just(20.0)),
        net_exposure=st.one_of(st.floats(0.01, 3), st.just(20.0)),
        basket_value=st.one_of(st.floats(0.5, 20), st.just(20.0)),
        turnover=st.one_of(st.floats(0.5, 20), st.just(20.0)),
        cash_buffer=st.floats(0.001, 0.999),
        restricted=st.sampled_from([(), (), ("A",), ("B", "Z")]),
        completeness=st.floats(0.5, 1.0),
        weights_sum=st.sampled_from([1.0, 20.0]),
        volatility_low=st.just(0.01),
        volatility_high=st.just(1.0),
        return_high=st.just(0.2),
        daily_loss=SHARE.map(lambda share: share * 0.99),
        drawdown=SHARE.map(lambda share: share * 0.99),
        armed_cycles=st.just(10),
        new_cycles=st.integers(1, 9),
        new_share=SHARE,
        cycle_messages=st.just(100),
        minute_messages=st.just(100),
        rejects_in_a_row=st.just(3),
        slippage=st.just(0.1),
        slippages_in_a_row=st.just(3),
        overrides=st.dictionaries(st.sampled_from(LETTERS), symbol_limits(), max_size=3),
    )
