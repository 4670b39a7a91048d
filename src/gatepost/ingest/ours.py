"""Which addresses the inbound listener takes mail for, decided at RCPT.

Guarantees: only what ends here: return paths and unsubscribe addresses with a token that we signed, the feedback address, and
postmaster@ and abuse@ of our domains (RFC 2142, RFC 5321 §4.5.1); everything else is refused, so this is never a relay and
nothing has to be bounced (faults.md B05, B19).
Not here: what then becomes of the mail (``intake``).
"""

import enum
from collections.abc import Iterable

import msgspec

from gatepost.model import address as addresses
from gatepost.model import directory as directories
from gatepost.reports import token as tokens
from gatepost.smtp import replies

FORGED = replies.build(550, "5.1.1", "There is no such return path")
NOT_OURS = replies.build(550, "5.7.1", "This address takes no mail here")
FEEDBACK = "feedback"
_TO_OPERATOR = frozenset({"postmaster", "abuse"})
_SIGNED = ("b.", "u.")  # how local parts begin that only a token may have


class Box(enum.Enum):
    """What an address is for."""

    RETURN_PATH = "return path"
    UNSUBSCRIBE = "unsubscribe"
    FEEDBACK = "feedback"
    OPERATOR = "operator"


class Place(msgspec.Struct, frozen=True):
    """A recipient that is taken. read: its token, where it is one."""

    address: str
    box: Box
    read: tokens.Read | None = None

    @property
    def verified(self) -> bool:
        """Whether a token that still counts let it in."""
        return self.read is not None and self.read.standing is tokens.Standing.VALID


class Ours:
    """For one version of the Directory. hosts: the names of the listener itself."""

    def __init__(self, directory: directories.Directory, keys: tokens.Keys, hosts: Iterable[str]) -> None:
        self._keys = keys
        own = {one.domain for one in directory.sender_domains}
        self._bounce = {one.bounce_domain for one in directory.sender_domains if one.bounce_domain}
        self._bounce |= {host.lower().rstrip(".") for host in hosts}
        self._domains = own | self._bounce

    def place(self, address: addresses.Address, now_ms: int) -> Place | bytes:
        """The place, or the reply that refuses it."""
        local = address.local.lower()
        name = f"{local}@{address.domain}"
        if local.startswith(_SIGNED):
            return self._signed(local, name, now_ms)
        if address.domain in self._bounce and local == FEEDBACK:
            return Place(name, Box.FEEDBACK)
        if address.domain in self._domains and local in _TO_OPERATOR:
            return Place(name, Box.OPERATOR)
        return NOT_OURS

    def _signed(self, local: str, name: str, now_ms: int) -> Place | bytes:
        """A token counts at whatever domain it comes back to: that one may have been changed since."""
        read = tokens.read(local, self._keys, now_ms)
        match read.purpose:
            case tokens.Purpose.RETURN_PATH:
                return Place(name, Box.RETURN_PATH, read)
            case tokens.Purpose.UNSUBSCRIBE:
                return Place(name, Box.UNSUBSCRIBE, read)
            case _:
                ours = name.rpartition("@")[2] in self._domains
                return FORGED if ours else NOT_OURS

    def marks(self, texts: Iterable[str], now_ms: int) -> tokens.Read | None:
        """The best of what stood in headers: one that counts, else one that has expired."""
        expired: tokens.Read | None = None
        for text in texts:
            read = tokens.read(text, self._keys, now_ms)
            if read.purpose not in {tokens.Purpose.DELIVERY, tokens.Purpose.MESSAGE}:
                continue
            if read.standing is tokens.Standing.VALID:
                return read
            expired = expired or read
        return expired
