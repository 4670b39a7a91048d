"""Directives as somebody wants them, and the entries that make them so: by the API and the command line alike.

Guarantees: one that names nothing is refused, and so are two that would send the same mail to and fro.
"""

from typing import Annotated, Literal

import msgspec

from gatepost import errors
from gatepost.console import planning
from gatepost.model import address as addresses
from gatepost.model import directive as directives
from gatepost.model import directory as directories
from gatepost.model import ids

MOST = 100  # that stand at once: every delivery is held against each
USUAL_S = 7 * 24 * 3600
_LONGEST_S = 366 * 24 * 3600
_Kind = directives.DirectiveKind
_Word = Annotated[str, msgspec.Meta(max_length=320)]
_Text = Annotated[str, msgspec.Meta(max_length=500)]
_Ids = Annotated[tuple[_Word, ...], msgspec.Meta(max_length=directives.NAMED)]


class WherePlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which mail: what is given must all hold, and something must be. bridge: a name, or account/name. domain: of the recipient.

    provider: as queues show it. tag: one of the message's. deliveries: these alone.
    """

    account: _Word = ""
    bridge: _Word = ""
    pool: _Word = ""
    source: _Word = ""
    provider: _Word = ""
    domain: _Word = ""
    sender_domain: _Word = ""
    list: _Word = ""
    campaign: _Word = ""
    tag: _Word = ""
    recipient: _Word = ""
    message: _Word = ""
    deliveries: _Ids = ()


class DirectivePlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A directive that is wanted. expires_in: seconds for which a pause or a reroute stands. to_source or to_pool: of a reroute."""

    kind: Literal["pause", "flush", "reroute", "cancel"]
    where: WherePlan
    reason: _Text = ""
    expires_in: Annotated[int, msgspec.Meta(ge=1, le=_LONGEST_S)] = USUAL_S
    to_source: _Word = ""
    to_pool: _Word = ""


def entry(
    wanted: DirectivePlan, known: directories.Directory, actor: str, now_ms: int
) -> directives.Directive:
    """The entry. Raises BadInput."""
    kind = directives.DirectiveKind[wanted.kind.upper()]
    which = filter_of(wanted.where, known)
    standing = [one for one in known.directives if one.stands(now_ms)]
    if len(standing) >= MOST:
        raise errors.BadInput("directive", f"{MOST} stand already: revoke some")
    found = directives.Directive(0, kind, which, actor, now_ms, wanted.reason)
    if kind in {_Kind.PAUSE, _Kind.REROUTE}:
        found = msgspec.structs.replace(found, expires_at=now_ms + wanted.expires_in * 1000)
    if kind is _Kind.CANCEL:
        found = msgspec.structs.replace(found, due_at=now_ms + directives.UNDO_MS)
    if kind is _Kind.REROUTE:
        found = _with_target(found, wanted, known)
        _check_ways(found, standing, known)
    elif wanted.to_source or wanted.to_pool:
        raise errors.BadInput("to_source" if wanted.to_source else "to_pool", "is for a reroute alone")
    return found


def revoked(one: directives.Directive, actor: str, now_ms: int) -> directives.Directive:
    """The same, taken back; one that is over stays as it is."""
    if one.ended_at:
        return one
    return msgspec.structs.replace(one, ended_at=now_ms, outcome=f"revoked by {actor}")


def of_number(text: str, known: directories.Directory) -> directives.Directive:
    """The directive of that number. Raises BadInput."""
    for one in known.directives:
        if str(one.id) == text:
            return one
    raise errors.BadInput("directive", f"there is no directive {text!r}")


def filter_of(wanted: WherePlan, known: directories.Directory) -> directives.Filter:
    """Names become numbers, addresses their normal form. Raises BadInput."""
    found = directives.Filter(
        account=planning.account_of(wanted.account, known).id if wanted.account else 0,
        bridge=planning.bridge_of(wanted.bridge, known).id if wanted.bridge else 0,
        pool=_pool(wanted.pool, wanted.account, known).id if wanted.pool else 0,
        source=_source(wanted.source, known).id if wanted.source else 0,
        provider=wanted.provider.lower(),
        domain=_domain(wanted.domain, "domain"),
        sender_domain=_domain(wanted.sender_domain, "sender_domain"),
        list=wanted.list,
        campaign=wanted.campaign,
        tag=_tag(wanted.tag),
        recipient=addresses.parse(wanted.recipient, utf8=True).key if wanted.recipient else "",
        message=ids.from_text(wanted.message) if wanted.message else 0,
        deliveries=tuple(ids.from_text(one) for one in wanted.deliveries),
    )
    if found.empty:
        raise errors.BadInput("where", "names nothing, which would mean everything")
    return found


def _with_target(
    found: directives.Directive, wanted: DirectivePlan, known: directories.Directory
) -> directives.Directive:
    if bool(wanted.to_source) == bool(wanted.to_pool):
        raise errors.BadInput("to_source", "a reroute needs to_source or to_pool, one of them")
    if wanted.to_pool:
        pool = _pool(wanted.to_pool, wanted.where.account, known)
        if not any(one.pool == pool.id and one.usable for one in known.sources):
            raise errors.BadInput("to_pool", f"{pool.name} has no Source that takes mail")
        return msgspec.structs.replace(found, to_pool=pool.id)
    source = _source(wanted.to_source, known)
    if not source.usable:
        raise errors.BadInput("to_source", f"{source.name} takes no mail: it is disabled, or its weight is 0")
    return msgspec.structs.replace(found, to_source=source.id)


def _check_ways(
    new: directives.Directive, standing: list[directives.Directive], known: directories.Directory
) -> None:
    """No reroute leads to where another leads away from: the same mail would go in a circle."""
    for old in standing:
        if old.kind is not _Kind.REROUTE:
            continue
        if _from(old, known) & _to(new, known) or _from(new, known) & _to(old, known):
            raise errors.BadInput(
                "reroute",
                f"leads to where directive {old.id} leads away from, or the other way: revoke that first",
            )


def _to(one: directives.Directive, known: directories.Directory) -> set[int]:
    """The Sources that it gives mail to."""
    return (
        {one.to_source} if one.to_source else {each.id for each in known.sources if each.pool == one.to_pool}
    )


def _from(one: directives.Directive, known: directories.Directory) -> set[int]:
    """The Sources that it names as those whose mail it means."""
    which = one.which
    return {
        each.id
        for each in known.sources
        if each.id == which.source or (which.pool and each.pool == which.pool)
    }


def _pool(name: str, account: str, known: directories.Directory) -> directories.Pool:
    """By its name, or ``account/name`` where several accounts have one."""
    owner, slash, short = name.rpartition("/")
    owners = {one.id for one in known.accounts if one.name == (owner if slash else account or one.name)}
    found = [one for one in known.pools if one.name == short and one.account in owners]
    if len(found) != 1:
        problem = "is the name of several Pools: write account/name" if found else "is no Pool"
        raise errors.BadInput("pool", f"{name!r} {problem}")
    return found[0]


def _source(name: str, known: directories.Directory) -> directories.Source:
    found = planning.find(known.sources, name)
    if found is None:
        raise errors.BadInput("source", f"there is no Source {name!r}")
    return found


def _domain(name: str, place: str) -> str:
    try:
        return addresses.domain_key(name) if name else ""
    except addresses.AddressError as error:
        raise errors.BadInput(place, error.problem) from None


def _tag(text: str) -> str:
    if "," in text:
        raise errors.BadInput("tag", f"{text!r} is several: name one")
    return text
