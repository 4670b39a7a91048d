"""What is wrong with rules that load: shadowed, impossible, or so broad that living addresses would pay for it.

Guarantees: every problem is ``file:line: rule id: problem``; the rules are judged together, as they would work. Not here:
what keeps a file from being loaded, such as an example that does not match (``rules.problems``).
"""

import itertools
from collections.abc import Iterator

from gatepost.classify import classifier as classifiers
from gatepost.classify import meanings, rules, ruleset, template
from gatepost.model import reply as replies

Stage = replies.Stage

_WITH_REPLIES = (Stage.GREETING, Stage.EHLO, Stage.MAIL, Stage.RCPT, Stage.DATA, Stage.DOT)
_WITHOUT = frozenset({Stage.DNS, Stage.CONNECT})
_BEFORE_RCPT = frozenset({Stage.GREETING, Stage.EHLO, Stage.STARTTLS, Stage.AUTH, Stage.MAIL})
_MOST_CATEGORIES = 3  # of others, whose examples a rule may take before it counts as broad
_DETAILS = frozenset(
    {"x", "0"}
)  # an enhanced code that ends so says nothing (RFC 3463 §3: "other or undefined")
# What a server says about anything: whoever reads a dead address out of one of these would lose living ones.
_PROBES = (
    "550 5.7.1",
    "550",
    "554 5.7.1 Rejected",
    "550 5.7.1 Message rejected",
    "550 5.7.1 Access denied",
    "554 Transaction failed",
    "550 Requested action not taken",
    "550 Administrative prohibition",
    "550 5.7.1 Your mail was not accepted by this server",
    "550 5.7.1 Our users do not want mail from 192.0.2.1",
    "554 5.7.1 The recipient's server found spam in your message",
    "550 5.7.1 Sender address rejected",
)


def problems(among: ruleset.RuleSet, providers: frozenset[str]) -> list[str]:
    """Everything that looks like a mistake. providers: the short names; all others are domains or ``host:port``."""
    found: list[str] = []
    taken = _taken(among)
    for rule in among.rules:
        said = [*_impossible(rule, providers), *_bare(rule)]
        if shadow := _shadow(among, rule):
            said.append(f"never wins: {shadow.id} ({shadow.place}) takes all its examples")
        if len(taken.get(rule.id, ())) > _MOST_CATEGORIES:
            said.append(f"is too broad: it takes examples of {', '.join(sorted(taken[rule.id]))}")
        if probe := _harm(among, rule):
            said.append(f"is dangerously broad: it takes {probe!r} for a dead address")
        found += [f"{rule.place}: rule {rule.id}: {problem}" for problem in said]
    return found


def _impossible(rule: ruleset.Rule, providers: frozenset[str]) -> Iterator[str]:
    if rule.provider and rule.provider not in providers and "." not in rule.provider:
        yield f"can never match: provider {rule.provider!r} is not one of {', '.join(sorted(providers))}, nor a domain"
    if rule.stages and rule.stages <= _WITHOUT:
        yield "can never match: no server answers at these stages"
    if rule.category in meanings.SUPPRESSING and rule.stages and rule.stages <= _BEFORE_RCPT:
        yield f"can never win: no recipient is named before rcpt, so nothing there can mean {rule.category}"
    if rule.codes and all(code.startswith("2") for code in rule.codes):
        yield "can never match: a 2xx takes the mail, and no rule is asked"
    for code in rule.enhanced:
        if not _can_be(code):
            yield f"can never match: {code!r} is no enhanced code"
    for pattern in rule.patterns:
        if "  " in pattern.source:
            yield f"pattern {pattern.source!r} can never match: texts have single spaces"
        if any(_varies(literal) for piece in pattern.pieces for literal in piece.options):
            yield f"pattern {pattern.source!r} can never match: addresses, IPs, ids and long numbers are replaced"


def _varies(literal: str) -> bool:
    words = literal.replace(template.ADDRESS, "")
    return template.masked(words) != words


def _can_be(code: str) -> bool:
    parts = code.split(".")
    known = parts[0] in {"x", "4", "5"}
    return known and all(part == "x" or (part.isdecimal() and len(part) <= 3) for part in parts[1:])


def _bare(rule: ruleset.Rule) -> Iterator[str]:
    """Codes without words are a provider's own language at best."""
    for pattern in rule.patterns:
        if not any(char.isalpha() for char in pattern.source):
            yield f"is dangerously broad: pattern {pattern.source!r} has no words (codes belong in codes and enhanced)"
    if rule.patterns:
        return
    if not rule.provider and not all(_of_one_maker(code) for code in rule.enhanced):
        yield "is dangerously broad: a code without words, of any provider"
    elif vague := [code for code in rule.enhanced if code.rpartition(".")[2] in _DETAILS]:
        yield f"is dangerously broad: {', '.join(vague)} without words may be about anything"
    elif rule.category in meanings.SUPPRESSING and any(
        code.split(".")[1] == "7" and not _of_one_maker(code) for code in rule.enhanced
    ):
        yield "is dangerously broad: a policy code (x.7.x) without words would suppress addresses"


def _of_one_maker(code: str) -> bool:
    """Details from 100 on are in no registry (RFC 5248): whoever says one means it as its maker does."""
    detail = code.rpartition(".")[2]
    return detail.isdecimal() and len(detail) == 3


def _shadow(among: ruleset.RuleSet, rule: ruleset.Rule) -> ruleset.Rule | None:
    """The earlier rule, if at every stage of the rule one of its own layer takes each of its examples.

    A rule of a layer above may well stand before all that a lower one says: that is what it is for.
    """
    shadow = None
    for text, stage in itertools.product(rule.examples, sorted(rule.stages) or _WITH_REPLIES):
        first = _first(among, text, stage, rule.provider)
        if first is None or first.id == rule.id or first.layer > rule.layer:
            return None
        shadow = shadow or first
    return shadow


def _first(among: ruleset.RuleSet, text: str, stage: Stage, provider: str) -> ruleset.Rule | None:
    match = next(among.read(rules.fold(text)).matches(stage, provider), None)
    return match.rule if match is not None else None


def _taken(among: ruleset.RuleSet) -> dict[str, set[str]]:
    """Which categories' examples each rule takes from another one."""
    found: dict[str, set[str]] = {}
    for provider in sorted({rule.provider for rule in among.rules}):
        for rule in among.rules:
            if rule.provider not in ("", provider):
                continue
            stage = min(rule.stages, default=Stage.RCPT)
            for text in rule.examples:
                first = _first(among, text, stage, provider)
                if first is not None and first.category != rule.category:
                    found.setdefault(first.id, set()).add(rule.category.value)
    return found


def _harm(among: ruleset.RuleSet, rule: ruleset.Rule) -> str | None:
    """A neutral reply out of which the rule would read a dead address."""
    if rule.category not in meanings.SUPPRESSING:
        return None
    judge = classifiers.Classifier(among)
    context = classifiers.Context(provider=rule.provider)
    for text, stage in itertools.product(_PROBES, rule.stages or (Stage.RCPT, Stage.DOT)):
        if judge.classify(rules.read_reply(text, stage), context).rule == rule.id:
            return text
    return None
