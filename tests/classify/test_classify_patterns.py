"""A pattern finds what a regular expression of the same meaning finds, in work that only the text's length decides."""

import re
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatepost.classify import classifier as classifiers
from gatepost.classify import folding, patterns, rules, ruleset, template
from gatepost.model import reply as replies
from gatepost.model import verdict as verdicts

DATA = Path(__file__).parents[2] / "src" / "gatepost" / "classify" / "data"
RULES = rules.load({path.name: path.read_bytes() for path in DATA.glob("*.toml")})
SHIPPED = [pattern.source for rule in RULES.rules for pattern in (*rule.patterns, *rule.without)]

_TOKEN = re.compile(r"\(([^()]*)\)|( ?\* ?)|([^()*]+)")


def as_regex(source: str) -> re.Pattern[str]:
    """The language's meaning, written down once more."""
    lowered = folding.lower(source)
    made = "" if lowered.startswith("*") else "(?<![a-z0-9])"
    for options, gap, text in _TOKEN.findall(lowered.removesuffix("*")):
        if gap:
            made += ".{0,40}?" + ("(?<![a-z0-9])" if gap.endswith(" ") else "")
        else:
            made += re.escape(text) if text else f"(?:{'|'.join(map(re.escape, options.split('|')))})"
    return re.compile(made + ("" if lowered.endswith("*") else "(?![a-z0-9])"), re.DOTALL)


WRITTEN = [
    "no user",
    "abc (a|b|) * abc",
    "(abc|no user)*",
    "*abc * user",
    "no *abc",
    "abc*user * no",
    "(abc|abca) abc",
]


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(WRITTEN),
    st.lists(st.sampled_from(["abc", "no", "user", "a", " ", "  ", "x" * 39, "¤"]), max_size=12),
)
def test_it_finds_what_a_regular_expression_finds(source: str, parts: list[str]) -> None:
    text = "".join(parts)
    expected, found = as_regex(source).search(text), patterns.parse(source).search(text)
    assert (found is None) == (expected is None)
    if found is not None and expected is not None:
        assert found[0] == expected.start()
        assert as_regex(source).fullmatch(text[found[0] : found[1]]) or not source[0].isalpha()


@pytest.mark.parametrize("source", sorted(set(SHIPPED)))
def test_each_shipped_pattern_finds_what_a_regular_expression_finds(source: str) -> None:
    pattern, regex = patterns.parse(source), as_regex(source)
    for text in _texts():
        expected, found = regex.search(text), pattern.search(text)
        assert (found is None) == (expected is None), text
        assert found is None or expected is None or found[0] == expected.start(), text


def test_all_patterns_together_find_what_each_regular_expression_finds() -> None:
    sources = sorted({*SHIPPED, "(user|box) (gets|takes) too (many|much) (mails|things) * this (hour|day)"})
    every = tuple(
        ruleset.Rule(str(number), verdicts.Category.CONTENT_SPAM, "", (patterns.parse(source),))
        for number, source in enumerate(sources)
    )
    regexes, together = [as_regex(source) for source in sources], ruleset.RuleSet(every)
    for text in [*_texts(), "your user gets too many mails from you this hour"]:
        found = together.read(folding.Folded(550, "", text)).matches(replies.Stage.RCPT, "")
        assert [int(match.rule.id) for match in found] == [
            number for number, regex in enumerate(regexes) if regex.search(text)
        ], text


def _texts() -> list[str]:
    return [text for rule in RULES.rules for text in map(_key, rule.examples)][::4]


def _key(text: str) -> str:
    return template.folded(rules.read_reply(text)).key


HOSTILE = {
    "anchors": "user mailbox recipient unknown does not exist ",
    "gaps": "domain not exist sender ip blocked listed by using reverse ptr ",
    "addresses": "a@b.example ",
    "at": "a@",
    "one word": "x",
    "said": "said: 550 ",
    "deep": "host a said: 550 5.1.1 host b said: 451 4.2.1 ",
    "codes": "550 5.1.1 ",
    "lines": "550-5.1.1 user\r\n",
    "waits": "retry wait again 5 s ",
    "marks": "spf dkim dmarc relay ",
    "ips": "1.2.3.4:",
    "ids": "1a2b3c4d-",
    "brackets": "((((<<<<",
    "marks of ours": "\u00a4",
    "kanji": "用户不存在",
    "marked letters": "é x ",
    "wide": "\uff55\uff53\uff45\uff52 ",
}


def _classify(text: str, size: int) -> None:
    reply = replies.Reply(550, text.encode()[:size], replies.Stage.RCPT)
    context = classifiers.Context(provider="google", our_ip="192.0.2.25", recipient="anna@example.com")
    classifiers.Classifier(RULES).classify(reply, context)


def _calls(text: str, size: int) -> int:
    """How many calls it takes."""
    count = 0

    def counted(_frame: object, event: str, _arg: object) -> None:
        nonlocal count
        count += event.endswith("call")

    before = sys.getprofile()
    sys.setprofile(counted)
    try:
        _classify(text, size)
    finally:
        sys.setprofile(before)
    return count


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_twice_the_text_is_at_most_twice_the_work(text: str) -> None:
    long = "550 " + text * 2000
    assert _calls(long, folding.LIMIT) <= 2 * _calls(long, folding.LIMIT // 2) + 100
    assert _calls(long, 100_000) <= _calls(long, folding.LIMIT) + 10


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_time_is_linear_on_hostile_text(text: str) -> None:
    long = "550 " + text * 2000

    def took(size: int) -> float:
        best = 1e9
        for _ in range(5):
            started = time.process_time()
            _classify(long, size)
            best = min(best, time.process_time() - started)
        return best

    # Linear is 4, quadratic 16; on a busy machine one comparison of several has to be clean.
    assert any(took(folding.LIMIT) <= took(folding.LIMIT // 4) * 8 + 0.0001 for _ in range(5))
