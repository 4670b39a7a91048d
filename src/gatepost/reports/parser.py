"""Bytes of a mail to what it reports.

Guarantees: any bytes give a Report and nothing is raised; work and memory are bounded by ``limits``; equal bytes give
equal reports. A mail is tried in the order of how sure the form is: complaints and machine-written reports by their
parts, DSNs by theirs, then prose, and prose only with evidence from two sides.
Not here: whether the report may be believed (tokens), what a diagnostic means (``gatepost.classify``).
"""

import msgspec

from gatepost.reports import (
    amazon,
    arf,
    automatic,
    bounce,
    dsn,
    evidence,
    limits,
    original,
    report,
    structure,
    wording,
)

_STATUS = ("message/delivery-status", "message/global-delivery-status", "text/delivery-status")
_REPORTS = frozenset({"delivery-status", "feedback-report"})
_LONGEST = 1000  # characters of the report's own fields


def parse(raw: bytes) -> report.Report:
    """What the mail says."""
    mail = structure.read(raw)
    inner = _wrapped(mail)
    return _parsed(mail if inner is None else inner)


def _wrapped(mail: structure.Mail) -> structure.Mail | None:
    """The report within a mail that holds nothing else: scanners on the way pack mails up."""
    messages = mail.of("message/rfc822")
    if len(messages) != 1 or not mail.root.parts or mail.of(*_STATUS):
        return None
    announced = mail.root.params.get("report-type", "").lower() in _REPORTS
    if not announced and any(leaf.kind != "message/rfc822" and leaf.body.strip() for leaf in mail.leaves):
        return None
    inner = structure.read(messages[0].body)
    return inner if inner.root.params.get("report-type", "").lower() in _REPORTS else None


def _parsed(mail: structure.Mail) -> report.Report:
    base = _base(mail)
    returned = _original(mail)
    feedback = arf.read(mail, returned)
    if feedback:
        return msgspec.structs.replace(
            base, kind=report.Kind.ARF, feedback=feedback, original=feedback[0].original
        )
    status = _status(mail)
    if status is not None and status.recipients:
        return _standard(mail, base, status, returned)
    read = bounce.reading(mail)
    part = automatic.mdn(mail)
    rejected = part is not None and automatic.is_rejection(mail, part, read.text)
    notice = automatic.machine_written(mail)
    if notice is not None and not rejected:
        return msgspec.structs.replace(base, kind=notice.kind, notice=notice.word, original=returned)
    return _told(
        mail,
        base,
        read,
        returned if returned is not None else original.of_text(read.section.rest),
        sure=rejected or status is not None,
    )


def _base(mail: structure.Mail) -> report.Report:
    fields = mail.fields
    return report.Report(
        kind=report.Kind.OTHER,
        sender=mail.sender[:_LONGEST],
        to=fields.words("to")[:_LONGEST],
        subject=mail.subject[:_LONGEST],
        message_id=report.bare_id(fields.get("message-id"))[:_LONGEST],
        problems=mail.problems,
    )


def _original(mail: structure.Mail) -> report.Original | None:
    """The first embedded message that has a header."""
    for leaf in mail.of(*original.KINDS):
        found = original.of_part(leaf)
        if found is not None:
            return found
    return None


def _status(mail: structure.Mail) -> dsn.Status | None:
    """All delivery-status parts together; None where there is none."""
    parts = mail.of(*_STATUS)
    if not parts:
        return None
    found = [dsn.read(part.payload(limits.STATUS)) for part in parts]
    every = tuple(one for status in found for one in status.recipients)
    return dsn.Status(
        every[: limits.RECIPIENTS],
        found[0].reporting_mta,
        cut=any(s.cut for s in found) or len(every) > limits.RECIPIENTS,
    )


def _standard(
    mail: structure.Mail, base: report.Report, status: dsn.Status, returned: report.Original | None
) -> report.Report:
    """RFC 3464; the text adds the diagnostics that the fields lack."""
    recipients = status.recipients
    if any(not _tells(one.reply) or not one.address for one in recipients):
        recipients = _completed(mail, recipients, returned)
    problems = (
        (*base.problems, f"more than {limits.RECIPIENTS} recipients: the others were not read")
        if status.cut
        else base.problems
    )
    return msgspec.structs.replace(
        base,
        kind=report.Kind.DSN,
        recipients=recipients,
        original=returned,
        reporting_mta=status.reporting_mta,
        problems=problems,
    )


def _completed(
    mail: structure.Mail, recipients: tuple[report.Recipient, ...], returned: report.Original | None
) -> tuple[report.Recipient, ...]:
    read = bounce.reading(mail)
    said = bounce.recipients(mail, read, returned, bounce.mentions(mail, read, returned))
    by_address = {one.address.lower(): one for one in said}
    completed = []
    for one in recipients:
        other = by_address.get(one.address.lower()) or (
            said[0] if len(said) == len(recipients) == 1 else None
        )
        if other is None:
            completed.append(one)
            continue
        reply = one.reply if _tells(one.reply) else other.reply or one.reply
        completed.append(
            msgspec.structs.replace(
                one,
                address=one.address or other.address,
                reply=reply,
                status=dsn.finer(one.status, wording.reply_in(reply)),
            )
        )
    return tuple(completed)


def _tells(reply: str) -> bool:
    """Whether a diagnostic says anything: some give a program's exit status alone."""
    return len(reply) > len("5.0.0")


def _told(
    mail: structure.Mail,
    base: report.Report,
    read: bounce.Reading,
    returned: report.Original | None,
    *,
    sure: bool,
) -> report.Report:
    """Prose: a notification of Amazon's, a bounce, an automatic answer, or nothing of ours."""
    notification = amazon.read(read.text)
    if notification is not None:
        kind = report.Kind.ARF if notification.feedback else report.Kind.DSN
        return msgspec.structs.replace(
            base,
            kind=kind,
            recipients=notification.recipients,
            feedback=notification.feedback,
            original=notification.original,
        )
    stated = dsn.in_text(read.text).recipients
    if stated:
        return msgspec.structs.replace(base, kind=report.Kind.DSN, recipients=stated, original=returned)
    text = read.section.report
    found = bounce.mentions(mail, read, returned)
    notice = automatic.written_for_people(mail, text)
    seen = evidence.Found(
        rank=max((one.rank for one in found), default=0),
        coded=wording.has_code(wording.reply_in(text)),
        returned=returned is not None,
    )
    if sure or evidence.is_bounce(mail, text, seen, answer=notice is not None):
        recipients = bounce.recipients(mail, read, returned, found)
        return msgspec.structs.replace(base, kind=report.Kind.DSN, recipients=recipients, original=returned)
    if notice is not None:
        return msgspec.structs.replace(base, kind=notice.kind, notice=notice.word, original=returned)
    return msgspec.structs.replace(base, original=returned)
