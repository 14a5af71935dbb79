"""Operations of the API: each says who may use it, what it takes and what it gives; routes and their description are made from that."""

from collections.abc import Callable, Container
from dataclasses import dataclass
from http import HTTPStatus
from inspect import signature
from typing import Any, Literal

from flask import Flask, Response, request
from pydantic import BaseModel, TypeAdapter
from werkzeug.exceptions import UnsupportedMediaType

from grodt.desk import problems
from grodt.desk.callers import Caller, caller_of, require_role
from grodt.desk.parts import parts
from grodt.desk.tokens import TokenRefused
from grodt.ledger.unit import Read
from grodt.ledger.users import Role

Method = Literal["GET", "POST", "DELETE"]
_BEARER = "bearer "


@dataclass(frozen=True, slots=True)
class Operation:
    """One of them.

    Attributes:
        method, path: where; a path's parameters as Flask writes them.
        summary: what it does, in a line.
        role: who may use it; None: anybody, without a token.
        answer: what is given; None: nothing.
        query, body: what it takes.
        status: of success.
        function: called with what it asks for by name: `tx` (a read transaction, for one that only looks), `caller`, `query`, `body`, and
            the parameters of the path; returns what `answer` describes, as plain values.
    """

    method: Method
    path: str
    summary: str
    role: Role | None
    answer: TypeAdapter[Any] | None
    query: type[BaseModel] | None
    body: type[BaseModel] | None
    status: HTTPStatus
    function: Callable[..., Any]

    @property
    def name(self) -> str:
        """Of its function."""
        return self.function.__name__


class Operations:
    """The operations of an API, in the order in which they are described."""

    def __init__(self) -> None:
        """None yet."""
        self.all: list[Operation] = []

    def add[F: Callable[..., Any]](
        self,
        method: Method,
        path: str,
        *,
        role: Role | None,
        answer: Any = None,
        query: type[BaseModel] | None = None,
        body: type[BaseModel] | None = None,
        status: HTTPStatus = HTTPStatus.OK,
    ) -> Callable[[F], F]:
        """Put it before a function, whose docstring's first line is the summary."""

        def keep(function: F) -> F:
            summary = (function.__doc__ or "").strip().splitlines()[0].rstrip(".")
            adapter = None if answer is None else TypeAdapter(answer)
            self.all.append(Operation(method, path, summary, role, adapter, query, body, status, function))
            return function

        return keep

    def serve(self, app: Flask) -> None:
        """Make a route of each."""
        for each in self.all:
            app.add_url_rule(each.path, endpoint=f"api.{each.name}", view_func=_view(each), methods=[each.method])


def _view(operation: Operation) -> Callable[..., Response]:
    takes = frozenset(signature(operation.function).parameters)

    def view(**path: Any) -> Response:
        try:
            found = _call(operation, takes, path)
        except problems.TOLD as error:
            return problems.answer(error)
        if operation.answer is None:
            return Response(status=operation.status)
        content = operation.answer.dump_json(operation.answer.validate_python(found))
        return Response(content, operation.status, mimetype="application/json")

    return view


def _call(operation: Operation, takes: Container[str], path: dict[str, Any]) -> Any:
    given = dict(path)
    if operation.role is None:
        return operation.function(**given, **_taken(operation))
    with parts().ledger.read() as tx:
        caller = _caller(tx)
        require_role(caller, operation.role)
        given |= _taken(operation)
        if "caller" in takes:
            given["caller"] = caller
        if "tx" in takes:
            return operation.function(tx=tx, **given)
    return operation.function(**given)


def _caller(tx: Read) -> Caller:
    header = request.headers.get("Authorization", "")
    if not header.lower().startswith(_BEARER):
        raise TokenRefused("no token: send `Authorization: Bearer …`, from POST /api/token")
    return caller_of(tx, parts(), header[len(_BEARER) :].strip(), "api")


def _taken(operation: Operation) -> dict[str, BaseModel]:
    taken = {}
    if operation.query is not None:
        taken["query"] = operation.query.model_validate(request.args.to_dict())
    if operation.body is not None:
        if not request.is_json:
            raise UnsupportedMediaType("send JSON, with Content-Type: application/json")
        taken["body"] = operation.body.model_validate_json(request.get_data())
    return taken
