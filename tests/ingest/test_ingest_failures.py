"""Failed logins in the feed: who is named, and that a flood of them is no flood of events (faults.md C05)."""

import pytest

from gatepost import clock as clocks
from gatepost.ingest import failures
from gatepost.model import directory as directories
from gatepost.model import event as events
from gatepost.model import reply as replies

SHOP = directories.Bridge(7, 1, "shop", 3)
IP = "192.0.2.1"


class Feed:
    """What was told."""

    def __init__(self) -> None:
        self.clock = clocks.FakeClock()
        self.events: list[events.Event] = []
        self.failures = failures.Failures(self.clock, 1.0, self.events.append)

    @property
    def told(self) -> list[str]:
        return [event.detail for event in self.events]

    def after_a_minute(self) -> list[str]:
        """What is told at the end of it."""
        self.clock.advance(failures.TOLD_EVERY_S)
        before = len(self.events)
        self.failures.tick()
        return self.told[before:]


@pytest.fixture
def feed() -> Feed:
    return Feed()


def test_a_failed_login_is_told_with_the_bridge_it_was_for(feed: Feed) -> None:
    feed.failures.add(IP, SHOP)
    [event] = feed.events
    assert event.state is events.State.LOGIN_FAILED
    assert (event.account, event.bridge, event.pool, event.peer_ip) == (1, 7, 3, IP)
    assert (event.stage, event.code, event.enhanced) == (replies.Stage.AUTH, 535, "5.7.8")
    assert event.detail == "as Bridge shop from 192.0.2.1"


def test_what_names_no_bridge_is_told_without_a_name(feed: Feed) -> None:
    feed.failures.add(IP, None)
    feed.failures.add_key("2001:db8::1")
    assert feed.told == [
        "as nobody that is known from 192.0.2.1",
        "with a wrong API key from 2001:db8::1",
    ]
    assert [event.bridge for event in feed.events] == [0, 0]


def test_the_like_of_one_address_is_counted_and_told_once_a_minute(feed: Feed) -> None:
    for _ in range(1000):
        feed.failures.add(IP, SHOP)
    assert len(feed.events) == 1
    assert feed.after_a_minute() == ["999 times as Bridge shop from 192.0.2.1"]
    feed.failures.add(IP, SHOP)
    assert len(feed.events) == 2
    assert feed.after_a_minute() == ["as Bridge shop from 192.0.2.1"]
    assert feed.after_a_minute() == []


def test_a_count_is_told_by_the_next_failure_too(feed: Feed) -> None:
    feed.failures.add(IP, SHOP)
    feed.failures.add(IP, SHOP)
    feed.clock.advance(failures.TOLD_EVERY_S)
    feed.failures.add("192.0.2.2", None)
    assert feed.told[1:] == ["as Bridge shop from 192.0.2.1", "as nobody that is known from 192.0.2.2"]


def test_guesses_from_everywhere_are_counted_together(feed: Feed) -> None:
    for number in range(5000):
        feed.failures.add(f"10.0.{number // 250}.{number % 250}", None)
    assert len(feed.events) == failures.MAX_TOLD
    assert feed.after_a_minute() == [f"{5000 - failures.MAX_TOLD} times from still more addresses"]


@pytest.mark.parametrize("text", ["", "unknown", "x" * 1000, "192.0.2.1; DROP"])
def test_what_is_no_address_is_not_kept(feed: Feed, text: str) -> None:
    feed.failures.add_key(text)
    assert feed.events[0].peer_ip == ""
    assert feed.told == ["with a wrong API key from an unknown address"]
