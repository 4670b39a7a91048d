"""What is right and what is wrong with a sender domain's DNS: what was seen in, findings out, each with how to mend it.

Guarantees: pure; every finding says what was found verbatim and, where something is to be published, the exact record. What DNS did
not answer is UNKNOWN, never wrong. Not here: asking (``dns_looks``), and what follows from it.
"""

import enum
import re
from collections.abc import Iterator

import msgspec

from gatepost.net import mta_sts, spf

_TAG = re.compile(r"\s*([A-Za-z][A-Za-z0-9_]*)\s*=\s*(.*?)\s*", re.DOTALL)
WEAK_BITS = 2048  # RFC 8301 §3.2 asks signers for that


class Severity(enum.StrEnum):
    """How bad it is. UNKNOWN: DNS did not answer, ask again."""

    OK = "ok"
    ADVICE = "advice"
    UNKNOWN = "unknown"
    WRONG = "wrong"


class Finding(msgspec.Struct, frozen=True):
    """One. check: ``spf``, ``dkim`` … subject: the name that was asked. found: verbatim. publish: the record that would be right."""

    severity: Severity
    check: str
    subject: str
    told: str
    found: tuple[str, ...] = ()
    publish: str = ""


class Answer(msgspec.Struct, frozen=True):
    """Records of one name and type. failed: nothing is known. detail: ``NXDOMAIN``, ``SERVFAIL``, no answer in time …"""

    values: tuple[str, ...] = ()
    failed: bool = False
    detail: str = ""


class Exit(msgspec.Struct, frozen=True):
    """One address by which mail leaves. ptr: its names; back: those of them whose address it is; ehlo_is: whether the name that we
    say in EHLO has this address; None where DNS did not answer.
    """

    source: str
    ip: str
    ehlo: str
    result: spf.Result
    ptr: Answer
    back: tuple[str, ...]
    ehlo_is: bool | None


class Key(msgspec.Struct, frozen=True):
    """A DKIM key: where its record is, the record that it should be, and what is there. problem: why it cannot sign, or empty."""

    name: str
    record: str
    word: str
    bits: int
    active: bool
    seen: Answer
    problem: str = ""


class Seen(msgspec.Struct, frozen=True):
    """All that was looked up for one sender domain.

    path_domain: of return paths. same_organisation: whether it belongs to the same organisational domain. bounce_problem: of a
    bounce domain of ours; None: it is not used; empty: it is right. policy: the MTA-STS document, or why there is none.
    """

    domain: str
    path_domain: str
    same_organisation: bool
    spf_texts: Answer
    exits: tuple[Exit, ...]
    unknown_exits: tuple[str, ...]
    keys: tuple[Key, ...]
    dmarc_name: str
    dmarc: Answer
    mx: Answer
    bounce_problem: str | None
    tls_rpt: Answer
    sts: Answer
    policy: mta_sts.Policy | None = None
    policy_problem: str = ""


def findings(seen: Seen) -> list[Finding]:
    """Everything there is to say, in the order in which a person would go through it."""
    return [
        *_spf(seen),
        *_dkim(seen),
        *_dmarc(seen),
        *_mx(seen),
        *_exits(seen),
        *_tls_rpt(seen),
        *_mta_sts(seen),
    ]


def _unanswered(check: str, subject: str, answer: Answer) -> Finding:
    return Finding(Severity.UNKNOWN, check, subject, f"DNS did not tell: {answer.detail}")


def _spf(seen: Seen) -> Iterator[Finding]:
    domain, answer = seen.path_domain, seen.spf_texts
    records = tuple(text for text in answer.values if text.lower().partition(" ")[0] == "v=spf1")
    if answer.failed:
        yield _unanswered("spf", domain, answer)
        return
    wanted = _spf_record(
        records[0] if len(records) == 1 else "",
        [one.ip for one in seen.exits if one.result is not spf.Result.PASS],
    )
    if len(records) > 1:
        yield Finding(
            Severity.WRONG,
            "spf",
            domain,
            "there are several SPF records, which makes all of them void (RFC 7208 §4.5)",
            records,
            wanted,
        )
        return
    for one in seen.exits:
        told = f"{one.ip} (Source {one.source}): {one.result}"
        match one.result:
            case spf.Result.PASS:
                yield Finding(Severity.OK, "spf", domain, told, records)
            case spf.Result.TEMPERROR:
                yield Finding(Severity.UNKNOWN, "spf", domain, told, records)
            case spf.Result.PERMERROR:
                why = "its record cannot be evaluated: more than 10 look-ups, 2 void ones, or a mistake in it (RFC 7208 §4.6)"
                yield Finding(Severity.WRONG, "spf", domain, f"{told}; {why}", records)
            case _:
                yield Finding(Severity.WRONG, "spf", domain, told, records or (answer.detail,), wanted)


def _spf_record(record: str, ips: list[str]) -> str:
    """The record with what is missing, in front of what it says already."""
    named = [f"ip{6 if ':' in ip else 4}:{ip}" for ip in dict.fromkeys(ips)]
    rest = record.split()[1:] if record else ["~all"]
    return " ".join(["v=spf1", *named, *rest])


def tags(record: str) -> dict[str, str] | None:
    """A tag list (RFC 6376 §3.2), names in lower case; None where it is none, or has a name twice."""
    found: dict[str, str] = {}
    for piece in record.split(";"):
        if not piece.strip():
            continue
        read = _TAG.fullmatch(piece)
        if read is None or read[1].lower() in found:
            return None
        found[read[1].lower()] = read[2]
    return found


def _dkim(seen: Seen) -> Iterator[Finding]:
    if not any(key.active for key in seen.keys):
        told = "no key signs this domain's mail: `gatepost dkim new` makes one"
        yield Finding(Severity.WRONG, "dkim", seen.domain, told)
    for key in seen.keys:
        if key.problem:
            yield Finding(Severity.WRONG, "dkim", key.name, key.problem)
            continue
        if key.seen.failed:
            yield _unanswered("dkim", key.name, key.seen)
            continue
        problem = _key_problem(key)
        bad = Severity.WRONG if key.active else Severity.ADVICE
        if problem:
            yield Finding(bad, "dkim", key.name, problem, key.seen.values or (key.seen.detail,), key.record)
        elif "y" in _flags(key.seen.values[0]):
            told = "t=y says that it is only a test: a receiver may treat the mail as unsigned"
            yield Finding(Severity.ADVICE, "dkim", key.name, told, key.seen.values, key.record)
        elif key.word.startswith("rsa") and key.bits < WEAK_BITS:
            told = f"a key of {key.bits} bits; {WEAK_BITS} are advised (RFC 8301)"
            yield Finding(Severity.ADVICE, "dkim", key.name, told, key.seen.values)
        else:
            yield Finding(Severity.OK, "dkim", key.name, "the published key is ours", key.seen.values)


def _flags(record: str) -> list[str]:
    return [one.strip() for one in (tags(record) or {}).get("t", "").split(":")]


def _key_problem(key: Key) -> str:
    """What is wrong with the published key (RFC 6376 §3.6.1), or empty."""
    values = key.seen.values
    ours = tags(key.record) or {}
    published = (tags(values[0]) if values else None) or {}
    kind, public = published.get("k", "rsa"), "".join(published.get("p", "").split())
    hashes = [one.strip() for one in published.get("h", "sha256").split(":")]
    problems = (
        (not values, "its record is not there"),
        (len(values) > 1, "there are several records, of which a receiver may take any (RFC 6376 §3.6.2.2)"),
        (not published, "its record cannot be read"),
        (published.get("v", "DKIM1") != "DKIM1", "its record is of another version"),
        (not public, "its key is revoked (p= is empty)"),
        (kind != ours.get("k"), f"its record is of a key of another kind ({kind}, ours is {ours.get('k')})"),
        (public != ours.get("p"), "its record is of another key"),
        ("sha256" not in hashes, "its record allows no SHA-256, which we sign with"),
    )
    return next((text for wrong, text in problems if wrong), "")


def _dmarc(seen: Seen) -> Iterator[Finding]:
    name, answer = seen.dmarc_name, seen.dmarc
    publish = f'{name} TXT "v=DMARC1; p=none; rua=mailto:dmarc@{seen.domain}"'
    if answer.failed:
        yield _unanswered("dmarc", name, answer)
        return
    records = tuple(text for text in answer.values if text.strip().lower().startswith("v=dmarc1"))
    if len(records) != 1:
        told = (
            "there are several records, so none counts (RFC 7489 §6.6.3)"
            if records
            else "there is no DMARC record"
        )
        yield Finding(Severity.WRONG, "dmarc", name, told, records or (answer.detail,), publish)
        return
    found = tags(records[0])
    if found is None or found.get("p", "").lower() not in ("none", "quarantine", "reject"):
        yield Finding(
            Severity.WRONG, "dmarc", name, "the record has no policy that can be read", records, publish
        )
        return
    yield Finding(Severity.OK, "dmarc", name, f"the policy is {found['p'].lower()}", records)
    if "rua" not in found:
        yield Finding(
            Severity.ADVICE, "dmarc", name, "no rua=: nobody gets reports of who sends in this name", records
        )
    strict = found.get("aspf", "r").lower() == "s"
    aligned = seen.path_domain == seen.domain if strict else seen.same_organisation
    how = "strictly (aspf=s)" if strict else "by their organisation"
    if aligned:
        yield Finding(Severity.OK, "dmarc", name, f"return paths at {seen.path_domain} align {how}")
    else:
        told = f"return paths at {seen.path_domain} do not align {how}: DMARC rests on DKIM alone"
        signed = any(key.active for key in seen.keys)
        yield Finding(Severity.ADVICE if signed else Severity.WRONG, "dmarc", name, told, records)


def _mx(seen: Seen) -> Iterator[Finding]:
    if seen.mx.failed:
        yield _unanswered("mx", seen.domain, seen.mx)
    elif seen.mx.values:
        yield Finding(Severity.OK, "mx", seen.domain, "the domain takes mail", seen.mx.values)
    else:
        told = "the domain takes no mail: answers do not arrive, and some receivers refuse such senders"
        yield Finding(Severity.ADVICE, "mx", seen.domain, told, (seen.mx.detail,))
    if seen.bounce_problem is not None:
        told = seen.bounce_problem or "bounces come to this gateway"
        yield Finding(
            Severity.WRONG if seen.bounce_problem else Severity.OK, "bounce", seen.path_domain, told
        )


def _exits(seen: Seen) -> Iterator[Finding]:
    for told in seen.unknown_exits:
        yield Finding(Severity.WRONG, "source", seen.domain, told)
    for one in seen.exits:
        subject = f"{one.ip} (Source {one.source})"
        if one.ptr.failed:
            yield _unanswered("ptr", subject, one.ptr)
        elif not one.ptr.values:
            told = f"no PTR record: whoever gave you the address has to set it to {one.ehlo}"
            yield Finding(Severity.WRONG, "ptr", subject, told, (one.ptr.detail,), one.ehlo)
        elif not one.back:
            told = "none of its names has this address (forward-confirmed reverse DNS)"
            yield Finding(Severity.WRONG, "ptr", subject, told, one.ptr.values, one.ehlo)
        else:
            yield Finding(Severity.OK, "ptr", subject, "its name leads back to it", one.back)
        if one.ehlo_is is None:
            yield Finding(Severity.UNKNOWN, "ehlo", subject, f"DNS did not tell the addresses of {one.ehlo}")
        elif one.ehlo_is:
            yield Finding(Severity.OK, "ehlo", subject, f"{one.ehlo} has this address")
        else:
            kind = "AAAA" if ":" in one.ip else "A"
            told = f"{one.ehlo}, which we say in EHLO, does not have this address"
            yield Finding(Severity.WRONG, "ehlo", subject, told, (), f"{one.ehlo} {kind} {one.ip}")


def _tls_rpt(seen: Seen) -> Iterator[Finding]:
    name = f"_smtp._tls.{seen.domain}"
    records = tuple(text for text in seen.tls_rpt.values if text.startswith("v=TLSRPTv1"))
    if seen.tls_rpt.failed:
        yield _unanswered("tls-rpt", name, seen.tls_rpt)
    elif len(records) == 1 and "rua" in (tags(records[0]) or {}):
        yield Finding(Severity.OK, "tls-rpt", name, "reports about TLS are asked for", records)
    else:
        publish = f'{name} TXT "v=TLSRPTv1; rua=mailto:tls@{seen.domain}"'
        bad = Severity.WRONG if records else Severity.ADVICE
        told = "the record cannot be used" if records else "no reports about TLS to this domain are asked for"
        yield Finding(bad, "tls-rpt", name, told, records or (seen.tls_rpt.detail,), publish)


def _mta_sts(seen: Seen) -> Iterator[Finding]:
    name = mta_sts.record_name(seen.domain)
    if seen.sts.failed:
        yield _unanswered("mta-sts", name, seen.sts)
        return
    if mta_sts.record_id(seen.sts.values) is None:
        there = any(text.startswith("v=STSv1") for text in seen.sts.values)
        told = "the record cannot be used" if there else "mail to this domain is not protected by MTA-STS"
        bad = Severity.WRONG if there else Severity.ADVICE
        yield Finding(
            bad,
            "mta-sts",
            name,
            told,
            seen.sts.values or (seen.sts.detail,),
            f'{name} TXT "v=STSv1; id=1"',
        )
        return
    if seen.policy is None:
        told = f"there is a record, and no policy behind it: {seen.policy_problem}"
        yield Finding(Severity.WRONG, "mta-sts", name, told, seen.sts.values)
        return
    hosts = [value.partition(" ")[2] for value in seen.mx.values]
    missing = [host for host in hosts if not mta_sts.allows(seen.policy, host)]
    if missing and seen.policy.mode is not mta_sts.Mode.NONE:
        told = f"the policy ({seen.policy.mode}) names none of: {', '.join(missing)}"
        yield Finding(Severity.WRONG, "mta-sts", name, told, seen.policy.mx, f"mx: {missing[0]}")
    else:
        yield Finding(
            Severity.OK, "mta-sts", name, f"the policy ({seen.policy.mode}) covers the MX", seen.policy.mx
        )
