"""The rules: read from TOML bytes and checked against their own examples.

Guarantees: the order is the precedence (a later layer of files first, then a file's
``precedence``, then rules of a provider, then file name and place in the file); a rule of a later layer replaces one of
the same id, so that an upgrade never makes an operator's file wrong. ``load`` reports every problem at once with ``file:line``.
How it fails: ``errors.BadInput``. Not here: matching (``ruleset``), codes without text (``codes``).
"""

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from gatepost import errors
from gatepost.classify import folding, meanings, nesting, ruleset, template
from gatepost.classify import patterns as phrases
from gatepost.model import reply as replies
from gatepost.model import verdict as verdicts

_DEFAULT_PRECEDENCE = 50
_SYNTAX_LINE = re.compile(r"\(at line (\d+)")


class _Row(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    id: str
    category: verdicts.Category
    match: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()
    enhanced: tuple[str, ...] = ()
    stages: tuple[str, ...] = ()
    provider: str = ""
    explicit: bool = False
    never: bool = False
    hint: int = 0
    confidence: str = "likely"
    version: int = 1
    source: str = ""
    examples: tuple[str, ...] = ()
    counter_examples: tuple[str, ...] = ()


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    rule: tuple[dict[str, object], ...] = ()
    provider: str = ""
    precedence: int = _DEFAULT_PRECEDENCE
    never: tuple[str, ...] = ()
    doubt: tuple[str, ...] = ()


class _Read(msgspec.Struct):
    rules: list[tuple[tuple[int, int, bool, str, int], ruleset.Rule]]  # the first number: minus the layer
    never: list[phrases.Pattern]
    doubt: list[phrases.Pattern]
    problems: list[str]


def load(*layers: Mapping[str, bytes]) -> ruleset.RuleSet:
    """The rules of all files, the last layer on top. Raises BadInput with one line per problem, each with its ``file:line``.

    The first layer is the shipped one: its examples were tried by its tests (``problems`` tries them, too) and are not
    tried again at every start, which would take a third of the time.
    """
    read = _read(layers)
    top = {rule.id: key[0] for key, rule in sorted(read.rules, key=lambda pair: -pair[0][0])}
    in_order = sorted(
        (pair for pair in read.rules if pair[0][0] == top[pair[1].id]), key=lambda pair: pair[0]
    )
    loaded = ruleset.RuleSet(tuple(rule for _, rule in in_order), tuple(read.never), tuple(read.doubt))
    read.problems.extend(_untrue((rule for rule in loaded.rules if rule.layer), loaded))
    if read.problems:
        raise errors.BadInput("rules", "; ".join(read.problems))
    return loaded


def problems(*layers: Mapping[str, bytes]) -> list[str]:
    """Everything wrong with the files, one ``file:line: problem`` each; empty when ``load`` would succeed."""
    read = _read(layers)
    together = ruleset.RuleSet(tuple(rule for _, rule in read.rules))
    return [*read.problems, *_untrue(together.rules, together)]


def _read(layers: Iterable[Mapping[str, bytes]]) -> _Read:
    read = _Read([], [], [], [])
    for layer, files in enumerate(layers):
        for name in sorted(files):
            _read_file(name, files[name], read, layer)
    seen: dict[tuple[int, str], str] = {}
    for key, rule in read.rules:
        identity = (key[0], rule.id)
        if identity in seen:
            read.problems.append(f"{rule.place}: rule {rule.id} is also at {seen[identity]}")
        seen.setdefault(identity, rule.place)
    return read


def _read_file(name: str, data: bytes, read: _Read, layer: int) -> None:
    try:
        text = data.decode("utf-8")
        file = msgspec.convert(tomllib.loads(text), _File)
        read.never.extend(phrases.parse(phrase) for phrase in file.never)
        read.doubt.extend(phrases.parse(phrase) for phrase in file.doubt)
    except (ValueError, msgspec.ValidationError) as error:
        line = _SYNTAX_LINE.search(str(error))
        read.problems.append(f"{name}{':' + line[1] if line else ''}: {error}")
        return
    lines = [number for number, line in enumerate(text.splitlines(), 1) if line.strip() == "[[rule]]"]
    for index, table in enumerate(file.rule):
        place = f"{name}:{lines[index]}" if index < len(lines) else name
        try:
            rule = _rule(msgspec.convert(table, _Row), place, file.provider, layer)
        except (ValueError, msgspec.ValidationError) as error:
            read.problems.append(f"{place}: rule {table.get('id', '?')}: {error}")
        else:
            read.rules.append(((-layer, file.precedence, not rule.provider, name, index), rule))


def _rule(row: _Row, place: str, provider: str, layer: int) -> ruleset.Rule:
    _check(row)
    return ruleset.Rule(
        id=row.id,
        category=row.category,
        place=place,
        patterns=tuple(phrases.parse(source) for source in row.match),
        without=tuple(phrases.parse(source) for source in row.without),
        codes=row.codes,
        enhanced=row.enhanced,
        stages=frozenset(_stage(word) for word in row.stages),
        provider=row.provider or provider,
        explicit=row.explicit,
        never=row.never,
        hint=row.hint,
        confidence=verdicts.Confidence[row.confidence.upper()],
        version=row.version,
        source=row.source,
        examples=row.examples,
        counter_examples=row.counter_examples,
        layer=layer,
    )


def _check(row: _Row) -> None:
    if not row.id or " " in row.id:
        raise ValueError("id must be a word")
    if row.category not in meanings.FROM_REPLIES:
        raise ValueError(f"no reply can mean {row.category}")
    if not row.match and not row.enhanced:
        raise ValueError("needs match or enhanced")
    if row.explicit and not row.category.startswith("recipient."):
        raise ValueError("explicit is for recipient.* only")
    if row.confidence not in ("guess", "likely", "certain"):
        raise ValueError(f"confidence {row.confidence!r} is not guess, likely or certain")
    for code in row.codes:
        if not (len(code) == 3 and code[0] in "245" and (code.isdigit() or code[1:] == "xx")):
            raise ValueError(f"code {code!r} is not like 550 or 5xx")
    if any(code.count(".") != 2 for code in row.enhanced):
        raise ValueError("enhanced is like 5.7.26 or x.7.26")


def _stage(word: str) -> replies.Stage:
    try:
        return replies.Stage[word.upper()]
    except KeyError:
        raise ValueError(f"stage {word!r} is unknown") from None


def _untrue(rules: Iterable[ruleset.Rule], among: ruleset.RuleSet) -> Iterator[str]:
    """What the rules' own examples say against them."""
    for rule in rules:
        if not rule.examples:
            yield f"{rule.place}: rule {rule.id}: has no examples"
        for text in rule.examples:
            if not agrees(rule, text, among):
                yield f"{rule.place}: rule {rule.id}: its example does not match: {text}"
        for text in rule.counter_examples:
            if agrees(rule, text, among):
                yield f"{rule.place}: rule {rule.id}: its counter-example matches: {text}"


def agrees(rule: ruleset.Rule, text: str, among: ruleset.RuleSet) -> bool:
    """Whether the rule, which is one of these, matches a written reply, at a stage and provider of its own."""
    stage = min(rule.stages, default=replies.Stage.RCPT)
    matches = among.read(fold(text)).matches(stage, rule.provider)
    return any(match.rule is rule for match in matches)


def fold(text: str) -> folding.Folded:
    """A written reply as rules see it, or the one that it quotes."""
    outer = template.folded(read_reply(text))
    inner = nesting.unwrap(outer)
    return inner.folded if inner is not None else outer


def read_reply(text: str, stage: replies.Stage = replies.Stage.UNKNOWN) -> replies.Reply:
    """A reply as people write it down, its code in front, or none."""
    code = int(text[:3]) if text[:3].isascii() and text[:3].isdigit() else 0
    return replies.Reply(code, text.encode(), stage)
