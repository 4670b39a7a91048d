"""What a server announces: ours is read back as it was meant, and another's nonsense does no harm."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatepost.model import reply as replies
from gatepost.smtp import extensions


def read(*texts: bytes) -> extensions.Extensions:
    raw = b"\r\n".join([b"250-mx.test hello", *(b"250-" + text for text in texts)])
    return extensions.read(replies.Reply(250, raw))


@given(
    st.builds(
        extensions.Extensions,
        pipelining=st.booleans(),
        eight_bit=st.booleans(),
        smtputf8=st.booleans(),
        starttls=st.booleans(),
        enhanced=st.booleans(),
        auth=st.sets(st.sampled_from([b"PLAIN", b"LOGIN"])).map(frozenset),
    )
)
@settings(max_examples=50)
def test_what_we_announce_is_read_as_it_was_meant(offer: extensions.Extensions) -> None:
    assert read(*extensions.announce(offer)) == offer


def test_a_size_is_announced_and_read() -> None:
    assert extensions.announce(extensions.Extensions(size_known=True, size=1000)) == [b"SIZE 1000"]
    assert read(b"size 1000") == extensions.Extensions(size_known=True, size=1000)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (b"SIZE", extensions.Extensions(size_known=True)),
        (b"SIZE -1", extensions.Extensions(size_known=True)),
        (b"SIZE " + b"9" * 21, extensions.Extensions(size_known=True)),
        (b"AUTH=PLAIN", extensions.Extensions(auth=frozenset({b"PLAIN"}))),
        (b"auth login plain", extensions.Extensions(auth=frozenset({b"PLAIN", b"LOGIN"}))),
        (b"LIMITS RCPTMAX=1 MAILMAX=20", extensions.Extensions(rcpt_max=1, mail_max=20)),
        (b"LIMITS RCPTMAX RCPTDOMAINMAX=x", extensions.NONE),
        (b"", extensions.NONE),
        (b" ", extensions.NONE),
        (b"X-UNKNOWN \xff\0", extensions.NONE),
        (b"PIPELININGX", extensions.NONE),
    ],
    ids=lambda value: repr(value) if isinstance(value, bytes) else "",  # a set's repr has no fixed order
)
def test_another_servers_words_are_read_or_ignored(text: bytes, found: extensions.Extensions) -> None:
    assert read(text) == found


def test_the_first_line_is_a_name_and_no_extension() -> None:
    assert extensions.read(replies.Reply(250, b"250 STARTTLS")) == extensions.NONE
