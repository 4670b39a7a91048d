"""``field=value`` words, the same everywhere: a closed table of columns, values always bound.

Guarantees: no text from outside ever becomes SQL; an unknown field is a BadInput that names the known ones.
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import msgspec

from gatepost import errors
from gatepost.model import address as addresses
from gatepost.model import directive as directives
from gatepost.model import event as events
from gatepost.model import ids
from gatepost.model import message as messages
from gatepost.model import reply as replies
from gatepost.model import suppression as suppressions
from gatepost.model import verdict as verdicts


class Condition(msgspec.Struct, frozen=True):
    """One word: ``field`` is a known name, ``value`` what stood behind the ``=``. others: as good as ``value``."""

    field: str
    value: str
    others: tuple[str, ...] = ()

    @property
    def values(self) -> tuple[str, ...]:
        """Any one of which must hold."""
        return (self.value, *self.others)


class Column(msgspec.Struct, frozen=True):
    """What a field means to the store: SQL with one parameter, and how its value is read (raises BadInput)."""

    sql: str
    read: Callable[[str], int | str]


Where = tuple[Condition, ...]
Table = Mapping[str, Column]


def parse(words: Sequence[str], known: Table) -> Where:
    """Read ``field=value`` words, joined by AND. Raises BadInput."""
    found = []
    for word in words:
        field, equals, value = word.partition("=")
        if not equals:
            raise errors.BadInput("--where", f"{word!r} is not field=value")
        if field not in known:
            raise errors.BadInput("--where", f"{field!r} is not one of {', '.join(sorted(known))}")
        known[field].read(value)
        found.append(Condition(field, value))
    return tuple(found)


def compose(where: Where, table: Table) -> tuple[str, list[int | str]]:
    """The SQL of a WHERE clause and its parameters. Raises BadInput."""
    if not where:
        return "1", []
    return (
        " AND ".join(f"({' OR '.join([table[c.field].sql] * len(c.values))})" for c in where),
        [table[c.field].read(value) for c in where for value in c.values],
    )


def any_of(field: str, values: Sequence[str]) -> Where:
    """One of these values; no condition where there are none."""
    return (Condition(field, values[0], tuple(values[1:])),) if values else ()


def _choice(place: str, choices: Mapping[str, int]) -> Callable[[str], int]:
    def read(text: str) -> int:
        found = choices.get(text.lower())
        if found is None:
            raise errors.BadInput(place, f"{text!r} is not one of {', '.join(sorted(choices))}")
        return found

    return read


def _number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise errors.BadInput("--where", f"{text!r} is not a number") from None


def _key(text: str) -> str:
    return addresses.parse(text, utf8=True).key


def _named(column: str) -> Column:
    return Column(f"{column} = (SELECT id FROM name WHERE text = ?)", str)  # noqa: S608 - a constant of the table


def _entry(column: str, kind: str) -> Column:
    sql = f"{column} IN (SELECT id FROM directory WHERE kind = '{kind}' AND name = ?)"  # noqa: S608 - constants
    return Column(sql, str)


EVENTS: Table = MappingProxyType(
    {
        "state": Column("state = ?", _choice("state", {s.word: s for s in events.State})),
        "outcome": Column("outcome = ?", _choice("outcome", {o.word: o for o in verdicts.Outcome})),
        "fault": Column("fault = ?", _choice("fault", {f.word: f for f in verdicts.Fault})),
        "action": Column("action = ?", _choice("action", {a.word: a for a in events.Action})),
        "stage": Column("stage = ?", _choice("stage", {s.word: s for s in replies.Stage})),
        "message": Column("message = ?", ids.from_text),
        "delivery": Column("about = ?", ids.from_text),
        "code": Column("code = ?", _number),
        "attempt": Column("attempt = ?", _number),
        "recipient": Column("recipient = ?", str),
        "account": _entry("account", "account"),
        "bridge": _entry("bridge", "bridge"),
        "pool": _entry("pool", "pool"),
        "source": _entry("source", "source"),
        "node": _entry("node", "node"),
        **{
            name: _named(name)
            for name in (
                "local_ip",
                "ehlo",
                "provider",
                "domain",
                "peer_host",
                "peer_ip",
                "sender_domain",
                "list",
                "campaign",
                "tags",
                "category",
                "enhanced",
                "rule",
                "tls",
                "scope",
            )
        },
    }
)

# What nobody writes, and no text from outside is read as: the limit of an own key, or of a webhook, by number.
BRIDGE = "bridge's own"
ACCOUNT = "account's own"
ALL_EVENTS: Table = MappingProxyType(
    {**EVENTS, BRIDGE: Column("bridge = ?", _number), ACCOUNT: Column("account = ?", _number)}
)

AUDIT: Table = MappingProxyType(
    {
        "actor": Column("instr(actor || ' from ', ? || ' from ') = 1", str),
        "what": Column("what = ?", str),
    }
)

COUNTERS: Table = MappingProxyType(
    {
        **{name: EVENTS[name] for name in ("state", "outcome", "account", "bridge", "source")},
        **{name: EVENTS[name] for name in ("provider", "sender_domain", "list", "category")},
    }
)

SUPPRESSIONS: Table = MappingProxyType(
    {
        "target": Column("target = ?", str),
        "kind": Column("kind = ?", _choice("kind", {k.name.lower(): k for k in suppressions.Kind})),
        "scope": Column("scope = ?", _choice("scope", {s.word: s for s in suppressions.Scope})),
        "state": Column("standing = ?", _choice("state", {s.word: s for s in suppressions.Standing})),
        "owner": Column("owner = ?", _number),
        "list": Column("list = ?", str),
        "reason": Column("reason = ?", str),
        "category": Column("category = ?", str),
        "rule": Column("rule = ?", str),
        "incident": Column("incident = ?", ids.from_text),
        "account": _entry("account", "account"),
        "bridge": _entry("bridge", "bridge"),
    }
)

ALL_SUPPRESSIONS: Table = MappingProxyType(
    {**SUPPRESSIONS, BRIDGE: Column(f"scope = {suppressions.Scope.BRIDGE:d} AND owner = ?", _number)}
)

_TAG = "instr(',' || (SELECT text FROM name WHERE id = m.tags) || ',', ',' || ? || ',') > 0"  # one of several
_OF_POOL = """d.source IN (SELECT s.id FROM directory s JOIN directory p ON p.kind = 'pool' AND p.id = s.body ->> 'pool'
  WHERE s.kind = 'source' AND p.name = ?)"""
OPEN: Table = MappingProxyType(
    {
        "delivery": Column("d.id = ?", ids.from_text),
        "message": Column("d.message = ?", ids.from_text),
        "status": Column("d.status = ?", _choice("status", {s.word: s for s in messages.Status})),
        "recipient": Column("coalesce(d.key, d.recipient) = ?", _key),
        "domain": _named("d.domain"),
        "provider": Column(
            "d.lane IN (SELECT id FROM lane WHERE provider = (SELECT id FROM name WHERE text = ?))", str
        ),
        "source": _entry("d.source", "source"),
        "bridge": _entry("d.bridge", "bridge"),
        "account": _entry("m.account", "account"),
        "pool": Column(_OF_POOL, str),
        "list": _named("m.list"),
        "campaign": _named("m.campaign"),
        "tag": Column(_TAG, str),
        "sender_domain": _named("m.sender_domain"),
    }
)

_ACCOUNT_NO, _POOL_NO, _SOURCE_NO = "account's number", "pool's number", "source's number"
ALL_OPEN: Table = MappingProxyType(
    {
        **OPEN,
        BRIDGE: Column("d.bridge = ?", _number),
        _ACCOUNT_NO: Column("m.account = ?", _number),
        _SOURCE_NO: Column("d.source = ?", _number),
        _POOL_NO: Column(
            "d.source IN (SELECT id FROM directory WHERE kind = 'source' AND body ->> 'pool' = ?)", _number
        ),
    }
)


def of_directive(which: directives.Filter) -> Where:
    """The open deliveries that a directive means. Raises BadInput for one that names nothing: it would mean all."""
    if which.empty:
        raise errors.BadInput("directive", "names nothing, which would mean everything")
    numbers = (
        (_ACCOUNT_NO, which.account),
        (BRIDGE, which.bridge),
        (_POOL_NO, which.pool),
        (_SOURCE_NO, which.source),
    )
    texts = (
        ("provider", which.provider),
        ("domain", which.domain),
        ("sender_domain", which.sender_domain),
        ("list", which.list),
        ("campaign", which.campaign),
        ("tag", which.tag),
        ("recipient", which.recipient),
        ("message", ids.to_text(which.message) if which.message else ""),
    )
    found = [Condition(field, str(number)) for field, number in numbers if number]
    found += [Condition(field, text) for field, text in texts if text]
    named = [ids.to_text(one) for one in which.deliveries]
    return (*found, *any_of("delivery", named))


MESSAGES: Table = MappingProxyType(
    {
        "message_id": Column("m.message_id = ?", str),
        "sender": Column("m.sender = CAST(? AS BLOB)", str),
        "account": _entry("m.account", "account"),
        "bridge": _entry("m.bridge", "bridge"),
        "pool": _entry("m.pool", "pool"),
        **{name: _named(f"m.{name}") for name in ("sender_domain", "list", "campaign", "tags", "peer_ip")},
    }
)
ALL_MESSAGES: Table = MappingProxyType({**MESSAGES, BRIDGE: Column("m.bridge = ?", _number)})
