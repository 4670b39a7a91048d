"""Files of addresses as spreadsheets, other systems and accidents leave them."""

import io

import pytest

from gatepost import errors
from gatepost.console import listed


def read(raw: bytes) -> list[tuple[int, str]]:
    """Each record: its line, and its target or, behind a ``!``, the problem."""
    return [
        (number, line.target if isinstance(line, listed.Line) else f"!{line.problem}")
        for number, line in listed.read(io.BytesIO(raw), "file")
    ]


def test_a_line_inside_a_quoted_cell_is_nobodys_address() -> None:
    raw = b'email,note\n"a@x.test","she said\nvictim@x.test,away"\r\nb@x.test,\n'
    assert read(raw) == [(2, "a@x.test"), (4, "b@x.test")]


def test_a_quote_that_is_never_closed_takes_no_line_behind_it_for_an_entry() -> None:
    found = read(b'email,note\n"a@x.test,\nvictim@x.test,\n')
    assert found == [(2, "!unexpected end of data (up to line 3)")]


@pytest.mark.parametrize("heading", [b"", b"email,note\n"])
def test_the_rest_of_a_line_that_is_too_long_is_no_line(heading: bytes) -> None:
    at = heading.count(b"\n")
    endless = b"x" * (listed.LONGEST_LINE - 1) + b"\x20victim@x.test\n"
    found = read(heading + endless + b"b@x.test\n")
    assert [number for number, _ in found] == [at + 1, at + 2]
    assert found[0][1].startswith("!line: has 65536 bytes or more")
    assert found[1][1] == "b@x.test"


@pytest.mark.parametrize("heading", [b"", b"email\n"])
def test_a_line_that_is_not_utf_8_hinders_no_other(heading: bytes) -> None:
    found = read(heading + b"ren\xe9@x.test\nb@x.test\n")
    assert [told for _, told in found] == ["!line: is not UTF-8 at byte 4", "b@x.test"]


def test_a_byte_order_mark_and_empty_lines_are_nothing() -> None:
    assert read(b"\xef\xbb\xbfemail\n\na@x.test\n") == [(3, "a@x.test")]
    assert read(b"\xef\xbb\xbfa@x.test\n\nb@x.test\n") == [(1, "a@x.test"), (3, "b@x.test")]
    assert read(b"") == []


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        ("email\na@x.test\n".encode("utf-16"), "is UTF-16: save it as UTF-8"),
        (b"\x1f\x8b\x08\x00", "is compressed: unpack it first"),
        (b"PK\x03\x04zip", "is a ZIP file or a spreadsheet: save it as CSV"),
        (b"email,name\ra@x.test,A\r", "ends its lines with CR alone: save it with LF or CRLF"),
    ],
)
def test_what_is_no_text_is_refused_in_one_line(raw: bytes, says: str) -> None:
    with pytest.raises(errors.BadInput) as caught:
        read(raw)
    assert str(caught.value) == f"file: {says}"


def test_json_that_is_none_is_told_and_the_next_line_read() -> None:
    found = read(b'{"target":5}\n{"target":"b@x.test"}\n' + b'{"target":' + b"[" * 60000 + b"\n")
    assert [(n, told[0] == "!") for n, told in found] == [(1, True), (2, False), (3, True)]
