"""Checks of orders: their ids, their lives, what stood before they were sent."""

from collections.abc import Iterator
from itertools import groupby
from typing import Any

from sqlalchemy import Row

from grodt.ledger.transaction import Read
from grodt.ledger.verify_findings import Found, ask
from grodt.orders.order import is_id_of
from grodt.orders.states import OrderState, may_follow

_OF_BOOK = "(:book IS NULL OR o.book = :book)"


def check_ids(tx: Read, book: str | None) -> Found:
    """Each id is that of its intent, and no two orders are one at the broker."""
    query = f"""
        SELECT o.client_order_id, o.book, b.kind, o.session, r.slot, o.symbol FROM orders AS o
        JOIN baskets AS b ON b.run_id = o.run_id JOIN runs AS r ON r.run_id = o.run_id
        WHERE {_OF_BOOK} ORDER BY o.client_order_id
    """
    twice = f"""
        SELECT o.book, o.venue_order_id, min(o.client_order_id) AS one, max(o.client_order_id) AS other FROM order_status AS o
        WHERE o.venue_order_id <> '' AND {_OF_BOOK} GROUP BY 1, 2 HAVING count(*) > 1 ORDER BY 1, 2
    """

    def wrong() -> Iterator[str]:
        for row in _rows(tx, query, book):
            if not is_id_of(row.client_order_id, row.book, row.kind, row.session.replace("-", "") + row.slot, row.symbol):
                yield f"order {row.client_order_id} is not an id of {row.symbol} in book {row.book}, {row.kind} of session {row.session}"
        for row in _rows(tx, twice, book):
            yield f"orders {row.one} and {row.other} of book {row.book} are one order at the broker, {row.venue_order_id}"

    return f"{_count(tx, book):,} orders", wrong()


def check_life(tx: Read, book: str | None) -> Found:
    """States follow each other as they may, filled quantities only grow, and neither they nor the fills exceed the order.

    Both legs of a bracket together fill no more than one of them was to close.
    """
    query = f"""
        SELECT o.client_order_id, o.quantity, s.state AS last_state, s.filled_quantity AS last_filled,
          e.event_id, e.state, e.filled_quantity
        FROM orders AS o LEFT JOIN order_status AS s ON s.client_order_id = o.client_order_id
        LEFT JOIN order_events AS e ON e.client_order_id = o.client_order_id
        WHERE {_OF_BOOK} ORDER BY o.client_order_id, e.event_id
    """
    overfilled = f"""
        SELECT o.client_order_id, o.quantity, s.filled_quantity, sum(f.quantity) AS booked FROM orders AS o
        JOIN order_status AS s ON s.client_order_id = o.client_order_id JOIN fills AS f ON f.client_order_id = o.client_order_id
        WHERE {_OF_BOOK} GROUP BY 1, 2, 3 HAVING sum(f.quantity) > s.filled_quantity ORDER BY 1
    """
    pairs = f"""
        SELECT o.client_order_id, o.other_leg, o.quantity, s.filled_quantity + t.filled_quantity AS filled FROM orders AS o
        JOIN order_status AS s ON s.client_order_id = o.client_order_id JOIN order_status AS t ON t.client_order_id = o.other_leg
        WHERE {_OF_BOOK} AND o.client_order_id < o.other_leg AND s.filled_quantity + t.filled_quantity > o.quantity ORDER BY 1
    """
    events = f"SELECT count(*) FROM order_events AS e JOIN orders AS o ON o.client_order_id = e.client_order_id WHERE {_OF_BOOK}"

    def wrong() -> Iterator[str]:
        for key, rows in groupby(_rows(tx, query, book), key=lambda row: str(row.client_order_id)):
            finding = _life(list(rows))
            if finding:
                yield f"order {key}: {finding}"
        for row in _rows(tx, overfilled, book):
            yield f"order {row.client_order_id}: fills of {row.booked:,} shares are booked, and it has {row.filled_quantity:,} filled"
        for row in _rows(tx, pairs, book):
            yield (
                f"orders {row.client_order_id} and {row.other_leg} are legs of one bracket that closes {row.quantity:,} shares, "
                f"and have filled {row.filled:,} together"
            )

    count = ask(tx, events, book=book).scalar_one()
    return f"{count:,} events of {_count(tx, book):,} orders", wrong()


def check_decided(tx: Read, book: str | None) -> Found:
    """Before an order was sent its intent, its basket's approval and a verdict that let it pass were committed."""
    query = f"""
        SELECT o.client_order_id, o.run_id, o.symbol, e.event_id, e.recorded_at,
          CASE WHEN o.role IN ('stop', 'take_profit') THEN 'symbol' ELSE 'order' END AS scope,
          (SELECT min(a.event_id) FROM order_events AS a WHERE a.client_order_id = o.client_order_id AND a.state = 'approved') AS intent,
          (SELECT min(p.approved_at) FROM basket_approvals AS p JOIN baskets AS b ON b.basket_hash = p.basket_hash
           WHERE b.run_id = o.run_id) AS approved_at
        FROM order_events AS e JOIN orders AS o ON o.client_order_id = e.client_order_id
        WHERE e.state = 'sending' AND {_OF_BOOK} ORDER BY o.run_id, e.event_id
    """
    verdicts = """
        SELECT symbol, scope, max(CASE WHEN verdict IN ('pass', 'clip') THEN 1 ELSE 0 END) AS passed,
          max(CASE WHEN verdict = 'reject' THEN 1 ELSE 0 END) AS refused FROM risk_checks
        WHERE run_id = :run AND attempt = (SELECT max(attempt) FROM evidence WHERE run_id = :run)
          AND (scope = 'order' OR (scope = 'symbol' AND control IN (1, 2, 3, 5, 6, 7, 16, 17, 28, 29)))
        GROUP BY symbol, scope
    """
    sent = _rows(tx, query, book)

    def wrong() -> Iterator[str]:
        for run, rows in groupby(sent, key=lambda row: str(row.run_id)):
            found = {(row.symbol, row.scope): row for row in ask(tx, verdicts, run=run)}
            for row in rows:
                verdict = found.get((row.symbol, row.scope))
                if row.intent is None or row.intent > row.event_id:
                    yield f"order {row.client_order_id} was sent by event {row.event_id}, before its intent was committed"
                elif row.approved_at is None or row.approved_at > row.recorded_at:
                    yield f"order {row.client_order_id} was sent at {row.recorded_at}, before its basket was approved"
                elif verdict is None or not verdict.passed:
                    yield f"order {row.client_order_id} was sent, and no control of run {run} let {row.symbol} pass"
                elif verdict.refused:
                    yield f"order {row.client_order_id} was sent, and a control of run {run} refused {row.symbol}"

    return f"{len(sent):,} sends", wrong()


def check_halts(tx: Read, book: str | None) -> Found:
    """No order was sent between the start and the end of a halt that concerns it.

    Of halts of a strategy, and of those that let reductions pass, an order does not say whether they concern it.
    """
    sends = f"""
        SELECT o.client_order_id, o.book, o.symbol, o.side, e.event_id, e.recorded_at FROM order_events AS e
        JOIN orders AS o ON o.client_order_id = e.client_order_id WHERE e.state = 'sending' AND {_OF_BOOK} ORDER BY e.event_id
    """
    all_halts = """
        SELECT halt_id, scope, book, symbol, side, reason, started_at,
          CASE WHEN ended_at < expires_at OR expires_at IS NULL THEN ended_at ELSE expires_at END AS until
        FROM halts WHERE scope <> 'strategy' AND side <> 'reduce_only' ORDER BY halt_id
    """
    halts = _rows(tx, all_halts, None)
    sent = _rows(tx, sends, book)

    def concerns(halt: Row[Any], row: Row[Any]) -> bool:
        where = halt.scope == "all" or (halt.book == row.book and halt.symbol in ("", row.symbol))
        return where and halt.side in ("all", {"buy": "buys", "sell": "sells"}[row.side])

    def wrong() -> Iterator[str]:
        for row in sent if halts else ():
            for each in halts:
                holds = each.started_at < row.recorded_at and (each.until is None or row.recorded_at < each.until)
                if holds and concerns(each, row):
                    yield (
                        f"order {row.client_order_id} was sent at {row.recorded_at} (event {row.event_id}), while halt {each.halt_id} held "
                        f"since {each.started_at}: {each.reason}"
                    )

    return f"{len(sent):,} sends against {len(halts):,} halts", wrong()


def _life(rows: list[Row[Any]]) -> str:
    """What is wrong in the life of one order; "" where nothing is."""
    first = rows[0]
    if first.event_id is None or first.last_state is None:
        return "it has no event, or no state"
    if first.state != OrderState.APPROVED:
        return f"its first event, {first.event_id}, is {first.state} and not {OrderState.APPROVED}"
    before: Row[Any] | None = None
    for row in rows:
        if not 0 <= row.filled_quantity <= row.quantity:
            return f"event {row.event_id} has {row.filled_quantity:,} of {row.quantity:,} shares filled"
        if before is not None and row.filled_quantity < before.filled_quantity:
            return f"event {row.event_id} has {row.filled_quantity:,} shares filled after {before.filled_quantity:,}"
        if before is not None and not _follows(before, row):
            return f"event {row.event_id} is {row.state}, which may not follow {before.state}"
        before = row
    last = rows[-1]
    if (last.last_state, last.last_filled) != (last.state, last.filled_quantity):
        return (
            f"its state is {last.last_state} with {last.last_filled:,} filled, and its last event {last.state} "
            f"with {last.filled_quantity:,}"
        )
    return ""


def _follows(before: Row[Any], row: Row[Any]) -> bool:
    """A late fill leaves an order that is over as it was, and one that the broker told of before may be booked under its state."""
    return row.state == before.state or may_follow(OrderState(before.state), OrderState(row.state))


def _count(tx: Read, book: str | None) -> int:
    return int(ask(tx, f"SELECT count(*) FROM orders AS o WHERE {_OF_BOOK}", book=book).scalar_one())


def _rows(tx: Read, query: str, book: str | None) -> list[Row[Any]]:
    return list(ask(tx, query, book=book))
