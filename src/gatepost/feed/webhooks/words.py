"""What a dialect can say of an event: every word that a file in ``dialects`` may use. Pure.

Guarantees: a word that has no value is None, and what is made of it alone is left out.
"""

import hashlib
import uuid
from collections.abc import Mapping

import msgspec

from gatepost.model import event as events
from gatepost.model import ids
from gatepost.model import message as messages
from gatepost.model import moment as moments
from gatepost.model import reply as replies

_SUPPRESSED = (
    "suppressed ("  # how the event's detail begins that names the entry (policy.provenance.entry_words)
)


def id_of(event: events.Event) -> str:
    """The same for one event for ever, and no other's; also another installation's are others."""
    return f"evt_{event.at:x}_{event.seq:x}"


def of(event: events.Event, message: messages.Message | None) -> dict[str, object]:
    """Every word. message: the event's, as far as it is kept."""
    reply = replies.escaped(event.reply) if event.reply else None
    detail = event.detail or None
    tags = event.tags.split(",") if event.tags else []
    return {
        **_of_message(event, message),
        "id": id_of(event),
        "uuid": str(uuid.uuid5(uuid.NAMESPACE_URL, id_of(event))),
        "token": hashlib.blake2b(id_of(event).encode(), digest_size=25).hexdigest(),
        "seq": event.seq,
        "at": moments.text(event.at),
        "at_s": event.at // 1000,
        "at_f": event.at / 1000,
        "recipient": event.recipient or None,
        "domain": event.domain or None,
        "list": event.list or None,
        "campaign": event.campaign or None,
        "tags": tags,
        "tag": tags[0] if tags else None,
        "category": event.category or None,
        "family": event.category.partition(".")[0] or None,
        "outcome": event.outcome.word if event.outcome is not None else None,
        "because": _because(event),
        "code": event.code or None,
        "status": event.enhanced or (f"{event.code // 100}.0.0" if event.code else None),
        "reply": reply,
        "detail": detail,
        "reply_or_detail": reply or detail,
        "diagnostic": f"smtp; {reply}" if reply else detail,
        "attempt": event.attempt or None,
        "attempt_text": str(event.attempt) if event.attempt else None,
        "duration_ms": event.duration_ms or None,
        "ehlo": event.ehlo or None,
        "local_ip": event.local_ip or None,
        "peer_ip": event.peer_ip or None,
        "peer_host": event.peer_host or None,
        "tls": int(event.tls.startswith("TLS")) if event.tls else None,
        "tls_bool": event.tls.startswith("TLS") if event.tls else None,
    }


def _of_message(event: events.Event, message: messages.Message | None) -> dict[str, object]:
    """What only the message's row knows."""
    names: dict[str, object] = {
        "message": ids.to_text(event.message) if event.message else None,
        "metadata": {},
    }
    if message is None:
        return names
    return {
        **names,
        "sender": replies.escaped(message.sender) or None,
        "subject": message.subject or None,
        "message_id": message.message_id or None,
        "message_id_bare": message.message_id.strip("<>") or None,
        "metadata": _metadata(message.metadata),
        "metadata_json": message.metadata or None,
        "size": message.size,
        "received_at": moments.text(message.received_at),
        "expires_at": moments.text(message.expires_at),
    }


def _metadata(text: str) -> Mapping[str, object]:
    """As the submitter gave it."""
    try:
        return msgspec.json.decode(text or "{}", type=dict[str, object])
    except msgspec.DecodeError:
        return {}


def _because(event: events.Event) -> str | None:
    """The reason of the suppression that stood against a recipient."""
    if not event.detail.startswith(_SUPPRESSED):
        return None
    return event.detail.removeprefix(_SUPPRESSED).partition(")")[0]
