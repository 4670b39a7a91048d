"""Whether a domain's SPF record lets an address send for it (RFC 7208), asked for our own domains.

Guarantees: at most ten look-ups by mechanisms (§4.6.4); a loop of includes ends; what DNS does not answer is TEMPERROR and
never a verdict; any record gives a Result and nothing is raised. ``ptr`` is taken as no match, since nobody should rely on it
(§5.5), and ``exp=`` is not read.
Not here: judging other people's mail.
"""

import enum
import ipaddress
import re

import dns.rdatatype

from gatepost.net import questions
from gatepost.net import resolver as resolvers

MAX_LOOKUPS = 10  # RFC 7208 §4.6.4
MAX_VOID = 2
_Ip = ipaddress.IPv4Address | ipaddress.IPv6Address
_TERM = re.compile(r"([-+?~]?)([a-z0-9]+)(?:[:=](.*?))?((?:/[0-9]+)?(?://[0-9]+)?)", re.IGNORECASE)
_MODIFIER = re.compile(r"([a-z][a-z0-9._-]*)=(.*)", re.IGNORECASE)
_MACRO = re.compile(r"%(?:\{([a-z])([0-9]*)(r?)([-.+,/_=]*)\}|([%_-]))", re.IGNORECASE)


class Result(enum.StrEnum):
    """RFC 7208 §2.6."""

    NONE = "none"
    NEUTRAL = "neutral"
    PASS = "pass"  # noqa: S105 - the RFC's word
    FAIL = "fail"
    SOFTFAIL = "softfail"
    TEMPERROR = "temperror"
    PERMERROR = "permerror"


_QUALIFIED = {"+": Result.PASS, "-": Result.FAIL, "~": Result.SOFTFAIL, "?": Result.NEUTRAL}


class _Stop(Exception):
    """The evaluation ends here."""

    def __init__(self, result: Result) -> None:
        self.result = result
        super().__init__(result.value)


class _Check:
    """One evaluation: what was looked up so far counts over all includes."""

    def __init__(self, resolver: resolvers.Resolver, ip: _Ip, sender: str) -> None:
        self._resolver = resolver
        self._ip = ip
        self._sender = sender
        self._lookups = 0
        self._voids = 0

    async def host(self, domain: str) -> Result:
        """``check_host()``, §4."""
        record = await self._record(domain)
        if record is None:
            return Result.NONE
        redirect = ""
        for term in record.split()[1:]:
            modifier = _MODIFIER.fullmatch(term)
            if modifier is not None:
                redirect = modifier[2] if modifier[1].lower() == "redirect" else redirect
                continue
            found = _TERM.fullmatch(term)
            if found is None:
                raise _Stop(Result.PERMERROR)
            qualifier, name, value, prefix = found.groups()
            if await self._matches(name.lower(), value or "", prefix, domain):
                return _QUALIFIED[qualifier or "+"]
        if not redirect:
            return Result.NEUTRAL
        self._count()
        result = await self.host(self._expanded(redirect, domain))
        return Result.PERMERROR if result is Result.NONE else result

    async def _record(self, domain: str) -> str | None:
        answer = await self._resolver.records(domain, dns.rdatatype.TXT)
        if answer.kind is questions.Kind.FAILED:
            raise _Stop(Result.TEMPERROR)
        texts = [resolvers.text_of(rdata) for rdata in answer.rdatas]
        found = [text for text in texts if text.lower() == "v=spf1" or text.lower().startswith("v=spf1 ")]
        if len(found) > 1:
            raise _Stop(Result.PERMERROR)
        return found[0] if found else None

    async def _matches(self, name: str, value: str, prefix: str, domain: str) -> bool:
        match name:
            case "all":
                return True
            case "ip4" | "ip6":
                return self._in_network(value + prefix, 4 if name == "ip4" else 6)
            case "ptr":
                self._count()
                return False
            case "a" | "mx" | "include" | "exists":
                self._count()
                target = self._expanded(value, domain) if value else domain
                return await self._asked(name, target, prefix)
            case _:
                raise _Stop(Result.PERMERROR)

    async def _asked(self, name: str, target: str, prefix: str) -> bool:
        match name:
            case "include":
                result = await self.host(target)
                if result is Result.NONE:
                    raise _Stop(Result.PERMERROR)
                return result is Result.PASS
            case "a":
                return await self._is_of(target, prefix)
            case "mx":
                hosts = await self._mx(target)
                return any([await self._is_of(host, prefix) for host in hosts])
            case _:
                answer = await self._resolver.records(target, dns.rdatatype.A)
                return bool(self._usable(answer).rdatas)

    async def _mx(self, domain: str) -> list[str]:
        answer = await self._resolver.mx(domain)
        if answer.kind is resolvers.MxKind.FAILED:
            raise _Stop(Result.TEMPERROR)
        return (
            [host for _, host in answer.hosts[:MAX_LOOKUPS]] if answer.kind is resolvers.MxKind.FOUND else []
        )

    async def _is_of(self, host: str, prefix: str) -> bool:
        rdtype = dns.rdatatype.A if self._ip.version == 4 else dns.rdatatype.AAAA
        answer = self._usable(await self._resolver.records(host, rdtype))
        bits = self._bits(prefix)
        return any(self._in_network(f"{rdata.to_text()}/{bits}", self._ip.version) for rdata in answer.rdatas)

    def _usable(self, answer: questions.Records) -> questions.Records:
        if answer.kind is questions.Kind.FAILED:
            raise _Stop(Result.TEMPERROR)
        if not answer.rdatas:
            self._voids += 1
            if self._voids > MAX_VOID:
                raise _Stop(Result.PERMERROR)
        return answer

    def _bits(self, prefix: str) -> str:
        four, _, six = prefix.partition("//")
        own = four.removeprefix("/") if self._ip.version == 4 else six
        return own or str(self._ip.max_prefixlen)

    def _in_network(self, text: str, version: int) -> bool:
        try:
            network = ipaddress.ip_network(text, strict=False)
        except ValueError:
            raise _Stop(Result.PERMERROR) from None
        if network.version != version:
            raise _Stop(Result.PERMERROR)
        return self._ip.version == version and self._ip in network

    def _count(self) -> None:
        self._lookups += 1
        if self._lookups > MAX_LOOKUPS:
            raise _Stop(Result.PERMERROR)

    def _expanded(self, text: str, domain: str) -> str:
        """Macros, §7."""
        local, _, of_sender = self._sender.rpartition("@")
        values = {
            "s": self._sender,
            "l": local,
            "o": of_sender,
            "d": domain,
            "i": str(self._ip) if self._ip.version == 4 else ".".join(self._ip.exploded.replace(":", "")),
            "v": "in-addr" if self._ip.version == 4 else "ip6",
            "h": of_sender,
        }

        def value(found: re.Match[str]) -> str:
            letter, count, reverse, delimiters, escaped = found.groups()
            if escaped:
                return {"%": "%", "_": " ", "-": "%20"}[escaped]
            if letter.lower() not in values or count == "0":
                raise _Stop(Result.PERMERROR)
            parts = re.split(f"[{re.escape(delimiters or '.')}]", values[letter.lower()])
            parts = parts[::-1] if reverse else parts
            return ".".join(parts[-int(count) :] if count else parts)

        return _MACRO.sub(value, text).rstrip(".")


async def check(resolver: resolvers.Resolver, ip: str, sender: str) -> Result:
    """What the SPF record of the sender's domain says of that address. sender: ``local@domain``."""
    try:
        return await _Check(resolver, ipaddress.ip_address(ip), sender).host(sender.rpartition("@")[2])
    except _Stop as stop:
        return stop.result
