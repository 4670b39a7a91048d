"""The key ring: which keys sign a sender domain's mail now, by the Directory.

Guarantees: a key is read from its PEM once, at its first signature; a new Directory keeps the keys that it shares with the
old one. A key that cannot be read fails each signature with its name, and nothing else.
A sender domain without keys of its own is signed for by the nearest domain above it that has some: for DMARC their
alignment is relaxed (RFC 7489 §3.1.1). Not here: signing, and who may send from a domain.
"""

from collections.abc import Sequence

from gatepost.dkim import keys, signature
from gatepost.model import directory as directories


class Held:
    """One active key of the Directory, loaded when it is first needed."""

    __slots__ = ("_loaded", "domain", "entry")

    def __init__(self, entry: directories.DkimKey, domain: str) -> None:
        self.entry = entry
        self.domain = domain
        self._loaded: keys.Key | None = None

    @property
    def name(self) -> str:
        """``selector._domainkey.domain``."""
        return f"{self.entry.selector}._domainkey.{self.domain}"

    def signer(self) -> signature.Signer:
        """Ready to sign. Costs a millisecond the first time. Raises BadKey that names it."""
        try:
            if self._loaded is None:
                self._loaded = keys.load(self.entry.private_key.encode(), known=True)
        except keys.BadKey as error:
            raise keys.BadKey(f"{self.name}: {error}") from None
        return signature.Signer(self.domain, self.entry.selector, self._loaded)


class Ring:
    """The active keys of one version of the Directory."""

    def __init__(self, directory: directories.Directory, before: "Ring | None" = None) -> None:
        known = before.held if before is not None else {}
        owners = {domain.id: domain for domain in directory.sender_domains}
        self.held: dict[int, Held] = {}
        self._by_domain: dict[tuple[int, str], list[Held]] = {}
        for entry in sorted(directory.dkim_keys, key=_order):
            owner = owners.get(entry.domain)
            if owner is None or entry.state is not directories.KeyState.ACTIVE:
                continue
            old = known.get(entry.id)
            same = old is not None and (old.entry, old.domain) == (entry, owner.domain)
            held = old if same and old is not None else Held(entry, owner.domain)
            self.held[entry.id] = held
            self._by_domain.setdefault((owner.account, owner.domain), []).append(held)

    def of(self, account: int, domain: str) -> Sequence[Held]:
        """The keys that sign an account's mail from a domain; none: it goes out unsigned."""
        if not self._by_domain:
            return ()
        while domain:
            found = self._by_domain.get((account, domain))
            if found is not None:
                return found
            domain = domain.partition(".")[2]
        return ()


def _order(entry: directories.DkimKey) -> tuple[bool, int]:
    """RSA's signature on top: some receivers look at the first one they understand, some at the first."""
    return entry.algorithm is not directories.KeyAlgorithm.RSA, entry.id


EMPTY = Ring(directories.Directory())
