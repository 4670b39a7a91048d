"""A reply is kept byte for byte; its lines and its enhanced code are read from it."""

import pytest

from gatepost.model import reply as replies


@pytest.mark.parametrize(
    ("raw", "enhanced"),
    [
        pytest.param(b"550 5.1.1 no such user", b"5.1.1", id="after-a-space"),
        pytest.param(b"550-5.1.1 no\r\n550 5.1.1 such user", b"5.1.1", id="after-a-hyphen"),
        pytest.param(b"421 4.7.28 slow", b"4.7.28", id="two-digits"),
        pytest.param(b"550 5.7.509", b"5.7.509", id="three-digits-at-the-end"),
        pytest.param(b"550 no 5.1.1 here", b"", id="not-at-the-head"),
        pytest.param(b"550 5.1.1.2 x", b"", id="four-parts"),
        pytest.param(b"550 5.1.1111 x", b"", id="too-long"),
        pytest.param(b"550 3.1.1 x", b"", id="no-such-class"),
        pytest.param(b"550", b"", id="bare"),
        pytest.param(b"", b"", id="none"),
    ],
)
def test_an_enhanced_code_stands_at_the_head(raw: bytes, enhanced: bytes) -> None:
    assert replies.Reply(550, raw).enhanced == enhanced


@pytest.mark.parametrize(
    ("raw", "lines"),
    [
        pytest.param(b"550 a", [b"a"], id="one"),
        pytest.param(b"550-a\r\n550 b", [b"a", b"b"], id="two"),
        pytest.param(b"550-a\r\n550", [b"a", b""], id="a-bare-last-line"),
        pytest.param(b"connection reset", [b"connection reset"], id="our-words"),
        pytest.param(b"550 \xff\xfe", [b"\xff\xfe"], id="any-bytes"),
    ],
)
def test_lines_are_without_codes(raw: bytes, lines: list[bytes]) -> None:
    assert replies.Reply(550, raw).lines == lines


@pytest.mark.parametrize(
    ("code", "positive"), [(250, True), (200, True), (199, False), (354, False), (0, False)]
)
def test_only_2yz_is_positive(code: int, *, positive: bool) -> None:
    assert replies.Reply(code, b"").positive is positive


def test_a_stage_is_written_in_small_letters() -> None:
    assert [stage.word for stage in (replies.Stage.RCPT, replies.Stage.DOT)] == ["rcpt", "dot"]


@pytest.mark.parametrize(
    ("words", "enhanced"),
    [
        (b"5.6.3 the server does not take 8-bit mail", b"5.6.3"),
        (b"5.1.1.1:25: connection refused", b""),
        (b"no answer to rcpt", b""),
    ],
)
def test_our_own_words_for_a_missing_reply_may_begin_with_one(words: bytes, enhanced: bytes) -> None:
    assert replies.Reply(0, words).enhanced == enhanced
