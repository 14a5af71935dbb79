"""The API: what `grodt` does with `--json`, over HTTP, in the name of who holds the token."""

from http import HTTPStatus
from typing import Any

from werkzeug.exceptions import ServiceUnavailable

from grodt.desk import acts, asks, gives, looks, takes
from grodt.desk.callers import Caller, log_in, log_out
from grodt.desk.openapi import described
from grodt.desk.operations import Operations
from grodt.desk.parts import parts
from grodt.desk.remote import address
from grodt.desk.tokens import LIFE, signed
from grodt.errors import ConfigError, GrodtError
from grodt.ledger.acts import Acted
from grodt.ledger.breaks import OpenBreak
from grodt.ledger.cancels import cancels_of
from grodt.ledger.limits import Changed
from grodt.ledger.requests import Request
from grodt.ledger.unit import Read
from grodt.ledger.users import is_denied, require_user
from grodt.reports.rows import change_row, halt_row, request_row
from grodt.risk.limit_values import Key
from grodt.settings.naming import chosen_book
from grodt.telemetry.logs import get_logger

ROOT = "/api/v1"

api = Operations()
_log = get_logger("grodt.desk")


@api.add("POST", "/api/token", role=None, body=takes.Login, answer=gives.Token)
def token(body: takes.Login) -> dict[str, Any]:
    """Give a name and a password, get an access token."""
    desk = parts()
    claims = log_in(desk, body.name, body.password, address(), "api")
    with desk.ledger.read() as tx:
        role = require_user(tx, claims.name).role
    life = int(LIFE.total_seconds())
    return {"access_token": signed(claims, desk.keys), "token_type": "Bearer", "expires_in": life, "name": claims.name, "role": role}


@api.add("DELETE", "/api/token", role="viewer", status=HTTPStatus.NO_CONTENT)
def give_back(caller: Caller) -> None:
    """Give the token back: it is accepted no more."""
    log_out(parts(), caller)


@api.add("GET", f"{ROOT}/health/live", role=None, answer=gives.Health)
def live() -> dict[str, str]:
    """Whether the process answers."""
    return {"status": "ok"}


@api.add("GET", f"{ROOT}/health/ready", role=None, answer=gives.Health)
def ready() -> dict[str, str]:
    """Whether the ledger and the books file can be read."""
    try:
        with parts().ledger.read() as tx:
            is_denied(tx, "")
        parts().books()
    except GrodtError as error:
        _log.error("not ready", why=str(error))
        raise ServiceUnavailable("the ledger or the books file cannot be read; the log says why") from error
    return {"status": "ok"}


@api.add("GET", f"{ROOT}/openapi.json", role="viewer", answer=dict[str, Any])
def description() -> dict[str, Any]:
    """This description, as OpenAPI 3.1."""
    return described(api.all, parts().version)


@api.add("GET", f"{ROOT}/status", role="viewer", query=takes.OfBooks, answer=list[gives.StatusNow])
def status(tx: Read, query: takes.OfBooks) -> looks.Rows:
    """Books now: last run, equity, open orders, breaks, halts, what waits."""
    return [each.row() for each in looks.statuses(tx, parts(), query.book)]


@api.add("GET", f"{ROOT}/waiting", role="viewer", query=takes.OfBooks, answer=list[gives.Waiting])
def waiting(tx: Read, query: takes.OfBooks) -> looks.Rows:
    """What waits for people, each with all that it would change."""
    return looks.waiting_rows(tx, parts(), query.book)


@api.add("GET", f"{ROOT}/waiting/<request_id>", role="viewer", answer=gives.WaitingOne)
def waiting_one(tx: Read, request_id: str) -> dict[str, Any]:
    """One request by its hash, whatever it came to."""
    return looks.request_rows(tx, parts(), request_id)


@api.add("POST", f"{ROOT}/waiting/<request_id>/approve", role="approver", body=takes.WordGiven, answer=gives.Decided)
def approve(caller: Caller, request_id: str, body: takes.WordGiven) -> dict[str, Any]:
    """Agree to something that waits, by its whole hash. The last one needed carries it out."""
    return _decided(*acts.decide(parts(), caller, request_id, "approve", body.reason))


@api.add("POST", f"{ROOT}/waiting/<request_id>/reject", role="approver", body=takes.WordGiven, answer=gives.Decided)
def reject(caller: Caller, request_id: str, body: takes.WordGiven) -> dict[str, Any]:
    """Turn down something that waits, by its whole hash. One rejection is enough."""
    return _decided(*acts.decide(parts(), caller, request_id, "reject", body.reason))


@api.add("GET", f"{ROOT}/halts", role="viewer", query=takes.HaltsAsked, answer=list[gives.HaltNow])
def halts(tx: Read, query: takes.HaltsAsked) -> looks.Rows:
    """Halts that hold, newest first."""
    return looks.halt_rows(tx, parts(), query.book, everything=query.everything)


@api.add("POST", f"{ROOT}/halts", role="trader", body=takes.HaltGiven, answer=gives.Halted, status=HTTPStatus.CREATED)
def halt(caller: Caller, body: takes.HaltGiven) -> dict[str, Any]:
    """Halt, also while a cycle is sending, and ask brokers to cancel the open orders that it covers."""
    if body.all_books == (body.book is not None) or (body.all_books and (body.strategy or body.symbol)):
        raise ConfigError("a halt is of all_books, or of one book (and a strategy or a symbol of it): say which")
    if body.strategy and body.symbol:
        raise ConfigError("a halt is of a symbol or of a strategy: give one")
    wanted = acts.HaltWanted(
        body.book, body.reason, body.strategy or "", body.symbol or "", body.side, body.kill, body.minutes, body.keep_orders
    )
    made, cancelled = acts.stop(parts(), caller, wanted)
    with parts().ledger.read() as tx:
        row = halt_row(made, cancels_of(tx, made.halt_id), parts().now())
    return {"halt": row, "told": list(cancelled.told), "failed": [str(each) for each in cancelled.failed]}


@api.add("POST", f"{ROOT}/rearm", role="trader", body=takes.RearmGiven, answer=gives.Rearmed)
def rearm(caller: Caller, body: takes.RearmGiven) -> dict[str, Any]:
    """End halts; a kill or a breach is asked for, and ended when another person approves."""
    if [body.halt_id is not None, body.book is not None, body.all_books].count(True) != 1:
        raise ConfigError("what is to be ended is one halt_id, the halts of a book, or those on all_books: give one")
    done = acts.end(parts(), caller, body.halt_id, body.book or "", body.reason)
    asked = None if done.asked is None else _asked(done.asked)
    return {"ended": [each.halt_id for each in done.ended], "waiting": [each.halt_id for each in done.waiting], "request": asked}


@api.add("GET", f"{ROOT}/positions", role="viewer", query=takes.OfBook, answer=list[gives.PositionNow])
def positions(tx: Read, query: takes.OfBook) -> looks.Rows:
    """What a book held at the close of its last session that is done."""
    return looks.positions_of(tx, parts(), _book(query))[1]


@api.add("GET", f"{ROOT}/positions/by-strategy", role="viewer", query=takes.PositionsAsked, answer=list[gives.StrategyNow])
def strategies(tx: Read, query: takes.PositionsAsked) -> looks.Rows:
    """What each strategy of a book holds and has earned, with everything that is booked."""
    return looks.strategies_of(tx, parts(), _book(query), query.strategy)


@api.add("GET", f"{ROOT}/orders", role="viewer", query=takes.OrdersAsked, answer=list[gives.OrderNow])
def orders(tx: Read, query: takes.OrdersAsked) -> looks.Rows:
    """Orders that a session decided, with the state they have reached."""
    return looks.orders_of(tx, parts(), _book(query), query.session)


@api.add("GET", f"{ROOT}/limits", role="viewer", query=takes.OfBook, answer=list[gives.LimitNow])
def limits(tx: Read, query: takes.OfBook) -> looks.Rows:
    """Limits in force, and how much of each the book's latest cycle used."""
    return looks.limits_of(tx, parts(), _book(query))


@api.add("GET", f"{ROOT}/limits/history", role="viewer", query=takes.LimitsAsked, answer=list[gives.LimitSet])
def limit_history(tx: Read, query: takes.LimitsAsked) -> looks.Rows:
    """Who set which limit, when, from what to what, and why; oldest first."""
    return looks.limit_changes_of(tx, _book(query), query.name)


@api.add("POST", f"{ROOT}/limits/set", role="trader", body=takes.LimitGiven, answer=gives.LimitsChanged)
def set_limit(caller: Caller, body: takes.LimitGiven) -> dict[str, Any]:
    """Set a limit. Tighter holds at once; what gives the book more room waits for another person."""
    key = Key(body.name, body.symbol, body.group)
    return _limits_changed(asks.change_limit(parts(), caller, _named(body.book), key, body.value, body.reason))


@api.add("POST", f"{ROOT}/limits/unset", role="trader", body=takes.LimitNamed, answer=gives.LimitsChanged)
def unset_limit(caller: Caller, body: takes.LimitNamed) -> dict[str, Any]:
    """Take away the limit that a symbol or group has of its own, or a symbol from the restricted list."""
    key = Key(body.name, body.symbol, body.group)
    return _limits_changed(asks.change_limit(parts(), caller, _named(body.book), key, None, body.reason))


@api.add("POST", f"{ROOT}/limits/adopt", role="trader", body=takes.Adopted, answer=gives.LimitsChanged)
def adopt_limits(caller: Caller, body: takes.Adopted) -> dict[str, Any]:
    """Make the limits those of the books file: what is tighter holds at once, the rest waits for another person as one request."""
    return _limits_changed(asks.adopt_limits(parts(), caller, _named(body.book), body.reason))


@api.add("POST", f"{ROOT}/overrides", role="trader", body=takes.OverrideGiven, answer=gives.WaitingOne, status=HTTPStatus.CREATED)
def override(caller: Caller, body: takes.OverrideGiven) -> dict[str, Any]:
    """Ask for a control to be lifted for a while; it lifts nothing until another person agrees."""
    term: dict[str, Any] = {"symbol": body.symbol, "cycles": body.cycles, "until": body.until}
    return _asked(asks.lift(parts(), caller, _named(body.book), body.control, reason=body.reason, **term))


@api.add("GET", f"{ROOT}/breaks", role="viewer", query=takes.BreaksAsked, answer=list[gives.BreakNow])
def breaks(tx: Read, query: takes.BreaksAsked) -> looks.Rows:
    """Open differences from the broker: what each is worth, its age and owner."""
    return looks.breaks_of(tx, parts(), _book(query), everything=query.everything)


@api.add("GET", f"{ROOT}/breaks/<int:break_id>", role="viewer", answer=gives.BreakNow)
def one_break(tx: Read, break_id: int) -> dict[str, Any]:
    """One difference from the broker, open or resolved."""
    return looks.break_of(tx, parts(), break_id)


@api.add("POST", f"{ROOT}/breaks/<int:break_id>/assign", role="trader", body=takes.BreakAssigned, answer=gives.BreakNow)
def assign_break(caller: Caller, break_id: int, body: takes.BreakAssigned) -> dict[str, Any]:
    """Give an open break to a person."""
    return _break(asks.assign(parts(), caller, break_id, body.person))


@api.add("POST", f"{ROOT}/breaks/<int:break_id>/resolve", role="trader", body=takes.WordGiven, answer=gives.BreakNow)
def resolve_break(caller: Caller, break_id: int, body: takes.WordGiven) -> dict[str, Any]:
    """Close a break whose cause is mended; it changes no position, and a halt of its book holds until it is ended."""
    return _break(asks.resolve(parts(), caller, break_id, body.reason))


@api.add(
    "POST",
    f"{ROOT}/breaks/<int:break_id>/correct",
    role="trader",
    body=takes.BreakCorrected,
    answer=gives.WaitingOne,
    status=HTTPStatus.CREATED,
)
def correct_break(caller: Caller, break_id: int, body: takes.BreakCorrected) -> dict[str, Any]:
    """Ask for the entry that brings our side to the broker's, or the end of an order that it has no more; another person must agree."""
    return _asked(asks.correct(parts(), caller, break_id, body.price, body.booked_as, body.reason))


def _break(found: OpenBreak) -> dict[str, Any]:
    with parts().ledger.read() as tx:
        return looks.break_of(tx, parts(), found.break_id)


def _book(query: takes.OfBook) -> str:
    return _named(query.book)


def _named(book: str | None) -> str:
    return chosen_book(parts().books(), book)


def _limits_changed(made: Changed) -> dict[str, Any]:
    return {"made": [change_row(each) for each in made.made], "request": None if made.request is None else _asked(made.request)}


def _asked(made: Request) -> dict[str, Any]:
    return request_row(made) | {"state": made.state(parts().now())}


def _decided(acted: Acted, run: str) -> dict[str, Any]:
    return {"request": _asked(acted.request), "then": acted.then, "run": run}
