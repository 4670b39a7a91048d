"""An operator's word over what waits: which mail, what is done with it, by whom, why, and until when.

Guarantees: a directive names at least one thing, so that an empty filter never means everything. Pure.
Not here: carrying it out (``gatepost.delivery``, ``gatepost.upkeep``).
"""

import enum
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from gatepost.model import ids
from gatepost.model import message as messages

AUTHENTICATION = (
    -1
)  # what holds a delivery that was refused for our authentication, until that is looked into
UNDO_MS = 10 * 60 * 1000  # between the word to cancel and the end of the mail
NAMED = 1_000  # deliveries that one directive may name


class DirectiveKind(enum.IntEnum):
    """What is done. PAUSE: not attempted while it stands. FLUSH: attempted as soon as it may be. REROUTE: sent by another Source.
    CANCEL: held first, and ended when the time to undo it is over. HOLD: the gateway's own word about a sender domain at a Provider
    that refuses its authentication: not attempted while it stands, but for what is let go to try it.
    """

    PAUSE = 1
    FLUSH = 2
    REROUTE = 3
    CANCEL = 4
    HOLD = 5

    @property
    def word(self) -> str:
        """As written outside the code."""
        return self.name.lower()


class Filter(msgspec.Struct, frozen=True, gc=False):
    """Which mail: what is given must all hold. Numbers of the Directory, 0 for any; texts, empty for any.

    provider: the lane's. domain: of the recipient. tag: one of the message's. deliveries: these alone.
    """

    account: int = 0
    bridge: int = 0
    pool: int = 0
    source: int = 0
    provider: str = ""
    domain: str = ""
    sender_domain: str = ""
    list: str = ""
    campaign: str = ""
    tag: str = ""
    recipient: str = ""
    message: int = 0
    deliveries: tuple[int, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether it would mean everything."""
        return self == Filter()


class Directive(msgspec.Struct, frozen=True, gc=False, tag="directive"):
    """One. Times in ms, 0 for none.

    reason: for people. to_source, to_pool: of a REROUTE. due_at: when a CANCEL takes effect. expires_at: when it ends by itself.
    ended_at, outcome: it stands no more, and why. count: of deliveries that a FLUSH or CANCEL changed. removed: its entry is to be
    deleted.
    """

    id: int
    kind: DirectiveKind
    which: Filter
    actor: str
    created_at: int
    reason: str = ""
    to_source: int = 0
    to_pool: int = 0
    due_at: int = 0
    expires_at: int = 0
    ended_at: int = 0
    outcome: str = ""
    count: int = 0
    removed: bool = False

    @property
    def name(self) -> str:
        """As people call it."""
        return str(self.id)

    @property
    def about(self) -> tuple[tuple[str, int], ...]:
        """The entries that it refers to, by kind and number; 0: to none of that kind."""
        which = self.which
        return (
            ("account", which.account),
            ("bridge", which.bridge),
            ("pool", which.pool),
            ("source", which.source),
            ("pool", self.to_pool),
            ("source", self.to_source),
        )

    @property
    def before(self) -> int:
        """The ids of what was there when the word was given are below this."""
        return ids.first_at(self.created_at + 1)

    def stands(self, now_ms: int) -> bool:
        """Whether mail is to be treated by it now."""
        return not self.ended_at and not (self.expires_at and self.expires_at <= now_ms)

    @property
    def words(self) -> str:
        """Why mail that it stops does not go."""
        if self.kind is DirectiveKind.HOLD:
            return f"held for authentication (directive {self.id}): {self.reason}"
        what = "paused" if self.kind is DirectiveKind.PAUSE else "about to be cancelled"
        return f"{what} by directive {self.id} of {self.actor}" + (f": {self.reason}" if self.reason else "")


class Standing:
    """The directives that deliveries are held against, the newest first.

    pools: the Pool of each Source. usable: the Sources of each Pool that are given mail.
    """

    def __init__(
        self, found: Iterable[Directive], pools: Mapping[int, int], usable: Mapping[int, Sequence[int]]
    ) -> None:
        open_ = [one for one in found if not one.ended_at and one.kind is not DirectiveKind.FLUSH]
        open_.sort(key=lambda one: -one.id)
        self._stopping = [one for one in open_ if one.kind is not DirectiveKind.REROUTE]
        self._rerouting = [one for one in open_ if one.kind is DirectiveKind.REROUTE]
        self._pools = pools
        self._usable = usable

    def __bool__(self) -> bool:
        return bool(self._stopping or self._rerouting)

    def stopping(self, due: messages.Due, provider: str, now_ms: int) -> Directive | None:
        """The one that keeps a delivery from being attempted."""
        return self._first(self._stopping, due, provider, now_ms)

    def source_for(self, due: messages.Due, provider: str, now_ms: int) -> int:
        """The Source that the newest one which means this delivery gives it instead of its own; 0: it stays.

        It stays, too, where that Source or all of that Pool are not given mail.
        """
        one = self._first(self._rerouting, due, provider, now_ms)
        if one is None:
            return 0
        among = self._usable.get(one.to_pool or self._pools.get(one.to_source, 0), ())
        if one.to_source:
            return one.to_source if one.to_source in among and one.to_source != due.source else 0
        return among[due.id % len(among)] if among and due.source not in among else 0

    def concerns(self, due: messages.Due, provider: str, now_ms: int) -> bool:
        """Whether it is stopped or rerouted."""
        return self.stopping(due, provider, now_ms) is not None or bool(
            self.source_for(due, provider, now_ms)
        )

    def _first(
        self, among: Iterable[Directive], due: messages.Due, provider: str, now_ms: int
    ) -> Directive | None:
        for one in among:
            if one.stands(now_ms) and self._means(one, due, provider):
                return one
        return None

    def _means(self, one: Directive, due: messages.Due, provider: str) -> bool:
        which = one.which
        if one.id == due.hold:
            return False  # it let this one go
        if one.kind is DirectiveKind.CANCEL and due.message >= one.before:
            return False
        return (
            which.account in {0, due.account}
            and which.bridge in {0, due.bridge}
            and which.source in {0, due.source}
            and which.pool in {0, self._pools.get(due.source, 0)}
            and which.provider in {"", provider}
            and which.domain in {"", due.domain}
            and which.sender_domain in {"", due.sender_domain}
            and which.list in {"", due.list}
            and which.campaign in {"", due.campaign}
            and which.recipient in {"", due.key}
            and which.message in {0, due.message}
            and (not which.tag or which.tag in due.tags.split(","))
            and (not which.deliveries or due.id in which.deliveries)
        )


NONE = Standing((), {}, {})
