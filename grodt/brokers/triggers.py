"""What one daily bar does to an order: the price it trades at before costs, or that it does not trade.

A bar says where a session opened, how far it went and where it closed, not in what order. So a limit fills only where the bar leaves no
doubt: when the session traded through it, not only at it, for at it others may have been served first.
"""

from typing import NamedTuple

from grodt.brokers.fills import FillAt


class Bar(NamedTuple):
    """A session's bar in micros."""

    open: int
    high: int
    low: int
    close: int


class Priced(NamedTuple):
    """What an order says about its price. `triggered`: a stop that filled in part is a market order for the rest."""

    buys: bool
    order_type: str
    time_in_force: str
    price: int | None
    triggered: bool = False


def traded_price(order: Priced, bar: Bar, market_at: FillAt) -> int | None:
    """The price before costs, in micros; None where it does not trade.

    | order | trades | at |
    |---|---|---|
    | market `opg` | always | open or close, as the paper account's terms say |
    | market `day`, `gtc`, `ioc`, `fok` | always | the open |
    | `cls` | a limit if the close is at it or better | the close |
    | limit `opg`, `ioc`, `fok` | if the open is at it or better | the open |
    | limit `day`, `gtc` | if the open is at it or better; else if the session traded through it | the open; the limit |
    | stop | if the open is at it or beyond; else if the session reached it | the open; the stop |

    Args:
        order: what it says.
        bar: of a session in which the symbol traded.
        market_at: where market orders for the open fill.
    """
    if order.time_in_force == "cls":
        return bar.close if _is_met(order, bar.close) else None
    if order.order_type == "stop" and not order.triggered:
        return _stopped(order, bar)
    if order.order_type == "limit" and not _is_met(order, bar.open):
        return _reached(order, bar)
    return bar.close if market_at == "close" and (order.order_type, order.time_in_force) == ("market", "opg") else bar.open


def never_worse(order: Priced, price: int) -> int:
    """A fill price with its costs, moved back to the limit where they carried it beyond; other orders' prices as they are."""
    if order.order_type != "limit" or order.price is None:
        return price
    return min(price, order.price) if order.buys else max(price, order.price)


def _is_met(order: Priced, price: int) -> bool:
    if order.order_type != "limit" or order.price is None:
        return True
    return price <= order.price if order.buys else price >= order.price


def _reached(order: Priced, bar: Bar) -> int | None:
    if order.price is None or order.time_in_force not in ("day", "gtc"):
        return None
    through = bar.low < order.price if order.buys else bar.high > order.price
    return order.price if through else None


def _stopped(order: Priced, bar: Bar) -> int | None:
    if order.price is None:
        return None
    if bar.open >= order.price if order.buys else bar.open <= order.price:
        return bar.open
    return order.price if (bar.high >= order.price if order.buys else bar.low <= order.price) else None
