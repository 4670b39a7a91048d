"""The API's own description: an OpenAPI 3.1 document made from the operations and the types that they decode and encode.

Guarantees: nothing stands in it that is not checked or sent, because both come from one declaration.
"""

import re
from collections.abc import Mapping, Sequence

import msgspec

from gatepost.console import operation
from gatepost.net import problem

_REF = "#/components/schemas/{name}"
_PATH_NAME = re.compile(r"\{([a-z_]+)(?::[a-z]+)?\}")
_PROBLEM = "application/problem+json"
Json = dict[str, object]

_ABOUT = """Everything here is also done by the command `gatepost`. A key is sent as `Authorization: Bearer gp_…`.
A Bridge's own key sees what is the Bridge's; for everything else it gets 404. Lists are read page by page: give `next` back as it is.
What goes wrong is told as a problem (RFC 9457)."""


def document(operations: Sequence[operation.Operation], version: str) -> bytes:
    """The whole document, as JSON."""
    kinds = [kind for one in operations for kind in (one.query, one.body, one.answer) if kind is not None]
    unique = list(dict.fromkeys([*kinds, problem.Body]))
    schemas, components = msgspec.json.schema_components(unique, ref_template=_REF)
    by_kind = dict(zip(unique, schemas, strict=True))
    paths: dict[str, dict[str, Json]] = {}
    for one in operations:
        path = _PATH_NAME.sub(r"{\1}", one.place.path)
        paths.setdefault(path, {})[one.place.method.lower()] = _operation(one, by_kind, components)
    queries = {name_of(one.query) for one in operations if one.query is not None}
    found: Json = {
        "openapi": "3.1.0",
        "info": {"title": "Gatepost", "version": version, "description": _ABOUT},
        "servers": [{"url": "/"}],
        "security": [{"key": []}],
        "paths": paths,
        "components": {
            "schemas": {name: schema for name, schema in components.items() if name not in queries},
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
    }
    return msgspec.json.encode(found)


def name_of(kind: type) -> str:
    """A type's name among the components."""
    return kind.__name__


def _operation(
    one: operation.Operation, by_kind: Mapping[type, Json], components: Mapping[str, Json]
) -> Json:
    found: Json = {
        "operationId": one.place.name,
        "summary": one.place.summary,
        "tags": [one.place.path.removeprefix("/v1/").strip("/").split("/")[0]],
        "parameters": [*_path(one), *_query(one, components), *_headers(one)],
        "responses": {
            str(one.status): {"description": "It went well.", "content": _content(one, by_kind)},
            "default": {
                "description": "A problem (RFC 9457).",
                "content": {_PROBLEM: {"schema": by_kind[problem.Body]}},
            },
        },
        "x-role": one.access.role.word,
        "x-bridges": one.access.bridges,
    }
    if one.takes:
        schema: Json = {"type": "string"} if one.body is None else by_kind[one.body]
        found["requestBody"] = {
            "required": True,
            "content": {media: {"schema": schema} for media in one.takes},
        }
    return found


def _content(one: operation.Operation, by_kind: Mapping[type, Json]) -> Json:
    found: Json = {media: {"schema": {"type": "string"}} for media in one.media}
    if one.answer is not None:
        found[operation.JSON] = {"schema": by_kind[one.answer]}
    return found


def _path(one: operation.Operation) -> list[Json]:
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
        for name in _PATH_NAME.findall(one.place.path)
    ]


def _query(one: operation.Operation, components: Mapping[str, Json]) -> list[Json]:
    found: list[Json] = []
    if one.query is not None:
        properties = components[name_of(one.query)].get("properties", {})
        if isinstance(properties, dict):
            found += [
                {"name": name, "in": "query", "required": False, "schema": schema}
                for name, schema in properties.items()
            ]
    return found + [
        {
            "name": name,
            "in": "query",
            "required": False,
            "description": "A condition; all that are given must hold.",
            "schema": {"type": "string"},
        }
        for name in sorted(one.conditions or {})
    ]


def _headers(one: operation.Operation) -> list[Json]:
    if not one.creates:
        return []
    return [
        {
            "name": "Idempotency-Key",
            "in": "header",
            "required": False,
            "description": "A repeat with the same key and body within 24 hours makes nothing new.",
            "schema": {"type": "string", "minLength": 1, "maxLength": problem.MAX_KEY, "pattern": "^[!-~]+$"},
        }
    ]
