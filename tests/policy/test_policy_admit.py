"""Who may send as whom, what a submitter may know, and the events of the door."""

import pytest

from gatepost.model import directory as directories
from gatepost.model import event as events
from gatepost.model import message as messages
from gatepost.model import suppression as suppressions
from gatepost.policy import admit

SOURCE = directories.Source(6, 5, "acme-1", ip="192.0.2.1", ehlo="out.example")
MESSAGE = messages.Message(
    id=1001,
    account=3,
    bridge=4,
    pool=5,
    priority=messages.Priority.BULK,
    sender=b"a@shop.example",
    sender_domain="shop.example",
    size=10,
    received_at=77,
    expires_at=99,
    list="news",
    campaign="spring",
    tags="a,b",
    peer_ip="203.0.113.5",
)
DELIVERY = messages.NewDelivery(1002, b"Ann@Example.org", "ann@example.org", "example.org", 6, 7, "google")
QUEUED = admit.queued_event(MESSAGE, DELIVERY, SOURCE, 2)
ENTRY = suppressions.Suppression(
    suppressions.Kind.ADDRESS,
    "ann@example.org",
    scope=suppressions.Scope.LIST,
    owner=3,
    list="news",
    reason="complaint",
    account=3,
    bridge=8,
)


@pytest.mark.parametrize(
    ("domain", "allowed"),
    [
        pytest.param("shop.example", True, id="the-domain"),
        pytest.param("news.shop.example", True, id="below-it"),
        pytest.param("a.b.shop.example", True, id="far-below"),
        pytest.param("example", False, id="above"),
        pytest.param("workshop.example", False, id="only-the-same-end"),
        pytest.param("shop.example.org", False, id="only-the-same-start"),
        pytest.param("", False, id="none"),
    ],
)
def test_mail_comes_from_an_allowed_domain_or_below_it(domain: str, *, allowed: bool) -> None:
    assert admit.sender_allowed(domain, {"shop.example", "x.org"}) is allowed
    assert not admit.sender_allowed(domain, frozenset())


@pytest.mark.parametrize(
    ("account", "bridge", "reason"),
    [
        pytest.param(3, 4, "complaint", id="its-account"),
        pytest.param(9, 8, "complaint", id="its-bridge"),
        pytest.param(9, 4, "", id="somebody-else"),
        pytest.param(0, 0, "", id="nobody"),
    ],
)
def test_a_reason_is_shown_only_to_whom_it_concerns(account: int, bridge: int, reason: str) -> None:
    assert admit.public_reason(ENTRY, account, bridge) == reason


def test_an_entry_that_nobody_caused_concerns_nobody() -> None:
    entry = suppressions.Suppression(suppressions.Kind.ADDRESS, "x", reason="manual")
    assert admit.public_reason(entry, 0, 0) == ""


def test_a_received_message_says_whence_it_came() -> None:
    event = admit.received_event(MESSAGE, SOURCE, 2)
    assert event == events.Event(
        at=77,
        state=events.State.RECEIVED,
        message=1001,
        account=3,
        bridge=4,
        pool=5,
        source=6,
        node=2,
        peer_ip="203.0.113.5",
        sender_domain="shop.example",
        list="news",
        campaign="spring",
        tags="a,b",
    )


def test_a_queued_recipient_says_where_it_goes() -> None:
    event = events.Event(
        at=77,
        state=events.State.QUEUED,
        message=1001,
        delivery=1002,
        account=3,
        bridge=4,
        pool=5,
        source=6,
        node=2,
        local_ip="192.0.2.1",
        ehlo="out.example",
        provider="google",
        domain="example.org",
        sender_domain="shop.example",
        list="news",
        campaign="spring",
        tags="a,b",
        recipient="Ann@Example.org",
        next_at=77,
    )
    assert event == QUEUED


def test_a_smarthosts_local_address_is_its_host() -> None:
    smarthost = directories.Source(6, 5, "relay", host="relay.example", ip="192.0.2.1")
    assert admit.queued_event(MESSAGE, DELIVERY, smarthost).local_ip == "relay.example"


def test_a_suppressed_recipient_is_rejected_at_acceptance() -> None:
    submission = messages.Submission(
        MESSAGE, b"", (DELIVERY,), admit.received_event(MESSAGE, SOURCE), (QUEUED,)
    )
    event = admit.refused_event(submission, 0, ENTRY)
    assert (event.state, event.flags) == (events.State.REJECTED, events.Flag.AT_ACCEPT)
    assert (event.category, event.scope) == ("local.suppressed", "list:news")
    assert event.detail == "suppressed (complaint): ann@example.org"
    assert (event.delivery, event.source, event.next_at) == (1002, 6, 0)


def test_a_recipient_refused_for_another_cause_says_which() -> None:
    event = admit.refused_at_admission_event(QUEUED, "domain is a bare address")
    assert (event.state, event.category) == (events.State.REJECTED, "local.refused")
    assert (event.detail, event.flags) == ("domain is a bare address", events.Flag.AT_ACCEPT)
