"""The words of ``Feedback-ID``."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatepost.delivery import feedback

_FIELD = re.compile(rb"Feedback-ID: (?:[A-Za-z0-9._-]{0,60}:){3}[A-Za-z0-9._-]{5,15}\r\n")


@pytest.mark.parametrize(
    ("names", "field"),
    [
        (("spring", "club", "news", "shop.test"), b"spring:club:news:shop.test"),
        (("club-0a1b2c3d", "", "news", "shop.test"), b"club-0a1b2c3d::news:shop.test"),
        (("a:b, c", "", "my news", "shop.test"), b"a-b-c::my-news:shop.test"),
        (("news", "news", "news", "shop.test"), b"::news:shop.test"),
        (("Été", "", "news", "shop.test"), b"-t--%s::news:shop.test" % feedback._sum("Été").encode()),
        (("c", "", "b", "a.b"), b"c::b:a.b-%s" % feedback._sum("a.b").encode()),
        (
            ("c", "", "b", "newsletter.shop.test"),
            b"c::b:newsle-%s" % feedback._sum("newsletter.shop.test").encode(),
        ),
    ],
)
def test_the_field_is_campaign_list_bridge_sender(names: tuple[str, str, str, str], field: bytes) -> None:
    assert feedback.field(*names) == b"Feedback-ID: " + field + b"\r\n"


def test_names_in_other_alphabets_stay_different() -> None:
    assert feedback.word("春の祭り") != feedback.word("夏の祭り")
    assert feedback.word("x" * 61) != feedback.word("x" * 62)


@given(st.text(max_size=120), st.text(max_size=120), st.text(max_size=120))
def test_any_names_give_one_line_of_four_words(campaign: str, listed: str, bridge: str) -> None:
    assert _FIELD.fullmatch(feedback.field(campaign, listed, bridge, "shop.test"))
