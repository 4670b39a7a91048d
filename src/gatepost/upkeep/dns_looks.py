"""Looks up everything about one sender domain's DNS that ``dns_findings`` judges.

Guarantees: nothing raises for what DNS or a policy's host answer; NXDOMAIN, no such records, SERVFAIL and time-outs are told apart in
``detail``. Not here: judging.
"""

import asyncio
import ipaddress
from collections.abc import Awaitable, Callable, Sequence

import dns.rdatatype
import dns.reversename
import msgspec

from gatepost.dkim import keys as dkim_keys
from gatepost.model import directory as directories
from gatepost.net import bounce_domain, https, mta_sts, questions, spf
from gatepost.net import resolver as resolvers
from gatepost.upkeep import dns_findings

Fetch = Callable[[str], Awaitable[https.Document]]


class Of(msgspec.Struct, frozen=True):
    """What is known here of a sender domain. our_hosts: the names under which our inbound listener is reached; empty: there is none."""

    domain: directories.SenderDomain
    keys: tuple[directories.DkimKey, ...]
    exits: tuple[bounce_domain.Exit, ...]
    our_hosts: frozenset[str]


def of_directory(
    known: directories.Directory, domain: directories.SenderDomain, hostname: str, our_hosts: frozenset[str]
) -> Of:
    """What the Directory says about one; a smarthost's address is not ours to know, so it is left out."""
    exits = [
        bounce_domain.Exit(one.name, ip, one.ehlo or hostname)
        for one in known.direct(domain.account)
        for ip in ((one.ip, one.ip6) if one.ip6 else (one.ip,))
    ]
    retired = directories.KeyState.RETIRED
    keys = tuple(key for key in known.dkim_keys if key.domain == domain.id and key.state is not retired)
    return Of(domain, keys, tuple(exits), our_hosts)


class Looks:
    """``look`` at one domain. fetch: the policy document of a host."""

    def __init__(self, resolver: resolvers.Resolver, fetch: Fetch) -> None:
        self._resolver = resolver
        self._fetch = fetch

    async def look(self, of: Of) -> dns_findings.Seen:
        """Ask."""
        domain = of.domain.domain
        verp = of.domain.return_path is directories.ReturnPath.VERP
        path = of.domain.bounce_domain if verp else domain
        bounce = None
        if verp and of.our_hosts:
            bounce = (await bounce_domain.check(self._resolver, path, of.our_hosts, ())).problem
        async with (
            asyncio.TaskGroup() as asking
        ):  # all at once: where DNS is silent each takes its whole time
            ways = asking.create_task(self._exits(of.exits, path))
            keys = [asking.create_task(self._key(key, domain)) for key in of.keys]
            dmarc = asking.create_task(self._dmarc(domain))
            spf_texts = asking.create_task(self._texts(path))
            mx = asking.create_task(self._mx(domain))
            tls_rpt = asking.create_task(self._texts(f"_smtp._tls.{domain}"))
            sts = asking.create_task(self._texts(mta_sts.record_name(domain)))
        policy, policy_problem = await self._policy(domain, sts.result())
        exits, unknown = ways.result()
        dmarc_name, dmarc_answer = dmarc.result()
        return dns_findings.Seen(
            domain=domain,
            path_domain=path,
            same_organisation=bounce_domain.organisational(path) == bounce_domain.organisational(domain),
            spf_texts=spf_texts.result(),
            exits=exits,
            unknown_exits=unknown,
            keys=tuple([one.result() for one in keys]),
            dmarc_name=dmarc_name,
            dmarc=dmarc_answer,
            mx=mx.result(),
            bounce_problem=bounce,
            tls_rpt=tls_rpt.result(),
            sts=sts.result(),
            policy=policy,
            policy_problem=policy_problem,
        )

    async def _texts(self, name: str) -> dns_findings.Answer:
        found = await self._resolver.records(name, dns.rdatatype.TXT)
        return _answer(found, [resolvers.text_of(rdata) for rdata in found.rdatas])

    async def _dmarc(self, domain: str) -> tuple[str, dns_findings.Answer]:
        """Of the domain, or of its organisation (RFC 7489 §6.6.3)."""
        name = f"_dmarc.{domain}"
        answer = await self._texts(name)
        above = bounce_domain.organisational(domain)
        if answer.failed or answer.values or above == domain:
            return name, answer
        of_above = await self._texts(f"_dmarc.{above}")
        return (f"_dmarc.{above}", of_above) if of_above.values else (name, answer)

    async def _mx(self, domain: str) -> dns_findings.Answer:
        found = await self._resolver.mx(domain)
        match found.kind:
            case resolvers.MxKind.FOUND | resolvers.MxKind.IMPLICIT:
                return dns_findings.Answer(tuple(f"{rank} {host}" for rank, host in found.hosts))
            case resolvers.MxKind.FAILED:
                return dns_findings.Answer(failed=True, detail=found.detail)
            case _:
                return dns_findings.Answer(detail=found.detail or found.kind.value)

    async def _key(self, key: directories.DkimKey, domain: str) -> dns_findings.Key:
        name = f"{key.selector}._domainkey.{domain}"
        active = key.state is directories.KeyState.ACTIVE
        try:
            loaded = dkim_keys.load(key.private_key.encode(), known=True)
        except dkim_keys.BadKey as error:
            return dns_findings.Key(name, "", "", 0, active, dns_findings.Answer(), str(error))
        return dns_findings.Key(
            name, loaded.record, loaded.word, loaded.bits, active, await self._texts(name)
        )

    async def _exits(
        self, exits: Sequence[bounce_domain.Exit], path: str
    ) -> tuple[tuple[dns_findings.Exit, ...], tuple[str, ...]]:
        found: list[dns_findings.Exit] = []
        unknown: list[str] = []
        for one in exits:
            named = await self._resolver.addresses(one.ehlo)
            failed = named.kind is resolvers.AddressKind.FAILED or named.incomplete
            ips = (one.ip,) if one.ip and ipaddress.ip_address(one.ip).is_global else named.v4 + named.v6
            if not ips:
                unknown.append(
                    f"the address of Source {one.source} is not known: it has no public ip, and {one.ehlo} has no address"
                    f"{': ' + named.detail if named.detail else ''}"
                )
            for ip in ips:
                is_there = ip in named.v4 + named.v6
                ehlo_is = None if failed and not is_there else is_there
                found.append(await self._exit(one, ip, path, ehlo_is=ehlo_is))
        return tuple(found), tuple(unknown)

    async def _exit(
        self, one: bounce_domain.Exit, ip: str, path: str, *, ehlo_is: bool | None
    ) -> dns_findings.Exit:
        reverse = dns.reversename.from_address(ip).to_text(omit_final_dot=True)
        answer = await self._resolver.records(reverse, dns.rdatatype.PTR)
        names = [rdata.to_text().lower().removesuffix(".") for rdata in answer.rdatas][:10]
        back: list[str] = []
        for name in names:
            led = await self._resolver.addresses(name)
            if ip in led.v4 + led.v6:
                back.append(name)
        return dns_findings.Exit(
            source=one.source,
            ip=ip,
            ehlo=one.ehlo,
            result=await spf.check(self._resolver, ip, f"b@{path}"),
            ptr=_answer(answer, names),
            back=tuple(back),
            ehlo_is=ehlo_is,
        )

    async def _policy(self, domain: str, sts: dns_findings.Answer) -> tuple[mta_sts.Policy | None, str]:
        if mta_sts.record_id(sts.values) is None:
            return None, ""
        try:
            document = await self._fetch(mta_sts.policy_host(domain))
            return mta_sts.read(document.kind, document.body), ""
        except (https.FetchFailed, mta_sts.BadPolicy) as error:
            return None, str(error)


def _answer(found: questions.Records, values: Sequence[str]) -> dns_findings.Answer:
    failed = found.kind is questions.Kind.FAILED
    return dns_findings.Answer(() if failed else tuple(values), failed, found.detail)


def fetching(fetcher: https.Fetcher) -> Fetch:
    """How a policy document is fetched (RFC 8461 §3.3)."""

    async def fetch(host: str) -> https.Document:
        return await fetcher.fetch(host, mta_sts.PATH, most=mta_sts.MAX_BYTES, within_s=mta_sts.WITHIN_S)

    return fetch
