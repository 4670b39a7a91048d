"""What goes on the wire for one group of deliveries, in this order: return path, header fields, conversion, signatures.

``outgoing`` decides everything but the signatures; whatever changes a byte of the message belongs there. ``transaction``
puts the signatures (of ``gatepost.delivery.signing``) on top, last, and is what the connection sends.
Guarantees: the bytes that were signed are the bytes that are sent; the body's chunks are never copied or joined.
Not here: how a message is converted (``seven_bit``).
"""

from collections.abc import Sequence

import msgspec

from gatepost.delivery import bodies, returning, seven_bit
from gatepost.model import message as messages
from gatepost.model import notify
from gatepost.smtp import client as smtp_client
from gatepost.smtp import extensions


class Outgoing(msgspec.Struct, frozen=True, gc=False):
    """A message on its way out, complete but for its signatures.

    sender: the return path, empty for ``<>``. fields: header fields that this attempt puts on top of ``body``, each with
    its CRLF. body: as accepted, or as converted for the host. account, sender_domain: who signs. reports_until: ms; how long
    a late report can be tied to it by a token, 0 where it has none. asked: the next host is asked for the reports that the
    submitter wants; under a return path of ours they would come to us.
    """

    account: int
    sender_domain: str
    sender: bytes
    recipients: tuple[bytes, ...]
    fields: bytes
    body: bodies.Body
    eight_bit: bool
    smtputf8: bool
    reports_until: int = 0
    asked: bool = False

    @property
    def header(self) -> bytes:
        """Every header field there is, as sent, each with its CRLF."""
        return self.fields + self.body.header


def outgoing(jobs: Sequence[messages.Due], body: bodies.Body, path: returning.Path | None = None) -> Outgoing:
    """One message for deliveries that share message, domain and return path: all changes to it, but the signatures."""
    first = jobs[0]
    return Outgoing(
        account=first.account,
        sender_domain=first.sender_domain,
        sender=first.sender if path is None else path.sender,
        recipients=tuple([job.recipient for job in jobs]),
        fields=b"" if path is None else _fields(path, body),
        body=body,
        eight_bit=first.eight_bit,
        smtputf8=first.utf8,
        reports_until=0 if path is None else path.until,
        asked=first.asked is not None and (path is None or path.sender == first.sender),
    )


def lacks(out: Outgoing, offered: extensions.Extensions) -> bool:
    """Whether a host cannot take the message as it is."""
    return (out.eight_bit and not offered.eight_bit) or (out.smtputf8 and not offered.smtputf8)


def is_fit(address: bytes, offered: extensions.Extensions) -> bool:
    """Whether a host takes the address: domains are A-labels already, and a local part has no other form (RFC 6531 §3.3)."""
    return offered.smtputf8 or address.isascii()


def fitted(out: Outgoing, offered: extensions.Extensions) -> Outgoing:
    """The message as that host can take it; in any thread. Raises seven_bit.Unconvertible. Addresses: see ``is_fit``."""
    lacking = (not offered.eight_bit, out.smtputf8 and not offered.smtputf8)
    body = out.body.fitted.get(lacking)
    if body is None:
        message = b"".join(out.body.chunks)
        if lacking[1]:
            message = seven_bit.header_in_ascii(message)
        if lacking[0]:
            message = seven_bit.converted(message)
        body = out.body.fitted[lacking] = bodies.Body((message,))
    return msgspec.structs.replace(
        out, body=body, eight_bit=not body.chunks[0].isascii(), smtputf8=out.smtputf8 and offered.smtputf8
    )


def _fields(path: returning.Path, body: bodies.Body) -> bytes:
    if not path.leave and not path.feedback:
        return path.fields
    return path.fields + returning.optional(path, body.header)


def transaction(
    out: Outgoing, jobs: Sequence[messages.Due], signatures: bytes = b""
) -> smtp_client.Transaction:
    """The transaction for those of its deliveries that may still go (``jobs``). signatures: DKIM-Signature fields, or none."""
    top = signatures + out.fields
    return smtp_client.Transaction(
        sender=out.sender,
        recipients=out.recipients
        if len(jobs) == len(out.recipients)
        else tuple([job.recipient for job in jobs]),
        body=(top, *out.body.chunks) if top else out.body.chunks,
        size=len(top) + out.body.size,
        eight_bit=out.eight_bit,
        smtputf8=out.smtputf8,
        wanted=_wanted(jobs) if out.asked else None,
    )


def _wanted(jobs: Sequence[messages.Due]) -> smtp_client.Wanted:
    """What was asked for these, as their host is asked in turn (RFC 3461 §5.2.1)."""
    asked = [job.asked or notify.Asked() for job in jobs]
    first = asked[0]
    mail: list[bytes] = []
    if first.ret:
        mail.append(b"RET=%s" % first.ret.name.encode())
    if first.envid:
        mail.append(b"ENVID=%s" % first.envid.encode())
    return smtp_client.Wanted(tuple(mail), tuple([_rcpt_words(one) for one in asked]))


def _rcpt_words(asked: notify.Asked) -> bytes:
    words = b""
    if asked.notify:
        given = asked.notify & ~notify.Notify.DELAY_TOLD
        words += b" NOTIFY=%s" % ",".join(str(one.name) for one in given).encode()
    if asked.orcpt:
        words += b" ORCPT=%s" % asked.orcpt.encode()
    return words
