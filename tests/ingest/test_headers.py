"""The header of a submitted message is read once and edited as bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatepost.ingest import headers, refusal

ADDED = headers.Added(b"Received: here\r\n", b"now", b"<new@gw>", b"s@x.example")
PLAIN = (
    b"From: Ada <ada@x.example>\r\nTo: b@y\r\nSubject: Hello\r\nDate: d\r\nMessage-ID: <1@x>\r\n\r\nbody\r\n"
)


def edited(message: bytes) -> bytes:
    return headers.edit(message, headers.read(message), ADDED)


def test_a_whole_message_is_read_and_only_received_is_added() -> None:
    header = headers.read(PLAIN)
    assert header.from_domains == ("x.example",)
    assert (header.subject, header.message_id, header.has_date) == ("Hello", "<1@x>", True)
    assert not header.blank_line
    assert edited(PLAIN) == b"Received: here\r\n" + PLAIN


def test_missing_date_message_id_and_from_are_added() -> None:
    message = b"Subject: x\r\n\r\nbody"
    assert edited(message) == (
        b"Received: here\r\nDate: now\r\nMessage-ID: <new@gw>\r\nFrom: s@x.example\r\n" + message
    )


@pytest.mark.parametrize(
    "name", ["Bcc", "BCC", "Resent-Bcc", "X-Gatepost-List", "x-gatepost-tags", "X-Gatepost-Campaign"]
)
@pytest.mark.parametrize("place", ["first", "middle", "last"])
def test_a_private_header_is_cut_out_with_its_folded_lines(name: str, place: str) -> None:
    private = f"{name}: one,\r\n two,\r\n\tthree\r\n".encode()
    rest = [b"From: a@x.example\r\n", b"Date: d\r\n", b"Message-ID: <1>\r\n"]
    rest.insert({"first": 0, "middle": 1, "last": 3}[place], private)
    message = b"".join(rest) + b"\r\nBcc: this stays\r\n"
    assert edited(message) == b"Received: here\r\n" + message.replace(private, b"")


def test_every_one_of_several_bcc_headers_is_cut() -> None:
    message = b"Bcc: a@x\r\nBcc: b@x\r\nFrom: a@x.example\r\nbcc: c@x\r\nDate: d\r\nMessage-ID: <1>\r\n\r\n"
    assert edited(message) == b"Received: here\r\nFrom: a@x.example\r\nDate: d\r\nMessage-ID: <1>\r\n\r\n"


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        pytest.param(b"just text\r\nmore\r\n", b"\r\njust text\r\nmore\r\n", id="body-only"),
        pytest.param(b"", b"\r\n", id="empty"),
        pytest.param(b"\r\nbody", b"\r\nbody", id="empty-header"),
        pytest.param(b"X-A: b\r\n", b"X-A: b\r\n\r\n", id="header-only"),
        pytest.param(b"X-A: b", b"X-A: b\r\n\r\n", id="header-without-line-end"),
        pytest.param(b"X-A: b\r\ntext\r\n\r\nmore", b"X-A: b\r\n\r\ntext\r\n\r\nmore", id="no-blank-line"),
        pytest.param(b" folded: nothing\r\n\r\n", b"\r\n folded: nothing\r\n\r\n", id="continuation-first"),
        pytest.param(b"Bcc: v@x", b"\r\n", id="only-bcc"),
        pytest.param(b"Bcc: v@x\r\ntext", b"\r\ntext", id="bcc-and-no-blank-line"),
        pytest.param(
            b"__proto__: 1\r\n: empty\r\n\r\n", b"__proto__: 1\r\n\r\n: empty\r\n\r\n", id="empty-name"
        ),
    ],
)
def test_odd_messages_become_well_formed(message: bytes, expected: bytes) -> None:
    assert edited(message).partition(b"From: s@x.example\r\n")[2] == expected


@pytest.mark.parametrize("line", [b"From : evil@y.example", b"Subject\t: x"])
@pytest.mark.parametrize("before", [b"", b"Date: d\r\n"])
def test_white_space_before_a_colon_is_refused(line: bytes, before: bytes) -> None:
    with pytest.raises(refusal.Refusal, match="white space"):
        headers.read(before + line + b"\r\n\r\nbody")


def test_a_mail_in_a_loop_is_refused() -> None:
    headers.read(b"Received: x\r\n" * 50 + b"\r\n")
    with pytest.raises(refusal.Refusal) as caught:
        headers.read(b"Received: x\r\n" * 51 + b"\r\n")
    assert (caught.value.code, caught.value.enhanced) == (554, "5.4.6")


@pytest.mark.parametrize(
    "head",
    [b"A: b\r\n" * 1001, b"A: " + b"b" * 100_000 + b"\r\n", b"A: b\r\n" + b" folded folded\r\n" * 20_000],
    ids=["lines", "long", "folded"],
)
def test_a_huge_header_is_refused(head: bytes) -> None:
    with pytest.raises(refusal.Refusal) as caught:
        headers.read(head + b"\r\n")
    assert (caught.value.code, caught.value.enhanced) == (552, "5.3.4")


@pytest.mark.parametrize(
    ("value", "domains"),
    [
        pytest.param("a@x.example", ("x.example",), id="bare"),
        pytest.param("A B <a@X.Example>", ("x.example",), id="named"),
        pytest.param('"Doe, J." <a@x.example>', ("x.example",), id="quoted-comma"),
        pytest.param('"evil@y.example" <a@x.example>', ("x.example",), id="quoted-address"),
        pytest.param("=?utf-8?q?a=40b?= <a@x.example>", ("x.example",), id="encoded"),
        pytest.param("Jürgen <a@x.example>", ("x.example",), id="utf8-name"),
        pytest.param("a@x.example (evil@y.example)", ("x.example",), id="comment"),
        pytest.param("a@x.example,\r\n b@y.example", ("x.example", "y.example"), id="folded-list"),
        pytest.param('"a <b" <"q@r"@x.example>', ("x.example",), id="quoted-local"),
        pytest.param("ü <a@bücher.example>", ("xn--bcher-kva.example",), id="idn"),
    ],
)
def test_the_domains_of_from_are_found(value: str, domains: tuple[str, ...]) -> None:
    assert headers.read(f"From: {value}\r\n\r\n".encode()).from_domains == domains


def test_every_from_header_counts() -> None:
    header = headers.read(b"From: a@x.example\r\nFROM: b@y.example\r\n\r\n")
    assert header.from_domains == ("x.example", "y.example")


@pytest.mark.parametrize(
    "value",
    [
        "",
        "<>",
        "nobody",
        "a@x.example>",
        "x: a@x.example;",
        "a@b <c@x.example>",
        "(((a@x.example",
        "a@.",
        "a@1.2",
    ],
)
def test_a_from_that_cannot_be_read_surely_is_refused(value: str) -> None:
    with pytest.raises(refusal.Refusal) as caught:
        headers.read(f"From: {value}\r\n\r\n".encode())
    assert caught.value.place == "From"


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        pytest.param(b"plain", "plain", id="plain"),
        pytest.param(b"two\r\n lines", "two lines", id="folded"),
        pytest.param(b"=?utf-8?b?w7xiZXI=?=", "über", id="encoded"),
        pytest.param(b"=?nope?b?w7xiZXI=?=", "=?nope?b?w7xiZXI=?=", id="unknown-charset"),
        pytest.param(b"=?utf-8?b?w?=", "=?utf-8?b?w?=", id="broken-base64"),
        pytest.param("über".encode(), "über", id="utf8"),
        pytest.param(b"\xfcber", "über", id="latin1"),
        pytest.param(b"bell\x07", "bell ", id="control"),
        pytest.param(b"x" * 300, "x" * 200, id="long"),
    ],
)
def test_the_subject_is_decoded_for_people(raw: bytes, text: str) -> None:
    assert headers.read(b"Subject: " + raw + b"\r\n\r\n").subject == text


def test_labels_are_taken_from_the_header() -> None:
    found = headers.read(
        b"X-Gatepost-List: promo\r\nX-GATEPOST-Campaign: =?utf-8?q?M=C3=A4rz?=\r\nX-Gatepost-Tags: a, b,\r\n c\r\n"
        b'X-Gatepost-Metadata: {"k": 1}\r\nX-Gatepost-Expires-In: 2h\r\n\r\n'
    ).labels
    assert (found.list, found.campaign, found.tags) == ("promo", "März", "a,b,c")
    assert (found.metadata, found.expires_in_s) == ('{"k":1}', 7200)


@pytest.mark.parametrize(
    "line",
    [
        b"X-Gatepost-Expires-In: soon",
        b"X-Gatepost-Tags: a,,b",
        b"X-Gatepost-Metadata: [1]",
        b"X-Gatepost-List: ",
        b"X-Gatepost-List: a\r\nX-Gatepost-List: b",
        b"X-Gatepost-Campaign: " + b"x" * 101,
    ],
)
def test_a_bad_label_is_refused_by_its_headers_name(line: bytes) -> None:
    with pytest.raises(refusal.Refusal) as caught:
        headers.read(line + b"\r\n\r\n")
    assert line.startswith(caught.value.place.partition("[")[0].encode())
    assert caught.value.code == 550


def test_eight_bit_headers_are_noticed() -> None:
    assert headers.read("Subject: ü\r\n\r\n".encode()).eight_bit
    assert not headers.read("Subject: u\r\n\r\nü".encode()).eight_bit


def test_the_body_is_not_searched() -> None:
    header = headers.read(b"X-A: b\r\n\r\nFrom: a@y.example\r\nDate: d\r\nBcc: e\r\nMessage-ID: <1>\r\n")
    assert (header.from_domains, header.has_date, header.message_id, header.cuts) == ((), False, None, ())


@given(
    st.lists(st.sampled_from([b"From: a@x.example", b"Bcc: b", b" c", b"", b"text", b"X: y"]), max_size=9),
    st.binary(),
)
def test_any_message_is_edited_into_one_with_a_header_and_its_own_body(
    lines: list[bytes], tail: bytes
) -> None:
    message = b"".join(line + b"\r\n" for line in lines) + tail.replace(b"\r", b"").replace(b"\n", b"")
    try:
        out = edited(message)
    except refusal.Refusal:
        return
    head, blank, body = out.partition(b"\r\n\r\n")
    assert blank
    assert message.endswith(body)
    assert b"\nbcc:" not in head.lower()
    again = headers.read(out)
    assert again.has_date
    assert again.message_id is not None
    assert again.from_domains
