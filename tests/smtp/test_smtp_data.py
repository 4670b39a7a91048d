"""The body's dots, its one true end, and every byte sequence that another server could take for that end."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatepost.smtp import data

SMUGGLING = [
    b"\n.\n",
    b"\n.\r\n",
    b"\r.\r",
    b"\r.\n",
    b"\r.\r\n",
    b"\r\n.\n",
    b"\r\n.\r",
    b"\r\n.\r\r\n",
    b"\r\r\n.\r\r\n",
    b"\r\n\0.\r\n",
    b"\r\n.\0\r\n",
    b"\n\n.\n\n",
    b"\n.\r",
    b"\r\r.\r\r",
    b"\n\r.\n\r",
    b"\n.\nEVIL\r\r\n",
]
WIRE_BYTES = st.lists(
    st.sampled_from([b"\r", b"\n", b"\r\n", b".", b"a", b"\0", b"\xff", b"\r\n.\r\n"]), max_size=24
)


def read(wire: bytes, cuts: list[int], limit: int = 0) -> tuple[data.BodyReader, bytes]:
    """Feed the wire's bytes in pieces, as a server does: what is behind the end is not fed but collected."""
    reader = data.BodyReader(limit)
    body = b""
    edges = sorted({0, len(wire), *(cut % (len(wire) + 1) for cut in cuts)})
    for start, end in itertools.pairwise(edges):
        if reader.rest is not None:
            reader.rest += wire[start:end]
        else:
            body += reader.feed(wire[start:end])
    return reader, body


@pytest.mark.parametrize("form", SMUGGLING, ids=repr)
def test_no_smuggling_form_is_taken_wherever_it_is_cut(form: bytes) -> None:
    wire = b"hi" + form + b"MAIL FROM:<evil@b.test>\r\n.\r\n"
    for first in range(len(wire)):
        for second in range(first, len(wire)):
            reader, _ = read(wire, [first, second])
            assert reader.fault is data.Fault.BARE_NEWLINE, (first, second)


@pytest.mark.parametrize(
    ("wire", "body"),
    [
        (b".\r\n", b""),
        (b"\r\n.\r\n", b"\r\n"),
        (b"a\r\n.\r\n", b"a\r\n"),
        (b"..\r\n.\r\n", b".\r\n"),
        (b"...\r\n..a\r\n.\r\n", b"..\r\n.a\r\n"),
        (b".a\r\n.\r\n", b"a\r\n"),
        (b"a\r\n. \r\n.\r\n", b"a\r\n \r\n"),
        (b"a.\r\n.\r\n", b"a.\r\n"),
    ],
    ids=repr,
)
def test_dots_are_taken_out_wherever_the_wire_is_cut(wire: bytes, body: bytes) -> None:
    for first in range(len(wire) + 1):
        for second in range(first, len(wire) + 1):
            reader, got = read(wire + b"QUIT\r\n", [first, second])
            assert (got, reader.rest, reader.size) == (body, b"QUIT\r\n", len(body))
            assert reader.fault is data.Fault.NONE


@given(WIRE_BYTES, st.lists(st.integers(0, 60), max_size=8))
@settings(max_examples=60)
def test_the_cuts_change_nothing(pieces: list[bytes], cuts: list[int]) -> None:
    wire = b"".join(pieces)
    whole, body = read(wire, [])
    cut, cut_body = read(wire, cuts)
    ended = whole.rest is not None
    assert (cut.rest, cut.fault) == (whole.rest, whole.fault) if ended else cut.rest is None
    if not whole.fault:
        assert (cut_body, cut.size, cut.eight_bit) == (body, whole.size, whole.eight_bit)
    elif not cut.fault:
        assert not ended  # what is held back has not been judged


@given(WIRE_BYTES, st.lists(st.integers(0, 60), max_size=8))
@settings(max_examples=60)
def test_what_comes_out_has_no_bare_newline_and_no_nul(pieces: list[bytes], cuts: list[int]) -> None:
    wire = b"".join(pieces) + b"\r\n.\r\n"
    reader, body = read(wire, cuts)
    if not reader.fault:
        lone = body.replace(b"\r\n", b"")
        assert not {b"\r", b"\n", b"\0"} & {bytes([c]) for c in lone}


@given(
    st.lists(st.sampled_from([b"a", b".", b"\r\n", b"..", b"\xc3\xa9"]), max_size=20),
    st.lists(st.integers(0, 40), max_size=6),
    st.lists(st.integers(0, 60), max_size=6),
)
@settings(max_examples=60)
def test_what_is_stuffed_comes_back(pieces: list[bytes], cuts: list[int], wire_cuts: list[int]) -> None:
    message = b"".join(pieces)
    edges = sorted({0, len(message), *(cut % (len(message) + 1) for cut in cuts)})
    chunks = [message[start:end] for start, end in itertools.pairwise(edges)]
    reader, body = read(b"".join(data.stuff(chunks)), wire_cuts)
    wanted = message if not message or message.endswith(b"\r\n") else message + b"\r\n"
    assert (body, reader.rest, reader.fault) == (wanted, b"", data.Fault.NONE)
    assert reader.eight_bit is not message.isascii()


@pytest.mark.parametrize(
    ("chunks", "wire"),
    [
        ([], b".\r\n"),
        ([b""], b".\r\n"),
        ([b"a"], b"a\r\n.\r\n"),
        ([b"a\r\n"], b"a\r\n.\r\n"),
        ([b".\r\n"], b"..\r\n.\r\n"),
        ([b"a\r\n", b".b\r\n"], b"a\r\n..b\r\n.\r\n"),
        ([b"a\r", b"\n.b\r\n"], b"a\r\n..b\r\n.\r\n"),
        ([b"a\r", b"\n", b".b\r\n"], b"a\r\n..b\r\n.\r\n"),
        ([b"a", b".b\r\n"], b"a.b\r\n.\r\n"),
    ],
    ids=repr,
)
def test_dots_are_put_in_across_chunks(chunks: list[bytes], wire: bytes) -> None:
    assert b"".join(data.stuff(chunks)) == wire


def test_chunks_without_dots_go_out_as_the_same_objects() -> None:
    chunks = [b"a\r\n" * 100, b"b\r\n" * 100]
    assert [id(chunk) for chunk in data.stuff(chunks)[:2]] == [id(chunk) for chunk in chunks]


@pytest.mark.parametrize("cut", [1000, 4096, 70_000])
def test_a_text_line_up_to_the_limit_is_taken_and_a_longer_one_is_not(cut: int) -> None:
    fits = b"x" * data.TEXT_LINE_LIMIT
    for line, fault in [(fits, data.Fault.NONE), (fits + b"x", data.Fault.LINE_TOO_LONG)]:
        wire = b"a\r\n" + line + b"\r\nb\r\n.\r\n"
        reader, _ = read(wire, list(range(cut, len(wire), cut)))
        assert reader.fault is fault


def test_a_body_over_the_limit_gives_nothing_more_and_still_ends() -> None:
    assert read(b"abc\r\n.\r\n", [], limit=5)[0].fault is data.Fault.NONE
    reader, body = read(b"abcd\r\nmore\r\n.\r\nQUIT\r\n", [3, 8], limit=5)
    assert (reader.fault, body, reader.rest) == (data.Fault.TOO_BIG, b"abc", b"QUIT\r\n")
