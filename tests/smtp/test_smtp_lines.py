"""Bytes become command lines and whole replies, within limits, however they are cut."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatepost.model import reply as replies
from gatepost.smtp import lines

STAGE = replies.Stage.RCPT
PIECES = st.lists(
    st.sampled_from([b"\r", b"\n", b"\r\n", b"250 ok", b"250-ok", b"550 ", b"5", b"A" * 700, b"\0", b"\xff"]),
    max_size=14,
)
CUTS = st.lists(st.integers(1, 900), max_size=30)


def cut(wire: bytes, sizes: list[int]) -> list[bytes]:
    parts: list[bytes] = []
    for size in sizes:
        parts.append(wire[:size])
        wire = wire[size:]
    return [*parts, wire]


def commands_of(parts: list[bytes]) -> list[bytes | lines.Defect]:
    buffer = lines.LineBuffer()
    found: list[bytes | lines.Defect] = []
    for part in parts:
        buffer.feed(part)
        while (line := buffer.line()) is not None:
            found.append(line)
        assert len(buffer) <= lines.COMMAND_LIMIT
    return found


def replies_of(parts: list[bytes]) -> list[replies.Reply | lines.Broken]:
    buffer = lines.ReplyBuffer()
    found: list[replies.Reply | lines.Broken] = []
    for part in parts:
        buffer.feed(part)
        while (reply := buffer.reply(STAGE)) is not None:
            found.append(reply)
            if isinstance(reply, lines.Broken):
                return found
        assert len(buffer) <= lines.REPLY_LINE_LIMIT * lines.REPLY_LINES_LIMIT
    return found


@pytest.mark.parametrize(
    ("wire", "found"),
    [
        (b"NOOP\r\n", [b"NOOP"]),
        (b"\r\n", [b""]),
        (b"A\r\nB\r\nC", [b"A", b"B"]),
        (b"A\nB\r\n", [lines.Defect.BARE_NEWLINE, b"B"]),
        (b"\nB\r\n", [lines.Defect.BARE_NEWLINE, b"B"]),
        (b"A\rB\r\n", [lines.Defect.BARE_NEWLINE]),
        (b"A\r\r\n", [lines.Defect.BARE_NEWLINE]),
        (b"A" * 2046 + b"\r\nB\r\n", [b"A" * 2046, b"B"]),
        (b"A" * 2047 + b"\r\nB\r\n", [lines.Defect.TOO_LONG, b"B"]),
        (b"A" * 9000 + b"\r\nB\r\n", [lines.Defect.TOO_LONG, b"B"]),
        (b"A" * 9000 + b"\nB\r\n", [lines.Defect.BARE_NEWLINE, b"B"]),
    ],
    ids=lambda value: repr(value)[:24],
)
@pytest.mark.parametrize("size", [1, 2, 3, 1000, 10_000])
def test_only_crlf_ends_a_command_and_a_long_one_costs_no_other(
    wire: bytes, found: list[bytes | lines.Defect], size: int
) -> None:
    assert commands_of(cut(wire, [size] * (len(wire) // size))) == found


@given(PIECES, CUTS)
@settings(max_examples=50)
def test_cuts_change_no_command(pieces: list[bytes], sizes: list[int]) -> None:
    wire = b"".join(pieces)
    assert commands_of(cut(wire, sizes)) == commands_of([wire])


@given(PIECES, CUTS)
@settings(max_examples=50)
def test_cuts_change_no_reply(pieces: list[bytes], sizes: list[int]) -> None:
    wire = b"".join(pieces)
    assert replies_of(cut(wire, sizes)) == replies_of([wire])


def test_what_waits_can_be_taken_for_a_body() -> None:
    buffer = lines.LineBuffer()
    assert buffer.take() == b""
    buffer.feed(b"DATA\r\nhi")
    assert buffer.line() == b"DATA"
    assert buffer.take() == b"hi"
    assert len(buffer) == 0


@pytest.mark.parametrize(
    "line",
    [
        b"25O ok",
        b"+25 ok",
        b"2_0 ok",
        b" 250 ok",
        b"099 ok",
        b"199 ok",
        b"600 ok",
        b"650 ok",
        b"5500 ok",
        b"250",
        b"25",
        b"",
        b"250\xa0ok",
        b"250\tok",
        "٢٥٠ ok".encode(),
        b"\x16\x03\x01\x02",
        b"HTTP/1.1 400 Bad Request",
    ],
    ids=repr,
)
def test_what_has_no_strict_code_is_no_reply(line: bytes) -> None:
    wire = line + b"\r\n"
    for size in range(1, len(wire) + 1):
        assert replies_of(cut(wire, [size] * (len(wire) // size))) == [lines.Broken.MALFORMED]


@pytest.mark.parametrize("line", [b"200 ", b"250 ok", b"599 \x1b]0;x\x07", b"550 \xff\xfe\r\x85 \n", b"354-"])
def test_text_behind_the_code_is_kept_byte_for_byte(line: bytes) -> None:
    wire = line + b"\r\n" if line[3:4] == b" " else line + b"a\r\n354 b\r\n"
    assert replies_of([wire]) == [replies.Reply(int(line[:3]), wire[:-2], STAGE)]


@pytest.mark.parametrize(
    ("wire", "broken"),
    [
        (b"550-no\r\n250 ok\r\n", lines.Broken.MALFORMED),
        (b"250-ok\r\n550-no\r\n", lines.Broken.MALFORMED),
        (b"250-ok\r\nmore\r\n", lines.Broken.MALFORMED),
        (b"250-A\r\n" * 64, lines.Broken.TOO_LONG),
        (b"250 " + b"A" * 2043 + b"\r\n", lines.Broken.TOO_LONG),
        (b"250 " + b"A" * 3000, lines.Broken.TOO_LONG),
    ],
    ids=["two codes", "two codes going on", "no code", "65 lines", "long line", "endless line"],
)
def test_a_reply_out_of_form_or_bounds_is_broken(wire: bytes, broken: lines.Broken) -> None:
    assert replies_of([wire])[-1] is broken


def test_a_reply_at_the_limits_is_whole_and_stored_within_bounds() -> None:
    long = b"250 " + b"A" * 2042 + b"\r\n"
    assert replies_of([long]) == [replies.Reply(250, long[:-2], STAGE)]
    [reply] = replies_of([(b"250-" + b"A" * 1000 + b"\r\n") * 63 + b"250 end\r\n"])
    assert isinstance(reply, replies.Reply)
    assert len(reply.raw) == lines.REPLY_STORED_LIMIT


def test_a_goodbye_is_known_by_its_code() -> None:
    buffer = lines.ReplyBuffer()
    buffer.feed(b"421 bye\r\n")
    assert buffer.starts_with((b"421",))
    assert not buffer.starts_with((b"250",))
    buffer.feed(b"250-a\r\n")
    buffer.reply(STAGE)
    assert len(buffer) == len(b"250-a\r\n")
