"""Credentials on the wire: read strictly, and the refusal tells nothing (faults.md C04)."""

import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatepost.smtp import auth, events, replies


def b64(value: bytes) -> bytes:
    return base64.b64encode(value)


WORD = st.binary(min_size=1, max_size=20).filter(lambda value: b"\0" not in value)


@given(WORD, WORD)
@settings(max_examples=50)
def test_what_is_written_is_read(user: bytes, password: bytes) -> None:
    assert auth.read_plain(auth.write_plain(user, password)) == (user, password)
    assert auth.read_login(auth.encode(user)) == user


def test_an_empty_response_is_an_equals_sign() -> None:
    assert auth.encode(b"") == b"="
    assert auth.decode(b"=") == b""


BAD_PLAIN = [
    b"",
    b"=",
    b"!!!!",
    b"YQ",
    b64(b"\0u\0p") + b"\0",
    b64(b"\0u\0p")[:-1],
    b64(b"u\0p"),
    b64(b"\0\0p"),
    b64(b"\0u\0"),
    b64(b"\0u\0p\0"),
    b64(b"other\0u\0p"),
    b"A" * 1_000_001,
    "é".encode(),
]


@pytest.mark.parametrize("line", BAD_PLAIN, ids=lambda line: repr(line[:12]))
def test_malformed_credentials_are_refused_in_one_way(line: bytes) -> None:
    assert auth.read_plain(line) is None
    if line:
        assert auth.Exchange().begin(b"PLAIN " + line) == replies.AUTH_MALFORMED


@pytest.mark.parametrize("authzid", [b"", b"ann"])
def test_one_may_ask_to_be_oneself(authzid: bytes) -> None:
    assert auth.read_plain(b64(authzid + b"\0ann\0secret")) == (b"ann", b"secret")


ANN = events.AuthGiven(events.Mechanism.PLAIN, b"ann", b"secret")
LOGIN = events.AuthGiven(events.Mechanism.LOGIN, b"ann", b"secret")
NAME, WORD64 = b64(b"ann"), b64(b"secret")


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ([b"plain " + b64(b"\0ann\0secret")], [ANN]),
        ([b"PLAIN", b64(b"\0ann\0secret")], [replies.ASK_PLAIN, ANN]),
        ([b"LOGIN", NAME, WORD64], [replies.ASK_USER, replies.ASK_PASSWORD, LOGIN]),
        ([b"LOGIN " + NAME, WORD64], [replies.ASK_PASSWORD, LOGIN]),
        ([b"LOGIN", b"="], [replies.ASK_USER, replies.AUTH_MALFORMED]),
        ([b"LOGIN", NAME, b"?"], [replies.ASK_USER, replies.ASK_PASSWORD, replies.AUTH_MALFORMED]),
        ([b"LOGIN", b"*"], [replies.ASK_USER, replies.AUTH_CANCELLED]),
        ([b"PLAIN", b"*"], [replies.ASK_PLAIN, replies.AUTH_CANCELLED]),
        ([b"CRAM-MD5"], [replies.AUTH_UNKNOWN]),
        ([b""], [replies.AUTH_UNKNOWN]),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_an_exchange_goes_line_by_line(said: list[bytes], found: list[object]) -> None:
    exchange = auth.Exchange()
    assert [exchange.begin(said[0]), *map(exchange.line, said[1:])] == found
