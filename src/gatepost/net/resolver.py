"""Finds where mail for a domain goes (RFC 5321 §5.1, RFC 7505) and the addresses of a host.

Guarantees: "there is no such domain" and "there is no mail there" are only ever said where DNS said so; every trouble
in asking is FAILED (faults.md E04). Answers are cached for as long as DNS allows, within bounds (RFC 2308); where nobody
answers, one that has run out is used a while longer (RFC 8767), but never one that says that something is not there.
Equal questions that are asked at once become one. The cache and the number of open questions are bounded. Nothing raises but for bugs.
Not here: which addresses may be connected to (``addresses``). The system's resolv.conf is read once, at the start.
"""

import asyncio
import collections
import enum
import re
from collections.abc import Callable

import dns.rdata
import dns.rdatatype
import dns.rdtypes.ANY.MX
import dns.rdtypes.ANY.TXT
import msgspec

from gatepost import clock as clocks
from gatepost.net import questions

MAX_HOSTS = 20  # of one domain's MX records, the best; Postfix tries 5 addresses of them
MAX_ADDRESSES = 20  # of one host and family
MAX_NAME = 253  # characters of a host name that DNS can carry (RFC 1035 §2.3.4)
MAX_CACHED = 20_000  # questions; about 20 MB
MAX_OPEN = 500  # questions asked at once: each holds a socket
LEAST_TTL_S, MOST_TTL_S = (
    5.0,
    3600.0,
)  # TTL 0 may not mean a question for each message; an old route may not stay
MOST_NEGATIVE_TTL_S = 60.0  # a domain that was just set up is found soon
FAILED_TTL_S = 5.0  # RFC 9520 §3.2 demands at least 1 s, and allows 5 min
STALE_TTL_S = 30.0  # then DNS is asked again (RFC 8767 §4)
MOST_STALE_S = 86_400.0  # RFC 8767 §4: one to three days
CONTROL = "example.com"  # IANA keeps it (RFC 6761 §6.5): whoever denies it knows nothing

_HOST = re.compile(
    r"(?=.*[a-z_-][^.]*\Z)[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*"
)  # its last label is not a number


class MxKind(enum.Enum):
    """What a domain's DNS says about its mail."""

    FOUND = "found"
    IMPLICIT = "implicit"  # no MX records: the domain's own address takes the mail
    NULL_MX = "null_mx"  # it declares that it takes none (RFC 7505)
    NXDOMAIN = "nxdomain"
    NO_ADDRESS = "no_address"  # it exists, but has neither a usable MX nor an address
    FAILED = "failed"  # nothing is known


class MxAnswer(msgspec.Struct, frozen=True):
    """Where a domain's mail goes: (preference, host) in the order to try. detail: for a person."""

    kind: MxKind
    hosts: tuple[tuple[int, str], ...] = ()
    detail: str = ""


class TextAnswer(msgspec.Struct, frozen=True):
    """TXT records; none where there are none. failed: nothing is known."""

    texts: tuple[str, ...] = ()
    failed: bool = False
    detail: str = ""


class AddressKind(enum.Enum):
    """Whether a host has addresses."""

    FOUND = "found"
    NONE = "none"
    FAILED = "failed"


class AddressAnswer(msgspec.Struct, frozen=True):
    """A host's addresses. incomplete: one family could not be asked, so an empty ``v4`` or ``v6`` proves nothing."""

    kind: AddressKind
    v4: tuple[str, ...] = ()
    v6: tuple[str, ...] = ()
    detail: str = ""
    incomplete: bool = False


_Question = tuple[str, dns.rdatatype.RdataType]


class _Kept(msgspec.Struct, frozen=True):
    """An answer in the cache. expires, stale: monotonic seconds until which it holds, and may help out."""

    expires: float
    stale: float
    records: questions.Records


class Resolver:
    """The memory of one process. Names given to it are in DNS form (A-labels)."""

    def __init__(
        self,
        servers: tuple[str, ...],
        *,
        clock: clocks.Clock,
        shuffle: Callable[[list[str]], None],
        timeout_s: float = 5.0,
        lifetime_s: float = 15.0,
        control: str = CONTROL,
    ) -> None:
        self._asker = questions.Asker(servers, timeout_s, lifetime_s, clock)
        self._clock = clock
        self._shuffle = shuffle
        self._control = control
        self._cache: collections.OrderedDict[_Question, _Kept] = collections.OrderedDict()
        self._asked: dict[_Question, asyncio.Future[questions.Records]] = {}
        self._room = asyncio.Semaphore(MAX_OPEN)

    async def mx(self, domain: str) -> MxAnswer:
        """Where mail for a domain goes; hosts of equal preference in random order (RFC 5321 §5.1)."""
        found = await self._find(domain, dns.rdatatype.MX)
        match found.kind:
            case questions.Kind.FOUND:
                return self._hosts(found.rdatas)
            case questions.Kind.EMPTY:
                return await self._implicit(domain)
            case questions.Kind.NXDOMAIN:
                return MxAnswer(MxKind.NXDOMAIN, detail=f"{domain} does not exist (NXDOMAIN)")
            case questions.Kind.FAILED:
                return MxAnswer(MxKind.FAILED, detail=f"MX of {domain}: {found.detail}")

    async def addresses(self, host: str) -> AddressAnswer:
        """A host's IPv4 and IPv6 addresses, asked for in parallel; each family in random order."""
        async with asyncio.TaskGroup() as both:
            asked_4 = both.create_task(self._find(host, dns.rdatatype.A))
            asked_6 = both.create_task(self._find(host, dns.rdatatype.AAAA))
        found = asked_4.result(), asked_6.result()
        v4, v6 = (self._texts(records.rdatas) for records in found)
        troubles = [records.detail for records in found if records.kind is questions.Kind.FAILED]
        if v4 or v6:
            return AddressAnswer(AddressKind.FOUND, v4, v6, incomplete=bool(troubles))
        if troubles:
            return AddressAnswer(
                AddressKind.FAILED, detail=f"address of {host}: {troubles[0]}", incomplete=True
            )
        return AddressAnswer(AddressKind.NONE, detail=f"{host} has no address")

    async def records(self, name: str, rdtype: dns.rdatatype.RdataType) -> questions.Records:
        """The records of one type, as DNS gave them."""
        return await self._find(name, rdtype)

    async def texts(self, name: str) -> TextAnswer:
        """The TXT records of a name, each with its strings joined."""
        found = await self._find(name, dns.rdatatype.TXT)
        if found.kind is questions.Kind.FAILED:
            return TextAnswer(failed=True, detail=f"TXT of {name}: {found.detail}")
        return TextAnswer(tuple(_text(rdata) for rdata in found.rdatas))

    async def is_gone(self, domain: str) -> bool:
        """Whether two servers, both asked anew, say that there is no such name, and both know one that there is.

        False where only one server is known: its memory and its trouble cannot be told from the truth.
        """
        async with self._room, asyncio.TaskGroup() as both:
            asked = both.create_task(self._asker.ask_two(domain, dns.rdatatype.MX))
            known = both.create_task(self._asker.ask_two(self._control, dns.rdatatype.SOA))
        gone, there = asked.result(), known.result()
        return len(gone) > 1 and all(
            one.kind is questions.Kind.NXDOMAIN and other.kind is questions.Kind.FOUND
            for one, other in zip(gone, there, strict=True)
        )

    # --- what records mean

    async def _implicit(self, domain: str) -> MxAnswer:
        answer = await self.addresses(domain)
        match answer.kind:
            case AddressKind.FOUND:
                return MxAnswer(MxKind.IMPLICIT, ((0, domain),))
            case AddressKind.NONE:
                return MxAnswer(MxKind.NO_ADDRESS, detail=f"{domain} has neither MX records nor an address")
            case AddressKind.FAILED:
                return MxAnswer(MxKind.FAILED, detail=answer.detail)

    def _hosts(self, rdatas: tuple[dns.rdata.Rdata, ...]) -> MxAnswer:
        records = [_mx_record(rdata) for rdata in rdatas]
        if all(host == "" for _, host in records):
            return MxAnswer(MxKind.NULL_MX, detail="the domain declares that it takes no mail (null MX)")
        best: dict[str, int] = {}
        for preference, host in records:
            if is_host(host):
                best[host] = min(preference, best.get(host, preference))
        if not best:
            return MxAnswer(MxKind.NO_ADDRESS, detail="none of the domain's MX records names a host")
        names = sorted(best)
        self._shuffle(names)
        names.sort(key=best.__getitem__)  # a stable sort keeps the random order among equals
        return MxAnswer(MxKind.FOUND, tuple((best[name], name) for name in names[:MAX_HOSTS]))

    def _texts(self, rdatas: tuple[dns.rdata.Rdata, ...]) -> tuple[str, ...]:
        texts = sorted(rdata.to_text() for rdata in rdatas)
        self._shuffle(texts)
        return tuple(texts[:MAX_ADDRESSES])

    # --- the cache

    async def _find(self, name: str, rdtype: dns.rdatatype.RdataType) -> questions.Records:
        question = (name.lower().rstrip("."), rdtype)
        while True:
            known = self._known(question)
            if known is not None:
                return known
            asked = self._asked.get(question)
            if asked is None:
                return await self._ask(question)
            await asyncio.wait((asked,))
            if not asked.cancelled():
                return asked.result()
            # Whoever asked was cancelled: one of those who waited asks instead.

    async def _ask(self, question: _Question) -> questions.Records:
        asked: asyncio.Future[questions.Records] = asyncio.get_running_loop().create_future()
        self._asked[question] = asked
        try:
            async with self._room:
                records = await self._asker.ask(*question)
            records = self._keep(question, records)
            asked.set_result(records)
        finally:
            del self._asked[question]
            asked.cancel()  # does nothing where there is a result
        return records

    def _known(self, question: _Question) -> questions.Records | None:
        kept = self._cache.get(question)
        if kept is None or kept.expires <= self._clock.monotonic():
            return None
        self._cache.move_to_end(question)
        return kept.records

    def _keep(self, question: _Question, records: questions.Records) -> questions.Records:
        """Remember an answer; what is to be used of it and of what was known before."""
        now = self._clock.monotonic()
        kept = _Kept(now + _ttl(records), now + MOST_STALE_S, records)
        old = self._cache.get(question)
        if records.kind is questions.Kind.FAILED and old is not None and _helps(old, now):
            kept = _Kept(now + STALE_TTL_S, old.stale, old.records)
        self._cache[question] = kept
        self._cache.move_to_end(question)
        if len(self._cache) > MAX_CACHED:
            self._cache.popitem(last=False)
        return kept.records


def _helps(old: _Kept, now: float) -> bool:
    return old.stale > now and old.records.kind is questions.Kind.FOUND


def is_host(name: str) -> bool:
    """Whether mail can go to an MX record's name: not to an address written as a name, nor to one too long."""
    return len(name) <= MAX_NAME and _HOST.fullmatch(name) is not None


def text_of(rdata: dns.rdata.Rdata) -> str:
    """A TXT record's strings as one (RFC 7208 §3.3); bytes beyond ASCII match nothing."""
    assert isinstance(rdata, dns.rdtypes.ANY.TXT.TXT)  # noqa: S101 - asked for
    return b"".join(rdata.strings).decode("ascii", "replace")


def _mx_record(rdata: dns.rdata.Rdata) -> tuple[int, str]:
    assert isinstance(rdata, dns.rdtypes.ANY.MX.MX)  # noqa: S101 - asked for
    return rdata.preference, rdata.exchange.to_text(omit_final_dot=True).lower().removesuffix(".")


def _text(rdata: dns.rdata.Rdata) -> str:
    assert isinstance(rdata, dns.rdtypes.ANY.TXT.TXT)  # noqa: S101 - asked for
    return b"".join(rdata.strings).decode("utf-8", "replace")


def _ttl(records: questions.Records) -> float:
    match records.kind:
        case questions.Kind.FOUND:
            return min(max(float(records.ttl), LEAST_TTL_S), MOST_TTL_S)
        case questions.Kind.EMPTY | questions.Kind.NXDOMAIN:
            return min(max(float(records.ttl), LEAST_TTL_S), MOST_NEGATIVE_TTL_S)
        case questions.Kind.FAILED:
            return FAILED_TTL_S
