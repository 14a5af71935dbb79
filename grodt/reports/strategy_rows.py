"""What each strategy of a book holds and has earned, as rows for people and programs."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from grodt.ledger.strategies import strategy_positions
from grodt.ledger.strategy_book import StrategyPosition
from grodt.ledger.transaction import Read
from grodt.money import decimal


def strategy_rows(tx: Read, book: str, prices: Mapping[str, Decimal], strategy: str | None = None) -> list[dict[str, Any]]:
    """A row for each strategy and symbol that it holds or has traded; money in currency units.

    Args:
        tx: the ledger.
        book: whose.
        prices: last closes known, by symbol; without one, what is held is not valued.
        strategy: this one alone.
    """
    found = strategy_positions(tx, book)
    return [_row(who, symbol, position, prices.get(symbol)) for (who, symbol), position in found.items() if strategy in (None, who)]


def _row(strategy: str, symbol: str, position: StrategyPosition, price: Decimal | None) -> dict[str, Any]:
    cost, average = decimal(position.cost), position.average_cost
    value = position.quantity * price if price is not None and position.quantity else None
    return {
        "strategy": strategy,
        "symbol": symbol,
        "quantity": position.quantity,
        "average_cost": None if average is None else decimal(average),
        "cost": cost,
        "cost_fifo": decimal(position.cost_fifo),
        "price": price if position.quantity else None,
        "market_value": value,
        "unrealised_profit": None if value is None else value - cost,
        "realised_profit": decimal(position.realised),
        "realised_profit_fifo": decimal(position.realised_fifo),
        "commission": decimal(position.commission),
    }
