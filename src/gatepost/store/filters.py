"""``field=value`` words, the same everywhere: a closed table of columns, values always bound.

Guarantees: no text from outside ever becomes SQL; an unknown field is a BadInput that names the known ones.
"""

from collections.abc import Mapping, Sequence

import msgspec

from gatepost import errors


class Condition(msgspec.Struct, frozen=True):
    """One word: ``field`` is a known name, ``value`` what stood behind the ``=``."""

    field: str
    value: str


Where = tuple[Condition, ...]


def parse(words: Sequence[str], known: Mapping[str, str]) -> Where:
    """Read ``field=value`` words, joined by AND. Raises BadInput."""
    found = []
    for word in words:
        field, equals, value = word.partition("=")
        if not equals:
            raise errors.BadInput("--where", f"{word!r} is not field=value")
        if field not in known:
            raise errors.BadInput("--where", f"{field!r} is not one of {', '.join(sorted(known))}")
        found.append(Condition(field, value))
    return tuple(found)
