"""The secrets that webhooks' requests are signed with, and the keys that are made of them. Pure."""

import base64
import hmac

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from gatepost.model import webhook

_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551  # of P-256 (SEC 2, §2.4.2)


def secret_of(random: str) -> str:
    """A secret out of a random text: base64 behind ``whsec_``, as Standard Webhooks writes it."""
    return webhook.SECRET_PREFIX + base64.b64encode(random.encode()).decode()


def raw(secret: str) -> bytes:
    """Its bytes."""
    return base64.b64decode(secret.removeprefix(webhook.SECRET_PREFIX))


def sendgrid(secret: str) -> ec.EllipticCurvePrivateKey:
    """A P-256 key out of it: of 512 bits taken modulo the order no bias is left (FIPS 186-5 A.2.1)."""
    drawn = int.from_bytes(hmac.digest(raw(secret), b"sendgrid", "sha512"), "big")
    return ec.derive_private_key(drawn % (_ORDER - 1) + 1, ec.SECP256R1())


def verification_key(secret: str) -> str:
    """The public half, as SendGrid shows it: the base64 of its DER form."""
    found = sendgrid(secret).public_key()
    der = found.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(der).decode()
