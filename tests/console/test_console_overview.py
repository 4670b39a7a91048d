"""``/v1/overview``: what is happening now."""

from tests.console import house as houses

from gatepost.model import event as events
from gatepost.model import pace as paces
from gatepost.model import verdict as verdicts


async def test_the_overview_tells_states_rates_causes_lanes_and_incidents(house: houses.House) -> None:
    now = house.clock.now_ms()
    delivered = events.Event(
        at=now,
        state=events.State.DELIVERED,
        outcome=verdicts.Outcome.DELIVERED,
        bridge=1,
        source=1,
        provider="google",
        flags=events.Flag.OUTSIDE,
    )
    bounced = events.Event(
        at=now,
        state=events.State.BOUNCED,
        outcome=verdicts.Outcome.HARD,
        category="recipient.unknown",
        bridge=1,
        source=1,
        provider="google",
        flags=events.Flag.OUTSIDE,
    )
    incident = events.Event(at=now, state=events.State.INCIDENT, provider="google", detail="many at once")
    await house.store.note([delivered] * 90 + [bounced] * 10 + [incident])
    lane = await house.store.lane("google", 1)
    pace = paces.Pace(paces.Mode.PAUSED, "rate.limited", now, now + 60_000, reply=b"421 slow\x07 down")
    await house.store.keep_pace(lane, pace, events.Event(at=now, state=events.State.PACED))
    found = (await house.get("/v1/overview")).json
    states = {one["state"]: one for one in found["states"]}
    assert (states["delivered"]["hour"], states["bounced"]["hour"]) == (90, 10)
    assert sum(states["bounced"]["minutes"]) == 10
    hard = next(one for one in found["rates"] if one["name"] == "hard bounces")
    assert (hard["now"], hard["limit"], hard["over"]) == (0.1, 0.05, True)
    [cause] = found["causes"]
    assert (cause["bridge"], cause["source"], cause["category"], cause["share"]) == (
        "mine",
        "s1",
        "recipient.unknown",
        1.0,
    )
    [slow] = found["lanes"]
    assert (slow["provider"], slow["source"], slow["words"], slow["reply"]) == (
        "google",
        "s1",
        "paused: rate.limited",
        "421 slow\\x07 down",
    )
    assert [one["detail"] for one in found["incidents"]] == ["many at once"]
    assert found["unusual"] is True
    assert "Hard bounces are at 10.0 %" in found["said"]
    assert found["open"] >= 1
    assert found["oldest_at"]


async def test_a_bridges_own_key_sees_nothing_of_it(house: houses.House) -> None:
    for path in ("/v1/overview", "/v1/breakdown"):
        assert (await house.ask("GET", path, key=houses.MINE)).status == 404
