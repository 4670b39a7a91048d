"""Where a recipient leaves over the web: ``/u/<token>``, RFC 8058.

Guarantees: GET never unsubscribes, since mail scanners follow every link: it shows a page with a button; POST unsubscribes without
any further question, whoever sends it, for the token is the right to do so. 200 is said after the commit. The page holds nothing
that came from outside, loads nothing, and runs no script.
Not here: what an unsubscribe changes (``gatepost.policy.reported``), who serves it (``http``).
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable

from gatepost import clock as clocks
from gatepost import errors
from gatepost.model import event as events
from gatepost.model import late
from gatepost.model import result as results
from gatepost.model import settlement as settlements
from gatepost.net import problem
from gatepost.reports import token as tokens

PATH = "/u/"
_HTML = (
    (b"content-type", b"text/html; charset=utf-8"),
    (
        b"content-security-policy",
        b"default-src 'none'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    ),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
)
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title></head><body><h1>{title}</h1><p>{text}</p>{form}</body></html>
"""
_BUTTON = '<form method="post"><button type="submit">Unsubscribe</button></form>'

_SAME_MS = 60_000  # clicks within this time are filed as one

Ask = Callable[[results.Reported, Callable[[settlements.Settlement | Exception | None], None]], None]


class Leaving:
    """``answer`` requests to ``PATH``. ask: settles, as ``gather.Gather.ask``."""

    def __init__(self, keys: Callable[[], tokens.Keys], ask: Ask, clock: clocks.Clock) -> None:
        self._keys = keys
        self._ask = ask
        self._clock = clock

    async def answer(self, method: str, token: str, ip: str) -> problem.Response:
        """The page, or the end of it. Raises Problem where nothing can be committed now."""
        read = tokens.read(token, self._keys(), self._clock.now_ms())
        if read.purpose is not tokens.Purpose.UNSUBSCRIBE:
            return _page(404, "There is nothing here", "This address is not one that was given to anybody.")
        if read.standing is not tokens.Standing.VALID:
            return _page(410, "This link is too old", "Please use the one in a newer mail.")
        if method != "POST":
            return _page(200, "Unsubscribe", "You will get no more of these mails.", _BUTTON)
        if not await self._leave(read, token.lower(), ip):
            text = (
                "Nothing is known any more of the mail that it stood in. Please use the link in a newer mail."
            )
            return _page(410, "This link leads nowhere any more", text)
        return _page(200, "Unsubscribed", "You will get no more of these mails.")

    async def _leave(self, read: tokens.Read, token: str, ip: str) -> bool:
        """Whether it is followed, now or before."""
        answer: asyncio.Future[settlements.Settlement | None] = asyncio.get_running_loop().create_future()

        def told(found: settlements.Settlement | Exception | None) -> None:
            if answer.cancelled():
                return
            if isinstance(found, Exception):
                answer.set_exception(found)
            else:
                answer.set_result(found)

        self._ask(_reported(read, token, ip, self._clock.now_ms()), told)
        try:
            settled = await answer
        except errors.GatepostError:
            raise problem.later(503, "this cannot be kept now") from None
        return settled is None or all(one.state is not events.State.REPORTED for one in settled.events)


def _reported(read: tokens.Read, token: str, ip: str, now_ms: int) -> results.Reported:
    filed = late.Filed(
        digest=hashlib.sha256(b"web\0%d\0" % (now_ms // _SAME_MS) + token.encode()).digest(),
        at=now_ms,
        kind=late.Kind.UNSUBSCRIBE,
        standing=late.Standing.VERIFIED,
        sender="",
        recipient="web",
        peer_ip=ip,
        size=0,
        raw=b"",
        delivery=read.about,
    )
    return results.Reported(read.about, filed, detail="one click")


def _page(status: int, title: str, text: str, form: str = "") -> problem.Response:
    return problem.Response(status, _PAGE.format(title=title, text=text, form=form).encode(), _HTML)


Answer = Callable[[str, str, str], Awaitable[problem.Response]]
