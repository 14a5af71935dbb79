"""Acts that need people: a person's word on a request, and what is carried out when it was the last one needed.

The word and its effect stand in one transaction: both are in the ledger, or neither is.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from grodt.errors import ConfigError
from grodt.ledger import accounts, basket_requests, corrections, limits, order_ends, overrides, rearming
from grodt.ledger.requests import Request, Verdict, decide, find_request
from grodt.ledger.transaction import Read, Write


def _never(_tx: Read, _request: Request) -> str:
    return ""


@dataclass(frozen=True, slots=True)
class Kind:
    """What a kind of request asks for, and what follows.

    Attributes:
        what: what is asked for, in one line.
        carry_out: does what is approved, in the transaction of the last word; returns what was done, or what is to be done next.
        turned_down: what a rejection leaves, in one line.
        refusal: why it can no longer be decided although it waits; "" where it can.
    """

    what: Callable[[Request], str]
    carry_out: Callable[[Write, Request, datetime], str]
    turned_down: Callable[[Request], str] = lambda _request: "nothing changes"
    refusal: Callable[[Read, Request], str] = _never


@dataclass(frozen=True, slots=True)
class Acted:
    """A request after a person's word.

    Attributes:
        request: with that word.
        what: what is asked for.
        then: what follows: what was carried out, who else must agree, or what a rejection leaves.
    """

    request: Request
    what: str
    then: str


#: Every kind of request there is.
KINDS: Mapping[str, Kind] = {
    basket_requests.KIND: Kind(
        what=basket_requests.what,
        carry_out=basket_requests.next_step,
        turned_down=basket_requests.left,
        refusal=basket_requests.refusal,
    ),
    limits.KIND: Kind(what=limits.what_is_asked, carry_out=limits.carry_out, refusal=limits.refusal),
    overrides.KIND: Kind(what=overrides.what_is_asked, carry_out=overrides.carry_out),
    corrections.CORRECTION: Kind(
        what=corrections.what_is_corrected,
        carry_out=corrections.book_correction,
        turned_down=lambda _request: "nothing is booked, and the break stays open",
        refusal=corrections.no_correction,
    ),
    corrections.WITHDRAWAL: Kind(
        what=corrections.what_is_withdrawn, carry_out=corrections.book_withdrawal, refusal=corrections.no_withdrawal
    ),
    order_ends.ORDER_END: Kind(
        what=order_ends.what_is_ended,
        carry_out=order_ends.end_order,
        turned_down=lambda _request: "the order stays open in the ledger, and the break too",
        refusal=order_ends.no_end,
    ),
    accounts.KIND: Kind(
        what=accounts.what_is_asked,
        carry_out=accounts.carry_out,
        turned_down=lambda _request: "the book stays at the account it was at",
        refusal=accounts.refusal,
    ),
    rearming.REARM: Kind(
        what=rearming.what,
        carry_out=rearming.carry_out,
        turned_down=lambda _request: "the halts hold",
        refusal=rearming.refusal,
    ),
}


def kind_of(request: Request) -> Kind:
    """What its kind stands for.

    Raises:
        ConfigError: this version does not know it.
    """
    if request.kind not in KINDS:
        raise ConfigError(f"request {request.short} is a {request.kind!r}, which this GRODT does not know: use the version that asked")
    return KINDS[request.kind]


def act(tx: Write, request_id: str, verdict: Verdict, *, by: str, reason: str, now: datetime) -> Acted:
    """Take a person's word on a request; when it is the last one needed, carry out what was asked for.

    Raises:
        ConfigError: as `decide`; or the request can no longer take effect, and says why.
    """
    asked = find_request(tx, request_id)
    kind = kind_of(asked)
    asked.require_waiting(now)
    refusal = kind.refusal(tx, asked)
    if refusal:
        raise ConfigError(f"{asked.kind} {asked.short} can no longer be decided: {refusal}")
    after = decide(tx, asked.request_id, verdict, by=by, reason=reason, now=now)
    state = after.state(now)
    if state == "approved":
        then = kind.carry_out(tx, after, now)
    elif state == "rejected":
        then = kind.turned_down(after)
    else:
        then = f"{after.missing} more must agree before {after.expires_at:%Y-%m-%d %H:%M} UTC: grodt approve {after.short} --reason WHY"
    return Acted(after, kind.what(after), then)


def still_waiting(tx: Read, requests: tuple[Request, ...]) -> tuple[Request, ...]:
    """Those of waiting requests that can still take effect."""
    return tuple(each for each in requests if not kind_of(each).refusal(tx, each))


def in_words(request: Request) -> str:
    """A request that waits, in one line."""
    until = f"{request.missing} more must agree before {request.expires_at:%Y-%m-%d %H:%M} UTC"
    return f"{request.kind} {request.short}, {kind_of(request).what(request)}, asked by {request.asked_by}: {until}"
