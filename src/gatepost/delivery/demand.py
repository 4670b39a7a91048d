"""Which TLS a way out demands of a host: the Source's, the operator's for a Provider or domain, or the domain's own.

Guarantees: pure. An operator's rule stands above what the domain publishes, in both directions; a Source that demands more
than a rule gets it; where neither the operator nor the Source asks for anything else, an MTA-STS policy in force is kept.
DANE (RFC 7672) would be one more answer of ``of``: records of a host, before MTA-STS (RFC 8461 §2), with its own way to
verify.
Not here: finding policies (``strict``), the handshake (``opener``).
"""

import enum
from collections.abc import Sequence

import msgspec

from gatepost.delivery import settings as delivery_settings
from gatepost.model import directory as directories
from gatepost.net import mta_sts


class Level(enum.IntEnum):
    """How much."""

    NEVER = 0
    OPPORTUNISTIC = 1  # where it is offered and works, with whatever certificate (RFC 7435)
    ENCRYPTED = 2  # never in clear, with whatever certificate
    REQUIRED = 3  # never in clear, and the certificate is valid for the host's name

    @property
    def word(self) -> str:
        """As written in settings."""
        return self.name.lower()


class Demand(msgspec.Struct, frozen=True):
    """What is demanded, and by whom: empty for the Source."""

    level: Level = Level.OPPORTUNISTIC
    by: str = ""


MTA_STS = "MTA-STS"


def of(
    source: directories.Source,
    rule: delivery_settings.TlsRule | None,
    policy: mta_sts.Policy | None,
) -> Demand:
    """What a Source demands on its way to a domain. rule: the operator's that fits; policy: the domain's, if any holds."""
    mine = Level[source.tls.upper()]
    if rule is not None:
        level = Level[rule.tls.upper()]
        if mine is Level.REQUIRED and level < mine:
            return Demand(mine)
        return Demand(level, by=f"delivery.tls for {rule.domain or rule.provider or 'every domain'}")
    if enforced(policy) and mine is not Level.NEVER:
        return Demand(Level.REQUIRED, by=MTA_STS)
    return Demand(mine)


def enforced(policy: mta_sts.Policy | None) -> bool:
    """Whether a policy is one that mail has to wait for."""
    return policy is not None and policy.mode is mta_sts.Mode.ENFORCE


def rule_for(
    rules: Sequence[delivery_settings.TlsRule], domain: str, provider: str
) -> delivery_settings.TlsRule | None:
    """The first of the operator's rules that fits a domain and its Provider."""
    for rule in rules:
        if rule.provider in ("", provider) and covers(rule.domain, domain):
            return rule
    return None


def covers(pattern: str, domain: str) -> bool:
    """Whether ``example.test``, ``.example.test`` (what is below it) or nothing (everything) covers a domain."""
    wanted = pattern.lower()
    return not wanted or wanted == domain or (wanted.startswith(".") and domain.endswith(wanted))
