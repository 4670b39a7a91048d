"""Replies that no rule knew, grouped by template, and a draft rule for one group.

Guarantees: memory is bounded by ``MOST``; a draft loads as it stands, names no real address, and keeps the category
that the reply has already until somebody who read it writes another.
"""

import re
from collections import Counter

import msgspec

from gatepost import errors
from gatepost.classify import patterns, rules, template
from gatepost.cli import show
from gatepost.model import event as events
from gatepost.model import reply as replies
from gatepost.model import verdict as verdicts

_UNKNOWN = verdicts.Category.UNKNOWN_PERMANENT.value
_PRESUMED = verdicts.Category.RECIPIENT_PRESUMED_DEAD.value
# What history made of an unknown reply is one for review all the same.
CATEGORIES = (_UNKNOWN, verdicts.Category.UNKNOWN_TEMPORARY.value, _PRESUMED)
MOST = 10_000
_SAMPLES = 20
_LONGEST = 60
_SPLIT = re.compile(r"<[a-z]+>|[()*]")


class Group(msgspec.Struct):
    """Replies of one template."""

    template: str
    category: str
    providers: Counter[str]
    samples: list[replies.Reply]
    stages: set[replies.Stage]

    @property
    def count(self) -> int:
        """How many replies."""
        return self.providers.total()


class Shape(msgspec.Struct, frozen=True):
    """A group as it is shown."""

    number: int
    count: int
    category: str
    template: str
    providers: dict[str, int]
    stages: list[str]
    sample: str


class Unmatched:
    """All groups. others: replies that came when there were too many templates already."""

    def __init__(self) -> None:
        self._groups: dict[tuple[str, str], Group] = {}
        self.others = 0

    def add(self, event: events.Event) -> None:
        """Count one."""
        reply = replies.Reply(event.code, event.reply, event.stage)
        category = _UNKNOWN if event.category == _PRESUMED else event.category
        key = (template.of(reply), category)
        group = self._groups.get(key)
        if group is None:
            if len(self._groups) >= MOST:
                self.others += 1
                return
            group = self._groups[key] = Group(*key, Counter(), [], set())
        group.providers[event.provider] += 1
        group.stages.add(event.stage)
        if len(group.samples) < _SAMPLES:
            group.samples.append(reply)

    def sorted(self) -> list[Group]:
        """The most frequent first; the order is the same each time."""
        return sorted(self._groups.values(), key=lambda one: (-one.count, one.template, one.category))


def shape(number: int, group: Group) -> Shape:
    """As it is shown."""
    return Shape(
        number,
        group.count,
        group.category,
        group.template,
        dict(group.providers.most_common()),
        [stage.word for stage in sorted(group.stages)],
        show.escaped(group.samples[0].raw),
    )


def draft(group: Group) -> str:
    """A rule file for the group. Raises BadInput where its replies have no words in common."""
    words = _words(group)
    first = template.folded(group.samples[0])
    example = " ".join(
        part
        for part in (str(first.code), first.enhanced, first.key.replace(template.ADDRESS, "user@example.org"))
        if part
    )
    [provider, *more] = group.providers
    named = not more and provider and provider == provider.lower()
    slug = "_".join(re.findall(r"[a-z0-9]+", words)[:4]) or "draft"
    lines = [
        f"# {group.count} replies, of {', '.join(group.providers)}",
        "# Say what it means: a category of docs/categories.md; then `gatepost rules replay` shows what that changes.",
        "[[rule]]",
        f"id = {_quoted(f'own.{slug}')}",
        f"category = {_quoted(group.category)}",
        *([f"provider = {_quoted(provider)}"] if named else []),
        f"codes = {_quoted([str(first.code)])}",
        f"match = {_quoted([words])}",
        f"examples = {_quoted([example])}",
    ]
    text = "\n".join(lines) + "\n"
    if problems := rules.problems({"draft": text.encode()}):
        raise errors.BadInput("--draft", f"no rule can be drafted for {group.template}: {problems[0]}")
    return text


def _words(group: Group) -> str:
    """The longest words that all samples have."""
    keys = [template.folded(sample).key for sample in group.samples]
    pieces = [_whole(piece) for piece in _SPLIT.split(template.of_text(keys[0]))]
    for words in sorted(pieces, key=len, reverse=True):
        try:
            pattern = patterns.parse(words)
        except ValueError:
            break
        if any(char.isalpha() for char in words) and all(pattern.search(key) for key in keys):
            return words
    raise errors.BadInput(
        "--draft", f"no rule can be drafted: the replies {group.template} have no words in common"
    )


def _whole(piece: str) -> str:
    """Not too long, and cut between words."""
    text = piece.strip(" ,.;:-\"'[]{}<>")
    return text if len(text) <= _LONGEST else text[:_LONGEST].rpartition(" ")[0] or text[:_LONGEST]


def _quoted(value: str | list[str]) -> str:
    """A JSON string is a TOML basic string, and an array an array."""
    return msgspec.json.encode(value).decode()
