"""The pages on which people change limits, ask for overrides and work breaks."""

from http import HTTPStatus

from flask import Blueprint, redirect, request, url_for
from pydantic import ValidationError

from grodt.desk import asks, looks, problems
from grodt.desk.browsers import Page, logged_in
from grodt.desk.callers import Caller
from grodt.desk.forms import BreakForm, LimitForm, OverrideForm
from grodt.desk.pages import rendered, words_of
from grodt.desk.parts import parts
from grodt.desk.shown import use
from grodt.errors import BrokerUnavailable, ConfigError
from grodt.ledger.break_evidence import evidence_of
from grodt.ledger.breaks import find_break
from grodt.ledger.cash_entries import CASH_KINDS
from grodt.ledger.limits import Changed, differences, limits_in_force
from grodt.ledger.requests import Request
from grodt.risk.limit_values import RULES, Key

asks_pages = Blueprint("asks", "grodt.desk")
#: Changes of limits that the page shows, the newest.
_CHANGES = 30


@asks_pages.get("/books/<book>/limits")
@logged_in()
def limits(*, caller: Caller, book: str) -> Page:
    """A book's limits, who set them, and the forms that change one or ask for an override."""
    return _limits(book)


@asks_pages.post("/books/<book>/limits")
@logged_in("trader")
def change_limits(*, caller: Caller, book: str) -> Page:
    """Change a limit, or make all of them those of the books file."""
    try:
        given = LimitForm.model_validate(request.form.to_dict())
        if given.act == "adopt":
            made = asks.adopt_limits(parts(), caller, book, given.reason)
        else:
            key = Key(given.name, given.symbol, given.group)
            made = asks.change_limit(parts(), caller, book, key, given.value if given.act == "set" else None, given.reason)
    except (ValidationError, ConfigError) as error:
        return _limits(book, told=words_of(error)), HTTPStatus(problems.problem_of(error).status)
    return _after(made, book)


@asks_pages.post("/books/<book>/overrides")
@logged_in("trader")
def override(*, caller: Caller, book: str) -> Page:
    """Ask for a control to be lifted."""
    try:
        given = OverrideForm.model_validate(request.form.to_dict())
        made = asks.lift(
            parts(), caller, book, given.control, symbol=given.symbol, cycles=given.cycles, until=given.until, reason=given.reason
        )
    except (ValidationError, ConfigError) as error:
        return _limits(book, told=words_of(error)), HTTPStatus(problems.problem_of(error).status)
    return _to(made)


@asks_pages.get("/breaks/<int:break_id>")
@logged_in()
def one_break(*, caller: Caller, break_id: int) -> Page:
    """A break, what the ledger has around it, and the forms that work it."""
    return _break(break_id)


@asks_pages.post("/breaks/<int:break_id>")
@logged_in("trader")
def work_break(*, caller: Caller, break_id: int) -> Page:
    """Give it to a person, ask for its correction, or close it."""
    desk = parts()
    try:
        given = BreakForm.model_validate(request.form.to_dict())
        if given.act == "correct":
            return _to(asks.correct(desk, caller, break_id, given.price, given.booked_as, given.reason))
        if given.act == "assign":
            asks.assign(desk, caller, break_id, given.person)
        else:
            asks.resolve(desk, caller, break_id, given.reason)
    except (ValidationError, ConfigError, BrokerUnavailable) as error:
        return _break(break_id, told=words_of(error)), HTTPStatus(problems.problem_of(error).status)
    return redirect(url_for("asks.one_break", break_id=break_id), HTTPStatus.SEE_OTHER)


def _after(made: Changed, book: str) -> Page:
    """Where one goes from a change: to what waits for another person, else back, where it stands."""
    return redirect(url_for("asks.limits", book=book), HTTPStatus.SEE_OTHER) if made.request is None else _to(made.request)


def _to(asked: Request) -> Page:
    return redirect(url_for("pages.waiting", request_id=asked.request_id), HTTPStatus.SEE_OTHER)


def _limits(book: str, told: str = "") -> str:
    desk = parts()
    file = desk.books().book(book).limits
    with desk.ledger.read() as tx:
        rows = looks.limits_of(tx, desk, book)
        changes = looks.limit_changes_of(tx, book, None)[::-1][:_CHANGES]
        apart = differences(file, limits_in_force(tx, book, file).limits)
    return rendered(
        "limits.html",
        book=book,
        limits=[each | {"bar": use(each["used"])} for each in rows],
        changes=changes,
        apart=[str(each.key) for each in apart],
        names=list(RULES),
        told=told,
    )


def _break(break_id: int, told: str = "") -> str:
    desk = parts()
    with desk.ledger.read() as tx:
        row, evidence = looks.break_of(tx, desk, break_id), evidence_of(tx, find_break(tx, break_id))
    return rendered("break.html", each=row, evidence=evidence, cash_kinds=CASH_KINDS, told=told)
