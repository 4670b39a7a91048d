"""What anybody may read without a key: the API's document and its page, and whether the console lives.

Guarantees: the page works without a network: it loads nothing from elsewhere, and a browser is told to refuse that.
"""

import importlib.resources
from collections.abc import Callable, Sequence

from starlette import responses, routing
from starlette.types import Receive, Scope, Send

from gatepost.console import openapi, operation
from gatepost.net import problem

_HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-cache",
}
_PAGES = (
    ("/docs", "docs.html", "text/html; charset=utf-8"),
    ("/docs.css", "docs.css", "text/css; charset=utf-8"),
    ("/docs.js", "docs.js", "text/javascript; charset=utf-8"),
)


def routes(
    operations: Sequence[operation.Operation], version: str, ready: Callable[[], bool]
) -> list[routing.BaseRoute]:
    """All of it. version: of the program."""
    folder = importlib.resources.files("gatepost.console") / "static"
    document = openapi.document(operations, version)

    def live() -> responses.Response:
        return responses.JSONResponse({"status": "live"}, headers=_HEADERS)

    def is_ready() -> responses.Response:
        if ready():
            return responses.JSONResponse({"status": "ready"}, headers=_HEADERS)
        return responses.JSONResponse({"status": "stopping"}, 503, headers=_HEADERS)

    return [
        _page("/live", live),
        _page("/ready", is_ready),
        _fixed("/v1/openapi.json", document, "application/json"),
        *(_fixed(path, (folder / name).read_bytes(), media) for path, name, media in _PAGES),
    ]


def _fixed(path: str, content: bytes, media: str) -> routing.Route:
    return _page(path, lambda: responses.Response(content, headers=_HEADERS, media_type=media))


def _page(path: str, make: Callable[[], responses.Response]) -> routing.Route:
    return routing.Route(path, _Page(make))


class _Page:
    """One page, as an ASGI application."""

    def __init__(self, make: Callable[[], responses.Response]) -> None:
        self._make = make

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] in {"GET", "HEAD"}:
            response = self._make()
        else:
            ended = problem.problem(
                405, "only GET, HEAD is allowed here", headers=((b"allow", b"GET, HEAD"),)
            )
            response = responses.Response(ended.response.body, ended.response.status)
            response.raw_headers.extend(ended.response.headers)
        await response(scope, receive, send)
