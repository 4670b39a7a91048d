"""Puts together what tells webhooks: one process of the gateway runs it, and a command may test one."""

import random

from gatepost import clock as clocks
from gatepost import config
from gatepost.app import compose
from gatepost.feed.webhooks import dialect, runner, schedule, telling
from gatepost.model import webhook as webhook_values
from gatepost.net import addresses, posting, tls
from gatepost.store import port


def means(settings: config.Settings) -> telling.Means:
    """What receivers are reached with. Raises BadInput."""
    clock = clocks.SystemClock()
    return telling.Means(
        finds=compose.build_resolver(settings, clock),
        rules=addresses.rules(settings.webhooks.allow_networks, (), addresses.own_addresses()),
        context=tls.client_context(verify=True, ca_path=settings.delivery.tls_ca),
        dialects={
            one: dialect.read(one.value)
            for one in webhook_values.Dialect
            if one is not webhook_values.Dialect.EVENTS
        },
        timeout_s=settings.webhooks.timeout_s,
        clock=clock,
    )


def build(store: port.Store, settings: config.Settings, found: telling.Means) -> runner.Runner:
    """What tells them."""
    terms = schedule.Terms().scaled(settings.policy.time_scale)
    return runner.Runner(store, found, terms, random.random)


async def check_url(url: str, settings: config.Settings, found: telling.Means) -> None:
    """Whether a webhook may have this URL. Raises BadInput."""
    host = posting.check_url(url, http=settings.webhooks.allow_http, place="url")
    await posting.check_host(host, found.finds, found.rules, place="url")
