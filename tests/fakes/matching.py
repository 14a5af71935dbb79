"""At what price a venue's order trades in a session, as its documentation says; what venues have in common."""

from decimal import Decimal

from grodt.bars.market import SessionMarket
from grodt.money import decimal


def trades_at(
    market: SessionMarket, symbol: str, *, buys: bool, kind: str, tif: str, limit: Decimal | None = None, stop: Decimal | None = None
) -> Decimal | None:
    """The price; None where it does not trade.

    Args:
        market: the session.
        symbol, buys: of the order.
        kind: market, limit or stop.
        tif: opg, cls, day, gtc, ioc or fok.
        limit, stop: its prices.
    """
    if symbol not in market.open:
        return None
    opens, closes = decimal(market.open[symbol]), decimal(market.close[symbol])
    high, low = decimal(market.high[symbol]), decimal(market.low[symbol])
    sign = 1 if buys else -1
    if tif == "cls":
        return closes if limit is None or sign * closes <= sign * limit else None
    if kind == "stop":
        assert stop is not None
        if sign * opens >= sign * stop:
            return opens
        return stop if sign * (high if buys else low) >= sign * stop else None
    if limit is None or sign * opens <= sign * limit:
        return opens
    if tif not in ("day", "gtc"):
        return None
    return limit if sign * (low if buys else high) < sign * limit else None
