"""The pages: what people see in a browser, without a script."""

from http import HTTPStatus
from typing import Any

from flask import Blueprint, g, redirect, render_template, request, url_for
from pydantic import ValidationError
from werkzeug.wrappers import Response as Answer

from grodt.desk import acts, looks, problems
from grodt.desk.browsers import Page, forget, local, logged_in, remember, require_own_form
from grodt.desk.callers import Caller, TooMany, log_in, log_out, place_to_log_in
from grodt.desk.forms import HaltForm, LoginForm, RearmForm, WordForm
from grodt.desk.parts import parts
from grodt.desk.remote import address
from grodt.desk.shown import FILTERS, book_bars, position_bars, subject, use, used_of
from grodt.desk.tokens import TokenRefused
from grodt.errors import ConfigError, GrodtError
from grodt.execution.changes import Changes
from grodt.ledger import basket_requests
from grodt.ledger.acts import kind_of, still_waiting
from grodt.ledger.planned import orders_in_words
from grodt.ledger.requests import Request, find_request
from grodt.ledger.requests import waiting as found_waiting
from grodt.people import identity

pages = Blueprint("pages", "grodt.desk")
for _name, _filter in FILTERS.items():
    pages.add_app_template_filter(_filter, _name)


@pages.get("/login")
def login() -> Page:
    """The login."""
    return rendered("login.html", back=local(request.args.get("next")), told="")


@pages.post("/login")
def enter() -> Page:
    """Log in, and go back to where one came from."""
    back = url_for("pages.overview")
    try:
        with place_to_log_in(parts()):
            require_own_form(None)
            back = local(request.form.get("next"))
            given = LoginForm.model_validate(request.form.to_dict())
            claims = log_in(parts(), given.name, given.password, address(), "pages")
    except (TokenRefused, TooMany, ValidationError) as error:
        return rendered("login.html", back=back, told=words_of(error)), HTTPStatus(problems.problem_of(error).status)
    return remember(redirect(back, HTTPStatus.SEE_OTHER), claims)


@pages.post("/logout")
@logged_in()
def leave(*, caller: Caller) -> Page:
    """Log out: the cookie is accepted no more."""
    log_out(parts(), caller)
    return forget(redirect(url_for("pages.login"), HTTPStatus.SEE_OTHER))


@pages.get("/")
@logged_in()
def overview(*, caller: Caller) -> Page:
    """Every book, what waits, and what is halted."""
    desk, now = parts(), parts().now()
    with desk.ledger.read() as tx:
        books = looks.statuses(tx, desk)
        waiting = [(each, kind_of(each).what(each)) for each in still_waiting(tx, found_waiting(tx, now))]
        halts = looks.halt_rows(tx, desk, None, everything=False)
    return rendered("overview.html", books=books, waiting=waiting, halts=halts)


@pages.get("/waiting/<request_id>")
@logged_in()
def waiting(*, caller: Caller, request_id: str) -> Page:
    """One request with all that it would change, and the form that decides it."""
    return _request(caller, request_id, told="", woken=request.args.get("woken", ""))


@pages.post("/waiting/<request_id>")
@logged_in("approver")
def decide(*, caller: Caller, request_id: str) -> Page:
    """Approve it or reject it."""
    try:
        word = WordForm.model_validate(request.form.to_dict())
        acted, run = acts.decide(parts(), caller, request_id, word.verdict, word.reason)
    except (ValidationError, ConfigError) as error:
        return _request(caller, request_id, told=words_of(error)), HTTPStatus(problems.problem_of(error).status)
    return redirect(url_for("pages.waiting", request_id=request_id, woken=_woken(run, acted.request)), HTTPStatus.SEE_OTHER)


@pages.get("/halts")
@logged_in()
def halts(*, caller: Caller) -> Page:
    """Halts that hold and the last ones that are over, and the form that halts."""
    return _halts()


@pages.post("/halts")
@logged_in("trader")
def halt(*, caller: Caller) -> Page:
    """Halt; brokers that did not answer are named."""
    try:
        wanted = HaltForm.model_validate(request.form.to_dict()).wanted()
        made, cancelled = acts.stop(parts(), caller, wanted)
    except (ValidationError, ConfigError) as error:
        return _halts(told=words_of(error)), HTTPStatus(problems.problem_of(error).status)
    if cancelled.failed:
        return _halts(told=f"{made} holds; open orders may still be at the broker. " + " ".join(map(str, cancelled.failed)))
    return redirect(url_for("pages.halts", made=made.halt_id), HTTPStatus.SEE_OTHER)


@pages.post("/halts/end")
@logged_in("trader")
def rearm(*, caller: Caller) -> Page:
    """End a halt, or ask for it."""
    try:
        wanted = RearmForm.model_validate(request.form.to_dict())
        done = acts.end(parts(), caller, wanted.halt_id, "", wanted.reason)
    except (ValidationError, ConfigError) as error:
        return _halts(told=words_of(error)), HTTPStatus(problems.problem_of(error).status)
    if done.asked is not None:
        return redirect(url_for("pages.waiting", request_id=done.asked.request_id), HTTPStatus.SEE_OTHER)
    return redirect(url_for("pages.halts"), HTTPStatus.SEE_OTHER)


@pages.get("/books/<book>")
@logged_in()
def book(*, caller: Caller, book: str) -> Page:
    """One book: positions, orders, limits, breaks."""
    desk = parts()
    with desk.ledger.read() as tx:
        (status,) = looks.statuses(tx, desk, book)
        session, positions = looks.positions_of(tx, desk, book)
        return rendered(
            "book.html",
            status=status,
            session=session,
            positions=positions,
            orders=looks.orders_of(tx, desk, book, None),
            limits=[each | {"bar": use(each["used"])} for each in looks.limits_of(tx, desk, book)],
            breaks=looks.breaks_of(tx, desk, book, everything=False),
        )


def failed(error: Exception) -> Answer:
    """The page of what went wrong."""
    told = problems.problem_of(error)
    answer = Answer(rendered("problem.html", problem=told), told.status, mimetype="text/html")
    problems.add_headers(answer, error)
    return answer


def _request(caller: Caller, request_id: str, *, told: str, woken: str = "") -> str:
    desk, now = parts(), parts().now()
    with desk.ledger.read() as tx:
        found = find_request(tx, request_id)
        state = found.state(now)
        refusal = kind_of(found).refusal(tx, found) if state == "waiting" else ""
        orders = orders_in_words(tx, found, now)
    changes = Changes.read(found.subject["changes"]) if found.kind == basket_requests.KIND else None
    tables, facts = subject(found.kind, found.subject) if changes is None else ([], {})
    return rendered(
        "request.html",
        tables=tables,
        facts=facts,
        each=found,
        what=kind_of(found).what(found),
        state_of=state,
        orders=orders,
        refusal=refusal,
        why_not=_why_not(caller, found) if state == "waiting" and not refusal else "",
        changes=changes,
        book_bars=book_bars(changes) if changes is not None else [],
        position_bars=position_bars(changes) if changes is not None else [],
        checks=[(check, use(used_of(check.value, check.limit, check.headroom))) for check in changes.checks] if changes is not None else [],
        told=told,
        woken=woken,
        not_woken=acts.not_woken(found),
    )


def _woken(run: str, decided: Request) -> str | None:
    """What the page says of the run that waited, in its address, where nobody can make it say anything else."""
    return None if not run else "no" if run == acts.not_woken(decided) else "1"


def _why_not(caller: Caller, found: Request) -> str:
    """Why this caller cannot decide it; "" where they can."""
    if not caller.user.may("approver"):
        return f"{caller.name} is {caller.user.role}; an approver decides it."
    for each in found.decisions:
        if identity(each.person) == identity(caller.name):
            return "You have agreed; another person must decide."
    return ""


def _halts(told: str = "") -> str:
    desk = parts()
    with desk.ledger.read() as tx:
        rows = looks.halt_rows(tx, desk, None, everything=True)
    hold = [each for each in rows if each["holds"]]
    over = [each for each in rows if not each["holds"]][:20]
    made = request.args.get("made", 0, type=int)
    return rendered("halts.html", hold=hold, over=over, books=_names(), told=told, made=made)


def _names() -> list[str]:
    """Books that can be halted; none where the books file is wrong, and then the command line knows those that have run."""
    try:
        return sorted(parts().books().books)
    except GrodtError:
        return []


def words_of(error: Exception) -> str:
    """What a page says of an error."""
    return problems.problem_of(error).detail


def rendered(template: str, **facts: Any) -> str:
    """A page, with who looks at it and what its forms must bring back."""
    caller: Caller | None = g.get("caller")
    csrf = "" if caller is None else caller.claims.csrf
    return render_template(template, caller=caller, csrf=csrf, now=parts().now(), version=parts().version, **facts)
