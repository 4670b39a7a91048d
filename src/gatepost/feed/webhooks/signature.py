"""Signatures of requests: Standard Webhooks (standardwebhooks.com, version 1), and ``X-Signature`` for simple receivers.

Guarantees: during a rotation both secrets sign, so that a receiver may change in between.
"""

import base64
import hmac
from collections.abc import Sequence

from gatepost.model import webhook as webhooks


def headers(secrets: Sequence[str], key: str, at_s: int, body: bytes) -> dict[str, str]:
    """The headers of one request. secrets: the present one first. key: its id. at_s: when it is made."""
    signed = b"%b.%d.%b" % (key.encode(), at_s, body)
    made = [base64.b64encode(hmac.digest(_key(one), signed, "sha256")).decode() for one in secrets]
    return {
        "webhook-id": key,
        "webhook-timestamp": str(at_s),
        "webhook-signature": " ".join(f"v1,{one}" for one in made),
        "X-Signature": hmac.digest(secrets[0].encode(), body, "sha256").hex(),
    }


def _key(secret: str) -> bytes:
    return base64.b64decode(secret.removeprefix(webhooks.SECRET_PREFIX))
