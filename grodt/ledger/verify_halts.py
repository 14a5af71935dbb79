"""Checks of halts: that they are as people and controls made and ended them, and that nothing was sent while one held."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row

from grodt.ledger.transaction import Read
from grodt.ledger.verify_findings import Found, ask, stream
from grodt.ledger.verify_orders import sends

_STARTED = ("scope", "book", "strategy", "symbol", "side", "kind", "control", "keep_orders", "reason", "author", "started_at", "expires_at")
_MARKED = {"mark_session": "session", "mark_equity": "equity", "mark_profit": "profit"}


def check_made(tx: Read, book: str | None) -> Found:
    """Each halt stands in `halts` as it was made and ended, with the mark that losses are measured from since, and none that was not."""
    of = "(:book IS NULL OR {0}.book IN (:book, ''))".format
    other = " OR ".join(f"h.{name} IS DISTINCT FROM s.{name}" for name in _STARTED)
    marked = " OR ".join(f"h.{name} IS DISTINCT FROM m.{told}" for name, told in _MARKED.items())
    query = f"""
        SELECT s.halt_id, s.reason, CASE
            WHEN h.halt_id IS NULL THEN 'it was made and is not among the halts any more'
            WHEN {other} THEN 'it stands otherwise among the halts than it was made'
            WHEN e.halt_id IS NULL AND h.ended_at IS NOT NULL THEN 'it stands as ended, and nobody has ended it'
            WHEN e.halt_id IS NOT NULL AND h.ended_at IS NULL THEN 'it was ended and stands as one that holds'
            WHEN {marked} THEN 'losses are measured from another mark than that of its end'
            ELSE 'it stands as ended otherwise than it was' END AS fault
        FROM halt_starts AS s LEFT JOIN halts AS h ON h.halt_id = s.halt_id LEFT JOIN halt_ends AS e ON e.halt_id = s.halt_id
        LEFT JOIN halt_marks AS m ON m.halt_id = s.halt_id
        WHERE {of("s")} AND (h.halt_id IS NULL OR {other} OR {marked} OR h.ended_at IS DISTINCT FROM e.ended_at
          OR h.end_reason IS DISTINCT FROM e.reason OR h.end_author IS DISTINCT FROM e.author) ORDER BY 1
    """
    made_up = f"""
        SELECT h.halt_id, h.reason, 'it stands among the halts, and nobody has made it' AS fault FROM halts AS h
        WHERE {of("h")} AND NOT EXISTS (SELECT 1 FROM halt_starts AS s WHERE s.halt_id = h.halt_id) ORDER BY 1
    """
    made = int(ask(tx, f"SELECT count(*) FROM halt_starts AS s WHERE {of('s')}", book=book).scalar_one())
    wrong = (f"halt {row.halt_id} ({row.reason}): {row.fault}" for each in (query, made_up) for row in ask(tx, each, book=book))
    return Found(f"{made:,} halts", made, wrong)


def check_halts(tx: Read, book: str | None) -> Found:
    """No order was sent between the start and the end of a halt that concerns it, in the order of commits.

    Of halts of a strategy, and of those that let reductions pass, an order does not say whether they concern it. Halts of before halts were
    facts, and those that somebody put there by hand, are held against sends by the clock.
    """
    concern = "scope <> 'strategy' AND side <> 'reduce_only'"
    by_event = f"""
        SELECT s.halt_id, s.scope, s.book, s.symbol, s.side, s.reason, s.started_at, s.expires_at, s.after_event AS after,
          e.after_event + 1 AS until
        FROM halt_starts AS s LEFT JOIN halt_ends AS e ON e.halt_id = s.halt_id
        WHERE s.after_event >= 0 AND {concern} ORDER BY s.after_event, s.halt_id
    """
    by_clock = f"""
        SELECT halt_id, scope, book, symbol, side, reason, started_at, NULL AS expires_at, started_at AS after,
          CASE WHEN ended_at < expires_at OR expires_at IS NULL THEN ended_at ELSE expires_at END AS until
        FROM halts WHERE {concern} AND halt_id NOT IN (SELECT halt_id FROM halt_starts WHERE after_event >= 0) ORDER BY started_at, halt_id
    """
    query = """
        SELECT o.client_order_id, o.book, o.symbol, o.side, e.event_id, e.recorded_at FROM order_events AS e
        JOIN orders AS o ON o.client_order_id = e.client_order_id
        WHERE e.state = 'sending' AND (:book IS NULL OR o.book = :book) ORDER BY e.{}
    """
    made, of_before, count = list(ask(tx, by_event)), list(ask(tx, by_clock)), sends(tx, book)
    found: list[_Sent] = []
    if made:
        found += _while_halted(((row, row.event_id) for row in stream(tx, query.format("event_id"), book=book)), made)
    if of_before:
        found += _while_halted(((row, row.recorded_at) for row in stream(tx, query.format("recorded_at"), book=book)), of_before)
    halts = len(made) + len(of_before)
    wrong = (str(each) for each in sorted(found, key=lambda each: (each.event, each.halt.halt_id)))
    return Found(f"{count:,} sends against {halts:,} halts", min(count, halts), wrong)


@dataclass(frozen=True, slots=True)
class _Sent:
    """An order that was sent while a halt held."""

    key: str
    event: int
    at: str
    halt: Row[Any]

    def __str__(self) -> str:
        held = f"halt {self.halt.halt_id} held since {self.halt.started_at}: {self.halt.reason}"
        return f"order {self.key} was sent at {self.at} (event {self.event}), while {held}"


def _while_halted(sent: Iterator[tuple[Row[Any], Any]], halts: list[Row[Any]]) -> list[_Sent]:
    """Goes through sends and halts once, both in the same order.

    Args:
        sent: each with its place: its event, or its instant.
        halts: by `after`, the place after which they hold; `until` is the place from which they do no more.
    """
    coming = deque(halts)
    held: dict[tuple[str, ...], list[Row[Any]]] = {}
    found: list[_Sent] = []
    for (key, book, symbol, side, event, at), place in sent:
        while coming and coming[0].after < place:
            halt = coming.popleft()
            held.setdefault(() if halt.scope == "all" else (halt.book, halt.symbol), []).append(halt)
        for concerned in ((), (book, ""), (book, symbol)) if held else ():
            if concerned not in held:
                continue
            held[concerned] = [halt for halt in held[concerned] if halt.until is None or place < halt.until]
            found += (
                _Sent(key, event, at, halt)
                for halt in held[concerned]
                if halt.side in ("all", f"{side}s") and (halt.expires_at is None or at < halt.expires_at)
            )
    return found
