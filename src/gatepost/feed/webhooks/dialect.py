"""Dialects: the payloads of other providers' webhooks, each written down as data in ``dialects/NAME.toml``.

A file says: ``content_type``; ``list``: several events in one body; ``signed``: how, of those that ``signature`` knows; ``headers``; ``map``: tables
that turn one word into another, looked up by the words in ``by`` in turn; ``frame``: the body (for a list: of each event); ``each``: one event; ``event``:
what differs by state. In them a text ``{word}`` stands for a word's value, whatever its type, and words inside a text for their texts;
``{event}`` for the event, ``{event_json}`` for its JSON text; ``"*"`` lays a table under its own, ``"**"`` over it. What has no value is left out.

Guarantees: a file that uses a word that there is not fails when it is read. Pure, but for reading the files of this package.
"""

import importlib.resources
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence

import msgspec

from gatepost import errors
from gatepost.feed.webhooks import words
from gatepost.model import event as events
from gatepost.model import message as messages

_WORD = re.compile(r"\{([a-z_.]+)\}")
_UNDER, _OVER = "*", "**"
_MADE = ("event", "event_json", "word")  # while an event is written
_SIGNED = ("signed_at", "signature")  # told by whoever signs

Value = object
Sign = Callable[[Mapping[str, object]], Mapping[str, str]]
_Table = Mapping[str, Value]


class Map(msgspec.Struct, frozen=True):
    """One word made of another. by: the words that are looked up, the first one that is known counts."""

    by: tuple[str, ...]
    known: _Table
    otherwise: Value

    def of(self, said: Mapping[str, object]) -> Value:
        """What it stands for."""
        for word in self.by:
            if (value := said.get(word)) is not None and str(value) in self.known:
                return self.known[str(value)]
        return self.otherwise


class Dialect(msgspec.Struct, frozen=True):
    """One file. See the module."""

    name: str
    content_type: str
    several: bool
    signed: str
    headers: Mapping[str, str]
    maps: Mapping[str, Map]
    frame: _Table
    each: _Table
    states: Mapping[str, _Table]

    def write(
        self, event: events.Event, message: messages.Message | None, sign: Sign
    ) -> tuple[Value, dict[str, str]] | None:
        """One event's object and headers; None: the dialect has no words for it. sign: what signs it, by its words."""
        state = self.states.get(event.state.word)
        if state is None or (event.message and not event.recipient):
            return None
        said = words.of(event, message)
        said |= sign(said)
        for name, one in self.maps.items():  # a later one may look up an earlier one's word
            said[f"map.{name}"] = one.of(said)
        said["word"] = state.get("word")
        said["event"] = _filled({key: value for key, value in state.items() if key != "word"}, said)
        if self.each:
            said["event"] = _filled(self.each, said)
        said["event_json"] = msgspec.json.encode(said["event"]).decode()
        headers = {name: str(_filled(text, said)) for name, text in self.headers.items()}
        return _filled(self.frame, said), headers


def read(name: str) -> Dialect:
    """A dialect of this package. Raises BadInput."""
    folder = importlib.resources.files("gatepost.feed.webhooks") / "dialects"
    return parse(name, (folder / f"{name}.toml").read_text("utf-8"))


def parse(name: str, text: str) -> Dialect:
    """A file's text. Raises BadInput."""
    found = tomllib.loads(text)
    maps = {key: _map(one) for key, one in _table(found, "map").items()}
    made = Dialect(
        name=name,
        content_type=str(found.pop("content_type", "application/json")),
        several=bool(found.pop("list", False)),
        signed=str(found.pop("signed", "")),
        headers={key: str(value) for key, value in _table(found, "headers").items()},
        maps=maps,
        frame=_table(found, "frame"),
        each=_table(found, "each"),
        states={key: dict(_as_table(one)) for key, one in _table(found, "event").items()},
    )
    if found:
        raise errors.BadInput(f"{name}.toml", f"{min(found)!r} is no part of a dialect")
    known = {*words.of(_NOTHING, _NO_MESSAGE), *_MADE, *_SIGNED, *(f"map.{key}" for key in maps)}
    used = {word for part in (made.frame, made.each, made.states, made.headers) for word in _words(part)}
    used |= {word for one in maps.values() for word in one.by}
    for word in sorted(used - known):
        raise errors.BadInput(f"{name}.toml", f"there is no word {word!r}")
    for state in sorted(set(made.states) - {one.word for one in events.State}):
        raise errors.BadInput(f"{name}.toml", f"there is no state {state!r}")
    return made


_NOTHING = events.Event(0, events.State.RECEIVED)
_NO_MESSAGE = messages.Message(0, 0, 0, 0, messages.Priority.BULK, b"", "", 0, 0, 0)


def _filled(template: Value, said: Mapping[str, object]) -> Value:
    """A template with its words; None where nothing is left of it."""
    match template:
        case str():
            return _text(template, said)
        case Mapping():
            return _merged(template, said)
        case Sequence():
            return [one for item in template for one in _items(item, said)]
        case _:
            return template


def _text(template: str, said: Mapping[str, object]) -> Value:
    whole = _WORD.fullmatch(template)
    if whole is not None:
        return said.get(whole[1])
    missing = [word for word in _WORD.findall(template) if said.get(word) is None]
    return None if missing else _WORD.sub(lambda found: str(said[found[1]]), template)


def _merged(template: _Table, said: Mapping[str, object]) -> Value:
    made: dict[str, object] = {}
    for key in (_UNDER, *[key for key in template if key not in {_UNDER, _OVER}], _OVER):
        value = _filled(template[key], said) if key in template else None
        if key in {_UNDER, _OVER}:
            made |= value if isinstance(value, dict) else {}
        elif value is not None:
            made[key] = value
    return made


def _items(item: Value, said: Mapping[str, object]) -> list[Value]:
    """An item of a list: left out without its value; a table ``{name, value}`` whose value is a list comes once for each."""
    value = _filled(item, said)
    if value is None:
        return []
    if isinstance(item, Mapping) and isinstance(value, dict):
        if "value" in item and "value" not in value:
            return []
        if isinstance(several := value.get("value"), list):
            return [{**value, "value": one} for one in several]
    return [value]


def _words(template: Value) -> set[str]:
    match template:
        case str():
            return set(_WORD.findall(template))
        case Mapping():
            return {word for one in template.values() for word in _words(one)}
        case Sequence():
            return {word for one in template for word in _words(one)}
        case _:
            return set()


def _map(found: Value) -> Map:
    table = dict(_as_table(found))
    by, otherwise = table.pop("by", ()), table.pop("otherwise", None)
    return Map(tuple(str(one) for one in by) if isinstance(by, list) else (), table, otherwise)


def _table(found: dict[str, Value], key: str) -> _Table:
    return _as_table(found.pop(key, {}))


def _as_table(found: Value) -> _Table:
    return found if isinstance(found, dict) else {}
