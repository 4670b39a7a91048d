"""Hands groups of deliveries to their connections: body, composition, signatures, what stands against each, and off.

Guarantees: what stands against a recipient is read last, right before MAIL is written (design.md §3); what may not be
sent after all is settled or put back, and its connection is free again. Groups without keys do not wait for those with.
Not here: which group goes on which connection (``desk``, ``worker``), what answers mean.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Sequence

import msgspec

from gatepost.delivery import (
    bodies,
    clearance,
    compose,
    desk,
    returning,
    session,
    settling,
    seven_bit,
    signing,
)
from gatepost.delivery import parts as delivery_parts
from gatepost.model import failure as failures
from gatepost.model import message as messages
from gatepost.model import reply as replies
from gatepost.model import result as results
from gatepost.model import suppression as suppressions
from gatepost.store import port

_NOT_FIT = "5.6.7 the address needs SMTPUTF8, which the host does not take"


class Owner(msgspec.Struct, frozen=True):
    """What the Deliverer does for it. put_back: as if never taken. failed: settle a group that was not tried."""

    claim: Callable[[desk.Desk], results.Claim]
    free: Callable[[session.Connection, desk.Desk], None]
    put_back: Callable[[desk.Desk, Sequence[messages.Due]], None]
    failed: Callable[[desk.Desk, desk.Group, session.Failure], None]
    spawn: Callable[[Coroutine[None, None, None]], None]


class _Ready(msgspec.Struct, frozen=True, gc=False):
    """A group that needs nothing but the last look. out: None where the body is lost. signatures: empty where nobody signs."""

    connection: session.Connection
    jobs: Sequence[messages.Due]
    out: compose.Outgoing | None
    signatures: bytes = b""


class Handing:
    """``hand`` pairs of connection and group over."""

    def __init__(
        self, parts: delivery_parts.Parts, kept: bodies.Bodies, settled: settling.Settling, owner: Owner
    ) -> None:
        self._p = parts
        self._bodies = kept
        self._settling = settled
        self._owner = owner
        self._looking: dict[int, tuple[desk.Desk, Sequence[_Ready]]] = {}
        self._looks = 0
        self._signing = signing.Signing(parts.clock, parts.signing, self._signed)

    @property
    def busy(self) -> bool:
        """Whether a group has a connection and is not written to it yet."""
        return bool(self._signing.busy or self._looking)

    def take(self, parts: delivery_parts.Parts) -> None:
        """Work with these from now on."""
        self._p = parts
        self._signing.take(parts.signing)

    def waiting(self, at: desk.Desk) -> Iterator[messages.Due]:
        """A lane's deliveries that have a connection and are not written to it yet."""
        yield from self._signing.waiting(at)
        for one, groups in self._looking.values():
            if one is at:
                yield from (due for group in groups for due in group.jobs)

    def close(self) -> None:
        """Nothing more is handed over."""
        self._signing.close()

    async def hand(self, at: desk.Desk, pairs: Sequence[tuple[session.Connection, desk.Group]]) -> None:
        """Send what needs no signature at once, and the rest when it is signed."""
        missing = [g[0].message for _, g in pairs if self._bodies.get(g[0].message) is None]
        loaded = await self._p.store.bodies(missing) if missing else {}
        ready: list[_Ready] = []
        for connection, waited in pairs:
            group, path = self._on_its_way(at, waited)
            message = group[0].message
            body = self._bodies.get(message)
            if body is None and message in loaded:
                body = bodies.Body(loaded[message])
            if body is None:
                ready.append(_Ready(connection, group, None))
                continue
            out = compose.outgoing(group, body, path)
            if (out.eight_bit or out.smtputf8) and compose.lacks(out, connection.offered):
                self._owner.spawn(self._convert(at, self._look(at, [_Ready(connection, group, out)])))
            elif not self._sign(at, connection, group, out):
                ready.append(_Ready(connection, group, out))
        if ready:
            await self._send(at, self._look(at, ready))

    def _sign(
        self, at: desk.Desk, connection: session.Connection, group: desk.Group, out: compose.Outgoing
    ) -> bool:
        """Have it signed, if somebody signs for it."""
        keys = self._p.keys().of(out.account, out.sender_domain)
        if keys:
            self._signing.ask(signing.Wish(at, connection, group, out, keys))
        return bool(keys)

    async def _convert(self, at: desk.Desk, look: int) -> None:
        """Make a message fit for its host; whose address or content cannot be, ends here (faults.md B21)."""
        [one] = self._looking[look][1]
        connection, group, out = one.connection, one.jobs, one.out
        assert out is not None  # noqa: S101 - it is there, or nobody would know that it does not fit
        offered = connection.offered
        if compose.is_fit(out.sender, offered):
            going = [due for due in group if compose.is_fit(due.recipient, offered)]
        else:
            going = []
        detail = _NOT_FIT
        try:
            if going:
                out = await asyncio.to_thread(compose.fitted, out, offered)
        except seven_bit.Unconvertible as error:
            going, detail = [], f"{error}; the host does not take it otherwise"
        finally:
            del self._looking[look]
        refused = [due for due in group if due not in going]
        if refused:
            failure = session.Failure(replies.Stage.MAIL, failures.Problem.UNSUPPORTED, detail)
            failure.host, failure.ip = connection.peer.host, connection.peer.ip
            self._owner.failed(at, refused, failure)
        if not going:
            self._settling.then_free(connection, at)
        elif not self._sign(at, connection, going, out):
            await self._send(at, self._look(at, [_Ready(connection, going, out)]))

    def _on_its_way(self, at: desk.Desk, group: desk.Group) -> tuple[desk.Group, returning.Path | None]:
        """What goes now, and with which return path. A group that waited while its domain was given return paths of ours goes
        one by one after all.
        """
        paths = self._p.paths()
        if not paths.active:
            return group, None
        first, *others = paths.divided(group, at.source)
        for one in reversed(others):
            self._owner.put_back(at, one)
        return first, paths.of(first[0], at.source)

    def _signed(self, batch: Sequence[signing.Signed]) -> None:
        """A batch came back from its thread."""
        by_desk: dict[int, tuple[desk.Desk, list[_Ready]]] = {}
        for one in batch:
            wish = one.wish
            if one.problem:
                detail = f"not sent, because it cannot be signed: {one.problem}"
                failure = session.Failure(replies.Stage.UNKNOWN, failures.Problem.UNSIGNED, detail)
                self._owner.failed(wish.at, list(wish.jobs), failure)
                self._settling.then_free(wish.connection, wish.at)
            else:
                _, ready = by_desk.setdefault(id(wish.at), (wish.at, []))
                ready.append(_Ready(wish.connection, wish.jobs, wish.out, one.signatures))
        for at, ready in by_desk.values():
            self._owner.spawn(self._send(at, self._look(at, ready)))

    def _look(self, at: desk.Desk, groups: Sequence[_Ready]) -> int:
        """These are about to be looked at: until then they are under way."""
        self._looks += 1
        self._looking[self._looks] = (at, groups)
        return self._looks

    async def _send(self, at: desk.Desk, look: int) -> None:
        """Read what stands against every recipient; then write, at once."""
        _, groups = self._looking[look]
        lookups = [
            port.Lookup(due.key, due.domain, suppressions.Sender(due.account, due.bridge, due.list))
            for group in groups
            for due in group.jobs
        ]
        try:
            standings = iter(await self._p.store.standing(lookups))
            closed = await self._p.opener.suppressed()
        finally:
            del self._looking[look]
        for group in groups:
            connection = group.connection
            going = [due for due in group.jobs if self._may_go(at, due, next(standings))]
            if group.out is None:
                self._lost(at, going)
            if group.out is not None and closed and closed.against(connection.peer.ip) is not None:
                # Another host may be left, or the next opening says that none is.
                self._owner.put_back(at, going)
                connection.quit()
            elif not going or group.out is None:
                self._owner.free(connection, at)
            elif connection.can_send:
                transaction = compose.transaction(group.out, going, group.signatures)
                connection.send(going, transaction, group.out.reports_until)
            else:
                self._owner.put_back(at, going)

    def _may_go(self, at: desk.Desk, due: messages.Due, standing: port.Standing) -> bool:
        """Whether nothing stands against an attempt now; what does is settled without one."""
        against = clearance.against(due, standing, self._owner.claim(at), self._p.clock.now_ms())
        if against is not None:
            self._settling.add(against, due, at)
        return against is None

    def _lost(self, at: desk.Desk, jobs: Sequence[messages.Due]) -> None:
        for due in jobs:
            lost = clearance.lost(due, self._owner.claim(at), self._p.clock.now_ms())
            self._settling.add(lost, due, at)
