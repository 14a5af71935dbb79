"""Sessions, orders and markets that the tests of brokers, execution and reconciliation are made of."""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from grodt.bars.corporate_actions import CorporateAction
from grodt.bars.market import SessionMarket, TradingFigures
from grodt.money import Micros, micros
from grodt.orders.order import Order, Side, client_order_id

MON, TUE, WED, THU, FRI = (date(2026, 3, 2) + timedelta(days=i) for i in range(5))
BOOK = "demo"


def instant(session: date, hour: int = 21) -> datetime:
    return datetime.combine(session, time(hour), UTC)


def order(symbol: str, quantity: int, session: date = MON, price: str = "100", *, leg: int = 0, book: str = BOOK) -> Order:
    """An order for a signed quantity."""
    return Order(
        client_order_id=client_order_id(book, "eod", session, symbol, leg),
        book=book,
        session=session,
        symbol=symbol,
        side=Side.BUY if quantity > 0 else Side.SELL,
        quantity=abs(quantity),
        reference_price=micros(price),
    )


class _Noted:
    def __init__(self, inner: Any, calls: list[str]) -> None:
        self._inner = inner
        self._calls = calls

    def __getattr__(self, name: str) -> Any:
        self._calls.append(name)
        return getattr(self._inner, name)


def noted(client: Any, calls: list[str]) -> Any:
    """The client of a venue, with the names of what is called of it."""
    return _Noted(client, calls)


def market(
    session: date,
    opens: Mapping[str, str],
    *actions: CorporateAction,
    closes: Mapping[str, str] | None = None,
    nights: int = 1,
    at_close: Mapping[str, str] | None = None,
    volume: Mapping[str, float] | None = None,
    figures: Mapping[str, tuple[float, float]] | None = None,
    ranges: Mapping[str, tuple[str, str]] | None = None,
) -> SessionMarket:
    """A session: open prices; previous closes and closes where they are not the same; volume and figures that no order here exhausts.

    `ranges` are lows and highs, where the session went further than its open and close.
    """
    low, high = ({symbol: ends[at] for symbol, ends in (ranges or {}).items()} for at in (0, 1))
    ended = {**opens, **(at_close or {})}
    return SessionMarket(
        session=session,
        nights=nights,
        opens_at=instant(session, 14),
        closes_at=instant(session, 21),
        open={symbol: micros(price) for symbol, price in opens.items()},
        previous_close={symbol: micros(price) for symbol, price in (closes or opens).items()},
        actions=tuple(sorted(actions, key=lambda action: (action.symbol, action.kind))),
        close={symbol: micros(price) for symbol, price in (at_close or opens).items()},
        volume=dict.fromkeys(opens, 1e9) if volume is None else volume,
        figures={symbol: TradingFigures(*pair) for symbol, pair in (figures or dict.fromkeys(opens, (1e9, 0.02))).items()},
        high={symbol: micros(high.get(symbol, max(opens[symbol], ended[symbol], key=micros))) for symbol in opens},
        low={symbol: micros(low.get(symbol, min(opens[symbol], ended[symbol], key=micros))) for symbol in opens},
    )


def split_of(symbol: str, session: date, new: int, old: int) -> CorporateAction:
    return CorporateAction(symbol, session, "split", ratio_new=new, ratio_old=old)


def dividend_of(symbol: str, session: date, cash: str, pay: date | None = None) -> CorporateAction:
    return CorporateAction(symbol, session, "dividend", pay_date=pay, cash_per_share=micros(cash))


def delisting_of(symbol: str, session: date, cash: str) -> CorporateAction:
    return CorporateAction(symbol, session, "delisting", cash_per_share=micros(cash))


def change_of(symbol: str, session: date, new: str) -> CorporateAction:
    return CorporateAction(symbol, session, "symbol_change", new_symbol=new)


def usd(amount: str) -> Micros:
    return micros(amount)


def ids(orders: Iterable[Order]) -> list[str]:
    return [each.client_order_id for each in orders]
