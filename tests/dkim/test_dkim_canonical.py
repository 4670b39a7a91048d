"""Canonical forms: the RFC's own examples, the empty and the odd, and a hash that does not depend on the cuts."""

import hashlib
import itertools
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.dkim import verifier

from gatepost.dkim import canonical

Form = canonical.Form
EMPTY_SIMPLE = hashlib.sha256(b"\r\n").digest()
EMPTY_RELAXED = hashlib.sha256(b"").digest()


def hashed(form: Form, *chunks: bytes) -> bytes:
    made = canonical.BodyHash(form)
    for chunk in chunks:
        made.feed(chunk)
    return made.digest()


@pytest.mark.parametrize(
    ("raw", "relaxed"),
    [
        (b"A: X\r\n", b"a:X\r\n"),  # RFC 6376 §3.4.5
        (b"B : Y\t\r\n\tZ  \r\n", b"b:Y Z\r\n"),  # RFC 6376 §3.4.5
        (b"Subject:no space\r\n", b"subject:no space\r\n"),
        (b"Subject:\r\n", b"subject:\r\n"),
        (b"Subject: \t \r\n", b"subject:\r\n"),
        (b"Subject:\r\n folded\r\n at once\r\n", b"subject:folded at once\r\n"),
        (b"Subject: \xe9\xff a:b\r\n", b"subject:\xe9\xff a:b\r\n"),
        (
            b"Subject: a\x0bb\x0cc\r\n",
            b"subject:a\x0bb\x0cc\r\n",
        ),  # vertical tab and form feed are no white space
    ],
)
def test_a_field_is_kept_by_the_simple_form_and_straightened_by_the_relaxed_one(
    raw: bytes, relaxed: bytes
) -> None:
    assert canonical.field(raw, Form.SIMPLE) == raw
    assert canonical.field(raw, Form.RELAXED) == relaxed


@pytest.mark.parametrize(
    ("body", "simple", "relaxed"),
    [
        (b" C \r\nD \t E\r\n\r\n\r\n", b" C \r\nD \t E\r\n", b" C\r\nD E\r\n"),  # RFC 6376 §3.4.5
        (b"", b"\r\n", b""),
        (b"\r\n\r\n\r\n", b"\r\n", b""),
        (b" \t\r\n\r\n", b" \t\r\n", b""),
        (b"no end", b"no end\r\n", b"no end\r\n"),
        (b"white end \t", b"white end \t\r\n", b"white end\r\n"),
        (b"\r\n\r\nlate", b"\r\n\r\nlate\r\n", b"\r\n\r\nlate\r\n"),
        (b"a\r\n \r\n\t\r\nb\r\n", b"a\r\n \r\n\t\r\nb\r\n", b"a\r\n\r\n\r\nb\r\n"),
        (b".\r\n..\r\n", b".\r\n..\r\n", b".\r\n..\r\n"),
        (b"\xff\x80 \xa0\r\n", b"\xff\x80 \xa0\r\n", b"\xff\x80 \xa0\r\n"),
        (b"a\x0b\x0c\r\n", b"a\x0b\x0c\r\n", b"a\x0b\x0c\r\n"),
    ],
)
def test_a_body_is_hashed_in_its_form_wherever_it_is_cut(body: bytes, simple: bytes, relaxed: bytes) -> None:
    for form, canon in ((Form.SIMPLE, simple), (Form.RELAXED, relaxed)):
        assert verifier.canonical_body(body, form.value) == canon
        for cut in range(len(body) + 1):
            assert hashed(form, body[:cut], body[cut:]) == hashlib.sha256(canon).digest()
        assert hashed(form, *[body[at : at + 1] for at in range(len(body))]) == hashlib.sha256(canon).digest()


def test_the_empty_body_has_the_hashes_that_the_rfc_gives() -> None:
    assert (hashed(Form.SIMPLE), hashed(Form.RELAXED)) == (EMPTY_SIMPLE, EMPTY_RELAXED)
    assert EMPTY_SIMPLE.hex().startswith("7eb70257593da06f")  # frcCV1k9oG9oKj3dpUqdJg1PxRT2RSN/XKdLCPjaYaY=


PIECES = st.lists(
    st.sampled_from([b" ", b"\t", b"  \t", b"\r\n", b"a", b"word", b".", b"\xe9", b"\x0b"]), max_size=40
)


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(PIECES, st.lists(st.integers(0, 200), max_size=6), st.sampled_from(list(Form)))
def test_any_body_cut_anywhere_has_the_hash_of_the_whole(
    pieces: list[bytes], cuts: list[int], form: Form
) -> None:
    body = b"".join(pieces)
    places = sorted({0, len(body), *(cut for cut in cuts if cut < len(body))})
    chunks = [body[start:end] for start, end in itertools.pairwise(places)]
    want = hashlib.sha256(verifier.canonical_body(body, form.value)).digest()
    assert hashed(form, *chunks) == want


@pytest.mark.parametrize("form", list(Form))
def test_empty_lines_without_end_take_no_memory_until_they_count(form: Form) -> None:
    made = canonical.BodyHash(form)
    made.feed(b"first")
    lines = b"\r\n" * 8192
    tracemalloc.start()
    for _ in range(1000):
        made.feed(lines)
    made.feed(b"last\r\n")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert made.digest() == hashlib.sha256(b"first" + lines * 1000 + b"last\r\n").digest()
    assert peak < 200_000


@pytest.mark.parametrize("form", list(Form))
@pytest.mark.parametrize("size", [2046, 2047, 2048, 4094, 4095, 16_383, 16_384, 40_000])
def test_a_body_of_any_size_is_hashed_whole(form: Form, size: int) -> None:
    body = bytes(97 + at % 26 for at in range(size)) + b"\r\n"
    assert hashed(form, body) == hashlib.sha256(body).digest()
