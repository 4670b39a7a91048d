"""Complaints: RFC 5965 feedback reports (also RFC 6591, 6650) and the forms that providers had before and beside them.

Guarantees: linear; several reports in one mail come one by one, each with the message that follows it. Recipients that
the reporter withheld are never given as addresses: only our own token tells who complained.
"""

import re
from collections.abc import Iterator

from gatepost.reports import header, limits, mailbox, original, report, structure

_PART = "message/feedback-report"
_REDACTED = re.compile(r"redact|undisclosed|suppressed|hidden|masked|\[?removed\]?@|^x+@", re.IGNORECASE)
_JMRP_SUBJECT = re.compile(r"complaint about message from|junk (?:e-?mail|mail) report", re.IGNORECASE)
_AOL_SUBJECT = re.compile(
    r"email feedback report for ip|client tos notification|e-?mail abuse report|feedback report",
    re.IGNORECASE,
)
_LOOPS = ("staff@hotmail.com", "scomp@aol.net", "feedbackloop", "feedback@arf")
# Where providers without ARF's fields write whose complaint it is.
_COMPLAINANT = ("x-hmxmroriginalrecipient", "x-original-recipient", "x-rocket-original-recipient")


def read(mail: structure.Mail, returned: report.Original | None) -> tuple[report.Feedback, ...]:
    """The feedback reports of a mail; empty where it is no complaint. returned: its first embedded message."""
    found = tuple(feedback for feedback, _ in zip(_standard(mail), range(limits.FEEDBACKS), strict=False))
    if found:
        return found
    if any(name in mail.fields for name in _COMPLAINANT):
        returned = original.of_fields(mail.fields)  # JMRP at its oldest: the message itself, sent back
    if mail.root.params.get("report-type", "").lower() == "feedback-report" or _is_older(mail, returned):
        complainants = _recipients((), (), returned)
        return (
            report.Feedback(type="", recipients=complainants, redacted=not complainants, original=returned),
        )
    return ()


def _standard(mail: structure.Mail) -> Iterator[report.Feedback]:
    """Each report with the message behind it; a message may also stand in front."""
    pending: structure.Part | None = None
    before: structure.Part | None = None
    for leaf in mail.leaves:
        if leaf.kind == _PART:
            if pending is not None:
                yield _feedback(pending, before)
                before = None
            pending = leaf
        elif leaf.kind in original.KINDS:
            if pending is None:
                before = leaf
                continue
            yield _feedback(pending, leaf)
            pending = None
    if pending is not None:
        yield _feedback(pending, before)


def _feedback(part: structure.Part, message: structure.Part | None) -> report.Feedback:
    lines = part.payload().split(b"\n")
    fields = header.gathered(b"\n".join(line for line in lines if line.strip()))
    returned = original.of_part(message) if message is not None else None
    to = fields.all("original-rcpt-to")
    complainants = _recipients(to, fields.all("removal-recipient"), returned)
    kind = _type(fields)
    return report.Feedback(
        type=kind,
        user_agent=fields.get("user-agent"),
        version=fields.get("version"),
        original_mail_from=fields.get("original-mail-from") if "original-mail-from" in fields else None,
        original_rcpt_to=to,
        removal_recipient=fields.all("removal-recipient"),
        reported_domain=fields.all("reported-domain"),
        reported_uri=fields.all("reported-uri"),
        source_ip=fields.get("source-ip") or fields.get("source"),
        arrival_date=fields.get("arrival-date") or fields.get("received-date"),
        reporting_mta=fields.get("reporting-mta"),
        auth_failure=fields.get("auth-failure").lower(),
        incidents=_count(fields.get("incidents")),
        recipients=complainants,
        redacted=not complainants and kind != "auth-failure",
        original=returned,
    )


def _type(fields: header.Fields) -> str:
    """Feedback-Type (RFC 5965 §3.1); empty where it is left out. A report about authentication is known by its fields."""
    stated = fields.get("feedback-type").lower().split(";")[0].strip()
    if stated:
        return stated
    if "auth-failure" in fields or "delivery-result" in fields or "identity-alignment" in fields:
        return "auth-failure"
    return ""


def _recipients(
    to: tuple[str, ...], removal: tuple[str, ...], returned: report.Original | None
) -> tuple[str, ...]:
    named = [mailbox.typed(value) for value in (*to, *removal) if not _REDACTED.search(value)]
    if not to and returned is not None:
        named += [mailbox.first(returned.get(name)) for name in _COMPLAINANT]
    return tuple(dict.fromkeys(address for address in named if "@" in address))


def _count(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 1


def _is_older(mail: structure.Mail, returned: report.Original | None) -> bool:
    """JMRP before ARF, AOL's and others': known by a field in the message, or by sender and subject."""
    if returned is not None and any(returned.get(name) for name in _COMPLAINANT):
        return True
    sender, subject = mail.sender.lower(), mail.subject
    loop = any(name in sender for name in _LOOPS)
    return _JMRP_SUBJECT.search(subject) is not None or (
        loop and (returned is not None or _AOL_SUBJECT.search(subject) is not None)
    )
