"""Which pages the dashboard has."""

from collections.abc import Sequence

from gatepost.console.dashboard import (
    bounces,
    hooks,
    live,
    message,
    others,
    overview,
    queues,
    site,
    suppressions,
    ways,
)

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
        View("/bounces", "bounces", bounces.show),
        View("/sources", "sources", bounces.sources),
        View("/queues", "queues", queues.show, queues.change),
        View("/suppressions", "suppressions", suppressions.show, suppressions.change),
        View("/suppressions/undo", "suppressions", suppressions.look, suppressions.undo),
        View("/suppressions/export", "suppressions", suppressions.export),
        View("/bridges", "bridges", ways.show, ways.change),
        View("/webhooks", "webhooks", hooks.listed, hooks.create),
        View("/webhooks/{webhook}", "webhooks", hooks.show, hooks.change),
        View("/classifier", "classifier", others.classifier, others.classifier),
        View("/reports", "reports", others.reports),
        View("/reports/{report}", "reports", others.report),
        View("/audit", "audit", others.audit),
        View("/settings", "settings", others.settings),
    )
