"""Directives as they are shown, by the command line and the API alike."""

import msgspec

from gatepost.model import directive as directives
from gatepost.model import ids
from gatepost.model import moment as moments
from gatepost.store import shapes


class Which(msgspec.Struct, frozen=True, omit_defaults=True):
    """Which mail it means: what is there must all hold."""

    account: str = ""
    bridge: str = ""
    pool: str = ""
    source: str = ""
    provider: str = ""
    domain: str = ""
    sender_domain: str = ""
    list: str = ""
    campaign: str = ""
    tag: str = ""
    recipient: str = ""
    message: str = ""
    deliveries: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """``field=value`` words."""
        given = msgspec.to_builtins(self)
        named = given.pop("deliveries", ())
        found = [f"{field}={value}" for field, value in given.items()]
        return " ".join(
            found + [f"{len(named)} deliveries" if len(named) > 1 else f"delivery={n}" for n in named[:1]]
        )


class DirectiveShape(msgspec.Struct, frozen=True):
    """A directive. state: stands, or over. due_at: when a cancel takes effect. outcome: why it is over. held: deliveries that it
    keeps now. count: those that a flush or a cancel changed.
    """

    id: int
    kind: str
    state: str
    where: Which
    reason: str | None
    actor: str
    created_at: str
    due_at: str | None
    expires_at: str | None
    ended_at: str | None
    outcome: str | None
    to_source: str | None
    to_pool: str | None
    held: int
    count: int


def directive(one: directives.Directive, names: shapes.Names, held: int, now_ms: int) -> DirectiveShape:
    """The shape of one."""
    return DirectiveShape(
        id=one.id,
        kind=one.kind.word,
        state="stands" if one.stands(now_ms) else "over",
        where=which(one.which, names),
        reason=one.reason or None,
        actor=one.actor,
        created_at=moments.text(one.created_at),
        due_at=moments.text_or_none(one.due_at),
        expires_at=moments.text_or_none(one.expires_at),
        ended_at=moments.text_or_none(one.ended_at),
        outcome=one.outcome or None,
        to_source=names.source.get(one.to_source),
        to_pool=names.pool.get(one.to_pool),
        held=held,
        count=one.count,
    )


def which(one: directives.Filter, names: shapes.Names) -> Which:
    """With names instead of numbers."""
    return Which(
        account=names.account.get(one.account, ""),
        bridge=names.bridge.get(one.bridge, ""),
        pool=names.pool.get(one.pool, ""),
        source=names.source.get(one.source, ""),
        provider=one.provider,
        domain=one.domain,
        sender_domain=one.sender_domain,
        list=one.list,
        campaign=one.campaign,
        tag=one.tag,
        recipient=one.recipient,
        message=ids.to_text(one.message) if one.message else "",
        deliveries=tuple(ids.to_text(each) for each in one.deliveries),
    )
