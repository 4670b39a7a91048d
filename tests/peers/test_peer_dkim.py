"""Our signatures before verifiers that are not ours: dkimpy and Mail::DKIM find every one good, and none after a change."""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.dkim import dkim_values as values
from tests.peers import verifiers

from gatepost.dkim import signature

pytestmark = [pytest.mark.peers, pytest.mark.slow]
MANNERS = st.sampled_from(values.MANNERS)
NAMES = st.sampled_from([*signature.OVERSIGNED, *signature.SIGNED, b"X-Other", b"sUBJECT", b"Received"])
VALUES = st.lists(
    st.sampled_from([b" ", b"\t", b"\r\n ", b"\r\n\t", b"word", b"\xe9", b":", b";", b"b=1"]), max_size=8
)
LINES = st.lists(st.sampled_from([b" ", b"\t", b"  ", b"\r\n", b"word", b".", b"\xff"]), max_size=40)
WIRE = [
    pytest.param(values.MESSAGE, id="usual"),
    pytest.param(b"From: a@shop.test\r\n\r\n", id="empty body"),
    pytest.param(b"From: a@shop.test\r\n\r\n\r\n\r\n\r\n", id="empty lines"),
    pytest.param(b"From:a@shop.test\r\nSubject:no space\r\n\r\nno end", id="no space, no end"),
    pytest.param(b"From: a@shop.test\r\nSubject: \xc3\xa9\xff\r\n\r\n\xff\x80\xa0 \r\n", id="8-bit"),
    pytest.param(
        b"From: a@shop.test\r\nTo: b@x.test\r\nTo: c@x.test\r\nSubject: x\r\nsubject: y\r\n\r\n.\r\n..\r\n",
        id="repeated",
    ),
    pytest.param(
        b"From: a@shop.test\r\nSubject:\r\n  folded\r\n\tthrice\r\n  \r\n\r\n \t x \t\r\n\t\r\n", id="folded"
    ),
    pytest.param(b"From: a@shop.test\r\n\r\n" + b"long line " * 200 + b"\r\n" + b"\r\n" * 5000, id="long"),
]


@pytest.fixture(scope="module", params=[verifiers.dkimpy, verifiers.mail_dkim], ids=["dkimpy", "Mail::DKIM"])
def verifier(request: pytest.FixtureRequest) -> Iterator[verifiers.Verifier]:
    with request.param() as found:
        yield found


def good(verifier: verifiers.Verifier) -> list[bool]:
    return [True] if verifier.rsa_only else [True, True]


def sent(message: bytes) -> bytes:
    """As a receiver has it: with the last line ended."""
    return message if message.endswith(b"\r\n") else message + b"\r\n"


@pytest.mark.parametrize("manner", values.MANNERS, ids=lambda m: f"{m.header}-{m.body}")
@pytest.mark.parametrize("message", WIRE)
def test_they_find_our_signatures_good(
    verifier: verifiers.Verifier, message: bytes, manner: signature.Manner
) -> None:
    assert verifier.said(sent(values.signed(message, manner)), values.records()) == good(verifier)


@pytest.mark.parametrize(("old", "new"), [(b"News <", b"Newz <"), (b"sale", b"sole"), (b"there", b"where")])
def test_they_find_no_signature_good_after_a_change(
    verifier: verifiers.Verifier, old: bytes, new: bytes
) -> None:
    said = verifier.said(values.signed(values.MESSAGE).replace(old, new), values.records())
    assert True not in said
    assert len(said) == len(good(verifier))


def test_they_find_no_signature_good_under_an_added_subject(verifier: verifiers.Verifier) -> None:
    forged = values.signed(values.MESSAGE).replace(b"Received:", b"Subject: forged\r\nReceived:", 1)
    assert True not in verifier.said(forged, values.records())


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(NAMES, VALUES), max_size=8), LINES, MANNERS)
def test_they_find_the_signatures_of_any_message_good(
    verifier: verifiers.Verifier,
    fields: list[tuple[bytes, list[bytes]]],
    lines: list[bytes],
    manner: signature.Manner,
) -> None:
    head = b"".join(name + b": x" + b"".join(value) + b"x\r\n" for name, value in fields)
    message = head + b"From: a@shop.test\r\n\r\n" + b"".join(lines)
    assert verifier.said(sent(values.signed(message, manner)), values.records()) == good(verifier)
