"""Rules in their order, and which of them match a text.

One automaton finds all literals of all patterns in one pass. Each pattern is a bit of an integer; each literal knows the
bits of the patterns that need it, as their first, second and third need. What is left after three ANDs is a handful of
patterns whose literals are all there, in order of precedence: only these are followed through the text (``patterns``).
Guarantees: a RuleSet is immutable. Not here: where rules come from (``rules``), what wins over what else (``classifier``).
"""

import functools
from collections.abc import Iterator

import ahocorasick_rs
import msgspec

from gatepost.classify import folding
from gatepost.classify import patterns as phrases
from gatepost.model import reply as replies
from gatepost.model import verdict as verdicts

_NEEDS = 3
# As fast as the others on texts of this length, and made in two thirds of the time.
_KIND = ahocorasick_rs.Implementation.NoncontiguousNFA


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

    def fits(self, said: frozenset[str], stage: replies.Stage, provider: str) -> bool:
        """Whether everything but the text agrees. said: the reply's codes (``codes_of``)."""
        if self.provider and self.provider != provider:
            return False
        if self.stages and stage not in self.stages:
            return False
        if self.codes and said.isdisjoint(self.codes):
            return False
        return not (self.enhanced and said.isdisjoint(self.enhanced))


class Match(msgspec.Struct, frozen=True):
    """A rule that matched, and where; (0, 0) for a rule without text."""

    rule: Rule
    span: tuple[int, int]


class RuleSet:
    """Rules in order of precedence, ready to be looked for."""

    def __init__(
        self,
        rules: tuple[Rule, ...],
        never: tuple[phrases.Pattern, ...] = (),
        doubt: tuple[phrases.Pattern, ...] = (),
    ) -> None:
        self.rules = rules
        self.patterns: list[phrases.Pattern | None] = []  # by bit; None: the rule has no text
        self.owners: list[int] = []  # the rule that a bit of ``match`` belongs to
        for index, rule in enumerate(rules):
            self.owners += [index] * len(rule.patterns or (None,))
            self.patterns += rule.patterns or (None,)
        self.without = [self._numbered(rule.without) for rule in rules]
        self.never = self._numbered(never)
        self.doubt = self._numbered(doubt)
        self._general = self._bits_of("")
        self._of_provider = {
            rule.provider: self._general | self._bits_of(rule.provider) for rule in rules if rule.provider
        }
        self.by_code: dict[str, int] = {}  # the rules without text
        self.nothing_needed = [0] * _NEEDS
        self.needing: dict[str, tuple[int, int, int]] = {}
        for number, pattern in enumerate(self.patterns):
            if pattern is not None:
                self._need(1 << number, pattern.needed)
            else:
                for code in rules[self.owners[number]].enhanced:
                    self.by_code[code] = self.by_code.get(code, 0) | 1 << number
        self._literals = (
            ahocorasick_rs.AhoCorasick(list(self.needing), implementation=_KIND) if self.needing else None
        )

    def read(self, folded: folding.Folded) -> "Reading":
        """The text, as these rules see it."""
        found = self._literals.find_matches_as_strings(folded.key, overlapping=True) if self._literals else ()
        return Reading(self, folded, set(found))

    def bits(self, provider: str) -> int:
        """The patterns of the rules that may speak of a provider."""
        return self._of_provider.get(provider, self._general)

    def _numbered(self, more: tuple[phrases.Pattern, ...]) -> int:
        """Give these patterns the next bits."""
        first = len(self.patterns)
        self.patterns += more
        return (1 << len(self.patterns)) - (1 << first)

    def _bits_of(self, provider: str) -> int:
        return sum(1 << bit for bit, rule in enumerate(self.owners) if self.rules[rule].provider == provider)

    def _need(self, bit: int, needed: list[frozenset[str]]) -> None:
        for literals in needed[_NEEDS:]:  # looked for all the same: a pattern is followed by what was found
            for literal in literals:
                self.needing.setdefault(literal, (0, 0, 0))
        for place in range(_NEEDS):
            if place >= len(needed):
                self.nothing_needed[place] |= bit
                continue
            for literal in needed[place]:
                bits = list(self.needing.get(literal, (0,) * _NEEDS))
                bits[place] |= bit
                self.needing[literal] = (bits[0], bits[1], bits[2])


class Reading:
    """One text and the patterns that may be in it."""

    def __init__(self, rules: RuleSet, folded: folding.Folded, present: set[str]) -> None:
        self.folded = folded
        self._rules = rules
        first, second, third = rules.nothing_needed
        for literal in present:
            one, two, three = rules.needing[literal]
            first |= one
            second |= two
            third |= three
        self._may = first & second & third
        self._text = phrases.Text(folded.key, present)

    def matches(self, stage: replies.Stage, provider: str) -> Iterator[Match]:
        """The rules that match, the one that counts first."""
        said, may, matched = codes_of(self.folded), self._may, -1
        for code in said:
            may |= self._rules.by_code.get(code, 0)
        for bit in _each(may & self._rules.bits(provider)):
            index, pattern = self._rules.owners[bit], self._rules.patterns[bit]
            rule = self._rules.rules[index]
            if index == matched or not rule.fits(said, stage, provider):
                continue
            ends = pattern.ends(self._text) if pattern is not None else -1
            if ends and not self._says(self._rules.without[index]):
                matched = index
                yield Match(rule, pattern.span(self._text, ends) if pattern is not None else (0, 0))

    def says_never(self) -> bool:
        """Whether the text says that retrying will not succeed, whatever it is about."""
        return self._says(self._rules.never)

    @functools.cached_property
    def doubtful(self) -> bool:
        """Whether the server speaks of a trouble of its own, which is no word about a mailbox."""
        return self._says(self._rules.doubt)

    def _says(self, bits: int) -> bool:
        for bit in _each(self._may & bits):
            pattern = self._rules.patterns[bit]
            if pattern is not None and pattern.ends(self._text):
                return True
        return False


def _each(bits: int) -> Iterator[int]:
    """The numbers of the bits that are set, the lowest first."""
    while bits:
        lowest = bits & -bits
        yield lowest.bit_length() - 1
        bits ^= lowest


def codes_of(folded: folding.Folded) -> frozenset[str]:
    """The reply's codes in every way in which a rule may name them: ``550``, ``5xx``, ``5.7.26``, ``x.7.26``."""
    code, kind = str(folded.code), f"{folded.code // 100}xx"
    if not folded.enhanced:
        return frozenset((code, kind))
    a, b, c = folded.enhanced.split(".")
    with_x = (f"x.{b}.{c}", f"{a}.x.{c}", f"{a}.{b}.x", f"x.x.{c}", f"x.{b}.x", f"{a}.x.x", "x.x.x")
    return frozenset((code, kind, folded.enhanced, *with_x))
