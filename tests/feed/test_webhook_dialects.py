"""Other providers' payloads, read by django-anymail's own webhook views, which nobody here wrote."""

import json
import warnings
from collections.abc import Iterator
from typing import Any

import django
import msgspec
import pytest
from anymail.webhooks.amazon_ses import AmazonSESTrackingWebhookView
from anymail.webhooks.base import AnymailBaseWebhookView
from anymail.webhooks.mailgun import MailgunTrackingWebhookView
from anymail.webhooks.postmark import PostmarkTrackingWebhookView
from anymail.webhooks.sendgrid import SendGridTrackingWebhookView
from django.conf import settings as django_settings
from django.test import RequestFactory

from gatepost import errors
from gatepost.feed.webhooks import dialect, payload
from gatepost.model import directory as directories
from gatepost.model import event as events
from gatepost.model import ids
from gatepost.model import message as messages
from gatepost.model import verdict as verdicts
from gatepost.model import webhook as webhooks
from gatepost.store import shapes, webhook_keys

if not django_settings.configured:
    django_settings.configure(ANYMAIL={}, ALLOWED_HOSTS=["*"], USE_TZ=True)
    django.setup()

SECRET = webhook_keys.secret_of("x" * 32)
MESSAGE = 1 << 40
NOW_S = 1_800_000_100
DIALECTS: dict[webhooks.Dialect, dialect.Dialect] = {
    one: dialect.read(one.value) for one in webhooks.Dialect if one is not webhooks.Dialect.EVENTS
}
KEPT = messages.Message(
    id=MESSAGE,
    account=1,
    bridge=1,
    pool=1,
    priority=messages.Priority.BULK,
    sender=b"news@shop.test",
    sender_domain="shop.test",
    size=1234,
    received_at=1_800_000_000_000,
    expires_at=1_800_200_000_000,
    message_id="<one@shop.test>",
    subject="Hello",
    metadata='{"customer":"7"}',
)
BASE = events.Event(
    at=1_800_000_001_234,
    state=events.State.DELIVERED,
    message=MESSAGE,
    delivery=MESSAGE + 1,
    attempt=2,
    seq=42,
    recipient="ann@rcpt.test",
    domain="rcpt.test",
    list="news",
    campaign="spring",
    tags="a,b",
    outcome=verdicts.Outcome.DELIVERED,
    code=250,
    enhanced="2.0.0",
    reply=b"250 2.0.0 Ok \xff",
    local_ip="192.0.2.1",
    peer_host="mx.rcpt.test",
    peer_ip="198.51.100.7",
    ehlo="gw.shop.test",
    tls="TLSv1.3 …",
    duration_ms=800,
)
CHANGED: dict[str, dict[str, Any]] = {
    "queued": {"state": events.State.QUEUED, "outcome": None, "code": 0, "enhanced": "", "reply": b""},
    "delivered": {},
    "deferred": {
        "state": events.State.DEFERRED,
        "outcome": verdicts.Outcome.SOFT,
        "category": "rate.greylisted",
        "code": 451,
        "enhanced": "4.7.1",
        "reply": b"451 4.7.1 later",
    },
    "hard": {
        "state": events.State.BOUNCED,
        "outcome": verdicts.Outcome.HARD,
        "category": "recipient.unknown",
        "code": 550,
        "enhanced": "5.1.1",
        "reply": b"550 5.1.1 no such user",
    },
    "rejection": {
        "state": events.State.BOUNCED,
        "outcome": verdicts.Outcome.REJECTION,
        "category": "content.spam",
        "code": 554,
        "enhanced": "",
        "reply": b"554 spam",
    },
    "expired": {
        "state": events.State.BOUNCED,
        "outcome": verdicts.Outcome.SOFT,
        "category": "domain.unreachable",
        "code": 0,
        "enhanced": "",
        "reply": b"",
        "detail": "lifetime ended",
    },
    "suppressed": {
        "state": events.State.REJECTED,
        "outcome": verdicts.Outcome.REJECTION,
        "category": "local.suppressed",
        "code": 0,
        "enhanced": "",
        "reply": b"",
        "detail": "suppressed (unsubscribed): ann@rcpt.test",
    },
    "complaint": {
        "state": events.State.COMPLAINT,
        "outcome": None,
        "code": 0,
        "enhanced": "",
        "reply": b"",
        "detail": "abuse",
    },
    "unsubscribed": {
        "state": events.State.UNSUBSCRIBED,
        "outcome": None,
        "code": 0,
        "enhanced": "",
        "reply": b"",
    },
}
EVENTS = {name: msgspec.structs.replace(BASE, **given) for name, given in CHANGED.items()}


class Ses(AmazonSESTrackingWebhookView):  # type: ignore[misc]
    """Without a client for Amazon, which only a subscription's confirmation needs."""

    def __init__(self) -> None:
        AnymailBaseWebhookView.__init__(self)


def view(name: webhooks.Dialect) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        match name:
            case webhooks.Dialect.SES:
                return Ses()
            case webhooks.Dialect.SENDGRID:
                key = webhook_keys.verification_key(SECRET)
                return SendGridTrackingWebhookView(tracking_webhook_verification_key=key)
            case webhooks.Dialect.MAILGUN:
                return MailgunTrackingWebhookView(webhook_signing_key=SECRET)
            case _:
                return PostmarkTrackingWebhookView()


def told(
    name: webhooks.Dialect, *found: events.Event, kept: bool = True, batch: int = 1
) -> payload.Body | None:
    webhook = webhooks.Webhook(1, 0, 0, "x", "https://x.test/", SECRET, dialect=name, batch=batch)
    known = payload.Known(
        shapes.Names(directories.Directory()), DIALECTS, {MESSAGE: KEPT} if kept else {}, NOW_S
    )
    return payload.body(webhook, found, known)


def read(name: webhooks.Dialect, made: payload.Body | None) -> list[Any]:
    """What the provider's own view makes of it."""
    assert made is not None
    headers = {f"HTTP_{key.upper().replace('-', '_')}": value for key, value in made.more}
    request = RequestFactory().post("/", made.body, content_type=made.kind, **headers)
    reads = view(name)
    reads.run_validators(request)
    found: list[Any] = reads.parse_events(request)
    return found


EACH = pytest.mark.parametrize("name", list(DIALECTS))
READ = {  # by event: what Anymail calls it, in SES, SendGrid, Mailgun and Postmark
    "queued": ("sent", "queued", "queued", None),
    "delivered": ("delivered",) * 4,
    "deferred": ("unknown", "deferred", "deferred", "deferred"),
    "hard": ("bounced",) * 4,
    "rejection": ("bounced",) * 4,
    "expired": ("bounced",) * 4,
    "suppressed": ("bounced", "rejected", "bounced", "rejected"),
    "complaint": ("complained",) * 4,
    "unsubscribed": ("unknown", "unsubscribed", "unsubscribed", "unsubscribed"),
}


def cases() -> Iterator[Any]:
    for event, words in READ.items():
        for name, word in zip(DIALECTS, words, strict=True):
            yield pytest.param(name, event, word, id=f"{name}-{event}")


@pytest.mark.parametrize(("name", "event", "word"), list(cases()))
def test_an_event_is_what_it_is_to_the_providers_own_parser(
    name: webhooks.Dialect, event: str, word: str | None
) -> None:
    made = told(name, EVENTS[event])
    if word is None:
        assert made is None
        return
    [found] = read(name, made)
    assert (found.event_type, found.recipient) == (word, "ann@rcpt.test")
    found.metadata.pop("bounce_classification", None)  # SendGrid's, which Anymail takes for an application's
    assert found.metadata == {"customer": "7"}
    assert found.timestamp is not None


@EACH
def test_the_reply_the_tags_and_the_message_are_told(name: webhooks.Dialect) -> None:
    [found] = read(name, told(name, EVENTS["hard"]))
    assert "550 5.1.1 no such user" in found.mta_response
    assert found.tags == (["a"] if name is webhooks.Dialect.POSTMARK else ["a", "b"])
    ours = ids.to_text(MESSAGE)
    assert found.message_id == {"ses": ours, "postmark": ours}.get(name, "<one@shop.test>")
    assert found.timestamp.timestamp() == pytest.approx(1_800_000_001.234, abs=1)


@EACH
@pytest.mark.parametrize("event", EVENTS)
def test_what_is_not_known_is_left_out_and_nothing_breaks(name: webhooks.Dialect, event: str) -> None:
    bare = events.Event(at=1, state=EVENTS[event].state, recipient="ann@rcpt.test", message=MESSAGE, seq=1)
    made = told(name, bare, kept=False)
    if made is None:
        assert READ[event][list(DIALECTS).index(name)] is None
        return
    [found] = read(name, made)
    assert found.recipient == "ann@rcpt.test"
    assert "null" not in made.body.decode()
    assert "{" not in str(found.message_id)


@EACH
def test_what_a_dialect_has_no_words_for_is_not_told(name: webhooks.Dialect) -> None:
    for state in (events.State.CHANGED, events.State.RECEIVED, events.State.SUPPRESSED, events.State.PACED):
        assert told(name, msgspec.structs.replace(BASE, state=state)) is None


def test_several_events_are_one_list_to_sendgrid() -> None:
    made = told(webhooks.Dialect.SENDGRID, *EVENTS.values(), batch=100)
    assert [found.event_type for found in read(webhooks.Dialect.SENDGRID, made)] == [
        words[1] for words in READ.values()
    ]


@pytest.mark.parametrize(
    ("event", "kind", "classification"),
    [("hard", "bounce", "invalid"), ("rejection", "blocked", "content"), ("expired", "blocked", "technical")],
)
def test_an_address_is_called_invalid_only_where_it_is_dead(
    event: str, kind: str, classification: str
) -> None:
    [found] = read(webhooks.Dialect.SENDGRID, told(webhooks.Dialect.SENDGRID, EVENTS[event]))
    assert (found.esp_event["type"], found.esp_event["bounce_classification"]) == (kind, classification)
    [found] = read(webhooks.Dialect.POSTMARK, told(webhooks.Dialect.POSTMARK, EVENTS[event]))
    assert (found.esp_event["Type"], found.esp_event["Inactive"]) == (
        ("HardBounce", True) if event == "hard" else ("SoftBounce", False)
    )
    [found] = read(webhooks.Dialect.SES, told(webhooks.Dialect.SES, EVENTS[event]))
    assert (found.esp_event["bounce"]["bounceType"] == "Permanent") == (event == "hard")


def test_an_own_field_takes_no_name_of_sendgrids() -> None:
    kept = msgspec.structs.replace(KEPT, metadata='{"event":"open","email":"eve@x.test"}')
    webhook = webhooks.Webhook(1, 0, 0, "x", "https://x.test/", SECRET, dialect=webhooks.Dialect.SENDGRID)
    known = payload.Known(shapes.Names(directories.Directory()), DIALECTS, {MESSAGE: kept}, NOW_S)
    [found] = read(webhooks.Dialect.SENDGRID, payload.body(webhook, [EVENTS["hard"]], known))
    assert (found.event_type, found.recipient) == ("bounced", "ann@rcpt.test")


@pytest.mark.parametrize("name", [webhooks.Dialect.SENDGRID, webhooks.Dialect.MAILGUN])
def test_a_changed_body_or_another_secret_is_refused(name: webhooks.Dialect) -> None:
    made = told(name, EVENTS["hard"])
    assert made is not None
    text = json.dumps(json.loads(made.body))
    changed = text.replace('"token": "', '"token": "0').replace('"bounce"', '"delivered"').encode()
    with pytest.raises(Exception, match=r"signature|format"):
        read(name, msgspec.structs.replace(made, body=changed))


def test_ids_are_the_same_each_time() -> None:
    for name in DIALECTS:
        one, two = (read(name, told(name, EVENTS["hard"])) for _ in range(2))
        assert one[0].event_id == two[0].event_id
        assert one[0].event_id is not None


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("more = 1", "'more' is no part"),
        ('[frame]\na = "{nobody}"', "no word 'nobody'"),
        ('[frame]\na = "{map.x}"', "no word 'map.x'"),
        ('[map.x]\nby = ["nobody"]', "no word 'nobody'"),
        ("[event.exploded]", "no state 'exploded'"),
    ],
)
def test_a_mistake_in_a_dialect_is_named(text: str, told: str) -> None:
    with pytest.raises(errors.BadInput, match=told):
        dialect.parse("own", text)
