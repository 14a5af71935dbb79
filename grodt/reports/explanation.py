"""Why a book did what it did in one symbol: the chain from the bars of a session to the position they led to.

Everything is read where it was recorded: the bar from the very file version that the run had pinned, verdicts, orders and fills from the
ledger, signals and targets from the tables that the run exported. Nothing is computed anew.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from typing import Any

from grodt.execution.approving import Answer, answer_of
from grodt.lake import Lake, LakeFile, Snapshot
from grodt.ledger.baskets import Approval, approvals_of
from grodt.ledger.fills import BookedFill, fills_of_order
from grodt.ledger.later_checks import evidence_of
from grodt.ledger.limits import LimitChange, limits_set
from grodt.ledger.manifest import snapshot
from grodt.ledger.orders import LedgerOrder, OrderEvent, events_of, orders_of, orders_protecting
from grodt.ledger.planned import life_of, planned_of
from grodt.ledger.requests import find_request
from grodt.ledger.runs import Run, run_id
from grodt.ledger.strategies import shares_of_order
from grodt.ledger.transaction import Read
from grodt.money import decimal
from grodt.risk.limit_values import GROUP_WEIGHT, RULES, Key
from grodt.signals.gate_evidence import MARKET
from grodt.slots import CLOSE

type Facts = dict[str, Any]

_EXPORTS = ("signals", "targets", "positions")
_REGIMES = "regimes"
#: Bars at the end of a day, and at a slot.
_BARS = ("bars_1d", "bars_1m")


@dataclass(frozen=True, slots=True)
class Explanation:
    """One chain, each link as rows with the columns of its table.

    Attributes:
        run: the cycle: id, state, attempts, snapshot, hash of the configuration, version and hash of the code, version of the limits.
        bars: the bar that the run saw, with the file it stands in; none where the symbol had none.
        quarantine: rows of that session that the gate refused.
        actions: corporate actions with that ex date.
        regimes: the market's, then the symbol's, and what they switched off; none where the book tells no regimes apart.
        signals: value and forecast of each signal.
        target: what was wanted; empty where the run exported nothing (it halted before).
        checks: every control that looked at the symbol, or at the basket or the book, in the order of their numbers, each with the limits
            it was held to, who set them, when and why.
        basket: what people were asked about the basket, what they said, and the symbol's order in it; none where nobody was asked.
        orders: what was planned or sent, each with its basket, approval, events and fills, and the legs of brackets that protect what it
            opened.
        position: what the book held at the close of the session, before the orders.
    """

    run: Facts
    bars: list[Facts]
    quarantine: list[Facts]
    actions: list[Facts]
    regimes: list[Facts]
    signals: list[Facts]
    target: list[Facts]
    checks: list[Facts]
    basket: list[Facts]
    orders: list[Facts]
    position: list[Facts]


def explain(tx: Read, lake: Lake, run: Run, source: str, symbol: str, now: datetime, within: datetime | None = None) -> Explanation:
    """The chain of a symbol in a run.

    Args:
        tx: the ledger.
        lake: the lake.
        run: the cycle.
        source: whose bars its book reads.
        symbol: the ticker.
        now: instant, which says whether what waits has expired.
        within: instant of its slot; None at the end of a day.

    Raises:
        DataError: a file of the chain is missing or altered.
    """
    pinned, day = run.snapshot_version, run.session
    seen = None if pinned is None else snapshot(tx, pinned, tables=(*_BARS, "corporate_actions"), session=day)
    exports = snapshot(tx, tables=(*_EXPORTS, _REGIMES, "quarantine"), session=day)
    exported = {table: _own(_rows(lake, exports, table, run.book, run.session, symbol), run) for table in _EXPORTS}
    checks = evidence_of(tx, run.run_id, (symbol, ""))
    return Explanation(
        run=_run(run),
        bars=[] if seen is None else _bars(lake, seen, source, run.session, symbol, within),
        quarantine=_rows(lake, exports, "quarantine", source, run.session, symbol),
        actions=[] if seen is None else _rows(lake, seen, "corporate_actions", source, run.session, symbol),
        regimes=[
            {"of": of, **row}
            for of, name in (("market", MARKET), (symbol, symbol))
            for row in _own(_rows(lake, exports, _REGIMES, run.book, run.session, name), run)
        ],
        signals=exported["signals"],
        target=exported["targets"],
        checks=_checks(tx, run, checks.drop("book", "session", "run_id").sort("control", "scope", "symbol").to_dicts()),
        basket=_basket(answer_of(tx, run, now), symbol),
        orders=_orders(tx, run, symbol, now),
        position=exported["positions"],
    )


def _run(run: Run) -> Facts:
    pinned = f"v{run.snapshot_version}-{run.snapshot_digest[:12]}" if run.snapshot_digest is not None else None
    return {
        "run_id": run.run_id,
        "book": run.book,
        "session": run.session,
        "slot": run.slot or None,
        "state": run.state,
        "attempts": run.attempts,
        "snapshot": pinned,
        "config_hash": run.config_hash,
        "code_version": run.code_version,
        "code_hash": run.code_hash or None,
        "limits_version": run.limits_version,
    }


def _checks(tx: Read, run: Run, checks: list[Facts]) -> list[Facts]:
    """Evidence with the limits that it was held to; of runs before limits had a history, without."""
    if run.limits_version is None:
        return [{**row, "limits": []} for row in checks]
    set_by = limits_set(tx, run.book, run.limits_version)
    return [{**row, "limits": [_limit(change) for key, change in set_by.items() if _is_asked(key, change, row, set_by)]} for row in checks]


def _is_asked(key: Key, change: LimitChange, row: Facts, all_set: Mapping[Key, LimitChange]) -> bool:
    if RULES[key.name].control != row["control"]:
        return False
    if key.name == GROUP_WEIGHT:
        return bool(change.after == row["limit"])
    own = Key(key.name, symbol=row["symbol"])
    return key.symbol in ("", row["symbol"]) and (key == own or own not in all_set)


def _limit(change: LimitChange) -> Facts:
    by = {"set_by": change.author, "set_at": change.at, "reason": change.reason}
    return {"name": change.key.name, "symbol": change.key.symbol, "group": change.key.group, "value": change.after, **by}


def _rows(lake: Lake, seen: Snapshot, table: str, owner: str, session: date, symbol: str) -> list[Facts]:
    found = lake.read(table, seen, source=owner, start=session, end=session, symbols=[symbol])
    return [{name: value for name, value in row.items() if name not in ("book", "source", "symbol")} for row in found.to_dicts()]


def _bars(lake: Lake, seen: Snapshot, source: str, session: date, symbol: str, within: datetime | None) -> list[Facts]:
    """The session's bar, or the last minute before a slot, with the path, digest and run of its file."""
    found = []
    for file in seen.of(_BARS[within is not None], source):
        if _may_hold(file, session):
            rows = _rows(lake, replace(seen, files=(file,)), file.table, source, session, symbol)
            found += [{**row, "file": file.path, "sha256": file.sha256, "run_id": file.run_id} for row in rows]
    if within is None:
        return found[:1]
    return sorted((row for row in found if row["start"] < within), key=lambda row: row["start"])[-1:]


def _own(rows: list[Facts], run: Run) -> list[Facts]:
    """Of what was exported for a session, what is of a slot, where the run is one; its positions are those of the close."""
    return [row for row in rows if not run.slot or row["run_id"] in (run.run_id, run_id(run.book, run.kind, run.session, CLOSE))]


def _may_hold(file: LakeFile, session: date) -> bool:
    return file.first_session is not None and file.last_session is not None and file.first_session <= session <= file.last_session


def _basket(answer: Answer | None, symbol: str) -> list[Facts]:
    if answer is None or answer.request is None:
        return []
    request = answer.request
    wanted = ("client_order_id", "side", "quantity", "reference_price")
    mine = [{name: each[name] for name in wanted} for each in request.subject["orders"] if each["symbol"] == symbol]
    return [
        {
            "request_id": request.request_id,
            "state": answer.state,
            "words": str(answer),
            "people": request.people,
            "expires_at": request.expires_at,
            "decisions": [asdict(each) for each in request.decisions],
            "orders": [each | {"reference_price": decimal(each["reference_price"])} for each in mine],
        }
    ]


def _orders(tx: Read, run: Run, symbol: str, now: datetime) -> list[Facts]:
    """The run's orders in the symbol; while they are none of the ledger, those that people are asked about."""
    if recorded := orders_of(tx, run.run_id, symbol):
        return [_order(tx, each, approvals_of(tx, each.basket_hash), events_of(tx, each.order.client_order_id)) for each in recorded]
    planned = [each for each in planned_of(tx, run, now) if each.order.symbol == symbol]
    if not planned:
        return []
    asked = find_request(tx, planned[0].basket_hash)
    agreed = [Approval(asked.request_id, each.person, each.at) for each in asked.decisions if each.verdict == "approve"]
    return [_order(tx, each, agreed, life_of(tx, asked, now)) for each in planned]


def _order(tx: Read, each: LedgerOrder, approvals: Sequence[Approval], events: Sequence[OrderEvent]) -> Facts:
    order = each.order
    price = each.average_fill_price
    return {
        "client_order_id": order.client_order_id,
        "side": str(order.side),
        "quantity": order.quantity,
        "order_type": order.order_type,
        "time_in_force": order.time_in_force,
        "order_price": None if order.price is None else decimal(order.price),
        "role": order.role or None,
        "protects": order.protects or None,
        "other_leg": order.other or None,
        "legs": [_leg(tx, leg) for leg in orders_protecting(tx, order.client_order_id)],
        "reference_price": decimal(order.reference_price),
        "state": str(each.state),
        "filled_quantity": each.filled_quantity,
        "average_fill_price": None if price is None else decimal(price),
        "venue_order_id": each.venue_order_id,
        "reason": each.reason,
        "strategies": shares_of_order(tx, order.client_order_id),
        "basket_hash": each.basket_hash,
        "approved_by": " and ".join(approval.by for approval in approvals) or None,
        "approved_at": approvals[-1].at if approvals else None,
        "events": [_event(event) for event in events],
        "fills": [_fill(fill) for fill in fills_of_order(tx, order.client_order_id)],
    }


def _leg(tx: Read, leg: LedgerOrder) -> Facts:
    """An order that closes what another one opened or added to, with its own fills."""
    return {
        "client_order_id": leg.order.client_order_id,
        "role": leg.order.role,
        "quantity": leg.order.quantity,
        "order_price": None if leg.order.price is None else decimal(leg.order.price),
        "session": leg.order.session,
        "state": str(leg.state),
        "filled_quantity": leg.filled_quantity,
        "reason": leg.reason,
        "fills": [_fill(fill) for fill in fills_of_order(tx, leg.order.client_order_id)],
    }


def _event(event: OrderEvent) -> Facts:
    return {
        "state": str(event.state),
        "filled_quantity": event.filled_quantity,
        "reason": event.reason,
        "run_id": event.run_id,
        "at": event.at,
    }


def _fill(booked: BookedFill) -> Facts:
    fill = booked.fill
    return {
        "execution_id": fill.execution_id,
        "session": fill.session,
        "quantity": fill.quantity,
        "price": decimal(fill.price),
        "commission": decimal(fill.commission),
        "filled_at": fill.filled_at,
        "run_id": booked.run_id,
    }


def as_facts(found: Explanation) -> Mapping[str, Any]:
    """The chain for programs, link by link in its order."""
    return {name: getattr(found, name) for name in Explanation.__slots__}
