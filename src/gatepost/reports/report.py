"""What a report says, as frozen values. See RFC 3464 (DSN), RFC 5965 (ARF), RFC 3834 (automatic answers)."""

import enum

import msgspec

from gatepost.model import reply as replies
from gatepost.reports import header


class Kind(enum.StrEnum):
    """What a mail is. ``dsn``: any delivery status, also good news, and bounces in prose."""

    DSN = "dsn"
    ARF = "arf"
    AUTOREPLY = "autoreply"
    UNSUBSCRIBE = "unsubscribe"
    OTHER = "other"


class Action(enum.StrEnum):
    """What became of a recipient's copy (RFC 3464 §2.3.3)."""

    FAILED = "failed"
    DELAYED = "delayed"
    DELIVERED = "delivered"
    RELAYED = "relayed"
    EXPANDED = "expanded"


class Recipient(msgspec.Struct, frozen=True):
    """One recipient that a DSN speaks of.

    address: whom the report is about; empty where only a name without a domain is given. original: Original-Recipient,
    what we wrote in RCPT, where it is known. action: None where the report does not tell. status: ``5.1.1`` or empty.
    reply: the diagnostic text without its type. remote_mta: who refused.
    """

    address: str
    action: Action = Action.FAILED
    status: str = ""
    reply: str = ""
    original: str = ""
    final: str = ""
    remote_mta: str = ""


class Original(msgspec.Struct, frozen=True):
    """The header of the message that the report is about, as far as it was returned."""

    fields: header.Fields

    def get(self, name: str) -> str:
        """The first field of that name (in lower case), unfolded, its encoded words as they are; or empty."""
        return self.fields.get(name)

    @property
    def message_id(self) -> str:
        """Its Message-ID without the angle brackets, or empty."""
        return bare_id(self.get("message-id"))


class Feedback(msgspec.Struct, frozen=True):
    """One feedback report (RFC 5965 §3, RFC 6591). Values as given; type in lower case, empty where none is given: then it
    is a complaint (JMRP and the loops before ARF have no other).

    recipients: addresses of the complainants, without redacted ones. redacted: the report withholds them. original: the
    header of the message complained about.
    """

    type: str
    user_agent: str = ""
    version: str = ""
    original_mail_from: str | None = None
    original_rcpt_to: tuple[str, ...] = ()
    removal_recipient: tuple[str, ...] = ()
    reported_domain: tuple[str, ...] = ()
    reported_uri: tuple[str, ...] = ()
    source_ip: str = ""
    arrival_date: str = ""
    reporting_mta: str = ""
    auth_failure: str = ""
    incidents: int = 1
    recipients: tuple[str, ...] = ()
    redacted: bool = False
    original: Original | None = None


class Report(msgspec.Struct, frozen=True):
    """All that a mail says.

    original: the embedded message's header, None where nothing was returned. notice: which automatic answer it is:
    ``vacation``, ``challenge``, ``mdn``, ``dmarc``, ``tls-rpt`` … problems: what was not read, and why.
    sender, to, subject, message_id, reporting_mta: of the report itself.
    """

    kind: Kind
    recipients: tuple[Recipient, ...] = ()
    feedback: tuple[Feedback, ...] = ()
    original: Original | None = None
    notice: str = ""
    sender: str = ""
    to: str = ""
    subject: str = ""
    message_id: str = ""
    reporting_mta: str = ""
    problems: tuple[str, ...] = ()

    @property
    def original_message_id(self) -> str:
        """The Message-ID of the message that the report is about: the embedded one counts. Empty where unknown."""
        if self.original is not None:
            return self.original.message_id
        return next((f.original.message_id for f in self.feedback if f.original is not None), "")


def bare_id(text: str) -> str:
    """A Message-ID without its angle brackets and what surrounds them."""
    start = text.find("<")
    end = text.find(">", start + 1)
    return text[start + 1 : end] if 0 <= start < end else text.strip().split(" ")[0].strip("<>")


def said(recipient: Recipient) -> replies.Reply:
    """The diagnostic as a reply for the classifier: its own codes, or those that the report gives beside it.

    RFC 3464 §2.3.4: Status is mandatory, the text is not; a text without any code counts as 5xx when delivery failed.
    """
    text = recipient.reply
    code = int(text[:3]) if text[:3].isascii() and text[:3].isdigit() and not text[3:4].isdigit() else 0
    if not 200 <= code <= 599:
        code = _code(recipient)
        enhanced = recipient.status if recipient.status not in text and code else ""
        text = " ".join(piece for piece in (str(code) if code else "", enhanced, text) if piece)
    raw = text.encode("utf-8", "replace")
    return replies.Reply(code, raw, replies.Stage.UNKNOWN)


def _code(recipient: Recipient) -> int:
    if recipient.status[:1] in {"2", "4", "5"}:
        return int(recipient.status[0]) * 100 + 50
    return {Action.FAILED: 550, Action.DELAYED: 450}.get(recipient.action, 250)
