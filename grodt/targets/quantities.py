"""Forecasts to weights to whole lots, for one session."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from grodt.errors import DataError
from grodt.money import MICROS_PER_UNIT
from grodt.signals.forecasts import Forecasts
from grodt.signals.panel import BoolArray, FloatArray
from grodt.targets.book_volatility import expected_volatility
from grodt.targets.caps import Caps, GroupCaps, IntArray, balanced
from grodt.targets.construction import Construction
from grodt.targets.opinions import Opinions
from grodt.targets.rounding import whole_lots
from grodt.targets.sizing import FAR, may_hedge, needs_volatility, sizes
from grodt.targets.turnover import inside_band, partial_trade


@dataclass(frozen=True, slots=True)
class Targets:
    """What the book wants to hold after the decision; arrays of shape (N,).

    Attributes:
        symbols: ascending tickers.
        weight: value wanted over equity, after scaling, caps and band; the weight held where the quantity is kept. Always finite.
        quantity: whole shares wanted, negative when short.
        current: whole shares held.
        price: price the quantity is computed at, currency units; NaN where there is none.
    """

    symbols: tuple[str, ...]
    weight: FloatArray
    quantity: IntArray
    current: IntArray
    price: FloatArray

    @property
    def rows(self) -> int:
        """Symbols wanted."""
        return int(np.count_nonzero(self.quantity))


def target_quantities(
    forecasts: Forecasts,
    *,
    returns: FloatArray,
    price: FloatArray,
    position: IntArray,
    lot: IntArray,
    equity: float,
    tradable: BoolArray,
    shortable: BoolArray,
    construction: Construction,
    eligible: BoolArray | None = None,
    group: IntArray | None = None,
    groups: Sequence[str] = (),
    rebalances: bool = True,
) -> Targets:
    """The quantities a book wants, from the forecasts of one session.

    In this order:

    1. Weights by the construction's sizing; see `grodt.targets.sizing`. Below zero becomes zero when long only, and in a symbol that may
       not be sold short: a hedge that nobody will sell is none, so the rest must not be sized as if it were there. A tradable
       symbol without forecast, price, or the volatility its sizing needs, gets zero: it is left. If dollar neutral, the larger
       side is scaled down to the smaller.
    2. The book is scaled by volatility_target / its expected volatility over the last `history` sessions of `returns`; see
       `grodt.targets.book_volatility`. A book without such returns, or without a target, is not scaled.
    3. Each weight is held within ±weight_cap, then each group within what untradable holdings leave of its cap, then, if dollar neutral,
       the larger side to the smaller, then all within what is left of gross_cap. Nothing lost to a cap is handed to others, so
       a capped book is less volatile than its target.
    4. Turnover penalty: a part of the way from the weight held to that one; see `grodt.targets.turnover`. What is left by 1 is left whole.
       Caps are applied once more, since a holding may have grown over them.
    5. No-trade band: where abs(weight − weight held) < no_trade_band the quantity is kept. Not kept are an exit to zero, a holding
       over weight_cap and a short where 1 allows none. If kept holdings lift the book or a group over its cap, those above their
       target are traded after all. So all caps hold at the end.
    6. Whole lots, towards zero; see `whole_lots`.

    Where the session is none to rebalance in, forecasts are not looked at and quantities are kept, but for three: what is not eligible
    is left, a short that is not allowed is bought back, and a holding over weight_cap is cut to it. Group and gross weights, which
    drift with every price, wait for the rebalance.

    A symbol that may not trade, or has no price, keeps its quantity whatever its size. It alone may stand over a cap or,
    where 1 allows no short, below zero; its weight counts towards gross_cap and its group where it has a price.

    The result is a pure function of the arguments. A symbol that holds nothing and has no forecast changes no bit of the others.

    Args:
        forecasts: of the session, N symbols; only `symbols`, `combined` and `volatility` are read.
        returns: log returns up to the session, (at least `history` where there are so many, N); NaN where there is none.
        price: reference price, currency units, (N,); anything but a finite number of at least a micro is no price.
        position: whole shares held, (N,).
        lot: shares per lot, at least 1, (N,).
        equity: the book's value in currency units, > 0.
        tradable: listed and with a bar in the session, (N,).
        shortable: whether it may be sold short, (N,).
        construction: the parameters.
        eligible: whether the book may hold it at all, (N,); what is not is left in any session. None: all.
        group: index of each symbol's group in `groups`, (N,), −1 where it has none; read where a group has a cap.
        groups: names of the groups.
        rebalances: whether the book trades to its targets in this session; see `grodt.targets.rebalancing`.

    Raises:
        DataError: equity is not a finite number above zero, returns are out of all range, a target does not fit 64 bits of micros, or
            an optimiser finds no solution.
        ValueError: shapes differ, a lot is below 1, or groups have caps and `group` is not given.
    """
    width = len(forecasts.symbols)
    arrays = {"price": price, "position": position, "lot": lot, "tradable": tradable, "shortable": shortable}
    if eligible is not None:
        arrays["eligible"] = eligible
    if group is not None:
        arrays["group"] = group
    for name, array in arrays.items():
        if array.shape != (width,):
            raise ValueError(f"{name} has shape {array.shape}, not ({width},)")
    if returns.ndim != 2 or returns.shape[1] != width:
        raise ValueError(f"returns have shape {returns.shape}, not (sessions, {width})")
    if width and lot.min() < 1:
        raise ValueError(f"{forecasts.symbols[int((lot < 1).argmax())]}: lot {lot[lot < 1][0]} must be at least 1")
    if not 0 < equity < np.inf:
        raise DataError(f"equity {equity} is not a finite number > 0; a book is sized by its equity: check marks and deposits")
    if construction.group_cap and group is None:
        raise ValueError("groups have caps, so the group of each symbol must be given")

    priced = (price >= 1.0 / MICROS_PER_UNIT) & (price < np.inf)
    known_price = price.copy() if priced.all() else np.where(priced, price, np.nan)
    free = priced & tradable
    followed = free if eligible is None else free & eligible
    if rebalances:
        usable = _usable(forecasts, followed, construction)
        sized = usable if may_hedge(construction) else usable & (forecasts.combined != 0.0)
        (at,) = (sized | (position != 0)).nonzero()
    else:
        (at,) = position.nonzero()

    shares, price_at = position[at], known_price[at]
    held = shares * price_at / equity
    held[np.isnan(held)] = 0.0
    may_short = np.zeros(len(at), dtype=np.bool_) if construction.long_only else shortable[at]
    locked = ~free[at]
    if rebalances:
        in_groups = GroupCaps.of(group[at], construction.group_caps(groups)) if construction.group_cap and group is not None else None
        caps = Caps(construction.weight_cap, construction.gross_cap, in_groups)
        if locked.any():
            caps = caps.beside(np.where(locked, held, 0.0))
        opinions = Opinions(
            forecasts.combined[at], forecasts.volatility[at], usable[at], may_short, returns[-construction.history :], at, forecasts.symbols
        )
        wanted, keep = _rebalanced(opinions, int(np.count_nonzero(usable)), held, caps, construction)
    else:
        wanted = np.minimum(np.maximum(held, -construction.weight_cap), construction.weight_cap)
        wanted[~followed[at] | ~(may_short | (held >= 0.0))] = 0.0
        keep = wanted == held
    keep |= locked

    if keep.any():
        lots = whole_lots(np.where(keep, 0.0, wanted), price_at, lot[at], equity, forecasts.symbols, at)
        wanted, lots = np.where(keep, held, wanted), np.where(keep, shares, lots)
    else:
        lots = whole_lots(wanted, price_at, lot[at], equity, forecasts.symbols, at)
    weight, quantity = np.zeros(width), np.zeros(width, dtype=np.int64)
    weight[at], quantity[at] = wanted, lots
    return Targets(forecasts.symbols, weight, quantity, position.copy(), known_price)


def _usable(forecasts: Forecasts, followed: BoolArray, construction: Construction) -> BoolArray:
    """Where there is all that the sizing needs, (N,)."""
    usable: BoolArray = followed & np.isfinite(forecasts.combined)
    if needs_volatility(construction):
        usable &= (forecasts.volatility > 0) & (forecasts.volatility < np.inf)
    return usable


def _rebalanced(opinions: Opinions, count: int, held: FloatArray, caps: Caps, construction: Construction) -> tuple[FloatArray, BoolArray]:
    """Weights wanted, and where the quantity is kept instead, (K,) each."""
    aim = aims(opinions, count, caps, construction)
    if construction.trade_share == 1.0 and construction.turnover_penalty == 0.0:
        wanted, keep = aim, np.zeros(len(aim), dtype=np.bool_)
    else:
        wanted = np.where(opinions.usable, partial_trade(aim, held, construction), 0.0)
        wanted = caps.applied(np.where(opinions.may_short, wanted, np.maximum(wanted, 0.0)), neutral=False)
        keep = wanted == held
    if construction.no_trade_band > 0.0:
        keep |= inside_band(wanted, aim, held, opinions.may_short, caps, construction.no_trade_band)
    return wanted, keep


def aims(opinions: Opinions, count: int, caps: Caps, construction: Construction) -> FloatArray:
    """Steps 1 to 3 of `target_quantities`: the weights that a book would have if trading cost nothing, (K,). No holding changes them.

    Args:
        opinions: of the symbols.
        count: usable symbols of the whole universe.
        caps: what untradable holdings leave of the book's.
        construction: the parameters.
    """
    weight = sizes(opinions, count, caps, construction)
    if construction.dollar_neutral:
        weight = balanced(weight)
    return caps.applied(_scaled(weight, opinions, construction), neutral=construction.dollar_neutral)


def _scaled(weight: FloatArray, opinions: Opinions, construction: Construction) -> FloatArray:
    target = construction.volatility_target
    if target is None:
        return weight
    expected = expected_volatility(weight, opinions.returns, construction.covariance, construction.span, opinions.columns)
    if not np.isfinite(expected):
        raise DataError(f"the book's expected volatility is {expected}: a return is out of all range; run `grodt verify` on the bars")
    if expected == 0.0:
        return weight
    with np.errstate(over="ignore"):
        return weight * min(float(np.divide(target, expected)), FAR)
