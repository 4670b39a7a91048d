"""Messages built from fields: what an independent reader finds in them is what was asked for, and nothing more."""

import email
import email.message
import email.policy
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatepost.ingest import compose, headers, refusal, words

ONE = {"from": "a@shop.example", "to": "b@x.example", "text": "t"}


def described(**fields: object) -> compose.Described:
    return msgspec.convert({**ONE, **fields}, compose.Described)


def composed(**fields: object) -> compose.Composed:
    return compose.compose(described(**fields), 100)


def parsed(message: bytes) -> email.message.EmailMessage:
    found = email.message_from_bytes(message, policy=email.policy.SMTPUTF8)
    assert isinstance(found, email.message.EmailMessage)
    return found


def is_clean(message: bytes) -> bool:
    lines = message.split(b"\r\n")
    return all(len(line) <= 998 and not {10, 13, 0} & set(line) for line in lines)


@pytest.mark.parametrize(
    "subject",
    [
        pytest.param("Hello", id="plain"),
        pytest.param("", id="empty"),
        pytest.param("Grüße aus Köln " * 20, id="long-utf8"),
        pytest.param("word " * 400, id="long-ascii"),
        pytest.param("x" * 5000, id="one-long-word"),
        pytest.param("=?utf-8?q?not=20encoded?=", id="looks-encoded"),
        pytest.param("a" + " " * 300 + "b", id="spaces"),
        pytest.param("😀" * 60, id="astral"),
        pytest.param("key: value: " * 200, id="colons"),
    ],
)
def test_a_subject_is_read_back_as_it_was(subject: str) -> None:
    built = composed(subject=subject)
    assert is_clean(built.message)
    raw = headers.read(built.message).subject
    assert raw.strip() == subject[: headers.MAX_SUBJECT].strip()
    assert parsed(built.message)["Subject"].strip() == subject.strip()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("Ann <ann@x.example>", "Ann <ann@x.example>", id="atom"),
        pytest.param('"Doe, J." <ann@x.example>', '"Doe, J." <ann@x.example>', id="quoted"),
        pytest.param('"a\\"b" <ann@x.example>', '"a\\"b" <ann@x.example>', id="escaped"),
        pytest.param("Jürgen <ann@x.example>", "Jürgen <ann@x.example>", id="utf8"),
        pytest.param("ann@x.example", "ann@x.example", id="bare"),
        pytest.param("Müller GmbH & Co. KG " * 9 + "<ann@x.example>", None, id="long"),
    ],
)
def test_a_mailbox_is_read_back_with_its_name(text: str, shown: str | None) -> None:
    built = composed(to=text)
    assert is_clean(built.message)
    assert built.message.partition(b"\r\n\r\n")[0].isascii()
    [box] = parsed(built.message)["To"].addresses
    assert box.addr_spec == "ann@x.example"
    assert shown is None or str(parsed(built.message)["To"]) == shown


def test_many_recipients_fold() -> None:
    built = compose.compose(described(to=[f"recipient-{n}@x.example" for n in range(90)]), 100)
    assert max(map(len, built.message.split(b"\r\n"))) <= 78
    assert len(parsed(built.message)["To"].addresses) == 90


def test_an_international_address_needs_smtputf8_wherever_it_stands() -> None:
    assert composed(to="dvořák@x.example").utf8
    assert composed(headers={"Reply-To": "dvořák@x.example"}).utf8
    assert not composed(to="ann@bücher.example", subject="ü").utf8


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        pytest.param("plain\n", "7bit", id="ascii"),
        pytest.param("no end", "7bit", id="no-end"),
        pytest.param("a\r\nb\rc\nd", "7bit", id="line-ends"),
        pytest.param("Köln ist schön, und das ist lang genug\n", "quoted-printable", id="latin"),
        pytest.param("日本語のテキスト\n" * 9, "base64", id="japanese"),
        pytest.param("x" * 5000, "quoted-printable", id="long-line"),
        pytest.param(".\n..\n.x ü aaaaaaaaaaaaaaaaaaa\n", "quoted-printable", id="dots"),
        pytest.param("trailing ü \n\t\naaaaaaaaaaaaaaaaa", "quoted-printable", id="white-space"),
        pytest.param("--=_alternative--\n", "quoted-printable", id="boundary"),
        pytest.param("", "7bit", id="empty"),
    ],
)
def test_a_text_is_read_back_as_it_was(text: str, encoding: str) -> None:
    built = composed(text=text, html="<p>" + text)
    assert is_clean(built.message)
    plain, html = parsed(built.message).iter_parts()
    assert plain["Content-Transfer-Encoding"] == encoding
    want = text.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n")
    assert plain.get_content().replace("\r\n", "\n").removesuffix("\n") == want
    assert html.get_content().replace("\r\n", "\n").removesuffix("\n") == "<p>" + want


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=300))
def test_any_text_survives(text: str) -> None:
    try:
        built = composed(text=text)
    except refusal.Refusal:
        assert "\0" in text or any("\ud800" <= c <= "\udfff" for c in text)
        return
    assert is_clean(built.message)
    want = text.replace("\r\n", "\n").replace("\r", "\n")
    content = parsed(built.message).get_payload(decode=True)
    assert isinstance(content, bytes)
    assert content.decode().replace("\r\n", "\n").removesuffix("\n") == want.removesuffix("\n")


FIELD: st.SearchStrategy[str] = st.text(
    st.sampled_from('aé:@<>"\\,; \t\r\n\0\x0b\x0c\x1c\x1d\x1e\x7f\x85\u2028\u2029=?\ud800😀'), max_size=40
)


@settings(max_examples=150, deadline=None)
@given(
    st.fixed_dictionaries({}, optional=dict.fromkeys(("subject", "from", "to", "cc", "text"), FIELD)),
    FIELD,
    FIELD,
)
def test_no_field_can_add_a_header(fields: dict[str, str], name: str, value: str) -> None:
    try:
        built = composed(**fields, headers={"X-Own": value, name: value} if name else {"X-Own": value})
    except refusal.Refusal:
        return
    assert is_clean(built.message)
    head = built.message.partition(b"\r\n\r\n")[0]
    own = {
        "From",
        "To",
        "Cc",
        "Subject",
        "X-Own",
        "MIME-Version",
        "Content-Type",
        "Content-Transfer-Encoding",
        name,
    }
    fields_found = [
        line.partition(b":")[0].decode() for line in head.split(b"\r\n") if line[:1] not in {b" ", b"\t"}
    ]
    assert set(fields_found) <= own
    assert len(fields_found) == len(set(fields_found))


@pytest.mark.parametrize("c", "\r\n\0\x01\x0b\x0c\x1c\x1d\x1e\x7f\x85\u2028\u2029\ud800\t")
@pytest.mark.parametrize("place", ["subject", "to", "from", "headers.X-A"])
def test_a_control_character_is_refused_by_place(place: str, c: str) -> None:
    text = f"a{c}b" if place in {"subject", "headers.X-A"} else f"a{c}b <a@shop.example>"
    fields: dict[str, Any] = {"headers": {"X-A": text}} if "." in place else {place: text}
    with pytest.raises(refusal.Refusal) as caught:
        composed(**fields)
    assert caught.value.place == place


@pytest.mark.parametrize("name", ["", "a b", "a:b", "a\r\nb", "ä", "x" * 71])
def test_a_field_name_is_letters_and_no_colon(name: str) -> None:
    with pytest.raises(refusal.Refusal):
        words.field_name(name, "headers")


def test_own_headers_are_kept_and_date_is_not_doubled() -> None:
    built = composed(
        headers={"Date": "Fri, 01 Jan 2027 00:00:00 +0000", "Message-ID": "<1@shop>", "X-Id": "7"}
    )
    header = headers.read(built.message)
    assert header.has_date
    assert header.message_id == "<1@shop>"
    assert b"\r\nX-Id: 7\r\n" in built.message
