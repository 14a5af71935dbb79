"""Baskets that wait for people: requests of kind `basket`, whose id is the basket's hash.

A run asks about one basket at a time. When its input changes it comes to another basket, with another hash, which is asked about anew
and names the one before; only the last of that chain can be decided, so that a basket of before, approved or not, sends nothing.
The orders stand in the request alone until it is approved (`grodt.ledger.planned`): then they enter `baskets` and `orders`, with the names
of those who agreed.
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from grodt.errors import DataError
from grodt.ledger.baskets import approve_basket, basket_of, record_basket
from grodt.ledger.requests import Request, ask, requests_of
from grodt.ledger.runs import Run, find_run, slot_of_id
from grodt.ledger.transaction import Read, Write
from grodt.money import decimal
from grodt.orders.basket import Basket, optional_fields

KIND = "basket"


def ask_for_basket(
    tx: Write,
    basket: Basket,
    *,
    run: Run,
    changes: Mapping[str, Any],
    people: int,
    now: datetime,
    expires_at: datetime,
) -> Request | None:
    """Ask people about a basket. What the run asks about already is returned, if nothing about it has changed.

    None where it is too late to ask: the latest send time is over.

    Args:
        tx: the transaction.
        basket: as risk approved it, without a basis.
        run: whose.
        changes: what people are shown, as plain JSON values.
        people: how many must agree.
        now: instant.
        expires_at: the latest send time.
    """
    before, judged = current_request(tx, run), find_run(tx, run.run_id) or run
    inputs: dict[str, str | int | None] = {
        "snapshot": judged.snapshot_digest,
        "config_hash": judged.config_hash,
        "code_version": judged.code_version,
        "code_hash": judged.code_hash,
        "limits_version": judged.limits_version,
    }
    shown = {"inputs": inputs, "changes": dict(changes), "people": people}
    if before is not None:
        same = basket.on(_basis(shown | {"after": before.subject["after"]}))
        if same.hash == before.request_id:
            return before
    if expires_at <= now:
        return None
    shown |= {"after": "" if before is None else before.request_id}
    asked = basket.on(_basis(shown))
    subject = (
        shown
        | {
            "run_id": run.run_id,
            "session": run.session.isoformat(),
            "basis": asked.basis,
            "orders": [
                {
                    "client_order_id": order.client_order_id,
                    "symbol": order.symbol,
                    "side": order.side.value,
                    "quantity": order.quantity,
                    "reference_price": order.reference_price,
                    "order_type": order.order_type,
                    "time_in_force": order.time_in_force,
                }
                | optional_fields(order)
                for order in asked.orders
            ],
            "value": basket.value,
        }
        | ({"withdraws": list(asked.withdraws)} if asked.withdraws else {})
    )
    reason = "its input changed" if before is not None else f"book {run.book} asks for approval"
    return ask(
        tx,
        kind=KIND,
        book=run.book,
        subject=subject,
        people=people,
        by="risk",
        reason=reason,
        now=now,
        expires_at=expires_at,
        request_id=asked.hash,
    )


def current_request(tx: Read, run: Run) -> Request | None:
    """What the run asks people about: the last of its chain; None where it has asked about nothing."""
    asked = _asked(tx, run)
    superseded = {each.subject["after"] for each in asked}
    last = [each for each in asked if each.request_id not in superseded]
    return last[0] if last else None


def superseding(tx: Read, request: Request) -> Request | None:
    """What its run asked about in place of a request, when its input had changed; None where the request is its last one."""
    run = find_run(tx, request.subject["run_id"])
    asked = [] if run is None else _asked(tx, run)
    return next((each for each in asked if each.subject["after"] == request.request_id), None)


def _asked(tx: Read, run: Run) -> list[Request]:
    """Everything that a run has asked about."""
    asked = requests_of(tx, run.book, kind=KIND, since=run.opened_at, holding=f'"run_id":{json.dumps(run.run_id)}')
    return [each for each in asked if each.subject["run_id"] == run.run_id]


def record_approved(tx: Write, basket: Basket, request: Request, now: datetime) -> Basket:
    """Record the basket that people have approved, with their names. Recording it again changes nothing.

    Args:
        tx: the transaction.
        basket: as risk approved it, without a basis.
        request: about it, approved.
        now: instant.

    Raises:
        DataError: these are not the orders that were approved; nothing is recorded.
        ValueError: the request is not approved.
    """
    if request.state(now) != "approved":
        raise ValueError(f"basket {request.short} of run {basket.run_id} is {request.state(now)}, not approved")
    approved = basket.on(request.subject["basis"])
    if approved.hash != request.request_id:
        raise DataError(
            f"run {basket.run_id}: basket {approved.hash[:12]} is not {request.short}, which was approved; nothing of it is sent. "
            f"Run `grodt verify`, then halt the book and look into the ledger"
        )
    record_basket(tx, approved, basket.run_id, now, planned_at=request.asked_at)
    for each in request.decisions:
        approve_basket(tx, approved.hash, each.person, each.at)
    return approved


def what(request: Request) -> str:
    """What is asked for, in one line."""
    subject = request.subject
    count = len(subject["orders"])
    kinds = sorted({f"{each['order_type']} {each['time_in_force']}" for each in subject["orders"]} - {"market opg"})
    what_kind = f"{' and '.join(kinds)} order".strip()
    return f"{count:,} {what_kind}{'' if count == 1 else 's'} of session {subject['session']}, worth {decimal(subject['value']):,.2f} USD"


def next_step(_tx: Write, request: Request, _now: datetime) -> str:
    """What an approval is followed by: the cycle computes the basket anew, finds it approved, records and sends it."""
    until = f"{request.expires_at:%Y-%m-%d %H:%M} UTC"
    return f"the cycle computes it again and, if it comes to the same, sends it when it is run before {until}: {command(request)}"


def command(request: Request) -> str:
    """What a person types to go on with the run that asks: its session, and its slot where it has one."""
    session = request.subject["session"]
    slot = slot_of_id(request.subject["run_id"], session)
    if not slot:
        return f"grodt run --book {request.book} --session {session}"
    return f"grodt intraday --book {request.book} --session {session} --at {slot[:2]}:{slot[2:]}"


def left(request: Request) -> str:
    """What a rejection leaves."""
    return f"nothing of it is sent, and the cycle ends when it is run: {command(request)}"


def refusal(tx: Read, request: Request) -> str:
    """Why it can no longer be decided; "" where it can."""
    run = find_run(tx, request.subject["run_id"])
    if run is None or run.state in ("done", "abandoned"):
        return f"its run {request.subject['run_id']} is {'not there' if run is None else run.state}"
    if basket_of(tx, run.run_id) is not None:
        return f"run {run.run_id} has made its basket"
    current = current_request(tx, run)
    if current is not None and current.request_id != request.request_id:
        return f"its input changed, and basket {current.short} stands in its place"
    return ""


def _basis(shown: Mapping[str, Any]) -> str:
    text = json.dumps(shown, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(text.encode("ascii")).hexdigest()
