"""The rules: read from TOML bytes, checked against their own examples, matched against a folded reply.

Guarantees: a RuleSet is immutable, its order is its precedence (a later layer of files first, then a file's
``precedence``, then rules of a provider, then file name and place in the file); a rule of a later layer replaces one of
the same id, so that an upgrade never makes an operator's file wrong. ``load`` reports every problem at once with ``file:line``. Matching looks for all
literals in one pass and tries only the patterns whose literal is there.
How it fails: ``errors.BadInput``. Not here: codes without text (``codes``), what wins over what else (``classifier``).
"""

import itertools
import operator
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping

import ahocorasick_rs
import msgspec

from gatepost import errors
from gatepost.classify import folding, meanings, nesting
from gatepost.classify import patterns as phrases
from gatepost.model import reply as replies
from gatepost.model import verdict as verdicts

_DEFAULT_PRECEDENCE = 50
_SYNTAX_LINE = re.compile(r"\(at line (\d+)")


class Rule(msgspec.Struct, frozen=True):
    """One rule. place: ``file:line``. layer: of its file, 0 for the shipped ones. See docs/rules.md for each field."""

    id: str
    category: verdicts.Category
    place: str
    patterns: tuple[phrases.Pattern, ...] = ()
    without: tuple[phrases.Pattern, ...] = ()
    codes: tuple[str, ...] = ()
    enhanced: tuple[str, ...] = ()
    stages: frozenset[replies.Stage] = frozenset()
    provider: str = ""
    explicit: bool = False
    never: bool = False
    hint: int = 0
    confidence: verdicts.Confidence = verdicts.Confidence.LIKELY
    version: int = 1
    source: str = ""
    examples: tuple[str, ...] = ()
    counter_examples: tuple[str, ...] = ()
    layer: int = 0

    def fits(self, folded: folding.Folded, stage: replies.Stage, provider: str) -> bool:
        """Whether everything but the text agrees."""
        if self.provider and self.provider != provider:
            return False
        if self.stages and stage not in self.stages:
            return False
        if self.codes and not any(_code_fits(code, folded.code) for code in self.codes):
            return False
        return not self.enhanced or any(_enhanced_fits(code, folded.enhanced) for code in self.enhanced)

    def span(self, key: str, tried: Iterable[int] | None = None) -> tuple[int, int] | None:
        """Where the text matches (by the patterns of these indexes, or by any); (0, 0) for a rule without text."""
        span = None if self.patterns else (0, 0)
        for index in range(len(self.patterns)) if tried is None else tried:
            if found := self.patterns[index].search(key):
                span = found.span()
                break
        if span is None or any(pattern.search(key) for pattern in self.without):
            return None
        return span


class Match(msgspec.Struct, frozen=True):
    """A rule that matched, and where."""

    rule: Rule
    span: tuple[int, int]


class RuleSet:
    """Rules in order of precedence, with one automaton over all their literals."""

    def __init__(self, rules: tuple[Rule, ...], never: tuple[phrases.Pattern, ...] = ()) -> None:
        self.rules = rules
        self.never = never
        owners: dict[str, set[tuple[int, int]]] = {}
        for index, rule in enumerate(rules):
            for place, pattern in enumerate(rule.patterns):
                for anchor in pattern.anchors:
                    owners.setdefault(anchor, set()).add((index, place))
        self._owners = tuple(frozenset(pairs) for pairs in owners.values())
        self._always = tuple((index, -1) for index, rule in enumerate(rules) if not rule.patterns)
        self._literals = ahocorasick_rs.AhoCorasick(list(owners)) if owners else None

    def matches(self, folded: folding.Folded, stage: replies.Stage, provider: str) -> Iterator[Match]:
        """The rules that match, the one that counts first."""
        for index, pairs in itertools.groupby(self._candidates(folded.key), operator.itemgetter(0)):
            rule = self.rules[index]
            if not rule.fits(folded, stage, provider):
                continue
            tried = [place for _, place in pairs if place >= 0]
            if (span := rule.span(folded.key, tried)) is not None:
                yield Match(rule, span)

    def says_never(self, key: str) -> bool:
        """Whether the text says that retrying will not succeed, whatever it is about."""
        return any(pattern.search(key) for pattern in self.never)

    def _candidates(self, key: str) -> list[tuple[int, int]]:
        """Rules and patterns of which a literal is in the text, in order of precedence."""
        found = set(self._always)
        if self._literals is not None:
            hits = self._literals.find_matches_as_indexes(key, overlapping=True)
            for literal in {hit[0] for hit in hits}:
                found |= self._owners[literal]
        return sorted(found)


def _code_fits(wanted: str, code: int) -> bool:
    return wanted == str(code) or (wanted[1:] == "xx" and code // 100 == int(wanted[0]))


def _enhanced_fits(wanted: str, said: str) -> bool:
    parts, given = wanted.split("."), said.split(".")
    return len(given) == 3 and all(part in ("x", got) for part, got in zip(parts, given, strict=True))


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


class _Read(msgspec.Struct):
    rules: list[tuple[tuple[int, int, bool, str, int], Rule]]  # the first number: minus the layer
    never: list[phrases.Pattern]
    problems: list[str]


def load(*layers: Mapping[str, bytes]) -> RuleSet:
    """The rules of all files, the last layer on top. Raises BadInput with one line per problem, each with its ``file:line``."""
    read = _read(layers)
    if read.problems:
        raise errors.BadInput("rules", "; ".join(read.problems))
    top = {rule.id: key[0] for key, rule in sorted(read.rules, key=lambda pair: -pair[0][0])}
    read.rules = sorted(
        (pair for pair in read.rules if pair[0][0] == top[pair[1].id]), key=lambda pair: pair[0]
    )
    return RuleSet(tuple(rule for _, rule in read.rules), tuple(read.never))


def problems(*layers: Mapping[str, bytes]) -> list[str]:
    """Everything wrong with the files, one ``file:line: problem`` each; empty when ``load`` would succeed."""
    return _read(layers).problems


def _read(layers: Iterable[Mapping[str, bytes]]) -> _Read:
    read = _Read([], [], [])
    for layer, files in enumerate(layers):
        for name in sorted(files):
            _read_file(name, files[name], read, layer)
    seen: dict[tuple[int, str], str] = {}
    for key, rule in read.rules:
        identity = (key[0], rule.id)
        if identity in seen:
            read.problems.append(f"{rule.place}: rule {rule.id} is also at {seen[identity]}")
        seen.setdefault(identity, rule.place)
        read.problems.extend(f"{rule.place}: rule {rule.id}: {problem}" for problem in _untrue(rule))
    return read


def _read_file(name: str, data: bytes, read: _Read, layer: int) -> None:
    try:
        text = data.decode("utf-8")
        file = msgspec.convert(tomllib.loads(text), _File)
        read.never.extend(phrases.parse(phrase) for phrase in file.never)
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


def _rule(row: _Row, place: str, provider: str, layer: int) -> Rule:
    _check(row)
    return Rule(
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


def _untrue(rule: Rule) -> Iterator[str]:
    if not rule.examples:
        yield "has no examples"
    for text in rule.examples:
        if not agrees(rule, text):
            yield f"its example does not match: {text}"
    for text in rule.counter_examples:
        if agrees(rule, text):
            yield f"its counter-example matches: {text}"


def agrees(rule: Rule, text: str) -> bool:
    """Whether the rule by itself matches a written reply, at a stage and provider of its own."""
    stage = min(rule.stages, default=replies.Stage.RCPT)
    outer = folding.fold(read_reply(text, stage))
    inner = nesting.unwrap(outer)
    folded = inner.folded if inner is not None else outer
    return rule.fits(folded, stage, rule.provider) and rule.span(folded.key) is not None


def read_reply(text: str, stage: replies.Stage = replies.Stage.UNKNOWN) -> replies.Reply:
    """A reply as people write it down, its code in front, or none."""
    code = int(text[:3]) if text[:3].isascii() and text[:3].isdigit() else 0
    return replies.Reply(code, text.encode(), stage)
