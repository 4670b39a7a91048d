"""The tests' own verifier is held to the signed message of RFC 8463 Appendix A, and refuses it changed."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from tests.dkim import verifier

NAME = "brisbane._domainkey.football.example.com"
RECORDS = {NAME: "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="}
SIGNED = b"""DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;
 d=football.example.com; i=@football.example.com;
 q=dns/txt; s=brisbane; t=1528637909; h=from : to :
 subject : date : message-id : from : subject : date;
 bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
 b=/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus
 Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==
From: Joe SixPack <joe@football.example.com>
To: Suzie Q <suzie@shopping.example.net>
Subject: Is dinner ready?
Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)
Message-ID: <20030712040037.46341.5F8J@football.example.com>

Hi.

We lost the game.  Are you hungry yet?

Joe.

""".replace(b"\n", b"\r\n")


def test_the_rfc_s_own_signed_message_verifies() -> None:
    [tags] = verifier.verify(SIGNED, RECORDS)
    assert tags["d"] == "football.example.com"


@pytest.mark.parametrize(
    ("old", "new"), [(b"Joe Six", b"Joe Five"), (b"hungry", b"angry"), (b"t=15", b"t=16")]
)
def test_it_does_not_verify_when_it_was_changed(old: bytes, new: bytes) -> None:
    with pytest.raises(verifier.Invalid):
        verifier.verify(SIGNED.replace(old, new), RECORDS)


def test_it_does_not_verify_by_another_key() -> None:
    other = base64.b64encode(ed25519.Ed25519PrivateKey.generate().public_key().public_bytes_raw()).decode()
    with pytest.raises(verifier.Invalid):
        verifier.verify(SIGNED, {NAME: f"v=DKIM1; k=ed25519; p={other}"})
