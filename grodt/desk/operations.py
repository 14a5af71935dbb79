"""Operations of the API: each says who may use it, what it takes and what it gives; routes and their description are made from that."""

from collections.abc import Callable, Container
from contextlib import nullcontext
from dataclasses import dataclass
from http import HTTPStatus
from inspect import signature
from typing import Any, Literal

from flask import Flask, Response, request
from pydantic import BaseModel, TypeAdapter
from werkzeug.exceptions import UnsupportedMediaType

from grodt.desk import problems
from grodt.desk.callers import Caller, caller_of, place_to_log_in, require_role
from grodt.desk.parts import parts
from grodt.desk.remembered import Memory
from grodt.desk.tokens import TokenRefused
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
        function: called with what it asks for by name: either `tx` (a read transaction, for one that only looks, and shows everybody the
            same) or `caller`; `query`, `body`, and the parameters of the path; returns what `answer` describes, as plain values.
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

    def dump(self, found: Any) -> bytes:
        """What the function returned, as JSON of the shape that is described."""
        return b"" if self.answer is None else self.answer.dump_json(self.answer.validate_python(found), exclude_unset=True)


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
            content = _content(operation, takes, path)
        except problems.TOLD as error:
            return problems.answer(error)
        if operation.answer is None:
            return Response(status=operation.status)
        return Response(content, operation.status, mimetype="application/json")

    return view


def _content(operation: Operation, takes: Container[str], path: dict[str, Any]) -> bytes:
    """What is answered. What looks and does not ask who looks is answered from memory while it is true."""
    desk = parts()
    given: dict[str, Any] = dict(path)
    if operation.role is None:
        with nullcontext() if operation.body is None else place_to_log_in(desk):
            return operation.dump(operation.function(**given, **_taken(operation)))
    memory = desk.memory()
    caller = _caller(memory)
    require_role(caller, operation.role)
    taken = _taken(operation)
    given |= taken
    if "tx" in takes:
        key = (operation.name, *sorted(path.items()), taken.get("query"))
        return memory.get(key, lambda: _looked(operation, given))
    if "caller" in takes:
        given["caller"] = caller
    return operation.dump(operation.function(**given))


def _looked(operation: Operation, given: dict[str, Any]) -> bytes:
    with parts().ledger.read() as tx:
        return operation.dump(operation.function(tx=tx, **given))


def _caller(memory: Memory) -> Caller:
    header = request.headers.get("Authorization", "")
    if not header.lower().startswith(_BEARER):
        raise TokenRefused("no token: send `Authorization: Bearer …`, from POST /api/token")
    return caller_of(parts(), header[len(_BEARER) :].strip(), "api", memory)


def _taken(operation: Operation) -> dict[str, BaseModel]:
    taken = {}
    if operation.query is not None:
        taken["query"] = operation.query.model_validate(request.args.to_dict())
    if operation.body is not None:
        if not request.is_json:
            raise UnsupportedMediaType("send JSON, with Content-Type: application/json")
        taken["body"] = operation.body.model_validate_json(request.get_data())
    return taken
