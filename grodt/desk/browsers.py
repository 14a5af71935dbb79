"""People who use the pages: their cookie, and that a form was sent from a page of ours by whom it was shown to."""

import hmac
from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from flask import g, make_response, redirect, request, url_for
from werkzeug.wrappers import Response as Answer

from grodt.desk.callers import Forbidden, caller_of, require_role
from grodt.desk.parts import parts
from grodt.desk.tokens import LIFE, Claims, TokenRefused, signed
from grodt.ledger.users import Role

_COOKIE = "grodt_desk"
#: With this beginning a browser sends it to this host alone, and over HTTPS alone.
_HOST_COOKIE = f"__Host-{_COOKIE}"


type Page = str | Answer | tuple[str, HTTPStatus]
type View = Callable[..., Page]


def logged_in(role: Role = "viewer") -> Callable[[View], Callable[..., Answer]]:
    """Put it before a view: it is given its caller, whose role allows it. Whoever is not logged in comes to the login and back.

    What changes something (POST) needs the form's `csrf` too.
    """

    def guard(view: View) -> Callable[..., Answer]:
        @wraps(view)
        def guarded(**path: Any) -> Answer:
            try:
                caller = caller_of(parts(), request.cookies.get(_cookie(), ""), "pages", parts().memory())
            except TokenRefused:
                back = request.full_path.rstrip("?") if request.method == "GET" else url_for("pages.overview")
                return forget(redirect(url_for("pages.login", next=back), HTTPStatus.SEE_OTHER))
            g.caller = caller
            require_role(caller, role)
            if request.method == "POST":
                require_own_form(caller.claims.csrf)
            answer = make_response(view(caller=caller, **path))
            if caller.claims.is_due(parts().now()) and "Set-Cookie" not in answer.headers:
                remember(answer, caller.claims.renewed(parts().now()))
            return answer

        return guarded

    return guard


def require_own_form(csrf: str | None) -> None:
    """Refuse a form that no page of ours was sent from, or another person's.

    Args:
        csrf: what it must bring back; None: it was shown to somebody who was not logged in.

    Raises:
        Forbidden: says to load the page again.
    """
    origin, site = request.headers.get("Origin"), request.headers.get("Sec-Fetch-Site")
    foreign = urlsplit(origin).netloc != request.host if origin else site not in (None, "same-origin", "none")
    sent = request.form.get("csrf", "")
    if foreign or (csrf is not None and not (csrf and hmac.compare_digest(sent.encode(), csrf.encode()))):
        raise Forbidden("this form was not sent from a page of the desk that was shown to you: load the page again")


def remember[R: Answer](answer: R, claims: Claims) -> R:
    """Give a browser its cookie. No script can read it, and no form of another site sends it."""
    answer.set_cookie(
        _cookie(),
        signed(claims, parts().keys),
        max_age=int(LIFE.total_seconds()),
        secure=parts().https,
        httponly=True,
        samesite="Lax",
        path="/",
    )
    return answer


def forget[R: Answer](answer: R) -> R:
    """Take the cookie away."""
    answer.delete_cookie(_cookie(), path="/", secure=parts().https, httponly=True, samesite="Lax")
    return answer


def local(path: str | None) -> str:
    """A path of our own to go back to; the overview in place of anything else."""
    if not path or not path.startswith("/") or path.startswith("//") or "\\" in path or any(ord(each) < 32 for each in path):
        return url_for("pages.overview")
    return path


def _cookie() -> str:
    return _HOST_COOKIE if parts().https else _COOKIE
