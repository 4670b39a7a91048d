"""``gatepost trace`` and ``gatepost why``: the whole life of a message, and what a delivery waits for.

Guarantees: every event with the server's reply verbatim: escaped as text, and byte for byte in base64 with ``--json``.
"""

import sys
from typing import TYPE_CHECKING, Annotated

import cyclopts

from gatepost import errors
from gatepost.cli import context, show
from gatepost.store import shapes

if TYPE_CHECKING:
    from gatepost import config as config_values
    from gatepost.model import event as events
    from gatepost.store import port

_NEWEST = 100  # messages to an address that are shown


def trace(
    what: str,
    /,
    *,
    limit: int = _NEWEST,
    transcript: Annotated[bool, cyclopts.Parameter(negative="")] = False,
    json: context.Json = False,
    config: context.Config = context.DEFAULT,
) -> int:
    """Show every event of a message or a delivery, or of the newest messages to an address, with every reply.

    Parameters
    ----------
    what
        An id, or an address.
    limit
        How many messages to an address.
    transcript
        With all that was said in attempts that failed: < is the server, > is us. JSON always has it.
    """
    return context.run(_trace(what, limit, context.load(config), json=json, transcript=transcript))


def why(delivery: str, /, *, json: context.Json = False, config: context.Config = context.DEFAULT) -> int:
    """Say what an open delivery waits for.

    Parameters
    ----------
    delivery
        Its id; a message's id asks for all its deliveries.
    """
    return context.run(_why(delivery, context.load(config), json=json))


async def _trace(
    what: str, limit: int, settings: "config_values.Settings", *, json: bool, transcript: bool
) -> int:
    from gatepost.console import messages

    async with context.opened(settings) as store:
        names = shapes.Names(await store.directory())
        found = await (_of_address(what, limit, store) if "@" in what else _of_id(what, store))
        said: dict[int, bytes] = {}
        if json or transcript:
            said |= await store.transcripts([one.seq for one in found if one.attempt])
    for one in found:
        shape = messages.traced(one, names, said.get(one.seq, b""))
        if json:
            show.json_line(shape)
        else:
            _print(shape)
            for line in (shape.transcript or "").splitlines():
                show.line(f"    : {line}")
    return 0


async def _of_address(text: str, limit: int, store: "port.Store") -> "list[events.Event]":
    """What went to an address: of each message, what is about all recipients or this one."""
    from gatepost.model import address as addresses

    key = addresses.parse(text, utf8=True).key
    found: list[events.Event] = []
    for message in reversed(await store.messages_to(key, limit)):
        found += [one for one in await store.trace(message) if not one.recipient or _is(one.recipient, key)]
    if not found:
        raise errors.BadInput("trace", f"no message to {text} is known")
    return found


def _is(recipient: str, key: str) -> bool:
    from gatepost.model import address as addresses

    try:
        return addresses.parse(recipient, utf8=True).key == key
    except errors.BadInput:
        return False


async def _of_id(text: str, store: "port.Store") -> "list[events.Event]":
    from gatepost.model import ids

    identity = ids.from_text(text)
    found = await store.trace(identity)
    about_all = any(one.message == identity for one in found)
    found = [one for one in found if about_all or one.delivery in {0, identity}]
    if not found:
        raise errors.BadInput("trace", f"no message or delivery {text} is known")
    return found


def _print(one: shapes.EventShape) -> None:
    head = [one.at, f"{one.state:<11}", one.delivery or one.message or "", one.recipient or ""]
    if one.attempt:
        head.append(f"attempt {one.attempt}")
    show.line(" ".join(word for word in head if word))
    if one.reply:
        for line in one.reply.splitlines():
            show.line(f"    | {line}")
    if one.category:
        verdict = f"{one.category}: {one.outcome or 'no outcome'}, fault {one.fault or 'none'}"
        rule = f"{one.rule} v{one.rule_version}" if one.rule and one.rule_version else one.rule or "none"
        show.line(f"    {verdict}; action {one.action or 'none'}; rule {rule}")
    parts = (
        ("at", one.stage),
        ("of", one.peer_host),
        ("", f"[{one.peer_ip}]" if one.peer_ip else None),
        ("from", one.local_ip),
        ("over", one.tls),
        ("by", one.source),
        ("for", one.bridge),
        ("again", one.next_at),
        ("for", one.scope),
        ("flags", " ".join(one.flags) or None),
    )
    if said := " ".join(f"{word} {value}".strip() for word, value in parts if value):
        show.line(f"    {said}")
    if one.detail:
        show.line(f"    {one.detail}")


async def _why(text: str, settings: "config_values.Settings", *, json: bool) -> int:
    from gatepost.model import ids

    async with context.opened(settings) as store:
        names = shapes.Names(await store.directory())
        told = await _of_id(text, store)
        wanted = dict.fromkeys(one.delivery for one in told if one.delivery)
        found = [shape for d in wanted if (shape := await _waiting(d, store, names)) is not None]
    for shape in found:
        if json:
            show.json_line(shape)
        else:
            _say(shape)
    if not found:
        last = told[-1]
        about = ids.to_text(last.delivery or last.message)
        problem = f"{about} waits for nothing: {last.state.word} at {show.time(last.at)}"
        print(f"gatepost: {problem}", file=sys.stderr)
        return 1
    return 0


async def _waiting(delivery: int, store: "port.Store", names: shapes.Names) -> shapes.WaitingShape | None:
    found = await store.open_delivery(delivery)
    return None if found is None else shapes.waiting(*found, names, await store.paces())


def _say(one: shapes.WaitingShape) -> None:
    reason = f" because of {one.reason}" if one.reason else ""
    tried = f"tried {one.attempts} times" if one.attempts else "never tried"
    show.line(f"{one.delivery} to {one.recipient}: {one.status}{reason}, due {one.next_at}, {tried}")
    show.line(f"    by {one.source or 'no Source'} to {one.provider}; ends {one.expires_at}")
    if one.lane:
        show.line(f"    its lane is {one.lane}")
    for line in (one.last_reply or "").splitlines():
        show.line(f"    | {line}")
