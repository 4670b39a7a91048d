"""Which pages the dashboard has."""

from collections.abc import Sequence

from gatepost.console.dashboard import live, message, overview, site

View = site.View


def views(lives: live.Live) -> Sequence[site.View]:
    """All of them."""
    return (
        View("", "overview", overview.show),
        View("/live", "live", lives.show),
        View("/live/stream", "live", lives.stream),
        View("/search", "messages", message.found),
        View("/messages", "messages", message.listed),
        View("/messages/{message}", "messages", message.show),
    )
