"""Programs that nobody here wrote verify our signatures (faults.md G03)."""

import datetime as dt
import hashlib
import hmac

import pytest
import standardwebhooks
import svix

from gatepost.feed.webhooks import signature
from gatepost.store import credentials, webhook_keys

NOW = round(dt.datetime.now(dt.UTC).timestamp())
BODY = b'{"id":"evt_1","type":"bounced"}'
SECRET, OLD = (webhook_keys.secret_of(credentials.new_secret()) for _ in range(2))
VERIFIERS = pytest.mark.parametrize(
    "verifier", [standardwebhooks.Webhook, svix.Webhook], ids=["standardwebhooks", "svix"]
)


@VERIFIERS
def test_a_request_verifies(verifier: type[standardwebhooks.Webhook] | type[svix.Webhook]) -> None:
    headers = signature.headers([SECRET], "evt_1", NOW, BODY)
    verifier(SECRET).verify(BODY, headers)


@VERIFIERS
def test_both_secrets_verify_during_a_rotation(
    verifier: type[standardwebhooks.Webhook] | type[svix.Webhook],
) -> None:
    headers = signature.headers([SECRET, OLD], "evt_1", NOW, BODY)
    for secret in (SECRET, OLD):
        verifier(secret).verify(BODY, headers)


@VERIFIERS
def test_no_byte_can_be_changed(verifier: type[standardwebhooks.Webhook] | type[svix.Webhook]) -> None:
    headers = signature.headers([SECRET], "evt_1", NOW, BODY)
    for at in range(len(BODY)):
        changed = BODY[:at] + bytes([BODY[at] ^ 1]) + BODY[at + 1 :]
        with pytest.raises((standardwebhooks.WebhookVerificationError, svix.WebhookVerificationError)):
            verifier(SECRET).verify(changed, headers)
    with pytest.raises((standardwebhooks.WebhookVerificationError, svix.WebhookVerificationError)):
        verifier(SECRET).verify(BODY, {**headers, "webhook-id": "evt_2"})


@VERIFIERS
def test_a_request_is_not_good_six_minutes_later(
    verifier: type[standardwebhooks.Webhook] | type[svix.Webhook],
) -> None:
    headers = signature.headers([SECRET], "evt_1", NOW - 360, BODY)
    with pytest.raises((standardwebhooks.WebhookVerificationError, svix.WebhookVerificationError)):
        verifier(SECRET).verify(BODY, headers)


def test_a_simple_receiver_needs_the_body_and_the_secret_alone() -> None:
    headers = signature.headers([SECRET, OLD], "evt_1", NOW, BODY)
    assert headers["X-Signature"] == hmac.new(SECRET.encode(), BODY, hashlib.sha256).hexdigest()
