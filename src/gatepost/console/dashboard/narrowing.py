"""The bar above a list by which it is narrowed: the same ``field=value`` words as everywhere, kept in the address.

Guarantees: a link that was shared shows the same; a condition that is none is told on the page, which then shows what the others leave.
"""

import urllib.parse
from collections.abc import Sequence

import msgspec
from starlette import responses

from gatepost import errors
from gatepost.console.dashboard import frame, site
from gatepost.model import directory as directories
from gatepost.model import event as events
from gatepost.model import reply as replies
from gatepost.model import verdict as verdicts
from gatepost.store import filters

_ADD = "add"


class Chip(msgspec.Struct, frozen=True):
    """A condition that holds. without: the page where it does not."""

    field: str
    value: str
    without: str


class Bar(msgspec.Struct, frozen=True):
    """words: the conditions. kept: all that the address says, which the next one says, too. offered: conditions that may be meant, for completion.

    problem: what is wrong with one of them; empty: nothing.
    """

    path: str
    words: list[str]
    chips: Sequence[Chip] = ()
    kept: Sequence[tuple[str, str]] = ()
    offered: Sequence[str] = ()
    problem: str = ""

    def address(self, **more: str) -> str:
        """The page with these conditions, and other parameters."""
        pairs = [tuple(word.split("=", 1)) for word in self.words]
        return _address(self.path, [*((a, b) for a, b in pairs), *more.items()])


def read(visit: site.Visit, table: filters.Table) -> Bar:
    """The bar of a page that shows what fits these conditions."""
    words, wrong = [], []
    for field, value in visit.query:
        if field in table:
            try:
                filters.parse([f"{field}={value}"], table)
                words.append((field, value))
            except errors.BadInput as error:
                wrong.append(error.problem)
    kept = [(key, value) for key, value in visit.query if key not in table and key not in {_ADD, "after"}]
    path = visit.request.url.path
    chips = [
        Chip(field, value, _address(path, [*kept, *(one for one in words if one != (field, value))]))
        for field, value in words
    ]
    return Bar(
        path=path,
        words=[f"{field}={value}" for field, value in words],
        chips=chips,
        kept=[*kept, *words],
        offered=offered(visit.desk.known, table),
        problem="; ".join(wrong),
    )


def added(visit: site.Visit, table: filters.Table) -> responses.Response | None:
    """Where a condition was typed into the bar: the page with it."""
    given = visit.asked(_ADD).strip()
    if not given:
        return None
    field, equals, value = (part.strip() for part in given.partition("="))
    if not equals or field not in table:
        return None
    kept = [(key, old) for key, old in visit.query if key not in {_ADD, "after", field}]
    place = _address(visit.request.url.path, [*kept, (field, value)])
    return responses.RedirectResponse(place, 303, headers=frame.HEADERS)


def untaken(visit: site.Visit, table: filters.Table) -> str:
    """What is wrong with what was typed into the bar; empty: nothing."""
    given = visit.asked(_ADD).strip()
    if not given:
        return ""
    field = given.partition("=")[0].strip()
    known = ", ".join(sorted(table))
    return f"{given!r} is not field=value" if "=" not in given else f"{field!r} is not one of {known}"


def offered(known: directories.Directory, table: filters.Table) -> list[str]:
    """Conditions with every value that a field of a closed set, or of the Directory, can have."""
    values: dict[str, Sequence[str]] = {
        "state": [one.word for one in events.State],
        "outcome": [one.word for one in verdicts.Outcome],
        "fault": [one.word for one in verdicts.Fault],
        "action": [one.word for one in events.Action],
        "stage": [one.word for one in replies.Stage],
        "category": [one.value for one in verdicts.Category],
        "account": [one.name for one in known.accounts],
        "bridge": [one.name for one in known.bridges],
        "pool": [one.name for one in known.pools],
        "source": [one.name for one in known.sources],
        "node": [one.name for one in known.nodes],
        "sender_domain": [one.domain for one in known.sender_domains],
    }
    closed = [f"{field}={value}" for field, found in values.items() if field in table for value in found]
    return closed + [f"{field}=" for field in sorted(table) if field not in values]


def _address(path: str, pairs: Sequence[tuple[str, str]]) -> str:
    query = urllib.parse.urlencode(pairs)
    return f"{path}?{query}" if query else path
