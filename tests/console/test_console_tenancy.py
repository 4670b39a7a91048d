"""Who may do what, for every operation of the document: one that is not classified here fails (faults.md G07).

The other tenant's names all hold the word ``theirs``, and none of it may reach a Bridge that is not theirs.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.console import house as houses

from gatepost import clock as clocks
from gatepost.app import serving
from gatepost.console import changing, openapi, pieces
from gatepost.console import events as console_events
from gatepost.console import webhooks as console_webhooks
from gatepost.feed import metrics
from gatepost.model import ids


class Operation(msgspec.Struct, frozen=True):
    name: str
    method: str
    path: str
    role: str
    bridges: bool


# What a Bridge's own key asks of somebody else's: by operation, the query or path, and the body. ``{message}`` and
# ``{delivery}`` are the other tenant's.
FOREIGN: dict[str, list[tuple[str, object]]] = {
    "getMe": [("/v1/me", None)],
    "listBridges": [("/v1/bridges", None)],
    "getBridge": [("/v1/bridges/theirs-account/theirs-bridge", None)],
    "listEvents": [
        ("/v1/events", None),
        ("/v1/events?bridge=theirs-bridge", None),
        ("/v1/events?message={message}", None),
        ("/v1/events?list=theirs-list&account=theirs-account", None),
    ],
    "streamEvents": [],  # test_console_events: a_bridge_hears_of_its_own_mail_alone
    "listMessages": [
        ("/v1/messages", None),
        ("/v1/messages?bridge=theirs-bridge", None),
        ("/v1/messages?list=theirs-list", None),
        ("/v1/messages?recipient=theirs-ann@rcpt.test", None),
    ],
    "getMessage": [("/v1/messages/{message}", None), ("/v1/messages/{delivery}", None)],
    "traceMessage": [("/v1/messages/{message}/events", None), ("/v1/messages/{delivery}/events", None)],
    "listDeliveries": [
        ("/v1/deliveries", None),
        ("/v1/deliveries?bridge=theirs-bridge", None),
        ("/v1/deliveries?message={message}", None),
    ],
    "getDelivery": [("/v1/deliveries/{delivery}", None)],
    "listSuppressions": [
        ("/v1/suppressions", None),
        ("/v1/suppressions?bridge=theirs-bridge", None),
        ("/v1/suppressions?account=theirs-account", None),
        ("/v1/suppressions?target=theirs-ann@rcpt.test", None),
        ("/v1/suppressions?owner=2", None),
    ],
    "exportSuppressions": [
        ("/v1/suppressions/export", None),
        ("/v1/suppressions/export?bridge=theirs-bridge", None),
    ],
    "suppress": [
        ("/v1/suppressions", {"targets": ["a@b.test"], "scope": "bridge:theirs-account/theirs-bridge"}),
        ("/v1/suppressions", {"targets": ["a@b.test"], "scope": "account:theirs-account"}),
    ],
    "unsuppress": [
        ("/v1/suppressions/remove", {"targets": ["a@b.test"], "scope": "bridge:theirs-account/theirs-bridge"})
    ],
    "checkSuppression": [
        ("/v1/suppressions/check?target=@rcpt.test&bridge=theirs-account/theirs-bridge", None)
    ],
    "listWebhooks": [("/v1/webhooks", None)],
    "createWebhook": [
        ("/v1/webhooks", {"name": "x", "url": "https://x.test/", "account": "theirs-account"}),
        ("/v1/webhooks", {"name": "x", "url": "https://x.test/", "bridge": "theirs-bridge"}),
    ],
    "getWebhook": [("/v1/webhooks/2", None)],
    "changeWebhook": [("/v1/webhooks/2", {"name": "x", "url": "https://x.test/"})],
    "removeWebhook": [("/v1/webhooks/2", None)],
    "rotateWebhook": [("/v1/webhooks/2/rotate", {})],
    "testWebhook": [("/v1/webhooks/2/test", {})],
    "listWebhookTries": [("/v1/webhooks/2/tries", None)],
    "listDeadRequests": [("/v1/webhooks/2/dead", None)],
    "replayWebhook": [("/v1/webhooks/2/replay", {"after": 0})],
}
# Where the other's thing is named: it is as if it were not there.
HIDDEN = {
    "getBridge",
    "checkSuppression",
    "getMessage",
    "traceMessage",
    "getDelivery",
    "getWebhook",
    "changeWebhook",
    "removeWebhook",
    "rotateWebhook",
    "testWebhook",
    "listWebhookTries",
    "listDeadRequests",
    "replayWebhook",
}
# Those of them that only look.
LOOKS = {name for name in HIDDEN if name.startswith(("get", "list", "trace", "check"))}
# Where the scope is named: refused.
REFUSED = {"suppress", "unsuppress"}
# Where the owner is named: it is no Bridge of the caller's.
WRONG = {"createWebhook"}


def _document() -> Any:
    class _NoStore:
        pass

    common = changing.Parts(_NoStore(), b"", clocks.SystemClock(), lambda _: None)  # type: ignore[arg-type]
    parts = console_events.Parts(common, lambda *_: None, pieces.Places(1))  # type: ignore[arg-type]
    hooks = console_webhooks.Parts(common, lambda _: None, lambda *_: None)  # type: ignore[arg-type, return-value]
    figured = metrics.Metrics(_NoStore(), clocks.SystemClock(), lambda: 0)  # type: ignore[arg-type]
    operations = serving.all_operations(parts, hooks, lambda _: None, lambda *_: None, figured)  # type: ignore[arg-type, return-value]
    return json.loads(openapi.document(operations, "1"))


def _operations() -> Iterator[Operation]:
    for path, methods in _document()["paths"].items():
        for method, one in methods.items():
            yield Operation(one["operationId"], method.upper(), path, one["x-role"], one["x-bridges"])


ALL = sorted(_operations(), key=lambda one: one.name)
EACH = pytest.mark.parametrize("one", ALL, ids=[one.name for one in ALL])
ROLES = {"read": houses.READ, "operator": houses.OPERATOR, "admin": houses.ADMIN}


def test_every_operation_that_a_bridge_may_call_is_classified_here() -> None:
    assert {one.name for one in ALL if one.bridges} == set(FOREIGN)


def test_names_and_paths_are_unique() -> None:
    assert len({one.name for one in ALL}) == len(ALL)
    assert len({(one.method, one.path) for one in ALL}) == len(ALL)


async def test_without_a_key_or_with_a_revoked_one_there_is_nothing(house: houses.House) -> None:
    for one in ALL:
        for key in (None, houses.REVOKED):
            assert (await house.ask(one.method, _filled(one.path), key=key)).status == 401, one.name


async def test_a_lesser_role_is_refused(house: houses.House) -> None:
    for one in ALL:
        for role, key in ROLES.items():
            body: object = {} if one.method in {"POST", "PUT"} else None
            said = await house.ask(one.method, _filled(one.path), body, key=key)
            lesser = list(ROLES).index(role) < list(ROLES).index(one.role)
            assert (said.status == 403) == lesser, (one.name, said.text)


@EACH
async def test_a_bridge_sees_nothing_of_another_tenant(house: houses.House, one: Operation) -> None:
    body = {
        "targets": ["theirs-ann@rcpt.test"],
        "scope": "bridge:theirs-account/theirs-bridge",
        "note": "theirs",
    }
    assert (await house.ask("POST", "/v1/suppressions", body)).status == 200
    if not one.bridges:
        said = await house.ask(
            one.method, _filled(one.path), {} if one.method in {"POST", "PUT"} else None, key=houses.MINE
        )
        assert said.status == 404
        return
    message = house.messages[houses.MARK]
    for path, given in FOREIGN[one.name]:
        asked = path.replace("{message}", ids.to_text(message)).replace(
            "{delivery}", ids.to_text(message + 1)
        )
        said = await house.ask(one.method, asked, given, key=houses.MINE)
        if one.name in HIDDEN:
            assert said.status == 404
        elif one.name in REFUSED:
            assert said.status == 403
        elif one.name in WRONG:
            assert said.status == 422
        else:
            assert said.status == 200, said.text
        assert houses.MARK not in said.text.replace(asked, "")


async def test_what_is_hidden_is_there_for_its_owner(tmp_path: Path) -> None:
    async with houses.opened(tmp_path) as house:
        for name in LOOKS:
            for path, _ in FOREIGN[name]:
                message = house.messages[houses.MARK]
                asked = path.replace("{message}", ids.to_text(message)).replace(
                    "{delivery}", ids.to_text(message + 1)
                )
                assert (await house.get(asked, key=houses.THEIRS)).status == 200


def _filled(path: str) -> str:
    for name in ("account", "name", "message", "delivery", "id", "webhook", "directive", "report"):
        path = path.replace(f"{{{name}}}", "nobody")
    return path
