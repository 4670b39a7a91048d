"""Who may send, indexed for look-up: an immutable view of one version of the Directory.

Guarantees: a Book never changes; whoever needs the present asks ``Shelf.book()`` again, at every MAIL and every HTTP
request, so that a revoked or rotated credential stops within the interval of ``Shelf.follow`` also in open sessions
(faults.md C06). Revoked Bridges are not in it. Not here: writing the Directory (the store), secrets (``credentials``).
"""

import asyncio
from collections.abc import Iterable, Iterator
from typing import Protocol, TypeVar

import msgspec

from gatepost import errors
from gatepost.ingest import settings as ingest_settings
from gatepost.model import directory as directories
from gatepost.store import credentials

_V = TypeVar("_V")
FOLLOW_S = 0.5  # revocation is promised within one second


class Sending(msgspec.Struct, frozen=True):
    """A Bridge with all that its mail needs.

    domains: what it may use in MAIL FROM and From. sources: its Pool's, without the disabled and weightless ones; weights: theirs.
    notifies: whether its senders are told by mail of what fails.
    """

    bridge: directories.Bridge
    account: str
    domains: frozenset[str]
    sources: tuple[directories.Source, ...]
    weights: tuple[int, ...]
    notifies: bool = False


class Grant(msgspec.Struct, frozen=True):
    """What an AUTH gave: the Bridge, and the MAC of the password it was given for (empty: by its network)."""

    bridge: int
    mac: bytes = b""


class Book:
    """The Bridges of one version of the Directory, by number, name and API key."""

    def __init__(self, directory: directories.Directory) -> None:
        self.version = directory.version
        accounts = {account.id: account.name for account in directory.accounts}
        domains = _grouped((entry.account, entry.domain) for entry in directory.sender_domains)
        sources = _grouped((s.pool, s) for s in directory.sources if s.usable)
        self._by_id: dict[int, Sending] = {}
        self._by_key: dict[bytes, Sending] = {}
        self._by_name: dict[str, Sending | None] = {}
        for bridge in directory.bridges:
            if bridge.revoked_at:
                continue
            own = tuple(sources.get(bridge.pool, ()))
            sending = Sending(
                bridge=bridge,
                account=accounts.get(bridge.account, ""),
                domains=frozenset(bridge.sender_domains or domains.get(bridge.account, ())),
                sources=own,
                weights=tuple(source.weight for source in own),
                notifies=directory.notifies(bridge),
            )
            self._enter(sending)

    def _enter(self, sending: Sending) -> None:
        bridge = sending.bridge
        self._by_id[bridge.id] = sending
        if bridge.key_mac:
            self._by_key[bridge.key_mac] = sending
        self._by_name[f"{sending.account}/{bridge.name}"] = sending
        # A name that two accounts use means neither: such a Bridge logs in as account/name.
        self._by_name[bridge.name] = None if bridge.name in self._by_name else sending

    def by_id(self, bridge: int) -> Sending | None:
        """The Bridge with that number, unless it is revoked."""
        return self._by_id.get(bridge)

    def by_name(self, name: str) -> Sending | None:
        """The Bridge that logs in as ``name``, or as ``account/name`` where the name alone is not unique."""
        return self._by_name.get(name)

    def missing(
        self, listeners: Iterable[ingest_settings.ListenerSettings], inbound: ingest_settings.InboundSettings
    ) -> Iterator[errors.BadInput]:
        """What is wrong with listeners that stand for a Bridge which is not there: nobody gets in without AUTH, or the
        operator hears nothing.
        """
        if inbound.bridge and self.by_name(inbound.bridge) is None:
            yield errors.BadInput(
                "inbound.bridge", f"{inbound.bridge!r} is no Bridge, or its name is not unique"
            )
        for index, one in enumerate(listeners):
            if one.bridge and self.by_name(one.bridge) is None:
                yield errors.BadInput(
                    f"listener[{index}].bridge", f"{one.bridge!r} is no Bridge, or its name is not unique"
                )

    def by_password(self, name: str, password: str | bytes, pepper: bytes) -> Sending | None:
        """The Bridge whose name and SMTP password these are; equally slow whatever is wrong."""
        sending = self._by_name.get(name)
        kept = sending.bridge.password_mac if sending else None
        return sending if credentials.matches(kept, pepper, password) else None

    def by_key(self, key: str | bytes, pepper: bytes) -> Sending | None:
        """The Bridge whose API key this is. The look-up is by MAC, so its time tells nothing about any key."""
        return self._by_key.get(credentials.mac(pepper, key))

    def granted(self, grant: Grant) -> Sending | None:
        """The Bridge of an open session, as long as what it logged in with still holds."""
        sending = self._by_id.get(grant.bridge)
        if sending is None or (grant.mac and sending.bridge.password_mac != grant.mac):
            return None
        return sending


class DirectoryReader(Protocol):
    """The part of the store that a Shelf needs."""

    async def directory(self) -> directories.Directory:
        """All of it at the current version."""
        ...

    async def directory_version(self) -> int:
        """Its version alone."""
        ...


class Shelf:
    """Holds the newest Book of a process."""

    def __init__(self, directory: directories.Directory | None = None) -> None:
        self._book = Book(directory or directories.Directory())

    def book(self) -> Book:
        """The newest one; never keep it over an await."""
        return self._book

    def replace(self, directory: directories.Directory) -> None:
        """Take a newer version of the Directory; an older one is ignored."""
        if directory.version >= self._book.version:
            self._book = Book(directory)

    async def refresh(self, store: DirectoryReader) -> bool:
        """Ask for the version, and read the Directory if it has risen. True: it had."""
        if await store.directory_version() == self._book.version:
            return False
        self.replace(await store.directory())
        return True

    async def follow(self, store: DirectoryReader, every_s: float = FOLLOW_S) -> None:
        """Keep the Book as new as the store until cancelled."""
        while True:
            await self.refresh(store)
            await asyncio.sleep(every_s)


def _grouped(pairs: Iterable[tuple[int, _V]]) -> dict[int, list[_V]]:
    found: dict[int, list[_V]] = {}
    for key, value in pairs:
        found.setdefault(key, []).append(value)
    return found
