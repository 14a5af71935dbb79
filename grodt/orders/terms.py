"""What kind of order a book sends, and at what price.

| type | meaning | price |
|---|---|---|
| `market` | at whatever the market pays | none |
| `limit` | at the limit or better | the most a buy pays, the least a sell brings |
| `stop` | a market order once the market has traded at the stop or beyond | the stop: of a buy above the market, of a sell below |

| time in force | meaning |
|---|---|
| `opg` | in the opening auction, or not at all |
| `cls` | in the closing auction, or not at all |
| `day` | the rest of the session |
| `gtc` | until it fills or is cancelled |
| `ioc` | what fills at once; the rest is cancelled |
| `fok` | all of it at once, or nothing |

Source of the names: FIX 4.4, tags 40 (OrdType) and 59 (TimeInForce).
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from grodt.errors import ConfigError
from grodt.orders.brackets import BracketTerms

IntArray = NDArray[np.int64]
OrderType = Literal["market", "limit", "stop"]
TimeInForce = Literal["opg", "cls", "day", "gtc", "ioc", "fok"]
_TYPES, _TIMES_IN_FORCE = frozenset(get_args(OrderType)), frozenset(get_args(TimeInForce))
#: A stop waits, so it cannot be for an auction or for at once.
_OF_STOPS = ("day", "gtc")
#: A decision at a session's end is for the whole of the next one: there is no "at once" in it.
_OF_BOOKS = ("opg", "cls", "day", "gtc")
#: Parts of a basis point that an offset may be written in.
_PARTS = 10_000
_PRICE_SCALE = 10_000 * _PARTS
_HIGHEST_BPS = 5_000


@dataclass(frozen=True, slots=True)
class OrderTerms:
    """What a book's orders are.

    Attributes:
        type: market, limit or stop.
        offset_bps: how far beyond its reference price a buy's limit or stop lies, in basis points; of a sell, below. A limit may lie on the
            near side of it (negative): it then fills only if the market comes to it. None for a market order.
        tif: time in force.
        bracket: what protects the positions that they open, of market orders alone; None: nothing does.

    Raises:
        ConfigError: the three do not fit together.
    """

    type: OrderType = "market"
    offset_bps: Decimal | None = None
    tif: TimeInForce = "opg"
    bracket: BracketTerms | None = None

    def __post_init__(self) -> None:
        if self.type not in get_args(OrderType):
            raise ConfigError(f"order.type is {self.type!r}; it must be {', '.join(get_args(OrderType))}")
        if self.tif not in _OF_BOOKS or (self.type == "stop" and self.tif not in _OF_STOPS):
            fits = _OF_STOPS if self.type == "stop" else _OF_BOOKS
            raise ConfigError(f"order.tif is {self.tif!r}; of a {self.type} order of a book it must be {', '.join(fits)}")
        if (self.type == "market") != (self.offset_bps is None):
            raise ConfigError(
                "order.offset_bps belongs to limit and stop orders, and they need it: {type: limit, offset_bps: 20, tif: day}"
            )
        if self.bracket is not None and self.type != "market":
            raise ConfigError(
                f"order.bracket goes with market orders, and order.type is {self.type}: what closes a position is an order of the book's "
                f"type, for which its stop makes way, and a {self.type} order may never fill; write type: market, or leave the bracket out"
            )
        if self.offset_bps is not None:
            lowest = 0 if self.type == "stop" else -_HIGHEST_BPS
            if not self.offset_bps.is_finite() or not lowest <= self.offset_bps <= _HIGHEST_BPS or self.offset_bps * _PARTS % 1:
                raise ConfigError(
                    f"order.offset_bps is {self.offset_bps}; it must be from {lowest} to {_HIGHEST_BPS}, with at most 4 decimals"
                )

    @property
    def is_default(self) -> bool:
        """Whether its orders are market orders for the next open, without brackets."""
        return (self.type, self.tif, self.bracket) == ("market", "opg", None)

    def prices(self, wanted: IntArray, reference: IntArray, tick: IntArray) -> IntArray:
        """The price of each order in micros, (N,); 0 where it has none, because nothing is wanted or the order is a market order.

        reference · (1 ± offset), exactly, rounded to the tick so that it never promises more than that: a buy's limit down, its stop
        up; of a sell the other way round. At least one tick.

        Args:
            wanted: signed shares.
            reference: micros.
            tick: micros.
        """
        prices = np.zeros(len(wanted), dtype=np.int64)
        if self.offset_bps is None:
            return prices
        parts = int(self.offset_bps * _PARTS)
        for place in np.flatnonzero(wanted).tolist():
            buys, grid = bool(wanted[place] > 0), int(tick[place])
            scaled = int(reference[place]) * (_PRICE_SCALE + (parts if buys else -parts))
            unit = _PRICE_SCALE * grid
            up = buys == (self.type == "stop")
            ticks = -(-scaled // unit) if up else scaled // unit
            prices[place] = max(1, ticks) * grid
        return prices


#: What a book's orders are where it says nothing.
MARKET_AT_OPEN = OrderTerms()


def problem_of(order_type: str, time_in_force: str, price: int | None) -> str:
    """Why an order of that kind is none that exists; "" where it is one."""
    if order_type not in _TYPES or time_in_force not in _TIMES_IN_FORCE:
        return f"{order_type} {time_in_force} orders are not known"
    if order_type == "stop" and time_in_force not in _OF_STOPS:
        return f"a stop order may be {' or '.join(_OF_STOPS)}, not {time_in_force}"
    if (order_type == "market") != (price is None) or (price is not None and price < 1):
        return f"a {order_type} order has price {price}"
    return ""
