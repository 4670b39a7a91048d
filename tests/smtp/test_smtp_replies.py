"""What the server's side says is one well-formed reply, whatever it is made of."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatepost.model import reply as model_reply
from gatepost.smtp import lines, replies

FIXED = {
    name: value
    for name, value in vars(replies).items()
    if name.isupper() and not name.startswith("_") and isinstance(value, bytes)
}


@pytest.mark.parametrize("name", FIXED)
def test_every_fixed_reply_is_one_short_line_in_form(name: str) -> None:
    value = FIXED[name]
    assert re.fullmatch(rb"[2-5][0-9]{2} [ -~]*\r\n", value)
    assert len(value) <= 512
    enhanced = re.match(rb"([245])[0-9]{2} ([245])\.[0-9]+\.[0-9]+ ", value)
    assert value.startswith(b"3") or (enhanced is not None and enhanced[1] == enhanced[2])


@given(st.lists(st.text() | st.binary(), min_size=1, max_size=3), st.sampled_from(["5.1.1", ""]))
@settings(max_examples=50)
def test_any_text_becomes_a_reply_that_may_go_out(texts: list[str | bytes], enhanced: str) -> None:
    reply = replies.build(550, enhanced, *texts)
    assert replies.is_refusal(reply.removesuffix(b"\r\n"))
    assert all(len(line) <= 512 for line in reply.splitlines(keepends=True))
    buffer = lines.ReplyBuffer()
    buffer.feed(reply)
    read = buffer.reply(model_reply.Stage.RCPT)
    assert isinstance(read, model_reply.Reply)
    assert (read.code, len(read.lines)) == (550, len(texts))


def test_bytes_that_are_not_printable_are_shown_escaped() -> None:
    assert replies.clean("a\r\n250 ok\x1bé") == b"a\\x0d\\x0a250 ok\\x1b\\xc3\\xa9"
    assert replies.clean(b"x" * 600) == b"x" * 500
    assert len(replies.clean(b"\0" * 600)) == 500


@pytest.mark.parametrize(
    "reply", [b"450 4.2.0 later", b"550-5.1.1 a\r\n550 5.1.1 b", b"599 "], ids=["one", "two lines", "empty"]
)
def test_a_refusal_in_form_is_one(reply: bytes) -> None:
    assert replies.is_refusal(reply)


@pytest.mark.parametrize(
    "reply",
    [
        b"250 ok",
        b"354 go",
        b"550",
        b"550-a",
        b"550-a\r\n450 b",
        b"550 a\r\n550 b",
        b"550 a\nb",
        b"550 \xe9",
        b"",
    ],
    ids=repr,
)
def test_anything_else_is_not(reply: bytes) -> None:
    assert not replies.is_refusal(reply)
