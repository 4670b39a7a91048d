"""POST /v1/send over real sockets: what is taken, what is refused and where the fault is named."""

import asyncio
import contextlib
import hashlib
import json
from collections.abc import AsyncIterator, Mapping, MutableMapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.ingest import office as offices

from gatepost.ingest import shortage as shortages
from gatepost.model import event as events
from gatepost.model import ids
from gatepost.model import suppression as suppressions
from gatepost.net import http_server, listen
from gatepost.store import port

ONE: Mapping[str, Any] = {
    "from": "News <news@shop.example>",
    "to": ["ann@x.example"],
    "subject": "hi",
    "text": "body",
}
AUTH = {"Authorization": f"Bearer {offices.KEY}"}
JSON = {"Content-Type": "application/json"}


class Answer(msgspec.Struct):
    status: int
    headers: dict[str, str]
    json: Any

    @property
    def places(self) -> list[str]:
        return [error["place"] for error in self.json["errors"]]


class Direct:
    """Asks the application itself, without a server."""

    def __init__(self, office: offices.Office) -> None:
        self.office = office

    async def ask(self, body: object, headers: Mapping[str, str] | None = None) -> Answer:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        given = {**AUTH, **JSON, "Content-Length": str(len(raw)), **(headers or {})}
        scope: dict[str, object] = {
            "type": "http",
            "method": "POST",
            "path": "/v1/send",
            "headers": [(k.lower().encode(), v.encode()) for k, v in given.items() if v],
            "client": ("127.0.0.1", 1),
        }
        sent: list[Any] = []

        async def receive() -> MutableMapping[str, object]:
            return {"type": "http.request", "body": raw}

        async def send(event: MutableMapping[str, object]) -> None:
            sent.append(event)

        await self.office.app(scope, receive, send)
        start, end = sent
        found = {k.decode(): v.decode() for k, v in start["headers"]}
        return Answer(start["status"], found, json.loads(end["body"]))


class Web:
    """An HTTP client over one connection, that writes what it is told."""

    def __init__(
        self, office: offices.Office, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.office = office
        self.reader = reader
        self.writer = writer

    async def ask(
        self,
        body: object = None,
        *,
        method: str = "POST",
        path: str = "/v1/send",
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        given = {**AUTH, **JSON, "Content-Length": str(len(raw)), **(headers or {}), "Host": "gw"}
        lines = [f"{method} {path} HTTP/1.1", *(f"{k}: {v}" for k, v in given.items() if v), "", ""]
        self.writer.write("\r\n".join(lines).encode() + raw)
        return await self.answer(head=method == "HEAD")

    async def answer(self, *, head: bool = False) -> Answer:
        raw = await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), 5)
        first, *rest = raw.decode().rstrip().split("\r\n")
        found = {k.lower(): v for k, _, v in (line.partition(": ") for line in rest)}
        text = b"" if head else await self.reader.readexactly(int(found["content-length"]))
        return Answer(int(first.split()[1]), found, json.loads(text) if text else None)


@contextlib.asynccontextmanager
async def served(
    path: Path, *, header_s: float = 5.0, proxies: Sequence[str] = (), **settings: object
) -> AsyncIterator[Web]:
    async with offices.opened(path, **settings) as office:
        sockets = listen.bind("127.0.0.1", 0, "test")
        server = http_server.HttpServer(
            office.app, None, proxies=proxies, waits=http_server.Waits(header_s, 1)
        )
        running = office.tasks.create_task(server.run(sockets))
        reader, writer = await asyncio.open_connection(*sockets[0].getsockname())
        try:
            yield Web(office, reader, writer)
        finally:
            writer.close()
            await writer.wait_closed()
            server.stop()
            await running


LIMITS: Mapping[str, Any] = {
    "max_batch": 50,
    "max_recipients": 5,
    "max_size": 1_000_000,
    "max_request": 2_000_000,
    "data_timeout_s": 1,
}


@pytest.fixture
async def web(tmp_path: Path) -> AsyncIterator[Direct]:
    async with offices.opened(tmp_path, **LIMITS) as office:
        yield Direct(office)


@pytest.fixture
async def wire(tmp_path: Path) -> AsyncIterator[Web]:
    async with served(tmp_path, **LIMITS) as made:
        yield made


async def test_one_message_is_queued_for_every_recipient(wire: Web) -> None:
    answer = await wire.ask({**ONE, "cc": "Bob <bob@x.example>", "bcc": ["eve@x.example", "ANN@x.example"]})
    assert answer.status == 202
    assert [(r["address"], r["state"]) for r in answer.json["recipients"]] == [
        ("ANN@x.example", "queued"),
        ("bob@x.example", "queued"),
        ("eve@x.example", "queued"),
    ]
    assert [ids.from_text(r["id"]) for r in answer.json["recipients"]] == [
        due.id for due in wire.office.offered
    ]
    kept = await wire.office.body(wire.office.offered[0])
    assert b"eve@" not in kept
    assert b"\r\nFrom: News <news@shop.example>\r\nTo: ann@x.example\r\nCc: Bob <bob@x.example>\r\n" in kept
    assert b" with HTTP id " in kept


async def test_a_batch_is_one_commit_with_labels_of_each(web: Direct) -> None:
    labels = {"list": "l", "campaign": "c", "tags": ["a", "b"], "metadata": {"k": 1}, "expires_in": 60}
    answer = await web.ask({"messages": [ONE, {**ONE, **labels}]})
    assert answer.status == 202
    assert web.office.valve.calls == [2]
    assert len(answer.json["messages"]) == 2
    message = await web.office.store.message(ids.from_text(answer.json["messages"][1]["id"]))
    assert message is not None
    assert (message.list, message.campaign, message.tags, message.metadata) == ("l", "c", "a,b", '{"k":1}')
    assert message.expires_at == message.received_at + 60_000


async def test_ready_mime_goes_out_as_it_is_with_its_envelope(web: Direct) -> None:
    raw = "From: a@shop.example\nTo: list@x.example\nBcc: v@x.example\nX-Gatepost-List: news\n\n.\nbody\r\n"
    answer = await web.ask({"from": "bounce@shop.example", "to": ["ann@x.example"], "raw": raw})
    assert answer.status == 202
    [due] = web.office.offered
    kept = await web.office.body(due)
    assert kept.endswith(b"\r\nFrom: a@shop.example\r\nTo: list@x.example\r\n\r\n.\r\nbody\r\n")
    assert (due.sender, due.list) == (b"bounce@shop.example", "news")


async def test_a_large_message_goes_into_parts(wire: Web) -> None:
    answer = await wire.ask({**ONE, "text": "y" * 800_000})
    assert answer.status == 202
    [due] = wire.office.offered
    assert due.parts == len((await wire.office.store.bodies([due.message]))[due.message]) - 1 > 1
    assert due.size == len(await wire.office.body(due)) > 3 * port.PART_BYTES


@pytest.mark.parametrize(
    ("change", "status", "place"),
    [
        pytest.param({"to": ["ann@x.example", "no at"]}, 422, "to[1]", id="address"),
        pytest.param({"to": []}, 422, "to", id="nobody"),
        pytest.param({"to": ["a@x.example\r\nBcc: v@x.example"]}, 422, "to[0]", id="address-break"),
        pytest.param({"to": [f"r{n}@x.example" for n in range(6)]}, 422, "to", id="too-many"),
        pytest.param({"cc": [1]}, 422, "cc[0]", id="type"),
        pytest.param({"from": "a@evil.example"}, 403, "from", id="foreign-sender"),
        pytest.param({"from": "a@shop.example, b@shop.example"}, 422, "from", id="two-senders"),
        pytest.param({"subject": "x\r\nBcc: v@x.example"}, 422, "subject", id="subject-break"),
        pytest.param({"headers": {"X-A": "b\u2028c"}}, 422, "headers.X-A", id="header-break"),
        pytest.param({"headers": {"X-A: b\r\nBcc": "v@x.example"}}, 422, "headers", id="header-name"),
        pytest.param({"headers": {"Bcc": "v@x.example"}}, 422, "headers.Bcc", id="ours"),
        pytest.param(
            {"headers": {"X-Gatepost-List": "x"}}, 422, "headers.X-Gatepost-List", id="label-header"
        ),
        pytest.param({"text": None}, 422, "text", id="no-content"),
        pytest.param({"text": "a\0b"}, 422, "text", id="nul"),
        pytest.param({"tags": ["a", "b,c"]}, 422, "tags[1]", id="tag"),
        pytest.param({"metadata": {"a": [1]}}, 422, "metadata[...]", id="metadata"),
        pytest.param({"expires_in": 0}, 422, "expires_in", id="expires"),
        pytest.param({"list": ""}, 422, "list", id="list"),
        pytest.param({"raw": "x"}, 422, "subject", id="raw-and-fields"),
        pytest.param({"sent_at": 1}, 422, "body", id="unknown-field"),
        pytest.param({"text": "y" * 1_000_001}, 422, "body", id="too-big"),
    ],
)
async def test_a_bad_field_is_named_and_nothing_is_taken(
    web: Direct, change: Mapping[str, Any], status: int, place: str
) -> None:
    answer = await web.ask({**ONE, **change})
    assert (answer.status, answer.places) == (status, [place])
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json["status"] == status
    assert not web.office.offered
    assert (await web.ask(ONE)).status == 202


async def test_every_bad_message_of_a_batch_is_named_and_none_is_taken(web: Direct) -> None:
    bad = [
        {**ONE, "to": ["x"]},
        ONE,
        {**ONE, "subject": "a\nb"},
        {**ONE, "from": 1},
        {**ONE, "from": "a@evil.example"},
    ]
    answer = await web.ask({"messages": bad})
    assert answer.status == 422
    assert sorted(answer.places) == [
        "messages[0].to[0]",
        "messages[2].subject",
        "messages[3].from",
        "messages[4].from",
    ]
    assert not web.office.valve.calls


@pytest.mark.parametrize(
    ("body", "status", "place"),
    [
        pytest.param(b"", 400, "body", id="empty"),
        pytest.param(b"{", 400, "body", id="cut"),
        pytest.param(b"[]", 422, "body", id="array"),
        pytest.param(b'{"a":' * 50_000, 400, "body", id="deep"),
        pytest.param(b'{"from":"\xff"}', 422, "body", id="not-utf8"),
        pytest.param(b'{"from":"\\ud800"}', 400, "body", id="half-surrogate"),
        pytest.param(b'{"messages":[]}', 422, "messages", id="none"),
        pytest.param(b'{"messages":{}}', 422, "messages", id="no-list"),
        pytest.param(b'{"messages":[' + b"1," * 50 + b"1]}", 422, "messages", id="too-many"),
        pytest.param(b'{"messages":[1]}', 422, "messages[0]", id="no-object"),
        pytest.param(b'{"messages":[{}],"x":1}', 422, "x", id="beside"),
    ],
)
async def test_a_body_that_is_no_request_is_told_why(
    web: Direct, body: bytes, status: int, place: str
) -> None:
    answer = await web.ask(body)
    assert (answer.status, answer.places) == (status, [place])


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        pytest.param({"Authorization": ""}, 401, id="none"),
        pytest.param({"Authorization": "Bearer wrong"}, 401, id="wrong"),
        pytest.param({"Authorization": f"Basic {offices.KEY}"}, 401, id="basic"),
        pytest.param({"Content-Type": "text/plain"}, 415, id="type"),
        pytest.param({"Content-Encoding": "gzip"}, 415, id="packed"),
        pytest.param({"Content-Length": "2000001"}, 413, id="large"),
        pytest.param({"Idempotency-Key": "k" * 256}, 422, id="long-key"),
        pytest.param({"Idempotency-Key": "a b"}, 422, id="odd-key"),
    ],
)
async def test_a_bad_head_is_refused(web: Direct, headers: Mapping[str, str], status: int) -> None:
    answer = await web.ask(ONE, headers=headers)
    assert answer.status == status
    assert offices.KEY not in json.dumps(answer.json)
    assert not web.office.offered


async def test_paths_and_methods(wire: Web) -> None:
    assert (await wire.ask(ONE, path="/v1/other")).status == 404
    answer = await wire.ask(b"", method="GET")
    assert (answer.status, answer.headers["allow"]) == (405, "POST")
    assert (await wire.ask(b"", method="GET", path="/live")).status == 200
    assert (await wire.ask(b"", method="HEAD", path="/ready")).status == 200
    wire.office.ready = False
    answer = await wire.ask(b"", method="GET", path="/ready")
    assert answer.status == 503
    assert int(answer.headers["retry-after"]) > 0


async def test_a_wrong_key_stands_in_the_feed_without_the_key(web: Direct) -> None:
    assert (await web.ask(ONE, headers={"Authorization": "Bearer gp_mistyped"})).status == 401
    assert (await web.ask(ONE, headers={"Authorization": ""})).status == 401
    assert (await web.ask(ONE)).status == 202
    [event] = await web.office.found(events.State.LOGIN_FAILED)
    assert event.peer_ip == "127.0.0.1"
    assert "mistyped" not in repr(event)


@pytest.mark.parametrize(
    ("proxies", "said", "ip"),
    [
        ((), "192.0.2.9", "127.0.0.1"),
        (("10.0.0.0/8",), "192.0.2.9", "127.0.0.1"),
        (("127.0.0.1",), "192.0.2.9", "192.0.2.9"),
        (("127.0.0.9/8",), "198.51.100.1, 192.0.2.9", "192.0.2.9"),
        (("127.0.0.1",), "2001:db8::9", "2001:db8::9"),
        (("127.0.0.1",), "<script>", ""),
        (("127.0.0.1",), "1" * 5000, ""),
    ],
)
async def test_who_the_client_is_is_believed_of_the_operators_own_proxies_alone(
    tmp_path: Path, proxies: Sequence[str], said: str, ip: str
) -> None:
    """faults.md B20."""
    async with served(tmp_path, proxies=proxies) as web:
        forged = {"X-Forwarded-For": said, "X-Real-IP": "192.0.2.1", "Forwarded": "for=192.0.2.2"}
        assert (await web.ask(ONE, headers=forged)).status == 202
        kept = await web.office.store.message(web.office.offered[0].message)
        assert kept is not None
        assert kept.peer_ip == ip


async def test_little_memory_is_a_503_and_not_ready(wire: Web) -> None:
    wire.office.short = shortages.Shortage.MEMORY
    answer = await wire.ask(ONE)
    assert answer.status == 503
    assert int(answer.headers["retry-after"]) > 0
    assert (await wire.ask(b"", method="GET", path="/ready")).status == 503
    wire.office.short = None
    assert (await wire.ask(ONE)).status == 202


async def test_little_space_is_a_507_and_an_unwell_store_a_503(web: Direct) -> None:
    web.office.short = shortages.Shortage.SPACE
    assert (await web.ask(ONE)).status == 507
    web.office.short = None
    web.office.valve.sick = True
    answer = await web.ask(ONE)
    assert answer.status == 503
    assert int(answer.headers["retry-after"]) > 0
    web.office.valve.sick = False
    assert (await web.ask(ONE, headers={"Authorization": "Bearer gp_other"})).status == 403


async def test_a_repeat_under_one_key_gets_the_same_answer_and_sends_nothing(wire: Web) -> None:
    key = {"Idempotency-Key": hashlib.sha256(b"1").hexdigest()}
    first, again = await wire.ask(ONE, headers=key), await wire.ask(ONE, headers=key)
    assert first.status == again.status == 202
    assert first.json == again.json
    other = await wire.ask({**ONE, "subject": "other"}, headers=key)
    assert (other.status, other.places) == (422, ["Idempotency-Key"])
    assert len(wire.office.offered) == 1
    assert len(await wire.office.found(events.State.RECEIVED)) == 1


async def test_one_key_many_times_at_once_is_one_message(web: Direct) -> None:
    answers = await asyncio.gather(*(web.ask(ONE, headers={"Idempotency-Key": "k"}) for _ in range(20)))
    assert {answer.status for answer in answers} == {202}
    assert len({answer.json["id"] for answer in answers}) == 1
    assert len(web.office.offered) == 1


@pytest.mark.parametrize(("mine", "reason"), [(True, "complaint"), (False, None)], ids=["own", "of-others"])
async def test_a_suppressed_recipient_is_rejected_with_the_reason_for_whom_it_concerns(
    web: Direct, mine: bool, reason: str | None
) -> None:
    account = web.office.bridge().account if mine else 0
    entry = suppressions.Suppression(
        suppressions.Kind.ADDRESS,
        "bad@x.example",
        reason="complaint",
        account=account,
        created_at=1,
        last_at=1,
    )
    await web.office.store.suppress([entry], "test")
    key = {"Idempotency-Key": "k1"}
    for _ in range(2):
        answer = await web.ask({**ONE, "to": ["bad@x.example", "ann@x.example"]}, headers=key)
        bad, good = answer.json["recipients"]
        assert (bad["state"], bad.get("reason")) == ("rejected", reason)
        assert (good["state"], good.get("reason")) == ("queued", None)


async def test_a_body_that_does_not_come_is_a_408(wire: Web) -> None:
    answer = await wire.ask(b"", headers={"Content-Length": "5"})
    assert answer.status == 408


async def test_a_header_that_never_ends_is_cut_off(tmp_path: Path) -> None:
    async with served(tmp_path, header_s=0.2) as web:
        web.writer.write(b"POST /v1/send HTTP/1.1\r\nX-A: ")
        assert not await asyncio.wait_for(web.reader.read(), 5)


async def test_bodies_over_the_budget_are_put_off(tmp_path: Path) -> None:
    limits: dict[str, Any] = {"max_size": 1024, "max_request": 4000, "request_budget": 4000}
    async with served(tmp_path, **limits) as web:
        name = web.writer.get_extra_info("peername")
        reader, writer = await asyncio.open_connection(*name)
        other = Web(web.office, reader, writer)
        head = [f"{k}: {v}" for k, v in {**AUTH, **JSON, "Host": "gw", "Content-Length": "3900"}.items()]
        writer.write("\r\n".join(["POST /v1/send HTTP/1.1", *head, "", ""]).encode() + b"x" * 1990)
        while not web.office.app.held:
            await web.ask(b"", method="GET", path="/live")
        answer = await web.ask(ONE)
        assert answer.status == 429
        assert int(answer.headers["retry-after"]) > 0
        writer.write(b"x" * 1910)
        assert (await other.answer()).status == 400
        assert (await web.ask(ONE)).status == 202
        writer.close()


async def test_a_key_that_is_bound_to_networks_opens_nothing_from_elsewhere(web: Direct) -> None:
    bound = msgspec.structs.replace(web.office.bridge(), networks=("192.0.2.0/24",))
    await web.office.change(bound)
    assert (await web.ask(ONE)).status == 403
    await web.office.change(msgspec.structs.replace(bound, networks=("127.0.0.0/8",)))
    assert (await web.ask(ONE)).status == 202
