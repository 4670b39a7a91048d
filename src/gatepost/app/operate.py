"""What an operator changes: through the control socket where a gateway runs, else in the store itself.

Guarantees: the same verbs with the same meaning either way.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from gatepost.app import control
from gatepost.model import directory as directories
from gatepost.model import result as results
from gatepost.model import settlement as settlements
from gatepost.model import suppression as suppressions
from gatepost.store import port

_Entries = tuple[tuple[suppressions.Suppression, ...], str, bool]
_Changes = tuple[tuple[directories.Change, ...], str]
_Settlement = settlements.Settlement | None
_Cancel = tuple[tuple[int, ...], str, str]

_encode = msgspec.json.Encoder().encode


class Operator(Protocol):
    """The verbs."""

    async def suppress(
        self, entries: Sequence[suppressions.Suppression], actor: str, *, keep: bool = False
    ) -> list[bool]:
        """See the store's port."""
        ...

    async def release(
        self, entries: Sequence[suppressions.Suppression], actor: str, *, exact: bool = False
    ) -> list[bool]:
        """See the store's port."""
        ...

    async def change_directory(
        self, changes: Sequence[directories.Change], actor: str
    ) -> directories.Directory:
        """See the store's port."""
        ...

    async def cancel(self, deliveries: Sequence[int], actor: str, reason: str) -> list[bool]:
        """End open deliveries. True: it was open."""
        ...

    async def file(self, batch: Sequence[results.Reported]) -> Sequence[_Settlement]:
        """File reports that came in elsewhere. None: it was filed before."""
        ...


class Local:
    """Over a store that this process has open."""

    def __init__(self, store: port.Store, decide: port.Decide) -> None:
        self._store = store
        self._decide = decide

    async def suppress(
        self, entries: Sequence[suppressions.Suppression], actor: str, *, keep: bool = False
    ) -> list[bool]:
        """See the store's port."""
        return await self._store.suppress(entries, actor, keep=keep)

    async def release(
        self, entries: Sequence[suppressions.Suppression], actor: str, *, exact: bool = False
    ) -> list[bool]:
        """See the store's port."""
        return await self._store.release(entries, actor, exact=exact)

    async def change_directory(
        self, changes: Sequence[directories.Change], actor: str
    ) -> directories.Directory:
        """See the store's port."""
        return await self._store.change_directory(changes, actor)

    async def cancel(self, deliveries: Sequence[int], actor: str, reason: str) -> list[bool]:
        """End open deliveries."""
        wanted = [results.Cancelled(delivery, actor, reason) for delivery in deliveries]
        return [done is not None for done in await self._store.settle(wanted, self._decide)]

    async def file(self, batch: Sequence[results.Reported]) -> Sequence[_Settlement]:
        """File reports that came in elsewhere."""
        return await self._store.settle(batch, self._decide)


class Remote:
    """Through the control socket of a running gateway."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir

    async def suppress(
        self, entries: Sequence[suppressions.Suppression], actor: str, *, keep: bool = False
    ) -> list[bool]:
        """See the store's port."""
        answer = await control.call(self._data_dir, "suppress", _encode((entries, actor, keep)))
        return msgspec.json.decode(answer, type=list[bool])

    async def release(
        self, entries: Sequence[suppressions.Suppression], actor: str, *, exact: bool = False
    ) -> list[bool]:
        """See the store's port."""
        answer = await control.call(self._data_dir, "release", _encode((entries, actor, exact)))
        return msgspec.json.decode(answer, type=list[bool])

    async def change_directory(
        self, changes: Sequence[directories.Change], actor: str
    ) -> directories.Directory:
        """See the store's port."""
        answer = await control.call(self._data_dir, "change_directory", _encode((changes, actor)))
        return msgspec.json.decode(answer, type=directories.Directory)

    async def cancel(self, deliveries: Sequence[int], actor: str, reason: str) -> list[bool]:
        """End open deliveries."""
        answer = await control.call(self._data_dir, "cancel", _encode((deliveries, actor, reason)))
        return msgspec.json.decode(answer, type=list[bool])

    async def file(self, batch: Sequence[results.Reported]) -> Sequence[_Settlement]:
        """File reports that came in elsewhere."""
        answer = await control.call(self._data_dir, "file", _encode(batch))
        return msgspec.json.decode(answer, type=list[_Settlement])


def handlers(
    store: port.Store, decide: port.Decide, figures: Callable[[], dict[str, dict[str, int]]]
) -> dict[str, control.Handler]:
    """The control socket's verbs, over the parent's store."""
    local = Local(store, decide)

    async def suppress(raw: bytes) -> bytes:
        entries, actor, keep = msgspec.json.decode(raw, type=_Entries)
        return _encode(await local.suppress(entries, actor, keep=keep))

    async def release(raw: bytes) -> bytes:
        entries, actor, exact = msgspec.json.decode(raw, type=_Entries)
        return _encode(await local.release(entries, actor, exact=exact))

    async def change_directory(raw: bytes) -> bytes:
        return _encode(await local.change_directory(*msgspec.json.decode(raw, type=_Changes)))

    async def cancel(raw: bytes) -> bytes:
        return _encode(await local.cancel(*msgspec.json.decode(raw, type=_Cancel)))

    async def file(raw: bytes) -> bytes:
        return _encode(await local.file(msgspec.json.decode(raw, type=list[results.Reported])))

    async def status(_: bytes) -> bytes:
        return _encode(figures())

    return {
        "suppress": suppress,
        "release": release,
        "change_directory": change_directory,
        "cancel": cancel,
        "file": file,
        "status": status,
    }


async def operator(store: port.Store, data_dir: Path, decide: port.Decide) -> Operator:
    """The running gateway, or else the store itself."""
    try:
        await control.call(data_dir, "status", b"null")
    except control.NotRunning:
        return Local(store, decide)
    return Remote(data_dir)
