"""The page with which the dashboard opens: what is happening now."""

from gatepost.console import overview as overviews
from gatepost.console.dashboard import frame, site

_FRESH_S = 2


async def show(visit: site.Visit) -> frame.Page:
    """It."""
    found = await visit.desk.ask("getOverview", overviews.Overview)
    steps = _first_steps(visit)
    values = {"now": found, "steps": steps}
    return frame.Page("overview.html", "Overview", values, fresh=_FRESH_S)


def _first_steps(visit: site.Visit) -> list[tuple[bool, str, str]]:
    """What leads to the first delivered message: whether it is done, what it is, and how."""
    known = visit.desk.known
    return [
        (bool(known.bridges), "A Bridge, by which an application sends", "gatepost bridge add shop"),
        (bool(known.sender_domains), "A domain to send from", "gatepost domain add example.com"),
        (bool(known.dkim_keys), "A key that signs its mail", "gatepost dkim new example.com"),
        (False, "The first message", "gatepost send --from you@example.com --to you@example.net"),
    ]
