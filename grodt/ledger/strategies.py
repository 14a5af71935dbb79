"""Strategies of a book in the ledger: what each has of an order, what they trade with each other, and what that comes to.

Their positions are derived whenever they are asked for, from orders' shares, fills, crosses and the entries of corporate actions and
corrections, in the order these were booked; nothing keeps a balance of them.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from heapq import merge
from itertools import groupby
from operator import attrgetter, itemgetter
from typing import Any

from sqlalchemy import Text, func, insert, select, type_coerce

from grodt.ledger.booking import booking_instant
from grodt.ledger.columns import day_text, instant_text
from grodt.ledger.entries import CURRENCY, SHARES
from grodt.ledger.postings import balances
from grodt.ledger.strategy_book import StrategyBook, StrategyPosition
from grodt.ledger.strategy_charges import KINDS, StrategyCharges
from grodt.ledger.tables_orders import orders
from grodt.ledger.tables_postings import entries, fills, postings
from grodt.ledger.tables_strategies import crosses, order_shares
from grodt.ledger.transaction import Read, Write
from grodt.ledger.verify_findings import AT_ONCE, Found
from grodt.orders.attribution import Attribution
from grodt.orders.shares import filled_now

#: In what order one transaction books: corporate actions before the fills of their session; crosses when all is known.
_RANKS = {"split": 0, "delisting": 1, "symbol_change": 2, "fill": 3, "correction": 4, "cross": 5}
#: What is paid for shares is for those held before all of that; what is of no symbol may come at any time.
_RANKS |= {"borrow_cost": -2, "dividend": -1} | dict.fromkeys(("deposit", "withdrawal", "interest", "fee"), 6)
_MOVES_SHARES = ("split", "delisting", "symbol_change", "correction")
_OF_CROSS = attrgetter("run_id", "symbol", "price")


def record_attribution(tx: Write, run_id: str, book: str, session: date, found: Attribution, now: datetime) -> None:
    """Commit whose a run's orders are, in the transaction that commits them."""
    shares = [
        {"client_order_id": key, "strategy": strategy, "quantity": quantity}
        for key, of_order in found.shares.items()
        for strategy, quantity in of_order.items()
    ]
    if shares:
        tx.connection.execute(insert(order_shares), shares)
    if found.crosses:
        common = {"run_id": run_id, "book": book, "session": session, "recorded_at": booking_instant(tx, book, now)}
        tx.connection.execute(
            insert(crosses),
            [
                {"symbol": each.symbol, "strategy": each.strategy, "quantity": each.quantity, "price": each.price} | common
                for each in found.crosses
            ],
        )


def strategy_positions(tx: Read, book: str, *, without_crosses_of: str = "") -> dict[tuple[str, str], StrategyPosition]:
    """What each strategy of a book has, by strategy and symbol, ascending; with what is flat now and was held once.

    Args:
        tx: the ledger.
        book: whose.
        without_crosses_of: a run, which sees what was there when it decided; "" leaves out none.
    """
    return {(strategy, symbol): position for strategy, symbol, position in _strategies(tx, book, without_crosses_of)}


def lots_against_average(tx: Read, book: str, until: date, at: datetime) -> int:
    """How much more a book, as if it were one strategy, has realised first in first out than at average cost. Micros.

    Args:
        tx: the ledger.
        book: whose.
        until, at: what counts is of sessions up to this one, and was booked up to that instant.
    """
    found = _strategies(tx, book, "", as_one=True, until=(until, at))
    return sum(position.realised_fifo - position.realised for _, _, position in found)


def strategies_at(tx: Read, book: str, until: tuple[date, datetime], charges: StrategyCharges) -> StrategyBook:
    """What each strategy has, and its part of what no trade earned or cost.

    Args:
        tx: the ledger.
        book: whose.
        until: what counts is of sessions up to this one, and was booked up to that instant.
        charges: takes in the second.
    """
    return _strategies(tx, book, "", until=until, charges=charges)


def shares_of(tx: Read, book: str) -> dict[str, dict[str, int]]:
    """What each strategy has of a book's orders, by client order id; orders of the default strategy alone are absent."""
    query = select(order_shares).join(orders, orders.c.client_order_id == order_shares.c.client_order_id).where(orders.c.book == book)
    found: dict[str, dict[str, int]] = {}
    for key, strategy, quantity in tx.connection.execute(query.order_by(order_shares.c.client_order_id, order_shares.c.strategy)):
        found.setdefault(key, {})[strategy] = quantity
    return found


def shares_of_order(tx: Read, client_order_id: str) -> dict[str, int]:
    """What each strategy has of one order; nothing where it is the default strategy's alone."""
    query = select(order_shares.c.strategy, order_shares.c.quantity).where(order_shares.c.client_order_id == client_order_id)
    return dict(tx.connection.execute(query.order_by(order_shares.c.strategy)).tuples().all())


def check_strategies(tx: Read, book: str | None) -> Found:
    """What strategies have of orders, and of symbols, adds up to what the book has."""
    books = list(tx.connection.execute(select(entries.c.book).distinct().order_by(entries.c.book)).scalars())
    wrong: list[str] = []
    count = 0
    for each in (each for each in books if book in (None, each)):
        wrong += _not_whole(tx, each)
        try:
            positions = strategy_positions(tx, each)
        except ValueError as error:
            wrong.append(f"book {each}: what its strategies hold cannot be told: {error}")
            continue
        count += len(positions)
        wrong += _off(tx, each, positions)
    return Found(f"{count:,} positions of strategies", count, iter(wrong))


def _not_whole(tx: Read, book: str) -> Iterator[str]:
    key, whole, of_strategies = orders.c.client_order_id, orders.c.quantity, func.sum(order_shares.c.quantity)
    together = select(key, whole, of_strategies).join(order_shares, order_shares.c.client_order_id == key).where(orders.c.book == book)
    for order, quantity, shares in tx.connection.execute(together.group_by(key, whole).having(of_strategies != whole).order_by(key)):
        yield f"order {order} is of {quantity:,} shares, and its strategies have {shares:,}"
    for (run, symbol), rows in groupby(_crosses(tx, book), key=lambda row: (row.run_id, row.symbol)):
        found = list(rows)
        if sum(row.quantity for row in found) or len({row.price for row in found}) > 1:
            yield f"what strategies traded with each other in {symbol} in run {run} does not add up to nothing, at one price"


def _off(tx: Read, book: str, positions: Mapping[tuple[str, str], StrategyPosition]) -> Iterator[str]:
    """Symbols in which strategies' shares, or what they paid for them, are not the book's.

    What was earned stays under the old symbol when its cost goes to a new one, so money is compared over all symbols of one company.
    """
    booked = balances(tx, book, ("position", "cost", "realised", "correction"))
    of_company = _companies(tx, book)
    of_symbol: dict[str, list[StrategyPosition]] = {symbol: [] for _, _, symbol in booked if symbol}
    for (_, symbol), position in positions.items():
        of_symbol.setdefault(symbol, []).append(position)
    nets: dict[str, int] = {}
    for (_, asset, symbol), amount in booked.items():
        if asset == CURRENCY:
            nets[symbol] = nets.get(symbol, 0) + amount
    paid: dict[str, list[int]] = {}
    for symbol, own in sorted(of_symbol.items()):
        held = booked.get(("position", SHARES, symbol), 0)
        shares = sum(position.quantity for position in own)
        if held != shares:
            yield f"book {book} holds {held:,} {symbol}, and its strategies {shares:,}"
        sums = paid.setdefault(of_company.get(symbol, symbol), [0, 0, 0])
        sums[0] += nets.get(symbol, 0)
        sums[1] += sum(position.cost - position.realised for position in own)
        sums[2] += sum(position.cost_fifo - position.realised_fifo for position in own)
    for symbol, (net, average, first_in) in paid.items():
        if not net == average == first_in:
            yield (
                f"book {book} paid {net:,} micros for {symbol}, less what it was paid, and its strategies {average:,} at average cost and "
                f"{first_in:,} first in first out"
            )


def _companies(tx: Read, book: str) -> dict[str, str]:
    """By symbol that a change of symbol left or came to, the first in the alphabet of all that it is connected with."""
    query = (
        select(entries.c.entry_id, postings.c.symbol)
        .join(postings, postings.c.entry_id == entries.c.entry_id)
        .where(entries.c.book == book, entries.c.kind == "symbol_change", postings.c.account == "position")
        .order_by(entries.c.entry_id)
    )
    found: dict[str, set[str]] = {}
    for _, rows in groupby(tx.connection.execute(query), key=lambda row: row.entry_id):
        together = set[str]().union(*(found.get(row.symbol, {row.symbol}) for row in rows))
        found |= dict.fromkeys(together, together)
    return {symbol: min(together) for symbol, together in found.items()}


def _strategies(
    tx: Read,
    book: str,
    without: str,
    *,
    as_one: bool = False,
    until: tuple[date, datetime] | None = None,
    charges: StrategyCharges | None = None,
) -> StrategyBook:
    """The book's strategies after everything that is booked, or was of some sessions by some instant, but for the crosses of one run.

    As one: everything is the default strategy's, which trades nothing with itself.
    """
    found = StrategyBook(book)
    shared, filled = {} if as_one else shares_of(tx, book), dict[str, int]()
    booked = _events(tx, book, _MOVES_SHARES if charges is None else (*_MOVES_SHARES, *KINDS))
    if until is not None:
        day, at = day_text(until[0]), instant_text(until[1])
        booked = (each for each in booked if each[1] <= day and each[0] <= at)
    for (booked_at, *_), together in groupby(booked, key=lambda event: event[:3]):
        events = [each[4:] for each in together]
        if events[0][0] == "symbol_change":
            found.rename([_renamed(lines) for _, lines in events])
            continue
        if events[0][0] == "cross":
            _cross(found, [row for _, row in events if not as_one and row.run_id != without])
            continue
        for kind, what in events:
            if kind == "fill":
                _fill(found, what, shared, filled)
            else:
                if charges is not None:
                    charges.take(found, booked_at, what)
                _act(found, kind, what)
    return found


def _events(tx: Read, book: str, kinds: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    """(recorded at, session, rank, number, kind, row or postings) of fills, crosses and some entries, in the order of booking."""
    at, session = type_coerce(fills.c.recorded_at, Text).label("at"), type_coerce(fills.c.session, Text).label("day")
    columns = (fills.c.client_order_id, fills.c.symbol, fills.c.side, fills.c.quantity, fills.c.price, fills.c.notional, fills.c.commission)
    traded = select(at, session, fills.c.number, *columns).where(fills.c.book == book).order_by(at, session, fills.c.number)
    moved = (
        select(type_coerce(entries.c.recorded_at, Text).label("at"), type_coerce(entries.c.session, Text).label("day"))
        .add_columns(entries.c.entry_id, entries.c.kind, postings.c.account, postings.c.symbol, postings.c.amount)
        .join(postings, postings.c.entry_id == entries.c.entry_id)
        .where(entries.c.book == book, entries.c.kind.in_(kinds))
        .order_by(entries.c.entry_id, postings.c.line)
    )
    found: list[tuple[Any, ...]] = []
    for key, lines in groupby(tx.connection.execute(moved), key=lambda row: (row.at, row.day, row.kind, row.entry_id)):
        found.append((key[0], key[1], _RANKS[key[2]], (0, key[3]), key[2], list(lines)))
    found += [(row.at, row.day, _RANKS["cross"], (0, row.symbol), "cross", row) for row in _crosses(tx, book)]
    place = itemgetter(slice(4))
    # There may be millions of fills, and of the others few.
    with tx.connection.execute(traded, execution_options={"yield_per": AT_ONCE}) as rows:
        filled = ((at, day, _RANKS["fill"], (number, ""), "fill", row) for some in rows.partitions() for at, day, number, *row in some)
        yield from merge(filled, sorted(found, key=place), key=place)


def _crosses(tx: Read, book: str) -> list[Any]:
    columns = (type_coerce(crosses.c.recorded_at, Text).label("at"), type_coerce(crosses.c.session, Text).label("day"))
    rest = (crosses.c.run_id, crosses.c.symbol, crosses.c.strategy, crosses.c.quantity, crosses.c.price)
    query = select(*columns, *rest).where(crosses.c.book == book)
    return list(tx.connection.execute(query.order_by(crosses.c.run_id, crosses.c.symbol, crosses.c.strategy)))


def _fill(found: StrategyBook, row: Any, shared: Mapping[str, Mapping[str, int]], filled: dict[str, int]) -> None:
    key, symbol, side, quantity, price, notional, commission = row
    sign = 1 if side == "buy" else -1
    beside = sign * (notional - quantity * price)
    shares = shared.get(key)
    if shares is None:
        found.fill(symbol, {found.default: sign * quantity}, price, commission, beside)
        return
    before = filled.get(key, 0)
    filled[key] = before + quantity
    parts = filled_now(before, quantity, list(shares.values()))
    found.fill(symbol, {who: sign * part for who, part in zip(shares, parts, strict=True) if part}, price, commission, beside)


def _cross(found: StrategyBook, rows: Sequence[Any]) -> None:
    """What strategies traded with each other in some runs: all of a run's of one symbol at once, at its price."""
    for (_, symbol, price), together in groupby(sorted(rows, key=_OF_CROSS), key=_OF_CROSS):
        found.fill(symbol, {each.strategy: each.quantity for each in together}, price, 0)


def _act(found: StrategyBook, kind: str, lines: Sequence[Any]) -> None:
    """A split, delisting or correction, as its postings have it."""
    symbol = next((line.symbol for line in lines if line.symbol), "")
    if not symbol:
        return  # a correction of cash
    change = sum(line.amount for line in lines if line.account == "position")
    cash = sum(line.amount for line in lines if line.account == "cash")
    if kind == "split":
        relieved = -sum(line.amount for line in lines if line.account == "cost")
        found.split(symbol, change, cash, relieved)
    elif kind == "delisting":
        found.delist(symbol, cash)
    elif change:
        found.correct(symbol, change, -cash // change if cash else None)


def _renamed(lines: Sequence[Any]) -> tuple[str, str]:
    """Old and new symbol: shares leave the first and come to the second."""
    moved = [line.symbol for line in lines if line.account == "position"]
    return moved[0], moved[1]
