"""What people write in TOML: read into a type with every mistake at once, each with the key and the line it stands in.

Guarantees: a value that cannot be what its key wants is one BadInput that names the key (``listener[0].port``) and hides
no other. A line is a help for people: inside of strings and arrays over several lines it may be that of the key before.
Not here: what a value means, and whether it makes sense (the settings of each package).
"""

import copy
import re
import tomllib
from collections.abc import Mapping
from typing import TypeVar, cast

import msgspec

from gatepost import errors

_T = TypeVar("_T", bound=msgspec.Struct)
_Key = tuple[str | int, ...]
_SOME = "..."  # msgspec's word for a key of a mapping

_MOST = 100  # mistakes told of one file
_SAID = re.compile(r"(?P<problem>.*) - at (?P<of_key>`key` in )?`\$\.?(?P<path>.*)`", re.DOTALL)
_UNKNOWN = re.compile(r"Object contains unknown field `(.*)`", re.DOTALL)
_WORD = re.compile(
    r"""\[(?P<index>\d+)\]|"(?P<basic>(?:[^"\\]|\\.)*)"|'(?P<literal>[^']*)'|(?P<bare>[^.\s\["'=]+)"""
)
_HEADER = re.compile(r"\s*(\[\[?)((?:[^\]\"']|\"[^\"]*\"|'[^']*')*)\]")
_PAIR = re.compile(r"""\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*=""")
_SYNTAX_LINE = re.compile(r" \(at line (\d+), column \d+\)")


class _Mistake(msgspec.Struct, frozen=True):
    key: _Key
    problem: str


def parse(text: str, name: str) -> dict[str, object]:
    """The table in a file called ``name``. Raises BadInput that names its line."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = _SYNTAX_LINE.search(str(error))
        place = f"{name}:{found[1]}" if found else name
        raise errors.BadInput(place, _SYNTAX_LINE.sub("", str(error))) from None


def convert(table: Mapping[str, object], kind: type[_T]) -> tuple[_T, list[errors.BadInput]]:
    """The table as ``kind``, and the mistakes; a key with a mistake is left out, so that the rest can be looked at."""
    rest = copy.deepcopy(dict(table))
    problems: list[errors.BadInput] = []
    while (mistake := _mistake(rest, kind)) is not None:
        key = _culprit(rest, mistake, kind)
        problems.append(errors.BadInput(_shown(key), mistake.problem))
        if len(problems) >= _MOST or not _leave_out(rest, key):
            rest = {}
    return msgspec.convert(rest, kind), problems


def place(text: str, name: str, key: str) -> str:
    """``gatepost.toml:12: delivery.port``; without the number where the file does not have the key."""
    wanted = _keys(key)
    line = max(((_fit(found, wanted), -number) for number, found in _lines(text)), default=(0, 0))
    return f"{name}:{-line[1]}: {key}" if line[0] else f"{name}: {key}"


def _keys(path: str) -> _Key:
    """``a.b[2]."c.d"`` in parts."""
    found: list[str | int] = []
    for match in _WORD.finditer(path.replace("[...]", f'."{_SOME}"')):
        if match["index"] is not None:
            found.append(int(match["index"]))
        else:
            found.append(match["basic"] or match["literal"] or match["bare"] or "")
    return tuple(found)


def _shown(key: _Key) -> str:
    text = ""
    for part in key:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            plain = re.fullmatch(r"[\w-]+", part) is not None
            text += ("." if text else "") + (part if plain else msgspec.json.encode(part).decode())
    return text


def _mistake(table: Mapping[str, object], kind: type[_T]) -> _Mistake | None:
    """The first one that msgspec finds."""
    try:
        msgspec.convert(table, kind)
    except msgspec.ValidationError as error:
        said = _SAID.fullmatch(str(error))
        if said is None:
            problem, key = str(error), _Key()
        else:
            problem, key = said["problem"], _keys(said["path"]) + ((_SOME,) if said["of_key"] else ())
        unknown = _UNKNOWN.fullmatch(problem)
        return _Mistake((*key, unknown[1]), "is no setting") if unknown else _Mistake(key, problem)
    return None


def _culprit(table: Mapping[str, object], mistake: _Mistake, kind: type[_T]) -> _Key:
    """Its key, with the key of a mapping that msgspec does not name: the one that makes the same mistake alone."""
    if _SOME not in mistake.key:
        return mistake.key
    at = mistake.key.index(_SOME)
    inner = _at(table, mistake.key[:at])
    for name in list(inner) if isinstance(inner, dict) else []:
        trial = copy.deepcopy(dict(table))
        alone = cast("dict[str, object]", _at(trial, mistake.key[:at]))
        for other in [one for one in alone if one != name]:
            del alone[other]
        if _mistake(trial, kind) == mistake:
            return (*mistake.key[:at], name, *mistake.key[at + 1 :])
    return mistake.key[:at]


def _at(table: Mapping[str, object], key: _Key) -> object:
    found: object = table
    for part in key:
        try:
            found = cast("dict[str | int, object]", found)[part]
        except (KeyError, IndexError, TypeError):
            return None
    return found


def _leave_out(table: dict[str, object], key: _Key) -> bool:
    """Remove the innermost named value, so that its default holds. Whether there was one."""
    while key and isinstance(key[-1], int):
        key = key[:-1]
    inner = _at(table, key[:-1]) if key else None
    if not isinstance(inner, dict) or key[-1] not in inner:
        return False
    del inner[key[-1]]
    return True


def _lines(text: str) -> list[tuple[int, _Key]]:
    """The lines that name a key, with its whole path."""
    found: list[tuple[int, _Key]] = []
    header: _Key = ()
    counts: dict[_Key, int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if match := _HEADER.match(line):
            header = _counted(_keys(match[2]), counts, listed=match[1] == "[[")
            found.append((number, header))
        elif match := _PAIR.match(line):
            found.append((number, (*header, *_keys(match[1]))))
    return found


def _counted(names: _Key, counts: dict[_Key, int], *, listed: bool) -> _Key:
    """A header's path with the places in the lists that it belongs to: ``[[a]]`` for the second time is a[1]."""
    key: _Key = ()
    for depth, name in enumerate(names, 1):
        key = (*key, name)
        if listed and depth == len(names):
            counts[key] = counts.get(key, -1) + 1
        if key in counts:
            key = (*key, counts[key])
    return key


def _fit(found: _Key, wanted: _Key) -> int:
    """How many parts of the wanted key a line names; 0 where it names anything else."""
    return len(found) if found == wanted[: len(found)] else 0
