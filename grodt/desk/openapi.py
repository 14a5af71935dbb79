"""The description of the API (OpenAPI 3.1), made from its operations, so that it says what is served."""

import re
from collections.abc import Sequence
from typing import Any, Literal

from pydantic import BaseModel, TypeAdapter

from grodt.desk.gives import Problem
from grodt.desk.operations import Operation

_REFERENCE = "#/components/schemas/{model}"
_PARAMETER = re.compile(r"<(?:(\w+):)?(\w+)>")


def described(operations: Sequence[Operation], version: str) -> dict[str, Any]:
    """The description of these operations."""
    schemas: dict[str, Any] = {}
    problem = {"application/problem+json": {"schema": _schema(TypeAdapter(Problem), "serialization", schemas)}}
    paths: dict[str, dict[str, Any]] = {}
    for each in operations:
        found: dict[str, Any] = {
            "operationId": each.name,
            "summary": each.summary,
            "security": [] if each.role is None else [{"token": []}],
            "responses": {str(int(each.status)): _success(each, schemas), "default": {"description": "a problem", "content": problem}},
        }
        if each.role is not None:
            found["description"] = f"For a {each.role}, or who may more."
        parameters = [_of_path(name, kind) for kind, name in _PARAMETER.findall(each.path)]
        if each.query is not None:
            parameters += _of_query(each.query, schemas)
        if parameters:
            found["parameters"] = parameters
        if each.body is not None:
            content = {"application/json": {"schema": _schema(TypeAdapter(each.body), "validation", schemas)}}
            found["requestBody"] = {"required": True, "content": content}
        paths.setdefault(_PARAMETER.sub(r"{\2}", each.path), {})[each.method.lower()] = found
    return {
        "openapi": "3.1.0",
        "info": {"title": "GRODT desk", "version": version},
        "paths": paths,
        "components": {
            "schemas": dict(sorted(schemas.items())),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    }


def _success(operation: Operation, schemas: dict[str, Any]) -> dict[str, Any]:
    if operation.answer is None:
        return {"description": "done"}
    content = {"application/json": {"schema": _schema(operation.answer, "serialization", schemas)}}
    return {"description": "done", "content": content}


def _of_path(name: str, kind: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "integer" if kind == "int" else "string"}}


def _of_query(model: type[BaseModel], schemas: dict[str, Any]) -> list[dict[str, Any]]:
    found = TypeAdapter(model).json_schema(ref_template=_REFERENCE)
    schemas |= found.get("$defs", {})
    required = found.get("required", [])
    return [
        {"name": name, "in": "query", "required": name in required, "schema": schema}
        for name, schema in found.get("properties", {}).items()
    ]


def _schema(adapter: TypeAdapter[Any], mode: Literal["validation", "serialization"], schemas: dict[str, Any]) -> dict[str, Any]:
    """The schema, and what it refers to put among the schemas of all; a model of its own is referred to as well."""
    found = adapter.json_schema(mode=mode, ref_template=_REFERENCE)
    schemas |= found.pop("$defs", {})
    if found.get("type") == "object" and "title" in found:
        schemas[found["title"]] = found
        return {"$ref": _REFERENCE.format(model=found["title"])}
    return found
