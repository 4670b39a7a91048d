"""Figures for Prometheus: what is counted, and that labels stay few."""

import json
from pathlib import Path

from prometheus_client import parser

from gatepost import clock as clocks
from gatepost.feed import metrics
from gatepost.model import event as events
from gatepost.store import port
from gatepost.store.sqlite import open_store

DASHBOARD = Path(__file__).parents[2] / "docs" / "grafana.json"


async def told(found: metrics.Metrics) -> dict[str, float]:
    """Every figure by its name and labels."""
    families = parser.text_string_to_metric_families((await found.text()).decode())
    return {
        one.name + "".join(f" {value}" for value in one.labels.values() if value): one.value
        for family in families
        for one in family.samples
    }


async def tell(store: port.Store, at: int, count: int, provider: str = "google") -> None:
    await store.note(
        [events.Event(at=at, state=events.State.REPORTED, provider=provider) for _ in range(count)]
    )


async def test_events_are_counted_since_the_process_began_whatever_the_minute(tmp_path: Path) -> None:
    clock = clocks.FakeClock()
    store = await open_store(tmp_path, 1, clock)
    try:
        await tell(store, clock.now_ms(), 5)
        found = metrics.Metrics(store, clock, lambda: 3)
        assert await told(found) == {
            "gatepost_events_total google reported": 0,
            "gatepost_open_deliveries": 0,
            "gatepost_lanes_waiting": 0,
            "gatepost_overdue_seconds": 0,
            "gatepost_feed_seq": 5,
            "gatepost_stream_listeners": 3,
        }
        expected = 0
        for _ in range(30):
            await tell(store, clock.now_ms(), 2)
            expected += 2
            assert (await told(found))["gatepost_events_total google reported"] == expected
            clock.advance(50)
    finally:
        await store.close()


async def test_providers_beyond_the_bound_count_as_other(tmp_path: Path) -> None:
    clock = clocks.FakeClock()
    store = await open_store(tmp_path, 1, clock)
    try:
        found = metrics.Metrics(store, clock, lambda: 0)
        await found.text()
        for n in range(metrics.PROVIDERS + 20):
            await tell(store, clock.now_ms(), 1, f"p{n:03}.test")
        counted = [name for name in await told(found) if name.startswith("gatepost_events_total")]
        assert len(counted) <= metrics.PROVIDERS + 1
        assert "gatepost_events_total other reported" in counted
    finally:
        await store.close()


async def test_the_dashboard_asks_for_what_there_is(tmp_path: Path) -> None:
    store = await open_store(tmp_path, 1)
    try:
        await tell(store, 1, 1)
        text = (await metrics.Metrics(store, clocks.SystemClock(), lambda: 0).text()).decode()
        dashboard = json.loads(DASHBOARD.read_text())
        asked = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
        names = {
            line.split()[2].removesuffix("_total") for line in text.splitlines() if line.startswith("# TYPE")
        }
        assert len(asked) >= 6
        for expression in asked:
            assert any(name in expression for name in names), expression
    finally:
        await store.close()
