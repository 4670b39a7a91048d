"""Answers that come in pieces, and how many of them may be open at once."""

from collections.abc import AsyncGenerator

from starlette import responses
from starlette.types import Receive, Scope, Send

from gatepost.net import problem

_HEADERS = {
    "cache-control": "no-store",
    "x-accel-buffering": "no",
    "x-content-type-options": "nosniff",
}


class Places:
    """How many streams may be open at once."""

    def __init__(self, most: int) -> None:
        self._free = most

    def take(self) -> None:
        """One of them. Raises Problem when all are taken."""
        if self._free <= 0:
            raise problem.later(503, "too many streams are open")
        self._free -= 1

    def give_back(self) -> None:
        """It is free again."""
        self._free += 1


class Stream(responses.StreamingResponse):
    """Pieces that come as they come, in a place that is free again afterwards. Raises Problem where none is free."""

    def __init__(self, pieces: AsyncGenerator[bytes, None], places: Places, media: str) -> None:
        places.take()
        super().__init__(pieces, headers=_HEADERS, media_type=media)
        self._pieces = pieces
        self._places = places

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send them; the place is free again however it ends."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._places.give_back()
            await self._pieces.aclose()
