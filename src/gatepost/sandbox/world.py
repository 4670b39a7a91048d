"""The sandbox as a whole: its DNS, its providers' servers, its people.

Guarantees: everything is on 127/8 and every name under ``.test``.
"""

import random
import ssl
from collections.abc import Callable

from gatepost.sandbox import answering, behaviour, dns, mx


class World:
    """``start``, use, ``stop``."""

    def __init__(self, seed: int, context: ssl.SSLContext | None = None) -> None:
        self.seed = seed
        self.port = 0
        self._refused: dict[tuple[str, str], int] = {}
        self._seen: dict[tuple[str, str], int] = {}
        self.answering = answering.Answering(seed)
        self.servers = [
            mx.MxServer(provider, seed, context, self._dkim_rule(provider.name), self.answering.bring)
            for provider in behaviour.PROVIDERS
        ]
        self.dns = dns.DnsServer(
            dns.Zone(
                mx={d: ((10, p.host),) for p in behaviour.PROVIDERS for d in p.domains},
                addresses={p.host: p.ip for p in behaviour.PROVIDERS},
            )
        )

    async def start(self) -> None:
        """Listen: DNS on ``dns.address``, every MX on ``port``."""
        await self.dns.start()
        for server in self.servers:
            self.port = await server.start(self.port)

    def stop(self) -> None:
        """Close everything."""
        self.answering.stop()
        self.dns.stop()
        for server in self.servers:
            server.stop()

    def refuse_dkim(self, provider: str, sender_domain: str, after: int) -> None:
        """From its ``after``-th message on, the provider finds this sender domain's DKIM broken."""
        self._refused[provider, sender_domain] = after

    def recipients(self, count: int) -> list[str]:
        """That many people of the sandbox, spread over the providers by their shares."""
        chance = random.Random(self.seed)  # noqa: S311 - a simulation
        providers = chance.choices(
            behaviour.PROVIDERS, weights=[p.share for p in behaviour.PROVIDERS], k=count
        )
        return [f"reader{n}@{chance.choice(p.domains)}" for n, p in enumerate(providers, 1)]

    def _dkim_rule(self, provider: str) -> Callable[[str], bool]:
        def refused(sender_domain: str) -> bool:
            key = (provider, sender_domain)
            after = self._refused.get(key)
            if after is None:
                return False
            self._seen[key] = self._seen.get(key, 0) + 1
            return self._seen[key] > after

        return refused
