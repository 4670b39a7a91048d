"""``gatepost send``: one message through the gateway's own HTTP submission."""

import http.client
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import cyclopts
import msgspec

from gatepost import errors
from gatepost.cli import context, show

if TYPE_CHECKING:
    from gatepost import config as configs

_TIMEOUT_S = 60.0
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - where it listens, not where we do

Several = Annotated[tuple[str, ...], cyclopts.Parameter(consume_multiple=True, negative="")]


class Recipient(msgspec.Struct, frozen=True, omit_defaults=True):
    """One recipient of the answer."""

    address: str
    id: str = ""
    state: str = ""
    reason: str = ""


class Sent(msgspec.Struct, frozen=True):
    """The answer."""

    id: str
    recipients: Sequence[Recipient]


class _Place(msgspec.Struct, frozen=True):
    place: str
    problem: str


class _Problem(msgspec.Struct, frozen=True):
    """RFC 9457 §3.1."""

    title: str = ""
    detail: str = ""
    errors: Sequence[_Place] = ()


def send(  # noqa: PLR0913 - one parameter per option of the command
    *,
    from_: Annotated[str, cyclopts.Parameter(name="--from")],
    to: Annotated[tuple[str, ...], cyclopts.Parameter(consume_multiple=True, negative="")],
    subject: str = "",
    text: str = "",
    html: str = "",
    raw: Annotated[Path | None, cyclopts.Parameter(negative="", allow_leading_hyphen=True)] = None,
    list: str = "",  # noqa: A002 - the option's name
    campaign: str = "",
    tag: Several = (),
    bridge: str = "",
    key: Annotated[str, cyclopts.Parameter(env_var=context.KEY_VARIABLE, show_default=False)] = "",
    json: context.Json = False,
    config: context.Config = context.DEFAULT,
) -> int:
    """Submit one message to the running gateway, and show its ids.

    Parameters
    ----------
    from_
        The sender.
    to
        The recipients.
    subject
        The subject.
    text
        The body as text.
    html
        The body as HTML; with text too, both are sent.
    raw
        A file with the whole message (- for standard input) instead of subject, text and html.
    list
        The list it belongs to.
    campaign
        The campaign it belongs to.
    tag
        Tags.
    bridge
        Refuse a key that is not this Bridge's.
    key
        The Bridge's API key; better in the environment, where other users do not see it.
    """
    settings = context.load(config)
    if not key:
        raise errors.BadInput("--key", f"give the Bridge's API key, or set {context.KEY_VARIABLE}")
    if bridge:
        context.run(_check_bridge(bridge, key, settings))
    fields: dict[str, object] = {
        "from": from_,
        "to": [*to],
        "subject": subject,
        "text": text,
        "html": html,
        "raw": _read(raw) if raw is not None else "",
        "list": list,
        "campaign": campaign,
        "tags": [*tag],
    }
    given = {name: value for name, value in fields.items() if value}
    if not (text or html or raw):
        given["text"] = ""
    answer = submit(settings, key, msgspec.json.encode(given))
    if json:
        show.json_line(answer)
        return 0
    show.line(answer.id)
    for one in answer.recipients:
        show.line(f"  {one.id} {one.state} {one.address}{' (' + one.reason + ')' if one.reason else ''}")
    return 0


def submit(settings: "configs.Settings", key: str, body: bytes) -> Sent:
    """Hand a message in. Raises GatepostError with the gateway's own words."""
    connection = _connection(settings)
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    try:
        connection.request("POST", "/v1/send", body, headers)
        response = connection.getresponse()
        data = response.read()
    except (OSError, http.client.HTTPException) as error:
        where = f"http.address {settings.http.address}"
        raise errors.GatepostError(f"the gateway does not answer on {where}: {error}") from None
    except ValueError:
        raise errors.BadInput("--key", "is no API key") from None
    finally:
        connection.close()
    try:
        if response.status in {http.client.OK, http.client.ACCEPTED}:
            return msgspec.json.decode(data, type=Sent)
        problem = msgspec.json.decode(data, type=_Problem)
    except msgspec.MsgspecError:
        raise errors.GatepostError(f"the gateway answered {response.status} {response.reason}") from None
    places = "; ".join(f"{one.place}: {one.problem}" if one.place else one.problem for one in problem.errors)
    raise errors.GatepostError(f"refused: {places or problem.detail or problem.title}")


def _connection(settings: "configs.Settings") -> http.client.HTTPConnection:
    from gatepost.ingest import settings as ingest_settings
    from gatepost.net import tls

    if not settings.http.address:
        raise errors.BadInput("http.address", "is empty: this gateway takes no mail over HTTP")
    host, port = ingest_settings.host_port(settings.http.address, "http.address")
    host = _EVERYWHERE.get(host, host)
    if not settings.http.tls:
        return http.client.HTTPConnection(host, port, timeout=_TIMEOUT_S)
    # On this machine the certificate names another host, and nobody stands between.
    context_ = tls.client_context(verify=not ingest_settings.is_loopback(host))
    return http.client.HTTPSConnection(host, port, timeout=_TIMEOUT_S, context=context_)


async def _check_bridge(name: str, key: str, settings: "configs.Settings") -> None:
    from gatepost.app import compose
    from gatepost.console import planning
    from gatepost.store import credentials

    async with context.opened(settings) as store:
        bridge = planning.bridge_of(name, await store.directory())
    if not credentials.matches(bridge.key_mac, compose.pepper(settings), key):
        raise errors.BadInput("--key", f"is not the API key of Bridge {name!r}")


def _read(path: Path) -> str:
    """A ready message. Raises BadInput."""
    data = sys.stdin.buffer.read() if os.fspath(path) == "-" else path.read_bytes()
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise errors.BadInput(str(path), "is not UTF-8: hand it in over SMTP") from None
