"""Signatures of requests: Standard Webhooks (standardwebhooks.com, version 1), ``X-Signature`` for simple receivers, and those of
dialects.

Guarantees: during a rotation both secrets sign as Standard Webhooks has it, so that a receiver may change in between. A dialect has room
for one signature: the new secret's.
"""

import base64
import hmac
from collections.abc import Mapping, Sequence

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from gatepost.store import webhook_keys


def headers(secrets: Sequence[str], key: str, at_s: int, body: bytes) -> dict[str, str]:
    """The headers of one request. secrets: the present one first. key: its id. at_s: when it is made."""
    signed = b"%b.%d.%b" % (key.encode(), at_s, body)
    made = [
        base64.b64encode(hmac.digest(webhook_keys.raw(one), signed, "sha256")).decode() for one in secrets
    ]
    return {
        "webhook-id": key,
        "webhook-timestamp": str(at_s),
        "webhook-signature": " ".join(f"v1,{one}" for one in made),
        "X-Signature": hmac.digest(secrets[0].encode(), body, "sha256").hex(),
    }


def sendgrid(secret: str, at_s: int, body: bytes) -> dict[str, str]:
    """SendGrid's headers: ECDSA over the time and the body, under a key made of the secret."""
    at = str(at_s)
    signed = webhook_keys.sendgrid(secret).sign(at.encode() + body, ec.ECDSA(hashes.SHA256()))
    return {
        "X-Twilio-Email-Event-Webhook-Signature": base64.b64encode(signed).decode(),
        "X-Twilio-Email-Event-Webhook-Timestamp": at,
    }


def mailgun(secret: str, at_s: int, token: str) -> Mapping[str, str]:
    """The words of Mailgun's signature block. Its "webhook signing key" is the secret as it is written."""
    signed = hmac.digest(secret.encode(), f"{at_s}{token}".encode(), "sha256")
    return {"signed_at": str(at_s), "signature": signed.hex()}
