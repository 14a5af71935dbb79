"""Decisions with what a test does not care about filled in."""

from typing import Any

import numpy as np

from grodt.signals.forecasts import Forecasts
from grodt.targets.construction import Construction
from grodt.targets.quantities import Targets, target_quantities

NAN = float("nan")
PLAIN = Construction(volatility_target=0.1, weight_cap=1.0, gross_cap=10.0, no_trade_band=0.0, long_only=False)


def decide(construction: Construction = PLAIN, **given: Any) -> Targets:
    """A decision with what is not given: forecast 1, volatility 20 %, price 100, nothing held, equity 10,000, no return history.

    Arguments are those of `target_quantities`, forecasts as `forecast` and `volatility`.
    """
    width = len(next(np.asarray(value) for value in given.values() if not np.isscalar(value)))

    def column(name: str, otherwise: float, dtype: Any = np.float64) -> Any:
        return np.array(given.get(name, [otherwise] * width), dtype=dtype)

    combined = column("forecast", 1.0)
    symbols = tuple(f"S{i}" for i in range(width))
    return target_quantities(
        Forecasts(symbols, ("s",), combined[None], combined[None], combined, column("volatility", 0.2)),
        returns=np.array(given.get("returns", np.empty((0, width))), dtype=np.float64),
        price=column("price", 100.0),
        position=column("position", 0, np.int64),
        lot=column("lot", 1, np.int64),
        equity=given.get("equity", 10_000.0),
        tradable=column("tradable", True, np.bool_),
        shortable=column("shortable", True, np.bool_),
        construction=construction,
        eligible=column("eligible", True, np.bool_) if "eligible" in given else None,
        group=column("group", -1, np.int64) if "group" in given else None,
        groups=given.get("groups", ()),
        rebalances=given.get("rebalances", True),
    )
