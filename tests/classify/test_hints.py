"""A delay that a reply names is read in many wordings and languages; numbers that measure something else are not."""

import time

import pytest

from gatepost.classify import folding, hints, rules, template

NAMED = [
    ("450 4.7.1 Greylisted, try again in 300 seconds", 300),
    ("451 Graylisting is active, come back in 5 minutes", 300),
    ("451 try again after 300 secs", 300),
    ("450 please retry in 00:05:00", 300),
    ("451 4.7.1 Please try again later (greylisted, 00:05:00 remaining)", 300),
    ("421 too many connections, try again in 1 hour", 3600),
    ("421 wait an hour before you try again", 3600),
    ("421 In 10 minutes you may try again", 600),
    ("450 Please wait 2 min. before the next try", 120),
    ("450 delayed: retry=90", 90),
    ("450 Retry-After: 120", 120),
    ("450 You have been blocked for 30s", 30),
    ("450 4.7.1 limited; reconnect after 15 minutes", 900),
    ("451 Liste grise : réessayez dans 5 minutes", 300),
    ("451 Veuillez patienter 10 minutes", 600),
    ("451 Bitte in 5 Minuten erneut versuchen", 300),
    ("451 Bitte warten Sie 2 Stunden", 7200),
    ("451 Intente de nuevo en 5 minutos", 300),
    ("451 Tente novamente em 10 minutos", 600),
    ("451 Riprovare tra 5 minuti", 300),
    ("451 Spróbuj ponownie za 5 minut", 300),
    ("451 Probeer het opnieuw over 5 minuten", 300),
    ("451 Повторите попытку через 5 минут", 300),
    ("451 Попробуйте позже, через 1 час", 3600),
    ("451 请300秒后重试", 300),
    ("451 请在5分钟之后再试", 300),
    ("451 5分後に再送してください", 300),
    ("421 try again in 3 days", 86_400),
    ("421 try again in 99999 hours", 86_400),
]


@pytest.mark.parametrize(("text", "seconds"), NAMED, ids=[text[4:34] for text, _ in NAMED])
def test_a_delay_is_read(text: str, seconds: int) -> None:
    assert hints.seconds(template.folded(rules.read_reply(text)).key) == seconds


@pytest.mark.parametrize(
    "text",
    [
        "450 4.7.1 Try again later",
        "421 limited to 10 messages per hour",
        "421 Rate limited: too many messages in the last 5 minutes",
        "450 try again later, limit is 20 mails per 10 minutes",
        "421 4.7.0 [TSS04] Messages from 192.0.2.7 temporarily deferred - 4.16.55.1",
        "450 temporarily deferred, id 12345 s",
        "452 try again: mailbox has 5000 messages",
        "450 Try again later. 5 minutes is our limit of idleness",
        "421 too many connections from 192.0.2.5, try later",
        "451 4.7.650 The mail server [192.0.2.5] has been temporarily rate limited (S775)",
        "450 try again, 2026-11-25 10:05:00",
        "451 Sent 100 messages in 1 hour",
        "450 ticket 300, see https://mail.example/retry/60/minutes",
    ],
)
def test_a_number_that_is_no_delay_is_none(text: str) -> None:
    assert hints.seconds(template.folded(rules.read_reply(text)).key) == 0


@pytest.mark.parametrize(
    "text", ["retry wait again 5 " * 200, "in 5 minutes " * 300, "try again in " * 300, "wait" + " x" * 2000]
)
def test_hostile_text_takes_no_time(text: str) -> None:
    started = time.process_time()
    hints.seconds(text[: folding.LIMIT])
    assert time.process_time() - started < 0.1
