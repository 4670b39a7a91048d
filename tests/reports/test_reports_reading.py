"""Headers, charsets, HTML and parts: read as they are meant, however they are written."""

import pytest

from gatepost.reports import charset, header, markup, original, report, structure


@pytest.mark.parametrize(
    ("data", "name", "text"),
    [
        (b"caf\xc3\xa9", "utf-8", "café"),
        (b"caf\xc3\xa9", "uft-8", "café"),
        (b"caf\xe9", "iso-8859-1", "café"),
        (b"caf\xe9", "ISO_8859-15", "café"),
        (b"caf\xe9", "windows-1252", "café"),
        (b"\x8a\xe1", "cp1257", "\ufffdį"),
        (b"caf\xe9", "3dutf-8", "caf\ufffd"),
        (b"caf\xe9", "", "café"),
        (b"\xc3\xa9t\xc3", "", "ét\ufffd"),
        (b"caf\xe9", "no-such-charset", "café"),
        (b"caf\xe9", "iso-8859-12", "café"),
        (b"a+AEA-b", "unicode-1-1-utf-7", "a@b"),
        (b"+2AA-", "utf-7", "?"),
        ("不在".encode("iso2022_jp"), "us-ascii", "不在"),
        ("不在".encode("iso2022_jp"), "utf-8", "不在"),
        ("不在".encode("iso2022_jp"), "iso-2022-jp", "不在"),
        ("不在".encode("cp932"), "shift_jis", "不在"),
        (b"plain", "punycode", "plain"),
        (b"plain", "bz2", "plain"),
    ],
)
def test_a_charset_is_what_it_is_called_or_what_the_bytes_show(data: bytes, name: str, text: str) -> None:
    assert charset.text_of(data, name) == text


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("=?utf-8?Q?caf=C3=A9?=", "café"),
        ("=?utf-8?B?Y2Fmw6k=?= =?utf-8?Q?_noir?=", "café noir"),
        ("=?utf-8*de?q?a?= b", "a b"),
        ("=?utf-8?B?YQ", "=?utf-8?B?YQ"),
        ("=?x?B?YWJjZ?=", "abc"),
        ("plain", "plain"),
    ],
)
def test_encoded_words_are_read(raw: str, text: str) -> None:
    assert header.decoded(raw) == text


def test_fields_are_unfolded_and_kept_in_order() -> None:
    fields, body = header.split(
        b"From: a@b.example\nTo: c@d.example,\n\te@f.example\nX-A : 1\nX-A: 2\njunk\n\nbody"
    )
    assert fields.get("to") == "c@d.example, e@f.example"
    assert fields.all("x-a") == ("1", "2")
    assert fields.get("none") == ""
    assert body == b"body"


def test_a_text_with_a_colon_is_no_header() -> None:
    assert header.split(b"Note: this is a text\n\nmore") == (header.NONE, b"Note: this is a text\n\nmore")


def test_a_header_of_very_many_fields_is_cut() -> None:
    fields, _ = header.split(b"From: a@b.example\n" + b"".join(b"X-%d: 1\n" % n for n in range(5000)))
    assert 100 < len(fields.raw) <= 500


@pytest.mark.parametrize(
    ("value", "kind", "params"),
    [
        ('multipart/report; report-type=delivery-status;\n boundary="a b"', "multipart/report", {"report-type": "delivery-status", "boundary": "a b"}),
        ("Text/Plain; charset = UTF-8", "text/plain", {"charset": "UTF-8"}),
        ("text/plain;charset=a;charset=b", "text/plain", {"charset": "a"}),
        ('text/plain; name="open', "text/plain", {"name": "open"}),
        ("", "", {}),
    ],
)  # fmt: skip
def test_content_types_are_taken_apart(value: str, kind: str, params: dict[str, str]) -> None:
    assert header.content_type(value) == (kind, params)


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("<p>a</p><p>b</p>", "\na\n\nb\n"),
        ("a<br>\nb", "a\n b"),
        ("<style>x{}</style>a<!-- b -->c<script>d", "ac"),
        ("to &lt;a@b.example&gt; &amp; more", "to <a@b.example> & more"),
        ("to <a@b.example>", "to <a@b.example>"),
        ('<a href="mailto:a@b.example">a@b.example</a>', "a@b.example"),
        ("<table><tr><td>a</td><td>b</td></tr></table>", "\n\n a  b \n\n"),
        ("&#999999999999;x", " x"),
        ("İ<style>x</style>", "İx"),
    ],
)
def test_html_is_read_as_a_person_reads_it(source: str, text: str) -> None:
    assert markup.text_of(source) == text


MULTIPART = b"From: a@b.example\nContent-Type: multipart/mixed; boundary=x\n\npreamble\n"


def kinds(raw: bytes) -> list[tuple[str, bytes]]:
    return [(leaf.kind, leaf.body) for leaf in structure.read(raw).leaves]


def test_parts_stand_between_the_lines_of_the_boundary() -> None:
    raw = MULTIPART + b"--x\n\none\n--xy\n--x\nContent-Type: text/html\n\ntwo\n--x--\nepilogue"
    assert kinds(raw) == [("text/plain", b"one\n--xy"), ("text/html", b"two")]


def test_the_last_part_may_lack_its_end() -> None:
    assert kinds(MULTIPART + b"--x\n\none\n--x\n\ntwo") == [("text/plain", b"one"), ("text/plain", b"two")]
    assert kinds(MULTIPART + b"--x") == [("text/plain", b"preamble\n--x")]


def test_a_wrong_boundary_is_found_out() -> None:
    raw = b"From: a@b.example\nContent-Type: multipart/mixed\n\n--real\nContent-Type: text/plain\n\none\n--real--\n"
    assert kinds(raw) == [("text/plain", b"one")]


def test_a_message_within_is_a_leaf() -> None:
    inner = b"From: c@d.example\nContent-Type: multipart/mixed; boundary=y\n\n--y\n\ndeep\n--y--"
    raw = MULTIPART + b"--x\nContent-Type: message/rfc822\n\n" + inner + b"\n--x--"
    assert kinds(raw) == [("message/rfc822", inner)]
    found = original.of_part(structure.read(raw).leaves[0])
    assert found is not None
    assert found.get("from") == "c@d.example"


@pytest.mark.parametrize(
    ("encoding", "body", "payload"),
    [
        (b"base64", b"b25l\n", b"one"),
        (b"base64", b"It is no base64.\n", b"It is no base64.\n"),
        (b"Quoted-Printable", b"a=3Db=\nc", b"a=bc"),
        (b"x-unknown", b"one", b"one"),
    ],
)
def test_a_transfer_encoding_is_undone_where_there_is_one(
    encoding: bytes, body: bytes, payload: bytes
) -> None:
    raw = b"From: a@b.example\nContent-Transfer-Encoding: " + encoding + b"\n\n" + body
    assert structure.read(raw).leaves[0].payload() == payload


@pytest.mark.parametrize(
    ("text", "message_id"),
    [
        ("\nReceived: from x\nMessage-ID: <1@a.example>\n\nbody", "1@a.example"),
        ("words\n  > Return-Path: <x@a.example>\n  > Message-ID: <2@a.example>\n", "2@a.example"),
        ("no header at all", None),
    ],
)
def test_an_original_behind_a_text_is_found(text: str, message_id: str | None) -> None:
    found = original.of_text(text)
    assert (found.message_id if found is not None else None) == message_id


@pytest.mark.parametrize(
    ("value", "bare"),
    [
        ("<1@a.example>", "1@a.example"),
        ("1@a.example", "1@a.example"),
        ("", ""),
        ("<a b@c>", "a b@c"),
        ("<1@a", "1@a"),
    ],
)
def test_a_message_id_is_told_without_brackets(value: str, bare: str) -> None:
    assert report.bare_id(value) == bare
