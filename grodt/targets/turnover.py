"""Trades made smaller or left out, because every trade costs."""

import numpy as np

from grodt.signals.panel import BoolArray, FloatArray
from grodt.targets.caps import Caps
from grodt.targets.construction import Construction


def partial_trade(aim: FloatArray, held: FloatArray, construction: Construction) -> FloatArray:
    """The weight after a trade from `held` towards `aim`, (K,).

        w = held + trade_share · sign(aim − held) · max(abs(aim − held) − turnover_penalty, 0)

    It is where ½ (w − aim)² + turnover_penalty · abs(w − held) + ½ q (w − held)² is least, trade_share = 1 / (1 + q): being off the aim
    costs by the square, a trade costs in proportion to its size (spread, commission) and by its square (impact). With costs by
    the square it is best to trade a fixed share of the way (N. Gârleanu and L. H. Pedersen, Dynamic Trading with Predictable Returns
    and Transaction Costs, Journal of Finance 68, 2013, pages 2309 to 2340); with costs in proportion, to the edge of a band around the
    aim and no further (M. H. A. Davis and A. R. Norman, Portfolio Selection with Transaction Costs, Mathematics of Operations
    Research 15, 1990, pages 676 to 713). Our aim is the session's own, without a look at how fast forecasts fade, and the two parameters
    are chosen, not derived from a cost model.

    An aim of zero is an exit, which the penalty does not hold up: a remainder would stay for ever.
    """
    distance = aim - held
    step = np.abs(distance) - np.where(aim == 0.0, 0.0, construction.turnover_penalty)
    return np.where(step > 0.0, held + construction.trade_share * np.copysign(step, distance), held)


def inside_band(wanted: FloatArray, aim: FloatArray, held: FloatArray, may_short: BoolArray, caps: Caps, band: float) -> BoolArray:
    """Where the quantity is kept because the change of weight is smaller than the band, (K,).

    Not kept are an exit (an aim of zero), a holding over the cap of one symbol, and a short where none is allowed. If kept holdings
    lift the book or a group over its cap, those of it above their target are not kept either.
    """
    keep: BoolArray = np.abs(wanted - held) < band
    keep &= (aim != 0.0) & (np.abs(held) <= caps.weight)
    keep &= may_short | (held >= 0.0)
    if keep.any():
        over = caps.over(np.where(keep, held, wanted))
        if over.any():
            keep &= ~over | (np.abs(held) <= np.abs(wanted))
    return keep
