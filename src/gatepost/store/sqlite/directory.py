"""Accounts, Bridges, Pools, Sources, sender domains, their keys and Nodes: checked, written with audit and event, all or none.

Guarantees: names are unique within their owner; every reference exists; the version rises with each change.
Secrets never reach the audit log or an event.
"""

from collections.abc import Iterable, Sequence
from typing import TypeVar

import apsw
import msgspec

from gatepost import errors
from gatepost.model import directive as directives
from gatepost.model import directory as directories
from gatepost.model import event as events
from gatepost.model import webhook as webhooks
from gatepost.store import port
from gatepost.store.sqlite import transaction as transactions

_T = TypeVar("_T")
_KINDS: dict[str, type[directories.Change]] = {
    "account": directories.Account,
    "bridge": directories.Bridge,
    "pool": directories.Pool,
    "source": directories.Source,
    "domain": directories.SenderDomain,
    "node": directories.Node,
    "dkim_key": directories.DkimKey,
    "token_key": directories.TokenKey,
    "api_key": directories.ApiKey,
    "webhook": webhooks.Webhook,
    "directive": directives.Directive,
    "user": directories.User,
}
_WORDS = {kind: word for word, kind in _KINDS.items()}
_SECRETS = frozenset(
    {
        "password",
        "password_mac",
        "password_hash",
        "key_mac",
        "private_key",
        "secret",
        "old_secret",
        "basic_auth",
    }
)


def read(version: int, found: Iterable[tuple[str, str]]) -> directories.Directory:
    """A Directory from its rows."""
    by_kind: dict[str, list[directories.Change]] = {kind: [] for kind in _KINDS}
    for kind, body in found:
        by_kind[kind].append(msgspec.json.decode(body, type=_KINDS[kind]))
    return directories.Directory(
        version,
        accounts=_of(by_kind["account"], directories.Account),
        bridges=_of(by_kind["bridge"], directories.Bridge),
        pools=_of(by_kind["pool"], directories.Pool),
        sources=_of(by_kind["source"], directories.Source),
        sender_domains=_of(by_kind["domain"], directories.SenderDomain),
        nodes=_of(by_kind["node"], directories.Node),
        dkim_keys=_of(by_kind["dkim_key"], directories.DkimKey),
        token_keys=_of(by_kind["token_key"], directories.TokenKey),
        api_keys=_of(by_kind["api_key"], directories.ApiKey),
        webhooks=_of(by_kind["webhook"], webhooks.Webhook),
        directives=_of(by_kind["directive"], directives.Directive),
        users=_of(by_kind["user"], directories.User),
    )


def change(
    tx: transactions.Transaction,
    changes: Sequence[directories.Change],
    actor: str,
    version: int | None = None,
    once: port.Once | None = None,
) -> directories.Directory:
    """Write these. Raises BadInput, Outdated: nothing is written."""
    if version is not None and version != (tx.value("directory_version") or 0):
        raise errors.Outdated("the Directory was changed meanwhile")
    if once is not None:
        tx.execute("keep_answer", once.owner, once.key, once.digest, "", tx.now_ms)
    for entry in changes:
        _write(tx, entry, actor)
    tx.execute("raise_directory")
    version = tx.value("directory_version") or 0
    return read(version, tx.execute("directory_rows"))


def _write(tx: transactions.Transaction, entry: directories.Change, actor: str) -> None:
    kind, fresh = _kind(entry), not entry.id
    if fresh:
        entry = msgspec.structs.replace(entry, id=tx.value("next_directory_id", kind))
    owner, name = _owner(entry), directories.name_of(entry)
    if not name:
        raise errors.BadInput(kind, "needs a name")
    for wanted, number in _references(entry):
        if tx.execute("directory_row", wanted, number).fetchone() is None:
            raise errors.BadInput(f"{kind} {name}", f"there is no {wanted} {number}")
    before = None if fresh else tx.execute("directory_row", kind, entry.id).fetchone()
    if not fresh and before is None:
        raise errors.BadInput(f"{kind} {name}", f"there is no {kind} {entry.id} to change")
    body = msgspec.json.encode(entry).decode()
    removed = _removed(tx, entry)
    try:
        if not removed:
            tx.execute("put_directory", kind, entry.id, owner, name, body)
    except apsw.ConstraintError:
        raise errors.BadInput(f"{kind} {name}", "the name is taken") from None
    shown = None if removed else _public(body)
    tx.execute("audit", tx.now_ms, actor, kind, _public(before[0]) if before else None, shown)
    done = "removed" if removed else "changed" if before else "added"
    tx.add_event(_event(tx.now_ms, entry, f"{port.actor_name(actor)}: {kind} {_called(tx, entry)} {done}"))


def _removed(tx: transactions.Transaction, entry: directories.Change) -> bool:
    """Whether the entry was deleted instead of written."""
    match entry:
        case webhooks.Webhook():
            return _webhook(tx, entry)
        case directives.Directive(removed=True):
            tx.execute("drop_directory", "directive", entry.id)
            return True
        case directories.User(removed=True):
            tx.execute("drop_directory", "user", entry.id)
            tx.execute("drop_sessions_of", entry.id)
            return True
        case _:
            return False


def _webhook(tx: transactions.Transaction, entry: webhooks.Webhook) -> bool:
    """The row of an entry that is written: made, woken, or deleted. Whether it was removed."""
    if entry.removed:
        tx.execute("drop_directory", "webhook", entry.id)
        for statement in (
            "drop_webhook",
            "drop_webhook_requests",
            "drop_webhook_replays",
            "drop_webhook_tries",
        ):
            tx.execute(statement, entry.id)
    elif tx.value("webhook_there", entry.id) is None:
        tx.execute("new_webhook", entry.id, tx.value("last_seq") or 0)
    else:
        tx.execute("wake_webhook", entry.id)
    return entry.removed


def _event(now_ms: int, entry: directories.Change, detail: str) -> events.Event:
    number = {_kind(entry): entry.id}
    if isinstance(entry, webhooks.Webhook):
        number["bridge"] = entry.bridge
    if isinstance(entry, directives.Directive):
        number |= {"bridge": entry.which.bridge, "pool": entry.which.pool, "source": entry.which.source}
    return events.Event(
        at=now_ms,
        state=events.State.CHANGED,
        bridge=number.get("bridge", 0),
        pool=number.get("pool", 0),
        source=number.get("source", 0),
        detail=detail,
    )


def _kind(entry: directories.Change) -> str:
    return _WORDS[type(entry)]


def _owner(entry: directories.Change) -> int:
    match entry:
        case directories.Bridge() | directories.Pool() | directories.SenderDomain():
            return entry.account
        case directories.DkimKey():
            return entry.domain
        case webhooks.Webhook():
            return entry.owner
        case _:
            return 0


def _called(tx: transactions.Transaction, entry: directories.Change) -> str:
    """The name by which people find it: a key's is that of its record in DNS."""
    if isinstance(entry, directives.Directive):
        return f"{entry.id} ({entry.kind.word})"
    if not isinstance(entry, directories.DkimKey):
        return directories.name_of(entry)
    (body,) = tx.execute("directory_row", "domain", entry.domain).fetchone() or ("",)
    domain = msgspec.json.decode(str(body), type=directories.SenderDomain)
    return f"{entry.selector}._domainkey.{domain.domain}"


def _references(entry: directories.Change) -> list[tuple[str, int]]:
    match entry:
        case directories.Bridge():
            return [("account", entry.account), ("pool", entry.pool)]
        case directories.Pool() | directories.SenderDomain():
            return [("account", entry.account)]
        case directories.Source():
            return [("pool", entry.pool), *([("node", entry.node)] if entry.node else [])]
        case directories.DkimKey():
            return [("domain", entry.domain)]
        case webhooks.Webhook() | directives.Directive():
            return [(kind, number) for kind, number in entry.about if number]
        case (
            directories.Account()
            | directories.Node()
            | directories.TokenKey()
            | directories.ApiKey()
            | directories.User()
        ):
            return []


def _public(body: str) -> str:
    found = msgspec.json.decode(body, type=dict[str, object])
    return msgspec.json.encode({k: v for k, v in found.items() if k not in _SECRETS}).decode()


def _of(found: Sequence[directories.Change], kind: type[_T]) -> tuple[_T, ...]:
    return tuple([entry for entry in found if isinstance(entry, kind)])
