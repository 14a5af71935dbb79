"""What a book is worth: holdings at the last close known, cash and what it is owed."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from grodt.errors import DataError
from grodt.ledger.entries import Holding
from grodt.ledger.marks import Mark
from grodt.money import Micros, decimal


@dataclass(frozen=True, slots=True)
class Close:
    """A close: the session it is of, and the price in micros."""

    session: date
    price: Micros


def flows_in(equity: int, profit: int, previous: int) -> int:
    """Deposits less withdrawals that a mark has in it since the close before: what is neither that one's equity, `previous`, nor earned."""
    return equity - profit - previous


def high_water_mark(equity: int, flows: int, earlier: Iterable[tuple[int, int]]) -> Micros:
    """The highest equity of any mark up to one, as if the money that came in or went out since had been there, or gone, already.

    Args:
        equity: of the mark, micros.
        flows: that it has in it since the close before.
        earlier: high-water marks, each with the flows that it has in it since that close: of the close itself, if there is one, none; and
            of the last slot of the session before the mark.
    """
    return Micros(max([equity, *(high + flows - flowed for high, flowed in earlier)]))


def value_book(
    book: str,
    session: date,
    *,
    holdings: Mapping[str, Holding],
    cash: Micros,
    receivable: Micros,
    closes: Mapping[str, Close],
    previous: Mark | None,
    flows: int,
) -> Mark:
    """The mark of a book at a session's close.

    Exposures are Σ abs(market value) / equity and Σ market value / equity. The high-water mark is the highest equity of any mark
    (raised by deposits since, so that they are no profit); drawdown is equity / high-water mark − 1.

    Args:
        book, session: whose and when.
        holdings: positions by symbol.
        cash, receivable: micros.
        closes: last close known of every holding.
        previous: the mark before this one; None for the first.
        flows: deposits less withdrawals since that mark, micros; they move equity and are not profit.

    Raises:
        DataError: a holding has no close, or equity is not above zero (exposures are over equity).
    """
    missing = sorted(set(holdings) - set(closes))
    if missing:
        raise DataError(
            f"book {book} session {session}: {', '.join(missing)} held and never priced; "
            "ingest its bars, or give its delisting with the final value a share"
        )
    values = {symbol: held.quantity * closes[symbol].price for symbol, held in holdings.items()}
    positions = sum(values.values())
    equity = cash + receivable + positions
    if equity <= 0:
        raise DataError(
            f"book {book} session {session}: equity is {decimal(equity):,.2f} USD, not above zero; "
            "the book cannot trade: compare it with the broker, then deposit or close it"
        )
    high = high_water_mark(equity, flows, () if previous is None else [(previous.high_water_mark, 0)])
    return Mark(
        book=book,
        session=session,
        cash=cash,
        receivable=receivable,
        positions_value=Micros(positions),
        equity=Micros(equity),
        gross=sum(abs(value) for value in values.values()) / equity,
        net=positions / equity,
        high_water_mark=high,
        drawdown=equity / high - 1,
        profit=Micros(equity - flows - (0 if previous is None else previous.equity)),
    )
