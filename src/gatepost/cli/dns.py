"""``gatepost dns check``: whether a sender domain's DNS lets its mail arrive, and how to mend it where not."""

from typing import TYPE_CHECKING

import msgspec

from gatepost import errors
from gatepost.cli import context, show
from gatepost.model import reply as replies

if TYPE_CHECKING:
    from gatepost import config as configs
    from gatepost.upkeep import dns_findings


class Line(msgspec.Struct, frozen=True):
    """A finding as scripts see it. found: verbatim, escaped. publish: the record that would be right, or null."""

    domain: str
    check: str
    severity: str
    subject: str
    told: str
    found: list[str]
    publish: str | None


def check_(domain: str, /, *, json: context.Json = False, config: context.Config = context.DEFAULT) -> int:
    """Look at SPF, DKIM, DMARC, MX, PTR and EHLO name of every Source, TLS-RPT and MTA-STS, and say what is wrong and how to mend it.

    DNS is asked now. Status 1 when something is wrong, or DNS did not answer.

    Parameters
    ----------
    domain
        A sender domain.
    """
    from gatepost.upkeep import dns_findings

    severities = dns_findings.Severity
    found = context.run(_findings(domain, context.load(config)))
    for one in found:
        line = _line(domain, one)
        if json:
            show.json_line(line)
            continue
        show.line(f"{line.severity:<7} {line.check:<7} {line.subject}: {line.told}")
        if one.severity is not severities.OK:
            for text in line.found:
                show.line(f"{'':15} found    {text}")
            if line.publish:
                show.line(f"{'':15} publish  {line.publish}")
    return 1 if any(one.severity in (severities.WRONG, severities.UNKNOWN) for one in found) else 0


def _line(domain: str, one: "dns_findings.Finding") -> Line:
    return Line(
        domain=domain,
        check=one.check,
        severity=one.severity.value,
        subject=_plain(one.subject),
        told=_plain(one.told),
        found=[_plain(text) for text in one.found if text],
        publish=one.publish or None,
    )


def _plain(text: str) -> str:
    """What strangers' DNS says, on one line (faults.md D04)."""
    return replies.escaped(text.encode()).replace("\n", "\\n")


async def _findings(name: str, settings: "configs.Settings") -> list["dns_findings.Finding"]:
    from gatepost.app import compose, inbound
    from gatepost.model import address as addresses
    from gatepost.upkeep import dns_findings, dns_looks

    key = addresses.domain_key(name)
    async with context.opened(settings) as store:
        known = await store.directory()
    domains = [one for one in known.sender_domains if one.domain == key]
    if not domains:
        raise errors.BadInput("domain", f"{name!r} is no sender domain; `gatepost domain add` makes it one")
    resolver = compose.build_resolver(settings, compose.clock())
    looks = dns_looks.Looks(resolver, dns_looks.fetching(compose.build_fetcher(settings, resolver)))
    hosts = inbound.hosts(settings.inbound, settings.hostname)
    found: list[dns_findings.Finding] = []
    for domain in domains:
        of = dns_looks.of_directory(known, domain, settings.hostname, hosts)
        found += dns_findings.findings(await looks.look(of))
    return found
