"""Amazon SES's notifications by mail: JSON about bounces, complaints and deliveries, as SNS sends it.

Source: Amazon SES Developer Guide, "Amazon SNS notification contents for Amazon SES".
"""

import msgspec

from gatepost.reports import dsn, header, limits, report


class _Address(msgspec.Struct, frozen=True, rename="camel"):
    email_address: str = ""
    action: str = ""
    status: str = ""
    diagnostic_code: str = ""


class _Bounce(msgspec.Struct, frozen=True, rename="camel"):
    bounced_recipients: list[_Address] = []
    bounce_type: str = ""


class _Complaint(msgspec.Struct, frozen=True, rename="camel"):
    complained_recipients: list[_Address] = []
    complaint_feedback_type: str | None = None
    user_agent: str | None = None


class _Delivery(msgspec.Struct, frozen=True, rename="camel"):
    recipients: list[str] = []
    smtp_response: str = ""


class _Header(msgspec.Struct, frozen=True):
    name: str = ""
    value: str = ""


class _Mail(msgspec.Struct, frozen=True, rename="camel"):
    source: str = ""
    message_id: str = ""
    headers: list[_Header] = []


class _Notification(msgspec.Struct, frozen=True, rename="camel"):
    notification_type: str = ""
    event_type: str = ""
    bounce: _Bounce | None = None
    complaint: _Complaint | None = None
    delivery: _Delivery | None = None
    mail: _Mail = _Mail()


class _Envelope(msgspec.Struct, frozen=True):
    message: str = msgspec.field(name="Message", default="")


class Notification(msgspec.Struct, frozen=True):
    """What it says, in this package's own words."""

    recipients: tuple[report.Recipient, ...]
    feedback: tuple[report.Feedback, ...]
    original: report.Original | None


def read(text: str) -> Notification | None:
    """The notification in a text; None where there is none."""
    start = text.find("{")
    if start == -1 or text[:start].strip() or ("otificationType" not in text and "eventType" not in text):
        return None
    found = _decoded(text[start:])
    if found is None or not (found.bounce or found.complaint or found.delivery):
        return None
    returned = _original(found.mail)
    return Notification(_recipients(found), _feedback(found, returned), returned)


def _decoded(text: str) -> _Notification | None:
    """SNS puts the notification as a string into its own envelope, and words about unsubscribing behind it."""
    end = text.find("\n--\n")
    # Sendmail cuts lines at 990 characters with "!" and goes on behind a blank.
    raw = (text if end == -1 else text[:end]).replace("!\n ", "").replace("\n", "")
    try:
        inner = msgspec.json.decode(raw.encode(), type=_Envelope).message
        return msgspec.json.decode((inner or raw).encode(), type=_Notification)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None


def _recipients(found: _Notification) -> tuple[report.Recipient, ...]:
    bounced = found.bounce.bounced_recipients[: limits.RECIPIENTS] if found.bounce is not None else []
    taken = found.delivery.recipients[: limits.RECIPIENTS] if found.delivery is not None else []
    failed = [
        report.Recipient(
            address=one.email_address,
            action=dsn.action_of(one.action, one.status),
            status=dsn.finer(dsn.status_in(one.status), dsn.diagnostic(one.diagnostic_code)),
            reply=dsn.diagnostic(one.diagnostic_code)[: limits.REPLY],
        )
        for one in bounced
    ]
    response = found.delivery.smtp_response[: limits.REPLY] if found.delivery is not None else ""
    done = [
        report.Recipient(one, report.Action.DELIVERED, dsn.status_in(response), response) for one in taken
    ]
    return tuple(failed + done)


def _feedback(found: _Notification, returned: report.Original | None) -> tuple[report.Feedback, ...]:
    if found.complaint is None:
        return ()
    named = tuple(
        one.email_address
        for one in found.complaint.complained_recipients[: limits.RECIPIENTS]
        if one.email_address
    )
    return (
        report.Feedback(
            type=(found.complaint.complaint_feedback_type or "abuse").lower(),
            user_agent=found.complaint.user_agent or "",
            recipients=named,
            redacted=not named,
            original=returned,
        ),
    )


def _original(mail: _Mail) -> report.Original | None:
    fields: dict[str, list[bytes]] = {}
    for one in mail.headers[: limits.FIELDS]:
        fields.setdefault(one.name.lower(), [one.value.encode("utf-8", "replace")])
    if mail.source:
        fields.setdefault("return-path", [f"<{mail.source}>".encode("utf-8", "replace")])
    return report.Original(header.Fields(fields)) if fields else None
