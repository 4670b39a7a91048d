"""What anybody may read without a key: the API's document and its page, and whether the console lives.

Guarantees: the page works without a network: it loads nothing from elsewhere, and a browser is told to refuse that.
"""

import importlib.resources
from collections.abc import Callable, Sequence

from starlette import requests, responses, routing

from gatepost.console import openapi, operation

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

    async def live(_: requests.Request) -> responses.Response:
        return responses.JSONResponse({"status": "live"}, headers=_HEADERS)

    async def is_ready(_: requests.Request) -> responses.Response:
        if ready():
            return responses.JSONResponse({"status": "ready"}, headers=_HEADERS)
        return responses.JSONResponse({"status": "stopping"}, 503, headers=_HEADERS)

    return [
        routing.Route("/live", live),
        routing.Route("/ready", is_ready),
        _fixed("/v1/openapi.json", document, "application/json"),
        *(_fixed(path, (folder / name).read_bytes(), media) for path, name, media in _PAGES),
    ]


def _fixed(path: str, content: bytes, media: str) -> routing.Route:
    async def told(_: requests.Request) -> responses.Response:
        return responses.Response(content, headers=_HEADERS, media_type=media)

    return routing.Route(path, told)
