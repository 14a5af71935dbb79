"""What goes wrong, as HTTP says it: a status, and a problem (RFC 9457) or a page."""

from http import HTTPStatus

from flask import Response
from pydantic import ValidationError
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as Answer

from grodt.desk.callers import Forbidden, TooMany
from grodt.desk.gives import Problem
from grodt.desk.tokens import TokenRefused
from grodt.errors import BrokerUnavailable, ConfigError, GrodtError, NotFound
from grodt.ledger.unit import LedgerLocked
from grodt.telemetry.logs import get_logger

#: What is caught and told; anything else is a fault of ours, and is logged.
TOLD = (GrodtError, TokenRefused, Forbidden, TooMany, ValidationError, HTTPException)
_RETRY_SECONDS = "5"
_log = get_logger("grodt.desk")


def problem_of(error: Exception) -> Problem:
    """What an error means to who asked."""
    status, detail = _meaning(error)
    return Problem(type="about:blank", title=HTTPStatus(status).phrase, status=status, detail=detail)


def answer(error: Exception) -> Response:
    """The response of the API."""
    told = problem_of(error)
    response = Response(told.model_dump_json(), told.status, mimetype="application/problem+json")
    add_headers(response, error)
    return response


def add_headers(response: Answer, error: Exception) -> None:
    """What else a status says in headers."""
    if isinstance(error, TokenRefused):
        response.headers["WWW-Authenticate"] = 'Bearer realm="grodt"'
    elif isinstance(error, TooMany):
        response.headers["Retry-After"] = str(error.seconds)
    elif isinstance(error, LedgerLocked):
        response.headers["Retry-After"] = _RETRY_SECONDS
    elif isinstance(error, HTTPException):
        allowed = getattr(error, "valid_methods", None)
        if allowed:
            response.headers["Allow"] = ", ".join(sorted(allowed))


def _meaning(error: Exception) -> tuple[int, str]:
    match error:
        case TokenRefused():
            return HTTPStatus.UNAUTHORIZED, str(error)
        case Forbidden():
            return HTTPStatus.FORBIDDEN, str(error)
        case TooMany():
            return HTTPStatus.TOO_MANY_REQUESTS, str(error)
        case NotFound():
            return HTTPStatus.NOT_FOUND, str(error)
        case ConfigError():
            return HTTPStatus.CONFLICT, str(error)
        case LedgerLocked() | BrokerUnavailable():
            return HTTPStatus.SERVICE_UNAVAILABLE, str(error)
        case ValidationError():
            wrong = [f"{'.'.join(map(str, each['loc'])) or 'body'}: {each['msg']}" for each in error.errors(include_url=False)]
            return HTTPStatus.UNPROCESSABLE_ENTITY, "; ".join(wrong)
        case HTTPException():
            return error.code or HTTPStatus.INTERNAL_SERVER_ERROR, error.description or ""
        case GrodtError():
            _log.error("a request failed", why=str(error))
            return HTTPStatus.INTERNAL_SERVER_ERROR, str(error)
        case _:
            _log.error("a request failed", exc_info=error)
            return HTTPStatus.INTERNAL_SERVER_ERROR, "a fault of the desk; its log has more"
