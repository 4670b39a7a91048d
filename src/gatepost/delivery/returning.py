"""Under which return path a message leaves, and with which token in its header.

Guarantees: ``MAIL FROM:<>`` is never rewritten; a return path of ours names one delivery alone; a message's tokens are the same
at every try. Where neither is wanted, ``Paths`` is not ``active`` and costs a mail nothing.
Not here: whether a bounce domain is right (``gatepost.upkeep.proving``), what comes back (``gatepost.ingest``).
"""

from collections.abc import Sequence

import msgspec

from gatepost.model import directory as directories
from gatepost.model import ids
from gatepost.model import message as messages
from gatepost.reports import token as tokens

Group = list[messages.Due]
_KNOWN = 10_000  # sender domains whose bounce domain is remembered: a Bridge may use any subdomain


class Path(msgspec.Struct, frozen=True, gc=False):
    """What one group leaves with. sender: MAIL FROM. fields: for the top of the message, each with its CRLF. until: ms; how long
    a late report can be tied to it.
    """

    sender: bytes
    fields: bytes
    until: int


class Paths:
    """For one version of the Directory. marked: whether reports can come back, so that a token in the header makes sense."""

    def __init__(
        self, domains: Sequence[directories.SenderDomain], keys: tokens.Keys, *, marked: bool
    ) -> None:
        self._keys = keys
        self._marked = marked and bool(keys)
        self._bounce = {(one.account, one.domain): one.bounce_domain for one in domains if one.verp and keys}
        self._known: dict[tuple[int, str], str] = {}
        self.active = bool(self._bounce) or self._marked

    def divided(self, group: Group, source: directories.Source) -> list[Group]:
        """The groups that it makes: one for each delivery where each has its own return path."""
        if len(group) == 1 or not self._verp(group[0], source):
            return [group]
        return [[due] for due in group]

    def of(self, due: messages.Due, source: directories.Source) -> Path | None:
        """The path of a group that begins with this delivery; None: as it was submitted."""
        key = self._keys.signing(ids.time_ms(due.id))
        if key is None:
            return None
        until = due.expires_at + tokens.HEADER_MS
        domain = self._verp(due, source)
        if domain:
            back = tokens.make(
                tokens.Purpose.RETURN_PATH, due.id, due.expires_at + tokens.RETURN_PATH_MS, key
            )
            mark = tokens.make(tokens.Purpose.DELIVERY, due.id, until, key)
            return Path(f"{back}@{domain}".encode(), _field(mark), until)
        if not self._marked:
            return None
        mark = tokens.make(tokens.Purpose.MESSAGE, due.message, until, key)
        return Path(due.sender, _field(mark), until)

    def _verp(self, due: messages.Due, source: directories.Source) -> str:
        """The bounce domain, or empty. A smarthost's address is not in our SPF."""
        if not self._bounce or not due.sender or source.smarthost:
            return ""
        asked = (due.account, due.sender_domain)
        found = self._known.get(asked)
        if found is None:
            if len(self._known) >= _KNOWN:
                self._known.clear()
            found = self._known[asked] = self._find(*asked)
        return found

    def _find(self, account: int, domain: str) -> str:
        """Of the domain itself, or of the nearest one above it: who holds a domain holds what is under it."""
        while domain:
            found = self._bounce.get((account, domain))
            if found is not None:
                return found
            domain = domain.partition(".")[2]
        return ""


def _field(token: str) -> bytes:
    return f"{tokens.HEADER}: {token}\r\n".encode()


NONE = Paths((), tokens.Keys(()), marked=False)
