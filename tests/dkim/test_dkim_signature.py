"""Signatures: what they cover, how they are written, and that one changed byte breaks them."""

import base64

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.dkim import dkim_values as values
from tests.dkim import verifier

from gatepost.dkim import canonical, signature

RELAXED = signature.Manner()


@pytest.mark.parametrize("manner", values.MANNERS, ids=lambda m: f"{m.header}-{m.body}")
def test_every_pair_of_forms_verifies_by_every_key(manner: signature.Manner) -> None:
    found = verifier.verify(values.signed(values.MESSAGE, manner), values.records())
    assert [one["a"] for one in found] == ["rsa-sha256", "ed25519-sha256"]
    assert {one["c"] for one in found} == {f"{manner.header}/{manner.body}"}
    assert {(one["v"], one["d"], one["t"]) for one in found} == {("1", "shop.test", str(values.NOW_S))}


def test_an_expiry_is_written_only_where_it_is_wanted() -> None:
    assert "x" not in verifier.verify(values.signed(values.MESSAGE), values.records())[0]
    manner = msgspec.structs.replace(RELAXED, expires_s=86_400)
    found = verifier.verify(values.signed(values.MESSAGE, manner), values.records())
    assert {one["x"] for one in found} == {str(values.NOW_S + 86_400)}


@pytest.mark.parametrize("name", signature.OVERSIGNED, ids=bytes.decode)
def test_nobody_can_add_a_field_that_readers_trust(name: bytes) -> None:
    signed = values.signed(values.MESSAGE)
    forged = signed.replace(b"From: News", name + b": forged\r\nFrom: News", 1)
    with pytest.raises(verifier.Invalid):
        verifier.verify(forged, values.records())


@pytest.mark.parametrize("name", [b"X-Mailer", b"Received", b"List-Id"], ids=bytes.decode)
def test_what_relays_and_lists_add_breaks_nothing(name: bytes) -> None:
    assert verifier.verify(name + b": added\r\n" + values.signed(values.MESSAGE), values.records())


def test_signatures_of_others_above_ours_break_nothing() -> None:
    other = signature.Signer("list.test", "o", values.ed25519_key())
    signed = values.signed(values.signed(values.MESSAGE), RELAXED, other)
    found = verifier.verify(signed, values.records(*values.signers(), other))
    assert [one["d"] for one in found] == ["list.test", "shop.test", "shop.test"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"News <", b"Newz <"),
        (b"sale", b"sole"),
        (b"there", b"where"),
        (b"/u/1", b"/u/2"),
        (b"=One", b"=Two"),
    ],
)
def test_one_changed_byte_breaks_every_signature(old: bytes, new: bytes) -> None:
    head, body = values.signed(values.MESSAGE).split(b"Received:", 1)
    for one in values.signers():
        alone = values.signed(values.MESSAGE, RELAXED, one)
        assert verifier.verify(alone, values.records())
        with pytest.raises(verifier.Invalid):
            verifier.verify(alone.replace(old, new), values.records())
    assert old in body
    assert head.count(b"DKIM-Signature:") == 2


def test_of_repeated_fields_each_is_signed_the_lowest_first() -> None:
    message = values.MESSAGE.replace(b"Subject:", b"Subject: first\r\nSubject: second\r\nSubject:")
    signed = values.signed(message)
    [tags, _] = verifier.verify(signed, values.records())
    assert tags["h"].split(":").count("Subject") == 4
    with pytest.raises(verifier.Invalid):
        verifier.verify(
            signed.replace(b"Subject: first\r\nSubject: second", b"Subject: second\r\nSubject: first"),
            values.records(),
        )


def test_the_field_is_folded_and_ascii_and_its_lines_are_short() -> None:
    fields = values.signed(values.MESSAGE).partition(b"Received:")[0]
    lines = fields.split(b"\r\n")
    assert fields.isascii()
    assert lines[-1] == b""
    assert max(map(len, lines)) <= 78
    assert all(line.startswith((b"DKIM-Signature: v=1;", b"\t")) for line in lines[:-1])


def test_a_domain_longer_than_a_line_still_verifies() -> None:
    domain = ".".join(["d" * 60] * 4)
    signer = signature.Signer(domain, "s", values.ed25519_key())
    signed = values.signed(values.MESSAGE, RELAXED, signer)
    assert verifier.verify(signed, values.records(signer))[0]["d"] == domain


def test_the_body_hash_is_that_of_the_message() -> None:
    made = canonical.BodyHash(canonical.Form.RELAXED)
    made.feed(values.MESSAGE.partition(b"\r\n\r\n")[2])
    [tags, _] = verifier.verify(values.signed(values.MESSAGE), values.records())
    assert base64.b64decode(tags["bh"]) == made.digest()


NAMES = st.sampled_from([*signature.OVERSIGNED, *signature.SIGNED, b"X-Other", b"sUBJECT", b"Received"])
VALUES = st.lists(
    st.sampled_from([b" ", b"\t", b"\r\n ", b"\r\n\t", b"word", b"\xe9", b":", b";", b"b=1"]), max_size=8
)
LINES = st.lists(st.sampled_from([b" ", b"\t", b"\r\n", b"word", b".", b"\xff"]), max_size=30)


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(NAMES, VALUES), max_size=8), LINES, st.sampled_from(values.MANNERS), st.data())
def test_any_message_cut_anywhere_verifies(
    fields: list[tuple[bytes, list[bytes]]],
    lines: list[bytes],
    manner: signature.Manner,
    data: st.DataObject,
) -> None:
    head = b"".join(name + b":" + b"".join(value) + b"x\r\n" for name, value in fields)
    body = b"".join(lines)
    cut = data.draw(st.integers(0, len(body)))
    signed = values.signed(head + b"From: a@shop.test\r\n\r\n" + body, manner, cut=cut)
    assert len(verifier.verify(signed, values.records())) == 2
