"""HTTP answers: JSON for what went well, RFC 9457 problems for what did not.

Guarantees: every refusal has a status, a one-line detail and, where the input is to blame, a list of places
(``messages[3].to[1]``); none repeats a credential or a body. Not here: which answer is right.
"""

import http
import re
from collections.abc import Sequence

import msgspec

MAX_SHOWN = 100  # places named in one answer
RETRY_S = 5
MAX_KEY = 255

_AT = re.compile(r"(.*) - at `\$\.?(.*)`", re.DOTALL)
_KEY = re.compile(rf"[!-~]{{1,{MAX_KEY}}}")

_PLAIN = ((b"content-type", b"application/json"),)
_PROBLEM = ((b"content-type", b"application/problem+json"),)


class Place(msgspec.Struct, frozen=True):
    """One thing that is wrong with a request, and where."""

    place: str
    problem: str


class Response(msgspec.Struct, frozen=True):
    """What goes back."""

    status: int
    body: bytes
    headers: tuple[tuple[bytes, bytes], ...] = _PLAIN


class Problem(Exception):
    """The request ends here, with this answer."""

    def __init__(self, response: Response) -> None:
        self.response = response
        super().__init__(response.status)


class Body(msgspec.Struct, frozen=True, omit_defaults=True):
    """RFC 9457 §3.1. ``type`` is left out: it defaults to about:blank, and ``title`` is then the status's own phrase."""

    title: str
    status: int = 0
    detail: str = ""
    errors: Sequence[Place] = ()


def plain(status: int, value: object) -> Response:
    """A value as JSON."""
    return Response(status, msgspec.json.encode(value))


def problem(
    status: int, detail: str, places: Sequence[Place] = (), headers: tuple[tuple[bytes, bytes], ...] = ()
) -> Problem:
    """One line for people, and the places for programs."""
    title = http.HTTPStatus(status).phrase
    body = msgspec.json.encode(Body(title, status, detail, places[:MAX_SHOWN]))
    return Problem(Response(status, body, _PROBLEM + headers))


def later(status: int, detail: str, seconds: int = RETRY_S) -> Problem:
    """Not now: 429, 503 or 507 with Retry-After."""
    return problem(status, detail, headers=((b"retry-after", b"%d" % seconds),))


def bad_input(places: Sequence[Place], status: int = 422) -> Problem:
    """Everything that is wrong with what was sent."""
    more = f" (and {len(places) - 1} more)" if len(places) > 1 else ""
    return problem(status, f"{places[0].place}: {places[0].problem}{more}", places)


def join(prefix: str, place: str) -> str:
    """``messages[3]`` and ``to[1]`` make ``messages[3].to[1]``; nothing and nothing make ``body``."""
    return f"{prefix}.{place}" if prefix and place else prefix or place or "body"


def unreadable(error: Exception, prefix: str) -> Place:
    """What a decoder said: ``Expected `str`, got `int` - at `$.to[1]`` as a place and what is wrong there."""
    match error:
        case UnicodeDecodeError():
            return Place(join(prefix, ""), "is not UTF-8")
        case RecursionError():
            return Place(join(prefix, ""), "is nested too deeply")
        case msgspec.ValidationError():
            found = _AT.fullmatch(str(error))
            if found is None:
                return Place(join(prefix, ""), str(error))
            return Place(join(prefix, found[2]), found[1])
        case _:
            return Place(join(prefix, ""), f"is not JSON: {error}")


def idempotency_key(given: str) -> str:
    """An ``Idempotency-Key``. Raises Problem."""
    if not _KEY.fullmatch(given):
        raise bad_input([Place("Idempotency-Key", f"is not 1 to {MAX_KEY} visible ASCII characters")])
    return given
