"""Replies that differ in what varies are one template: one verdict, whatever the cache holds, and one group for people."""

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatepost.classify import classifier as classifiers
from gatepost.classify import folding, rules, template
from gatepost.model import reply as replies

DATA = Path(__file__).parents[2] / "src" / "gatepost" / "classify" / "data"
RULES = rules.load({path.name: path.read_bytes() for path in DATA.glob("*.toml")})
EXAMPLES = [
    (text, rule.provider) for rule in RULES.rules for text in (*rule.examples, *rule.counter_examples)
]
# One classifier for all examples of a test: its cache holds whatever came before.
WARM = classifiers.Classifier(RULES)

digits = st.text("0123456789", min_size=1, max_size=9)
ip = st.ip_addresses().map(str)
an_id = st.from_regex(
    r"[0-9a-z]{1,14}([.-][0-9a-z]{1,12}){0,2}", fullmatch=True, alphabet=st.characters(codec="ascii")
)
delay = st.builds(
    "try again in {} {}".format, st.integers(0, 99999), st.sampled_from(["s", "seconds", "minutes"])
)
code = st.from_regex(
    r"[45][0-9]{2}[ -][45]\.[0-7]\.[0-9]{1,3}", fullmatch=True, alphabet=st.characters(codec="ascii")
)
mark = st.sampled_from(
    ["[TSS04]", "(S3140)", "OFR_416", "rfc 5322", "error 402", "(402)", "zen.spamhaus.org", "said: "]
)
address = st.builds("<{}@{}.example>".format, st.sampled_from(["anna", "bo", "user-unknown"]), an_id)
varying = st.one_of(digits, ip, an_id, delay, code, mark, address, st.just("192.0.2.25"), st.text(max_size=6))


@st.composite
def reply_like_a_real_one(draw: st.DrawFn) -> tuple[bytes, str]:
    text, provider = draw(st.sampled_from(EXAMPLES))
    words = text.split(" ")
    for more in draw(st.lists(varying, min_size=1, max_size=3)):
        words.insert(draw(st.integers(1, len(words))), more)
    return draw(st.sampled_from([" ", "\r\n550-", "\r\n"])).join(words).encode("utf-8", "replace"), provider


@settings(max_examples=400, deadline=None)
@given(
    reply_like_a_real_one(),
    st.sampled_from([replies.Stage.MAIL, replies.Stage.RCPT, replies.Stage.DOT]),
    st.sampled_from(["anna@example.com", "bo@other.example", ""]),
)
def test_equal_questions_have_equal_answers_whatever_the_cache_holds(
    said: tuple[bytes, str], stage: replies.Stage, recipient: str
) -> None:
    raw, provider = said
    reply = replies.Reply(int(raw[:3]) if raw[:3].isdigit() else 0, raw, stage)
    context = classifiers.Context(provider=provider, our_ip="192.0.2.25", recipient=recipient)
    assert WARM.classify(reply, context) == classifiers.Classifier(RULES).classify(reply, context)


NEAR_COPIES = [
    ("550 5.1.1 <anna@example.com>: User unknown", "550 5.1.1 <bo@other.example>: User unknown"),
    (
        "554 Client host [192.0.2.7] blocked using zen.x.example",
        "554 Client host [192.0.2.199] blocked using zen.x.example",
    ),
    ("550 no such user 17si20yxe.22 - gsmtp", "550 no such user 99si31661415abc.142 - gsmtp"),
    (
        "451 later [2026-11-25T10:11:12.123Z 08DE1234ABCD5678]",
        "451 later [2025-01-02T03:04:05.9Z 08DBEC564562FCD2]",
    ),
    ("550 user unknown, message 123456789", "550 user unknown, message 98765432"),
    ("550 refused for 2001:db8::7", "550 refused for 2001:db8:1:2::1234"),
]


@pytest.mark.parametrize(("one", "other"), NEAR_COPIES, ids=[one[:24] for one, _ in NEAR_COPIES])
def test_near_copies_share_one_verdict(one: str, other: str) -> None:
    classifier = classifiers.Classifier(RULES)
    verdicts = [
        classifier.classify(
            rules.read_reply(text, replies.Stage.RCPT), classifiers.Context(recipient=recipient)
        )
        for text, recipient in ((one, "anna@example.com"), (other, "Bo@Other.example"))
    ]
    assert verdicts[0] is verdicts[1]
    assert template.of(rules.read_reply(one)) == template.of(rules.read_reply(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("421 4.7.0 [TSS04] Messages deferred", "421 4.7.0 [TSS09] Messages deferred"),
        ("550 5.7.1 refused (S3140)", "550 5.7.1 refused (S3150)"),
        ("451 Greylisted, try again in 300 seconds", "451 Greylisted, try again in 60 seconds"),
        ("550 5.1.1 no", "550 5.2.2 no"),
        ("550 blocked, listed in zen.spamhaus.org", "550 blocked, listed in bl.spamcop.net"),
        ("554 host a said: 550 5.1.1 no", "554 host a said: 452 4.2.2 no"),
    ],
)
def test_what_rules_and_hints_read_is_no_near_copy(one: str, other: str) -> None:
    texts = [template.folded(rules.read_reply(text)) for text in (one, other)]
    assert texts[0] != texts[1]


def test_near_copies_share_a_template_and_marks_stay() -> None:
    assert "tss04" in template.of(rules.read_reply("421 4.7.0 [TSS04] Messages from 192.0.2.7 deferred"))
    assert "s3140" in template.of(rules.read_reply("550 5.7.1 Messages from [192.0.2.7] refused (S3140)"))


def test_an_ip_that_is_ours_is_another_question_than_anybodys() -> None:
    classifier = classifiers.Classifier(RULES)
    context = classifiers.Context(our_ip="192.0.2.25")
    anybodys = rules.read_reply("550 5.1.1 refused for 192.0.2.77", replies.Stage.RCPT)
    ours = rules.read_reply("550 5.1.1 refused for 192.0.2.25", replies.Stage.RCPT)
    assert classifier.classify(anybodys, context).category == "recipient.unknown"
    assert classifier.classify(ours, context).category == "unknown.permanent"


def test_the_cache_is_bounded_in_number_and_in_what_it_keeps_of_each() -> None:
    classifier = classifiers.Classifier(RULES)
    for number in range(classifiers.CACHE_ENTRIES + 50):
        text = f"550 {number} " + "x" * 100_000
        classifier.classify(replies.Reply(550, text.encode(), replies.Stage.RCPT), classifiers.Context())
    known = classifier._known
    assert len(known) == classifiers.CACHE_ENTRIES
    assert max(len(asked.text) for asked in known) <= folding.LIMIT


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=3000), st.integers(0, 599))
def test_any_bytes_have_a_template(raw: bytes, code: int) -> None:
    folded = template.folded(replies.Reply(code, raw))
    assert len(folded.key) <= folding.LIMIT
    assert not re.search(r"  |[\r\n\t]", folded.key)
    assert template.of(replies.Reply(code, raw))


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=200))
def test_lower_case_never_changes_the_length(text: str) -> None:
    assert len(folding.lower(text)) == len(text)
