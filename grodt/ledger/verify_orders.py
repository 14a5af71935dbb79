"""Checks of orders: their ids, their lives, what stood before they were sent."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import date, timedelta
from itertools import groupby, repeat
from operator import itemgetter
from typing import Any

from sqlalchemy import Row

from grodt.errors import DataError
from grodt.ledger.evidence_packing import symbols_in
from grodt.ledger.sequence import came_first
from grodt.ledger.transaction import Read
from grodt.ledger.verify_findings import Found, ask, stream
from grodt.orders.order import is_id_of
from grodt.orders.states import TERMINAL, OrderState, may_follow

_OF_BOOK = "(:book IS NULL OR o.book = :book)"
#: What may follow what, as rows of SQL. A late fill leaves an order that is over as it was, and one that the broker told of before may be
#: booked under its state.
_FOLLOWING = ", ".join(
    f"('{before}', '{after}')" for before in OrderState for after in OrderState if before == after or may_follow(before, after)
)

_OVER = ", ".join(f"'{state}'" for state in sorted(TERMINAL))
#: A broker is asked for late fills of a week; what has not come by then never does.
_LATEST_FILL = timedelta(days=14)


def check_ids(tx: Read, book: str | None) -> Found:
    """Each id is that of its intent, and no two orders of a symbol are one at the broker.

    Some venues number orders per symbol. An account that a book comes to may give the numbers again that the one before has given: an order
    has its number from the account that the book was at when the number was first told.
    """
    query = f"""
        SELECT o.client_order_id, o.book, b.kind, o.session, r.slot, o.symbol FROM orders AS o
        JOIN baskets AS b ON b.run_id = o.run_id JOIN runs AS r ON r.run_id = o.run_id
        WHERE {_OF_BOOK} ORDER BY o.client_order_id
    """
    twice = f"""
        WITH numbered AS (
          SELECT o.book, o.symbol, s.venue_order_id, o.client_order_id,
            count(*) OVER (PARTITION BY o.book, o.symbol, s.venue_order_id) AS claims
          FROM orders AS o JOIN order_status AS s ON s.client_order_id = o.client_order_id WHERE s.venue_order_id <> '' AND {_OF_BOOK}
        ), told AS (
          SELECT n.*, (SELECT min(e.recorded_at) FROM order_events AS e
            WHERE e.client_order_id = n.client_order_id AND e.venue_order_id = n.venue_order_id) AS told_at
          FROM numbered AS n WHERE n.claims > 1
        ), placed AS (
          SELECT t.*, (SELECT count(*) FROM account_changes AS c
            WHERE c.book = t.book AND c.how IN ('empty', 'people') AND c.changed_at <= t.told_at) AS accounts_before
          FROM told AS t
        )
        SELECT book, symbol, venue_order_id, min(client_order_id) AS one, max(client_order_id) AS other FROM placed
        GROUP BY book, symbol, venue_order_id, accounts_before HAVING count(*) > 1 ORDER BY book, symbol, venue_order_id, one
    """

    def wrong() -> Iterator[str]:
        for key, of, kind, session, slot, symbol in stream(tx, query, book=book):
            if not is_id_of(key, of, kind, session.replace("-", "") + slot, symbol):
                yield f"order {key} is not an id of {symbol} in book {of}, {kind} of session {session}"
        for row in stream(tx, twice, book=book):
            yield f"orders {row.one} and {row.other} of book {row.book} are one order at the broker, {row.venue_order_id} of {row.symbol}"

    orders = _count(tx, book)
    return Found(f"{orders:,} orders", orders, wrong())


def check_life(tx: Read, book: str | None) -> Found:
    """States follow each other as they may, filled quantities only grow, and neither they nor the fills exceed the order.

    Both legs of a bracket together fill no more than one of them was to close, and attached ones no more than their entry has opened.
    """
    query = f"""
        SELECT * FROM (
          SELECT lived.*, CASE
            WHEN event_id IS NULL OR last_state IS NULL THEN 'nothing'
            WHEN before IS NULL AND state NOT IN ('{OrderState.PLANNED}', '{OrderState.APPROVED}') THEN 'first'
            WHEN before IS NULL AND state = '{OrderState.PLANNED}' AND NOT asked THEN 'unasked'
            WHEN filled_quantity < 0 OR filled_quantity > quantity THEN 'bounds'
            WHEN filled_quantity < filled_before THEN 'fewer'
            WHEN before IS NOT NULL AND (before, state) NOT IN (VALUES {_FOLLOWING}) THEN 'step'
            WHEN following IS NULL AND (last_state <> state OR last_filled <> filled_quantity) THEN 'last'
            WHEN following IS NULL AND (last_venue <> venue_order_id OR last_reason <> reason OR status_of <> book) THEN 'told'
          END AS fault FROM (
            SELECT o.client_order_id, o.book, o.quantity, s.state AS last_state, s.filled_quantity AS last_filled,
              s.venue_order_id AS last_venue, s.reason AS last_reason, s.book AS status_of,
              e.event_id, e.state, e.filled_quantity, e.venue_order_id, e.reason,
              q.request_id IS NOT NULL AS asked,
              lag(e.state) OVER life AS before, lag(e.filled_quantity) OVER life AS filled_before, lead(e.event_id) OVER life AS following
            FROM orders AS o LEFT JOIN order_status AS s ON s.client_order_id = o.client_order_id
            LEFT JOIN order_events AS e ON e.client_order_id = o.client_order_id
            LEFT JOIN baskets AS b ON b.run_id = o.run_id LEFT JOIN requests AS q ON q.request_id = b.basket_hash
            WHERE {_OF_BOOK} WINDOW life AS (PARTITION BY o.client_order_id ORDER BY e.event_id)
          ) AS lived
        ) AS judged WHERE fault IS NOT NULL ORDER BY client_order_id, event_id
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
    unfilled = f"""
        SELECT o.client_order_id, s.filled_quantity, coalesce(sum(f.quantity), 0) AS booked FROM orders AS o
        JOIN order_status AS s ON s.client_order_id = o.client_order_id LEFT JOIN fills AS f ON f.client_order_id = o.client_order_id
        WHERE s.filled_quantity > 0 AND s.state IN ({_OVER}) AND o.book = :book AND o.session < :until
          AND NOT EXISTS (SELECT 1 FROM unbooked_fills AS u WHERE u.client_order_id = o.client_order_id)
          AND NOT EXISTS (SELECT 1 FROM entries AS c JOIN postings AS p ON p.entry_id = c.entry_id
            WHERE c.book = o.book AND c.kind = 'correction' AND p.account = 'position' AND p.symbol = o.symbol AND c.session >= o.session)
        GROUP BY 1, 2 HAVING coalesce(sum(f.quantity), 0) < s.filled_quantity ORDER BY 1
    """
    settled = "SELECT book, max(session) AS session FROM settlements WHERE :book IS NULL OR book = :book GROUP BY 1 ORDER BY 1"
    attached = f"""
        SELECT o.client_order_id, o.protects, s.filled_quantity, o.quantity - e.quantity + t.filled_quantity AS opened FROM orders AS o
        JOIN order_status AS s ON s.client_order_id = o.client_order_id
        JOIN orders AS e ON e.client_order_id = o.protects AND e.run_id = o.run_id
        JOIN order_status AS t ON t.client_order_id = e.client_order_id
        WHERE {_OF_BOOK} AND s.filled_quantity > 0 AND s.filled_quantity > o.quantity - e.quantity + t.filled_quantity ORDER BY 1
    """
    events = f"SELECT count(*) FROM order_events AS e JOIN orders AS o ON o.client_order_id = e.client_order_id WHERE {_OF_BOOK}"

    def wrong() -> Iterator[str]:
        for key, rows in groupby(stream(tx, query, book=book), key=itemgetter(0)):
            yield f"order {key}: {_fault(next(rows))}"
        for row in stream(tx, overfilled, book=book):
            yield f"order {row.client_order_id}: fills of {row.booked:,} shares are booked, and it has {row.filled_quantity:,} filled"
        for of, last in list(ask(tx, settled, book=book)):
            try:
                until = str(date.fromisoformat(last) - _LATEST_FILL)
            except ValueError:
                yield f"settlement of book {of}, session {last}: that is no date, so it is not known up to when fills were to come"
                continue
            for row in stream(tx, unfilled, book=of, until=until):
                yield (
                    f"order {row.client_order_id}: it is over with {row.filled_quantity:,} shares filled, and fills of {row.booked:,} are "
                    "booked; none is kept as not booked, and no correction stands for them"
                )
        for row in stream(tx, pairs, book=book):
            yield (
                f"orders {row.client_order_id} and {row.other_leg} are legs of one bracket that closes {row.quantity:,} shares, "
                f"and have filled {row.filled:,} together"
            )
        for row in stream(tx, attached, book=book):
            yield (
                f"order {row.client_order_id} has closed {row.filled_quantity:,} shares, and {row.protects}, with which it went out, "
                f"has opened {max(row.opened, 0):,}"
            )

    orders = _count(tx, book)
    return Found(f"{ask(tx, events, book=book).scalar_one():,} events of {orders:,} orders", orders, wrong())


def check_decided(tx: Read, book: str | None) -> Found:
    """Before an order was sent its intent, its basket's approval and a verdict that let it pass were committed."""
    query = f"""
        SELECT o.client_order_id, o.run_id, o.symbol, e.event_id, e.recorded_at,
          CASE WHEN o.role IN ('stop', 'take_profit') THEN 'symbol' ELSE 'order' END AS scope,
          (SELECT min(a.event_id) FROM order_events AS a WHERE a.client_order_id = o.client_order_id AND a.state = 'approved') AS intent,
          (SELECT min(p.approved_at) FROM basket_approvals AS p WHERE p.basket_hash = b.basket_hash) AS approved_at, b.basket_hash
        FROM order_events AS e JOIN orders AS o ON o.client_order_id = e.client_order_id JOIN baskets AS b ON b.run_id = o.run_id
        WHERE e.state = 'sending' AND {_OF_BOOK} ORDER BY o.run_id, e.event_id
    """
    count = sends(tx, book)
    return Found(f"{count:,} sends", count, _undecided(tx, stream(tx, query, book=book)))


def _undecided(tx: Read, sent: Iterator[Row[Any]]) -> Iterator[str]:
    for run, rows in groupby(sent, key=itemgetter(1)):
        passed, refused = _judged(tx, run)
        in_time = False  # what comes after an event that the approval came before, by the chain, it came before too
        for row in rows:
            judged = (row.scope, row.symbol)
            if row.intent is None or row.intent > row.event_id:
                yield f"order {row.client_order_id} was sent by event {row.event_id}, before its intent was committed"
            elif row.approved_at is None or (row.approved_at > row.recorded_at and not (in_time := in_time or _approved_first(tx, row))):
                yield f"order {row.client_order_id} was sent at {row.recorded_at}, before its basket was approved"
            elif judged not in passed:
                yield f"order {row.client_order_id} was sent, and no control of run {run} let {row.symbol} pass"
            elif judged in refused:
                yield f"order {row.client_order_id} was sent, and a control of run {run} refused {row.symbol}"


def _approved_first(tx: Read, sent: Row[Any]) -> bool:
    """Whether the basket was approved before an event, whatever the clock said."""
    return came_first(tx, "basket_approvals", {"basket_hash": sent.basket_hash}, "order_events", {"event_id": sent.event_id})


def _judged(tx: Read, run: str) -> tuple[set[tuple[str, str]], set[tuple[str, str]]]:
    """Scopes and symbols that controls let pass, and those that they refused, in the last attempt of a run.

    Evidence that cannot be read says nothing here; the audit chain names it.
    """
    query = """
        SELECT scope, verdict, checks FROM evidence
        WHERE run_id = :run AND attempt = (SELECT max(attempt) FROM evidence WHERE run_id = :run) AND verdict IN ('pass', 'clip', 'reject')
          AND (scope = 'order' OR (scope = 'symbol' AND control IN (1, 2, 3, 5, 6, 7, 16, 17, 28, 29)))
    """
    passed, refused = set[tuple[str, str]](), set[tuple[str, str]]()
    for scope, verdict, checks in ask(tx, query, run=run):
        with suppress(DataError):
            (refused if verdict == "reject" else passed).update(zip(repeat(scope), symbols_in(checks), strict=False))
    return passed, refused


def _fault(row: Row[Any]) -> str:
    """What is wrong with an event of an order, which is the first of that order that is."""
    match row.fault:
        case "nothing":
            return "it has no event, or no state"
        case "first":
            return f"its first event, {row.event_id}, is {row.state} and neither {OrderState.PLANNED} nor {OrderState.APPROVED}"
        case "unasked":
            return f"its first event, {row.event_id}, is {row.state}, and nobody was asked about its basket"
        case "bounds":
            return f"event {row.event_id} has {row.filled_quantity:,} of {row.quantity:,} shares filled"
        case "fewer":
            return f"event {row.event_id} has {row.filled_quantity:,} shares filled after {row.filled_before:,}"
        case "step":
            return f"event {row.event_id} is {row.state}, which may not follow {row.before}"
        case "told":
            return "its state has another book, id of the broker or reason than its last event"
        case _:
            was, shares = row.state, row.filled_quantity
            return f"its state is {row.last_state} with {row.last_filled:,} filled, and its last event {was} with {shares:,}"


def _count(tx: Read, book: str | None) -> int:
    return int(ask(tx, f"SELECT count(*) FROM orders AS o WHERE {_OF_BOOK}", book=book).scalar_one())


def sends(tx: Read, book: str | None) -> int:
    """How many times an order was sent."""
    query = f"""
        SELECT count(*) FROM order_events AS e JOIN orders AS o ON o.client_order_id = e.client_order_id
        WHERE e.state = 'sending' AND {_OF_BOOK}
    """
    return int(ask(tx, query, book=book).scalar_one())
