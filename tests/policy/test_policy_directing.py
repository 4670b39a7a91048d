"""What a directive changes of a delivery."""

import msgspec
from tests.policy import policy_values as values

from gatepost.model import facts as fact_values
from gatepost.model import message as messages
from gatepost.model import result as results
from gatepost.model import settlement as settlements
from gatepost.policy import settle

Status = messages.Status


def outcome(result: results.Result, **changes: object) -> settlements.Settlement:
    delivery = msgspec.structs.replace(values.DELIVERY, **changes)
    facts = fact_values.Facts(delivery, values.RECORD, ())
    return settle.settle(result, facts, values.NOW, 0.5, values.TERMS)


def row(result: results.Result, **changes: object) -> settlements.Reschedule:
    found = outcome(result, **changes)
    assert (found.ending, found.events) == (None, ())
    assert found.reschedule is not None
    return found.reschedule


def test_what_is_held_waits_at_most_to_its_end_and_says_why() -> None:
    found = row(results.Held(values.DELIVERY.id, values.CLAIM, 4, "paused"), attempts=3)
    assert (found.status, found.hold, found.reason) == (Status.HELD, 4, "paused")
    assert (found.next_at, found.attempts) == (values.DELIVERY.expires_at, 3)


def test_what_is_released_is_due_at_once_with_all_that_its_attempts_left() -> None:
    seen = (fact_values.Seen("rate.greylisted", values.NOW, 1),)
    found = row(
        results.Released(values.DELIVERY.id, values.NOW + 5), status=Status.HELD, seen=seen, attempts=2
    )
    assert (found.status, found.hold, found.next_at) == (Status.QUEUED, 0, values.NOW + 5)
    assert (found.seen, found.attempts) == (seen, 2)


def test_what_is_not_held_is_not_released() -> None:
    assert outcome(results.Released(values.DELIVERY.id, values.NOW)).reschedule is None


def test_what_waits_is_hurried_and_nothing_else() -> None:
    later = {"next_at": values.NOW + values.H}
    assert row(results.Hurried(values.DELIVERY.id), **later).next_at == values.NOW
    assert outcome(results.Hurried(values.DELIVERY.id), next_at=values.NOW).reschedule is None
    assert outcome(results.Hurried(values.DELIVERY.id), status=Status.HELD, **later).reschedule is None


def test_what_is_rerouted_keeps_its_time() -> None:
    found = row(results.Rerouted(values.DELIVERY.id, values.CLAIM, 9, 5), next_at=values.NOW - 1)
    assert (found.lane, found.source, found.next_at) == (9, 5, values.NOW - 1)
