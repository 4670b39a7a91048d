"""HTTP answers: JSON for what went well, RFC 9457 problems for what did not.

Guarantees: every refusal has a status, a one-line detail and, where the input is to blame, a list of places
(``messages[3].to[1]``); none repeats a credential or a body. Not here: which answer is right (``request``, ``http``).
"""

import http
from collections.abc import Sequence

import msgspec

from gatepost.ingest import refusal

MAX_SHOWN = 100  # places named in one answer
RETRY_S = 5

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


class Malformed(Exception):
    """One message of a request cannot be read; the others are looked at before the request is answered."""

    def __init__(self, place: Place) -> None:
        self.place = place
        super().__init__(place.place)


class _Body(msgspec.Struct, frozen=True, omit_defaults=True):
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
    body = msgspec.json.encode(_Body(title, status, detail, places[:MAX_SHOWN]))
    return Problem(Response(status, body, _PROBLEM + headers))


def later(status: int, detail: str, seconds: int = RETRY_S) -> Problem:
    """Not now: 429, 503 or 507 with Retry-After."""
    return problem(status, detail, headers=((b"retry-after", b"%d" % seconds),))


def bad_input(places: Sequence[Place], status: int = 422) -> Problem:
    """Everything that is wrong with what was sent."""
    more = f" (and {len(places) - 1} more)" if len(places) > 1 else ""
    return problem(status, f"{places[0].place}: {places[0].problem}{more}", places)


def refused(problems: Sequence[tuple[str, refusal.Refusal]]) -> Problem:
    """What the messages of a request were refused for, each with the place of its message (empty: the only one).

    A temporary reason outranks the others: nothing was wrong with the request. All about the sender's rights: 403.
    """
    for _, error in problems:
        if error.code < http.HTTPStatus.INTERNAL_SERVER_ERROR:
            return later(503, f"{error.place}: {error.problem}")
    places = [Place(join(prefix, error.place), error.problem) for prefix, error in problems]
    forbidden = all(error.enhanced == "5.7.1" for _, error in problems)
    return bad_input(places, 403 if forbidden else 422)


def join(prefix: str, place: str) -> str:
    """``messages[3]`` and ``to[1]`` make ``messages[3].to[1]``; nothing and nothing make ``body``."""
    return f"{prefix}.{place}" if prefix and place else prefix or place or "body"
