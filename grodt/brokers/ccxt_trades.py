"""Trades of a crypto venue, as ccxt tells them, and the fills that they are. Pure functions.

A venue fills an order for whole coins in parts of a coin too, and the ledger books whole ones. So a trade of whole coins is a fill by
itself, and the others of an order are gathered in the order they traded: as soon as they come to whole coins, they are one fill. Where
a fill begins and ends is so a function of the trades before its last one, whatever comes later, as long as none of these is missing.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from fractions import Fraction
from typing import Any

from grodt.brokers.ccxt_payloads import SIDES, exact
from grodt.brokers.ccxt_venues import Row
from grodt.brokers.protocol import Part
from grodt.money import MICROS_PER_UNIT, Micros, divide_half_even, micros
from grodt.orders.fill import Fill
from grodt.orders.order import Side


@dataclass(frozen=True, slots=True)
class Gathered:
    """The trades of one order.

    Attributes:
        whole: those that come to whole coins, each group in the order they traded.
        rest: those that do not, yet.
        unreadable: those that nobody can book, each with why.
    """

    whole: tuple[tuple[Row, ...], ...]
    rest: tuple[Row, ...]
    unreadable: tuple[tuple[Row, str], ...]


def gather(trades: Iterable[Row], quote: str) -> Gathered:
    """Gather the trades of one order; they may be told twice and in any order.

    Args:
        trades: of fractions of a coin, all that there were up to the last of them.
        quote: the currency of prices, and of fees that can be booked.
    """
    whole: list[tuple[Row, ...]] = []
    rest: list[Row] = []
    unreadable: list[tuple[Row, str]] = []
    held = Fraction(0)
    for trade in sorted({str(each["id"]): each for each in trades}.values(), key=_place):
        if why := _doubts(trade, quote):
            unreadable.append((trade, why))
        elif not is_fraction(trade):
            whole.append((trade,))
        else:
            rest.append(trade)
            held += _amount(trade)
            if held.denominator == 1:
                whole.append(tuple(rest))
                rest, held = [], Fraction(0)
    return Gathered(tuple(whole), tuple(rest), tuple(unreadable))


def is_fraction(trade: Row) -> bool:
    """Whether a trade is of other than whole coins."""
    return _amount(trade).denominator != 1


def are_all(trades: Iterable[Row], order: Row) -> bool:
    """Whether trades that were told before an order was are all that it had: they come to what it has filled."""
    return sum((_amount(each) for each in {str(each["id"]): each for each in trades}.values()), Fraction(0)) == Fraction(
        exact(order.get("filled"))
    )


def fill_of(trades: Sequence[Row], client_order_id: str, session: date) -> Fill:
    """Trades that come to whole coins as one fill.

    Its value is Σ amount · price, its commission Σ fees, each exactly and then half-even to the micro; its price is the value divided by
    the coins, half-even to the micro.

    Args:
        trades: of one order, in the order they traded, all readable.
        client_order_id: of the order.
        session: that the last of them traded in.
    """
    last = trades[-1]
    quantity = sum(map(_amount, trades), Fraction(0)).numerator
    notional = _micros(sum(map(_worth, trades), Fraction(0)))
    price = divide_half_even(notional, quantity)
    return Fill(
        execution_id=_execution_id(trades),
        client_order_id=client_order_id,
        symbol=str(last["symbol"]),
        side=SIDES[last["side"]],
        quantity=quantity,
        price=Micros(price),
        commission=_micros(sum(map(_paid, trades), Fraction(0))),
        session=session,
        filled_at=_instant(last),
        remainder=notional - quantity * price,
        trades=tuple(map(_trade_id, trades)),
    )


def unreadable_fill(trade: Row, client_order_id: str, session: date, why: str) -> Fill:
    """A trade that nobody can book."""
    return Fill(
        execution_id=_trade_id(trade),
        client_order_id=client_order_id,
        symbol=str(trade["symbol"]),
        side=SIDES.get(trade.get("side") or "", Side.BUY),
        quantity=0,
        price=Micros(0),
        commission=Micros(0),
        session=session,
        filled_at=_instant(trade),
        unreadable=f"the venue's trade {trade['id']} has {why}",
        trades=(_trade_id(trade),),
    )


def part_of(trades: Sequence[Row], client_order_id: str) -> Part:
    """Trades of an open order that do not come to whole coins yet."""
    last = trades[-1]
    return Part(
        client_order_id,
        str(last["symbol"]),
        SIDES[last["side"]],
        sum((exact(each["amount"]) for each in trades), exact("0")),
        _micros(sum(map(_worth, trades), Fraction(0))),
        _micros(sum(map(_paid, trades), Fraction(0))),
        tuple(map(_trade_id, trades)),
    )


def _doubts(trade: Row, quote: str) -> str:
    """Why a trade cannot be booked; "" where it can. A fee in another currency than the quote moves what no fill of ours can."""
    doubts: list[str] = []
    if trade.get("side") not in SIDES:
        doubts.append(f"side {trade.get('side')!r}")
    if _amount(trade) <= 0:
        doubts.append(f"quantity {trade.get('amount')}")
    doubts += [
        f"a fee of {cost} {fee.get('currency')}"
        for fee in _fees(trade)
        if (cost := exact(fee.get("cost"))) and fee.get("currency") != quote
    ]
    try:
        price = micros(exact(trade.get("price")))
    except ValueError:
        price = Micros(0)
    if price <= 0:
        doubts.append(f"price {trade.get('price')}")
    return ", ".join(doubts)


def _place(trade: Row) -> tuple[int, bool, int, str]:
    """When it traded: of one millisecond in the order of the venue's numbers."""
    name = str(trade["id"])
    return int(trade["timestamp"]), not name.isdecimal(), int(name) if name.isdecimal() else 0, name


def _execution_id(trades: Sequence[Row]) -> str:
    """A function of the trades' ids: of one trade its own, of several the first one's, how many follow, and a digest of all."""
    if len(trades) == 1:
        return _trade_id(trades[0])
    digest = hashlib.sha256("\n".join(map(_trade_id, trades)).encode()).hexdigest()
    return f"{_trade_id(trades[0])}+{len(trades) - 1}:{digest[:16]}"


def _trade_id(trade: Row) -> str:
    return f"{trade['symbol']}:{trade['id']}"


def _amount(trade: Row) -> Fraction:
    return Fraction(exact(trade.get("amount")))


def _worth(trade: Row) -> Fraction:
    return _amount(trade) * Fraction(exact(trade.get("price")))


def _fees(trade: Row) -> Sequence[Mapping[str, Any]]:
    """Its fees; of several, ccxt leaves `fee` empty."""
    return trade.get("fees") or [trade.get("fee") or {}]


def _paid(trade: Row) -> Fraction:
    return sum((Fraction(exact(fee.get("cost"))) for fee in _fees(trade)), Fraction(0))


def _micros(amount: Fraction) -> Micros:
    return Micros(divide_half_even(amount.numerator * MICROS_PER_UNIT, amount.denominator))


def _instant(trade: Row) -> datetime:
    return datetime.fromtimestamp(int(trade["timestamp"]) / 1000, UTC)
