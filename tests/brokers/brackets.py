"""Legs of brackets for the tests of brokers and cycles."""

from dataclasses import replace
from datetime import date

from grodt.orders.order import Order, client_order_id
from tests.brokers.world import BOOK, TUE, order, usd


def legs(
    symbol: str, quantity: int, stop: str, take: str | None = None, session: date = TUE, *, book: str = BOOK, protects: str = ""
) -> tuple[Order, ...]:
    """The legs that close a signed quantity held, the stop first."""
    ids = [client_order_id(book, "eod", session, symbol, leg) for leg in (1, 2)]
    made = replace(order(symbol, -quantity, session, stop, leg=1, book=book), order_type="stop", price=usd(stop), role="stop")
    made = replace(
        made, time_in_force="gtc", protects=protects, other="" if take is None else ids[1], other_price=None if take is None else usd(take)
    )
    if take is None:
        return (made,)
    prices = {"reference_price": usd(take), "price": usd(take)}
    return made, replace(
        made, client_order_id=ids[1], order_type="limit", role="take_profit", other=ids[0], other_price=usd(stop), **prices
    )  # type: ignore[arg-type]


def attached(symbol: str, opens: int, stop: str, take: str | None = None, session: date = TUE, *, book: str = BOOK) -> tuple[Order, ...]:
    """The legs that go out with the session's order in a symbol, and close the signed shares that it opens; the stop first."""
    entry, *ids = (client_order_id(book, "eod", session, symbol, leg) for leg in (0, 3, 4))
    made = legs(symbol, opens, stop, take, session, book=book, protects=entry)
    of = {each.client_order_id: key for each, key in zip(made, ids, strict=False)}
    return tuple(replace(each, client_order_id=of[each.client_order_id], other=of.get(each.other, ""), attached=True) for each in made)
