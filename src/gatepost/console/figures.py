"""Figures for Prometheus: ``/metrics``."""

from collections.abc import Awaitable, Callable

from starlette import responses

from gatepost.console import operation


def operations(figures: Callable[[], Awaitable[bytes]], media: str) -> tuple[operation.Operation, ...]:
    """This one. figures: all of them, as text."""

    async def told(_: operation.Call, __: operation.Nothing) -> responses.Response:
        return responses.Response(await figures(), media_type=media, headers={"cache-control": "no-store"})

    place = operation.Place("GET", "/metrics", "getMetrics", "Tell all figures, for Prometheus.")
    return (operation.streaming(place, operation.READ, operation.Nothing, told, ("text/plain",)),)
