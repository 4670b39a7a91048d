"""From a report that was read to the Result that is settled: whose delivery it is about, and what it tells.

Pure. Guarantees: what a token did not name is never guessed from addresses (faults.md F01); good news, automatic answers and
complaints about something else than spam are notices, which change nothing (F05).
Not here: what follows (``gatepost.policy.reported``).
"""

import enum
import hashlib
from collections.abc import Callable

import msgspec

from gatepost.ingest import ours
from gatepost.model import late
from gatepost.model import reply as replies
from gatepost.model import result as results
from gatepost.model import verdict as verdicts
from gatepost.reports import token as tokens

Box = ours.Box
Category = verdicts.Category
Kind = late.Kind

MAX_TOLD = 20  # recipients of one report that are judged: a return path has one
_COMPLAINTS = frozenset({"", "abuse"})  # JMRP's reduced form names no type
_OPT_OUT = frozenset({"opt-out", "opt-out-list"})
_NOT_SPAM = "not-spam"

Judge = Callable[[replies.Reply, str], verdicts.Verdict]  # a diagnostic and the host that gave it


class Of(enum.StrEnum):
    """What a mail is."""

    DSN = "dsn"
    ARF = "arf"
    AUTOREPLY = "autoreply"
    UNSUBSCRIBE = "unsubscribe"
    OTHER = "other"


class Line(msgspec.Struct, frozen=True):
    """What a DSN says of one recipient. addresses: every form in which it names them. action: RFC 3464's word. code, raw: the
    diagnostic as a reply. host: who gave it.
    """

    addresses: tuple[str, ...]
    action: str
    code: int
    raw: bytes
    host: str = ""


class Gist(msgspec.Struct, frozen=True):
    """What the listener needs to know of a mail. feedback: the types of an ARF, empty for one without. notice: which automatic
    answer. agent: who made an ARF; mta: who made a DSN. marks: the header tokens of the message that it is about. flawed:
    something in it was over a limit or could not be read.
    """

    kind: Of
    lines: tuple[Line, ...] = ()
    feedback: tuple[str, ...] = ()
    notice: str = ""
    agent: str = ""
    mta: str = ""
    marks: tuple[str, ...] = ()
    flawed: bool = False


class Received(msgspec.Struct, frozen=True):
    """A mail that was taken. at: ms."""

    sender: str
    places: tuple[ours.Place, ...]
    peer_ip: str
    raw: bytes
    at: int


class Tie(msgspec.Struct, frozen=True):
    """The delivery that a token names, 0 for none, and what the token was worth. of_message: it is the message's."""

    delivery: int
    standing: late.Standing
    of_message: bool = False


UNTIED = Tie(0, late.Standing.UNVERIFIED)


def marks(gist: Gist | None, raw: bytes) -> list[str]:
    """Every header token in a mail, those of the message that it is about first."""
    return [*(gist.marks if gist is not None else ()), *tokens.in_headers(raw)]


def tie(place: ours.Place, mark: tokens.Read | None) -> Tie:
    """The envelope's own token counts before any in the report."""
    read = place.read or mark
    if read is None:
        return UNTIED
    valid = read.standing is tokens.Standing.VALID
    standing = late.Standing.VERIFIED if valid else late.Standing.EXPIRED
    of_message = read.purpose is tokens.Purpose.MESSAGE
    return Tie(read.about + 1 if of_message else read.about, standing, of_message)


def reported(
    received: Received, place: ours.Place, tied: Tie, gist: Gist | None, judge: Judge
) -> results.Reported:
    """The Result. gist: None where it could not be read."""
    found = _Found(Kind.NOTICE, detail="could not be read")
    if place.box is Box.UNSUBSCRIBE:
        found = _Found(Kind.UNSUBSCRIBE, detail="by mail")
    elif gist is not None:
        found = _what(gist)
    told: tuple[late.Told, ...] = ()
    if found.kind is Kind.BOUNCE and gist is not None:
        told = tuple(_told(one, judge) for one in gist.lines[:MAX_TOLD])
    digest = hashlib.sha256(received.raw + b"\0" + place.address.encode()).digest()
    filed = late.Filed(
        digest=digest,
        at=received.at,
        kind=found.kind,
        standing=tied.standing,
        sender=received.sender,
        recipient=place.address,
        peer_ip=received.peer_ip,
        size=len(received.raw),
        raw=received.raw,
        delivery=tied.delivery,
    )
    return results.Reported(
        delivery=tied.delivery,
        filed=filed,
        told=told,
        of_message=tied.of_message,
        category=found.category.value if found.category is not None else "",
        detail=found.detail,
    )


class _Found(msgspec.Struct, frozen=True):
    """category: of a notice. detail: a line for people."""

    kind: Kind
    category: Category | None = None
    detail: str = ""


def _what(gist: Gist) -> _Found:
    match gist.kind:
        case Of.DSN:
            return _of_dsn(gist)
        case Of.ARF:
            return _of_feedback(gist)
        case Of.AUTOREPLY:
            return _Found(Kind.NOTICE, Category.FEEDBACK_AUTOREPLY, gist.notice or "automatic answer")
        case Of.UNSUBSCRIBE:
            return _Found(Kind.UNSUBSCRIBE, detail="by mail")
        case Of.OTHER:
            return _Found(Kind.NOTICE, detail=gist.notice or "no report")


def _of_dsn(gist: Gist) -> _Found:
    if any(one.action == _FAILED for one in gist.lines):
        return _Found(Kind.BOUNCE, detail=f"bounce mail from {gist.mta}" if gist.mta else "bounce mail")
    words = sorted({one.action for one in gist.lines})
    detail = f"delivery status: {', '.join(words) or 'none'}"
    return _Found(Kind.NOTICE, Category.FEEDBACK_AUTOREPLY, detail)


def _of_feedback(gist: Gist) -> _Found:
    kinds = set(gist.feedback)
    detail = ", ".join(sorted(kind or "complaint" for kind in kinds)) + (
        f" from {gist.agent}" if gist.agent else ""
    )
    if kinds & _COMPLAINTS:
        return _Found(Kind.COMPLAINT, detail=detail)
    if kinds & _OPT_OUT:
        return _Found(Kind.UNSUBSCRIBE, detail=detail)
    return _Found(Kind.NOTICE, Category.FEEDBACK_NOT_SPAM if _NOT_SPAM in kinds else None, detail)


_FAILED = "failed"


def _told(one: Line, judge: Judge) -> late.Told:
    reply = replies.Reply(one.code, one.raw)
    return late.Told(one.addresses, one.action == _FAILED, reply, judge(reply, one.host))
