"""The classifier's decisions: precedence, veto, nesting, stages, and the table of where "5xx means dead" is wrong."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatepost.classify import classifier as classifiers
from gatepost.classify import meanings, rules
from gatepost.model import failure as failures
from gatepost.model import reply as replies
from gatepost.model import verdict as verdicts

DATA = Path(__file__).parents[2] / "src" / "gatepost" / "classify" / "data"
FILES = {path.name: path.read_bytes() for path in DATA.glob("*.toml")}
RULES = rules.load(FILES)
US = classifiers.Context(
    our_ip="192.0.2.25",
    our_host="mta.sender.example",
    mail_from="news@sender.example",
    from_domain="sender.example",
    recipient="anna@example.com",
)


def judge(text: str, stage: str = "rcpt", context: classifiers.Context = US) -> verdicts.Verdict:
    reply = rules.read_reply(text, replies.Stage[stage.upper()])
    return classifiers.Classifier(RULES).classify(reply, context)


WRONG_AS_DEAD = [
    ("554 5.7.1 Client host [192.0.2.25] blocked using bl.example.net", "rcpt", "sender.ip_blocklisted"),
    ("550 5.7.26 Mail from sender.example is unauthenticated", "dot", "sender.auth"),
    ("550 5.7.515 Access denied, sending domain lacks the required level", "dot", "sender.auth"),
    ("550 5.7.20 DKIM did not verify", "dot", "sender.auth"),
    ("550-5.7.1 Very low reputation of the sending domain", "dot", "sender.domain_reputation"),
    ("550 Connection frequency limited", "rcpt", "rate.limited"),
    ("554 5.2.122 The sender's hourly limit to this recipient is exceeded", "rcpt", "sender.daily_limit"),
    ("550 5.4.5 Daily sending quota exceeded", "dot", "sender.daily_limit"),
    ("552 5.2.2 Mailbox full", "rcpt", "recipient.over_quota"),
    ("552 5.1.1 over quota", "rcpt", "recipient.over_quota"),
    ("552 5.5.3 Too many recipients", "rcpt", "session.too_many_recipients"),
    ("550 Bare LF in the message", "dot", "content.format"),
    ("550 5.7.1 Service refused: 192.0.2.77 is listed in zen", "rcpt", "sender.ip_blocklisted"),
    ("550 Invalid recipient", "rcpt", "unknown.permanent"),
    ("550 Invalid recipient: <anna@example.com>", "rcpt", "unknown.permanent"),
    ("550 Mailbox unavailable: your host is listed", "rcpt", "sender.ip_blocklisted"),
    ("550 Return path is not a valid mailbox", "rcpt", "sender.address"),
    ("550 Attachment file name is not valid", "dot", "content.format"),
    ("550 Отправитель не существует", "rcpt", "sender.address"),
    ("550 发件人不存在", "rcpt", "sender.address"),
    ("550 Adresse IP inconnue", "rcpt", "unknown.permanent"),
    ("554 No SMTP service here", "greeting", "sender.ip_blocklisted"),
    ("550 5.4.1 All hosts refused", "rcpt", "domain.unreachable"),
    (
        "550 <news@sender.example>: Sender address rejected: undeliverable address: "
        "host mx.sender.example said: 550 User unknown",
        "rcpt",
        "sender.address",
    ),
]


@pytest.mark.parametrize(("text", "stage", "category"), WRONG_AS_DEAD, ids=[r[0][:30] for r in WRONG_AS_DEAD])
def test_a_5xx_that_says_nothing_about_the_recipient_keeps_the_address(
    text: str, stage: str, category: str
) -> None:
    verdict = judge(text, stage)
    assert verdict.category == category
    assert verdict.outcome is not verdicts.Outcome.HARD


def test_535_from_a_smarthost_is_about_our_own_set_up() -> None:
    relay = classifiers.Context(smarthost=True)
    assert judge("535 5.7.8 Authentication failed", "auth", relay).category == "source.refused"
    assert judge("554 5.7.1 Relay access denied", "rcpt", relay).category == "source.refused"
    assert judge("550 5.1.1 rejected", "rcpt", relay).category == "unknown.permanent"
    assert judge("550 No such user here", "rcpt", relay).category == "recipient.unknown"


@pytest.mark.parametrize(
    "text",
    [
        "550 5.1.1 Hi [192.0.2.25], No such address: <anna@example.com>.",
        "550 5.1.1 No such user, see http://help.example/codes?ip=192.0.2.25",
        "550 5.1.1 <anna@example.com>... Addressee unknown, relay=[192.0.2.25]",
        "550 5.1.1 <anna@example.com>: User unknown",
    ],
)
def test_explicit_words_about_the_mailbox_suppress(text: str) -> None:
    verdict = judge(text)
    assert verdict.category == "recipient.unknown"
    assert verdict.explicit
    assert not verdict.quotes_us


@pytest.mark.parametrize(
    "text",
    [
        "550 5.1.1 Invalid recipient",
        "550 ユーザーが見つかりません",
        "550 Такого пользователя не существует",
        "550 用户不存在",
        "550 Empfänger existiert nicht",
        "550 Cette adresse n'existe pas",
        "550 Destinatário inexistente",
        "550 La cuenta de correo no existe",
    ],
)
def test_no_such_user_is_understood_in_many_words(text: str) -> None:
    assert judge(text).category == "recipient.unknown"


def test_codes_do_not_suppress_where_we_are_quoted() -> None:
    assert judge("550 5.1.1 refused").category == "recipient.unknown"
    quoted = judge("550 5.1.1 refused for 192.0.2.25")
    assert quoted.category == "unknown.permanent"
    assert quoted.quotes_us
    assert judge("550 5.1.1 Address rejected, news@sender.example").category == "unknown.permanent"
    explicit = judge("550 5.1.1 mta.sender.example: user unknown")
    assert (explicit.category, explicit.quotes_us) == ("recipient.unknown", True)
    assert not judge("550 5.1.1 refused for 192.0.2.250").quotes_us


def test_a_cached_verdict_does_not_leak_past_the_veto() -> None:
    classifier = classifiers.Classifier(RULES)
    reply = rules.read_reply("550 5.1.1 refused for 192.0.2.25", replies.Stage.RCPT)
    other = classifiers.Context(our_ip="192.0.2.77")
    assert classifier.classify(reply, other).category == "recipient.unknown"
    assert classifier.classify(reply, US).category == "unknown.permanent"


@pytest.mark.parametrize(
    ("text", "category", "never"),
    [
        ("450 4.1.1 User unknown in local table", "recipient.unknown_tempfail", False),
        ("451 Invalid Recipient", "recipient.unknown_tempfail", False),
        ("451 4.4.4 Domain has no mail-enabled subscriptions", "domain.tenant_gone", False),
        ("421 4.7.0 [TSS09] All messages will be permanently deferred", "sender.ip_blocklisted", True),
        ("421 4.7.26 SPF and DKIM did not pass", "sender.auth", False),
    ],
)
def test_a_4xx_that_means_never_is_named(text: str, category: str, *, never: bool) -> None:
    verdict = judge(text)
    assert (verdict.category, verdict.never) == (category, never)
    assert verdict.outcome is not verdicts.Outcome.HARD


def test_a_disabled_mailbox_said_with_a_4xx_is_not_hard_yet() -> None:
    assert judge("450 4.2.1 This mailbox is disabled").outcome is verdicts.Outcome.SOFT
    assert judge("550 5.2.1 This mailbox is disabled").outcome is verdicts.Outcome.HARD


def test_a_nested_reply_is_unwrapped() -> None:
    text = "554 5.7.1 delivery failed: host mx.example.net[192.0.2.4] said: 550 5.1.1 no such user (in reply)"
    verdict = judge(text)
    assert (verdict.category, verdict.nested, verdict.claim) == ("recipient.unknown", True, "5/5.1")
    explained = classifiers.Classifier(RULES).explain(rules.read_reply(text, replies.Stage.RCPT), US)
    assert explained.matched == "no such user"
    assert explained.place.startswith("general.toml:")
    assert judge("550 User unknown", context=classifiers.Context(from_dsn=True)).nested


@pytest.mark.parametrize(
    ("text", "stage", "category"),
    [
        ("550 go away", "rcpt", "unknown.permanent"),
        ("550 go away", "dot", "unknown.permanent"),
        ("550 5.1.1 go away", "dot", "unknown.permanent"),
        ("550 5.1.1 go away", "unknown", "recipient.unknown"),
        ("550 user unknown", "mail", "unknown.permanent"),
        ("421 4.3.2 later", "greeting", "domain.unreachable"),
        ("450 later", "rcpt", "unknown.temporary"),
        ("501 what", "rcpt", "session.protocol"),
        ("250 fine", "rcpt", "session.protocol"),
        ("", "rcpt", "unknown.temporary"),
        ("530 Authentication required", "mail", "unknown.permanent"),
    ],
)
def test_without_words_the_stage_decides(text: str, stage: str, category: str) -> None:
    assert judge(text, stage).category == category


def test_an_address_that_reads_like_a_phrase_matches_nothing() -> None:
    context = classifiers.Context(recipient="user-unknown@example.com")
    assert judge("550 <user-unknown@example.com>: refused", context=context).category == "unknown.permanent"
    assert judge("450 <user.unknown@example.com>: Greylisted", context=context).category == "rate.greylisted"


def test_a_folded_reply_joins_its_lines_and_drops_the_repeated_codes() -> None:
    verdict = judge("550-5.1.1 The account that you tried to\r\n550 5.1.1 reach does not exist.")
    assert verdict.category == "recipient.unknown"
    assert judge("550 550 5.1.1 nothing said").claim == "5/5.1"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("451 Greylisted, try again in 300 seconds", 300),
        ("451 4.7.1 Greylisting: retry in 5 minutes", 300),
        ("450 rate limited, wait 1 hour", 3600),
        ("451 Greylisted, please try again in 00:04:59", 299),
        ("450 limit is 20 messages; try later", 0),
        ("550 user unknown, wait 1 hour", 0),
        ("450 try again, 2026-11-25 10:05:00", 0),
    ],
)
def test_a_time_to_wait_is_read_from_the_text(text: str, seconds: int) -> None:
    assert judge(text).hint == seconds


@pytest.mark.parametrize("problem", list(failures.Problem))
def test_every_problem_without_a_reply_has_a_category(problem: failures.Problem) -> None:
    verdict = classifiers.Classifier(RULES).classify_failure(replies.Stage.CONNECT, problem)
    hard = problem is failures.Problem.NULL_MX
    assert (verdict.outcome is verdicts.Outcome.HARD) == hard
    assert verdict.category in meanings.FROM_REPLIES


def test_every_category_has_a_meaning() -> None:
    assert set(meanings.MEANING) == set(verdicts.Category)


@settings(max_examples=80, deadline=None)
@given(
    st.binary(max_size=600),
    st.integers(0, 599),
    st.sampled_from(replies.Stage),
    st.booleans(),
)
def test_any_bytes_give_a_verdict(raw: bytes, code: int, stage: replies.Stage, relay: bool) -> None:
    context = classifiers.Context(our_ip="192.0.2.25", recipient="a@b.example", smarthost=relay)
    classifier = classifiers.Classifier(RULES)
    reply = replies.Reply(code, raw, stage)
    verdict = classifier.classify(reply, context)
    assert verdict.category in meanings.FROM_REPLIES
    explained = classifier.explain(reply, context)
    assert explained.verdict == verdict
    assert 0 <= verdict.evidence[0] <= verdict.evidence[1] <= len(explained.folded)


def test_a_sender_of_ours_that_was_suspended_is_not_the_recipient() -> None:
    assert judge("550 Your email service is suspended").outcome is not verdicts.Outcome.HARD
    assert judge("550 5.7.1 Your domain has no MX record: not found").outcome is not verdicts.Outcome.HARD


def test_an_ip_is_an_ip_to_the_rules_whichever_it_is() -> None:
    assert judge("550 Address 198.51.100.7 is unknown").outcome is not verdicts.Outcome.HARD
    assert judge("550 Address [198.51.100.7] does not exist").outcome is not verdicts.Outcome.HARD


def test_beside_a_trouble_of_the_server_only_an_operators_rule_calls_a_mailbox_dead() -> None:
    own = b'[[rule]]\nid = "own"\ncategory = "recipient.unknown"\nmatch = ["sequel is down"]\nexamples = ["550 sequel is down"]\n'
    text = b"550 5.1.1 User unknown: internal error, sequel is down"
    said = replies.Reply(550, text, replies.Stage.RCPT)
    shipped = classifiers.Classifier(RULES).classify(said, classifiers.Context())
    asked = classifiers.Classifier(rules.load(FILES, {"own.toml": own})).classify(said, classifiers.Context())
    assert (shipped.category, shipped.presumable) == (verdicts.Category.UNKNOWN_PERMANENT, False)
    assert (asked.category, asked.rule) == (verdicts.Category.RECIPIENT_UNKNOWN, "own")
