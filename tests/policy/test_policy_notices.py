"""Of what a sender is told."""

import msgspec
import pytest
from tests.policy import policy_values as values

from gatepost.model import directory as directories
from gatepost.model import notify
from gatepost.model import result as results
from gatepost.model import suppression as suppressions
from gatepost.model import webhook as webhooks
from gatepost.policy import notices

Category = values.Category
DEAD = values.answer(Category.RECIPIENT_UNKNOWN)
LATER = values.answer(Category.RATE_GREYLISTED, 451)


def told(
    result: results.Result,
    wanted: notify.Notify = notify.Notify.NOTHING,
    now_ms: int = values.NOW,
    *,
    tell: bool = True,
) -> notify.Action | None:
    notice = values.settled(result, values.facts(tell=tell, notify=wanted), now_ms).notice
    return notice.action if notice is not None else None


@pytest.mark.parametrize(
    ("wanted", "action"),
    [
        (notify.Notify.NOTHING, notify.Action.FAILED),
        (notify.Notify.FAILURE | notify.Notify.DELAY, notify.Action.FAILED),
        (notify.Notify.NEVER, None),
        (notify.Notify.SUCCESS | notify.Notify.DELAY, None),
    ],
)
def test_a_failure_is_told_unless_something_else_was_asked(
    wanted: notify.Notify, action: notify.Action | None
) -> None:
    assert told(DEAD, wanted) is action


def test_an_expiry_is_a_failure_and_a_cancelled_delivery_is_none() -> None:
    late = values.NOW + 80 * values.H
    assert told(results.Expired(values.DELIVERY.id, values.CLAIM), now_ms=late) is notify.Action.FAILED
    assert told(results.Cancelled(values.DELIVERY.id, "ann")) is None


def test_nothing_is_told_where_nobody_is() -> None:
    assert told(DEAD, tell=False) is None
    assert told(values.DELIVERED, notify.Notify.SUCCESS, tell=False) is None
    assert told(values.DELIVERED) is None


def test_a_success_is_told_where_the_next_host_tells_nothing() -> None:
    assert told(values.DELIVERED, notify.Notify.SUCCESS) is notify.Action.RELAYED
    attempt = msgspec.structs.replace(values.ATTEMPT, dsn=True)
    assert told(msgspec.structs.replace(values.DELIVERED, attempt=attempt), notify.Notify.SUCCESS) is None


@pytest.mark.parametrize(
    ("wanted", "after", "action"),
    [
        (notify.Notify.DELAY, notices.DELAYED_MS, notify.Action.DELAYED),
        (notify.Notify.DELAY, notices.DELAYED_MS - 1, None),
        (notify.Notify.NOTHING, notices.DELAYED_MS, None),
    ],
)
def test_a_delay_is_told_after_four_hours_where_asked(
    wanted: notify.Notify, after: int, action: notify.Action | None
) -> None:
    assert told(LATER, wanted, values.NOW + after) is action


@pytest.mark.parametrize(("account", "shown"), [(3, " (manual)"), (9, "")], ids=["its own", "another's"])
def test_why_an_address_is_suppressed_is_told_to_whom_it_concerns(account: int, shown: str) -> None:
    entry = suppressions.Suppression(
        suppressions.Kind.ADDRESS, "ann@example.org", reason="manual", account=account
    )
    blocked = results.Blocked(values.DELIVERY.id, values.CLAIM, entry)
    notice = values.settled(blocked, values.facts(tell=True)).notice
    assert notice is not None
    assert notice.detail == f"not sent: the address is suppressed{shown}"


BRIDGE = directories.Bridge(5, 3, "b", 1)
HOOK = webhooks.Webhook(1, 3, 5, "hook", "https://hooks.test/", "whsec_x", kinds=("bounced",))
TELLS = {
    "the Bridge's own": (HOOK, True),
    "its account's": (msgspec.structs.replace(HOOK, bridge=0), True),
    "one of all events": (msgspec.structs.replace(HOOK, kinds=()), True),
    "the installation's": (msgspec.structs.replace(HOOK, account=0, bridge=0), False),
    "another Bridge's": (msgspec.structs.replace(HOOK, bridge=6), False),
    "another account's": (msgspec.structs.replace(HOOK, account=4, bridge=0), False),
    "one of other events": (msgspec.structs.replace(HOOK, kinds=("delivered",)), False),
    "one of a list alone": (msgspec.structs.replace(HOOK, lists=("news",)), False),
    "one that is off": (msgspec.structs.replace(HOOK, off_since=1), False),
}


@pytest.mark.parametrize(("hook", "tells"), TELLS.values(), ids=TELLS)
def test_a_bridge_tells_its_senders_unless_a_webhook_tells_it(hook: webhooks.Webhook, tells: bool) -> None:
    known = directories.Directory(bridges=(BRIDGE,), webhooks=(hook,))
    assert known.notifies(BRIDGE) is not tells
    assert directories.Directory(bridges=(BRIDGE,)).notifies(BRIDGE)
    on = msgspec.structs.replace(BRIDGE, notify_sender=directories.NotifySender.ON)
    off = msgspec.structs.replace(BRIDGE, notify_sender=directories.NotifySender.OFF)
    assert known.notifies(on)
    assert not known.notifies(off)
