"""Under which return path a message leaves, with which token in its header, where its recipient may leave, and its Feedback-ID.

Guarantees: ``MAIL FROM:<>`` is never rewritten; a return path of ours names one delivery alone; a message's tokens are the same
at every try. A way to leave (RFC 8058) is added only to bulk mail with a list, which we sign, and which says nothing of that kind
itself; a Feedback-ID to all that we sign and that has none. Where nothing of this is wanted, ``Paths`` is not ``active`` and costs a mail nothing.
Not here: whether a bounce domain is right (``gatepost.upkeep.proving``), what comes back (``gatepost.ingest``).
"""

import re
from collections.abc import Callable, Mapping, Sequence

import msgspec

from gatepost.delivery import feedback
from gatepost.model import directory as directories
from gatepost.model import ids
from gatepost.model import message as messages
from gatepost.reports import token as tokens

Group = list[messages.Due]
_KNOWN = 10_000  # sender domains whose bounce domain is remembered: a Bridge may use any subdomain


class Path(msgspec.Struct, frozen=True, gc=False):
    """What one group leaves with. sender: MAIL FROM. fields: for the top of the message, each with its CRLF. until: ms; how long
    a late report can be tied to it, 0: not at all. leave, feedback: fields that are added where the message's header allows
    (``may_add``).
    """

    sender: bytes
    fields: bytes
    until: int
    leave: bytes = b""
    feedback: bytes = b""


class Paths:
    """For one version of the Directory. marked: whether reports can come back, so that a token in the header makes sense.
    signer: the domain whose keys sign an account's mail from a domain, or empty. bridges: their names, by number.
    """

    def __init__(
        self,
        domains: Sequence[directories.SenderDomain],
        keys: tokens.Keys,
        *,
        marked: bool,
        signer: Callable[[int, str], str] = lambda account, domain: "",  # noqa: ARG005 - unsigned unless told
        bridges: Mapping[int, str] | None = None,
    ) -> None:
        self._keys = keys
        self._marked = marked and bool(keys)
        self._bounce = {(one.account, one.domain): one.bounce_domain for one in domains if one.verp and keys}
        self._leave = {
            (one.account, one.domain): one.unsubscribe_url for one in domains if one.unsubscribe_url and keys
        }
        self._signer = signer
        self._bridges = bridges or {}
        self._known: dict[tuple[int, str], str] = {}
        self.active = bool(self._bounce or self._leave or self._bridges) or self._marked

    def divided(self, group: Group, source: directories.Source) -> list[Group]:
        """The groups that it makes: one for each delivery where each has its own return path."""
        if len(group) == 1 or not (self._verp(group[0], source) or self._url(group[0])):
            return [group]
        return [[due] for due in group]

    def of(self, due: messages.Due, source: directories.Source) -> Path | None:
        """The path of a group that begins with this delivery; None: as it was submitted."""
        feedback_id = self._feedback(due)
        key = self._keys.signing(ids.time_ms(due.id))
        if key is None:
            return Path(due.sender, b"", 0, feedback=feedback_id) if feedback_id else None
        until = due.expires_at + tokens.HEADER_MS
        domain, url = self._verp(due, source), self._url(due)
        leave = (
            _leaving(tokens.make(tokens.Purpose.UNSUBSCRIBE, due.id, until, key), url, domain) if url else b""
        )
        if domain:
            back = tokens.make(
                tokens.Purpose.RETURN_PATH, due.id, due.expires_at + tokens.RETURN_PATH_MS, key
            )
            mark = tokens.make(tokens.Purpose.DELIVERY, due.id, until, key)
            return Path(f"{back}@{domain}".encode(), _field(mark), until, leave, feedback_id)
        if self._marked:
            mark = tokens.make(tokens.Purpose.MESSAGE, due.message, until, key)
            return Path(due.sender, _field(mark), until, leave, feedback_id)
        if leave:
            return Path(due.sender, b"", until, leave, feedback_id)
        return Path(due.sender, b"", 0, feedback=feedback_id) if feedback_id else None

    def _feedback(self, due: messages.Due) -> bytes:
        """Empty for what nobody submitted as a campaign: mail from ``<>``, and what we do not sign."""
        bridge = self._bridges.get(due.bridge)
        if bridge is None or not due.sender:
            return b""
        domain = self._signer(due.account, due.sender_domain)
        return feedback.field(due.campaign, due.list, bridge, domain) if domain else b""

    def _url(self, due: messages.Due) -> str:
        """Where the recipient of this mail may leave, or empty."""
        if not self._leave or not due.list or due.priority is not messages.Priority.BULK:
            return ""
        url = _nearest(self._leave, due.account, due.sender_domain)
        return url if url and self._signer(due.account, due.sender_domain) else ""

    def _verp(self, due: messages.Due, source: directories.Source) -> str:
        """The bounce domain, or empty. A smarthost's address is not in our SPF."""
        if not self._bounce or not due.sender or source.smarthost:
            return ""
        asked = (due.account, due.sender_domain)
        found = self._known.get(asked)
        if found is None:
            if len(self._known) >= _KNOWN:
                self._known.clear()
            found = self._known[asked] = _nearest(self._bounce, *asked)
        return found


def optional(path: Path, header: bytes) -> bytes:
    """The fields of a path that depend on what stands in the message's header already."""
    low = b"\n" + header.lower()
    leave = path.leave if path.leave and may_add(low, b"list-unsubscribe") else b""
    return leave + path.feedback if path.feedback and may_add(low, b"feedback-id") else leave


def may_add(low: bytes, name: bytes) -> bool:
    """Whether fields whose names begin so may be added: the message has none, and no signature of another says that it has none.

    low: its header in lower case behind a line feed.
    """
    if b"\n" + name in low:
        return False
    return b"\ndkim-signature:" not in low or not any(
        name in _SPACE.sub(b"", found[0]) for found in _SIGNATURE.finditer(low)
    )


_SIGNATURE = re.compile(rb"\ndkim-signature:.*(?:\n[ \t].*)*")
_SPACE = re.compile(rb"[ \t\r\n]+")


def _nearest(of: Mapping[tuple[int, str], str], account: int, domain: str) -> str:
    """Of the domain itself, or of the nearest one above it: who holds a domain holds what is under it."""
    while domain:
        found = of.get((account, domain))
        if found is not None:
            return found
        domain = domain.partition(".")[2]
    return ""


def _leaving(token: str, url: str, bounce_domain: str) -> bytes:
    """RFC 2369 §3.2 and RFC 8058 §3.1."""
    mail = f",\r\n <mailto:{token}@{bounce_domain}?subject=unsubscribe>" if bounce_domain else ""
    return (
        f"List-Unsubscribe: <{url}{token}>{mail}\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
    ).encode()


def _field(token: str) -> bytes:
    return f"{tokens.HEADER}: {token}\r\n".encode()


NONE = Paths((), tokens.Keys(()), marked=False)
