"""Submission over real sockets: who may send what, what is answered, what is kept."""

import asyncio
import base64
import smtplib
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from tests.ingest import office as offices

from gatepost.ingest import settings as ingest_settings
from gatepost.ingest import shortage as shortages
from gatepost.model import directory as directories
from gatepost.model import event as events
from gatepost.model import suppression as suppressions
from gatepost.store import credentials

OPEN = ingest_settings.ListenerSettings(tls=ingest_settings.ListenerTls.NONE, bridge="shop")
LOGIN = ingest_settings.ListenerSettings(tls=ingest_settings.ListenerTls.NONE, auth_without_tls=True)
MESSAGE = b"From: News <news@shop.example>\r\nSubject: hello\r\n\r\nbody\r\n"
PLAIN = b"AUTH PLAIN " + base64.b64encode(b"\0shop\0" + offices.PASSWORD.encode())


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[offices.Office]:
    async with offices.opened(tmp_path, command_timeout_s=1.0, data_timeout_s=1.0) as made:
        yield made


async def greeted(client: offices.Client) -> None:
    assert (await client.reply()).startswith(b"220 gw.example ESMTP")
    assert (await client.say(b"EHLO app.example")).startswith(b"250-gw.example\r\n")


async def submit(
    client: offices.Client, *recipients: bytes, sender: bytes = b"a@shop.example", message: bytes = MESSAGE
) -> bytes:
    assert (await client.say(b"MAIL FROM:<%s>" % sender)).startswith(b"250 ")
    for recipient in recipients:
        assert (await client.say(b"RCPT TO:<%s>" % recipient)).startswith(b"250 ")
    assert (await client.say(b"DATA")).startswith(b"354 ")
    client.writer.write(message + b".\r\n")
    return await client.reply()


async def test_a_message_is_kept_edited_and_offered(office: offices.Office) -> None:
    _, number = await office.listen(OPEN)
    async with offices.dial(number) as client:
        await greeted(client)
        reply = await submit(client, b"ann@x.example", b"Bob@y.example")
    assert reply.startswith(b"250 2.0.0 Queued as ")
    first, second = office.offered
    assert (first.recipient, second.recipient, second.key) == (
        b"ann@x.example",
        b"Bob@y.example",
        "bob@y.example",
    )
    assert (first.id, second.id) == (first.message + 1, first.message + 2)
    kept = await office.body(first)
    assert office.bodies[first.message] == (kept,)
    assert kept.startswith(b"Received: from app.example ([127.0.0.1])\r\n\tby gw.example with ESMTP id ")
    assert b"\r\nDate: " in kept
    assert b"\r\nMessage-ID: <" in kept
    assert kept.endswith(MESSAGE)
    assert first.size == len(kept)
    assert len(await office.found(events.State.RECEIVED)) == 1
    assert [e.recipient for e in await office.found(events.State.QUEUED)] == [
        "ann@x.example",
        "Bob@y.example",
    ]


def test_an_outside_client_can_log_in_and_send(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with offices.opened(tmp_path) as office:
            _, number = await office.listen(LOGIN)
            await asyncio.to_thread(send, number)
            assert [due.recipient for due in office.offered] == [b"ann@x.example", b"bob@x.example"]
            assert b" with ESMTPA id " in await office.body(office.offered[0])

    def send(number: int) -> None:
        with smtplib.SMTP("127.0.0.1", number, local_hostname="app") as client:
            client.login("shop", offices.PASSWORD)
            assert not client.sendmail(
                "a@shop.example", ["ann@x.example", "bob@x.example"], MESSAGE.decode().replace("\r\n", "\n")
            )

    asyncio.run(scenario())


async def test_starttls_protects_the_password(
    office: offices.Office, certificate: tuple[ssl.SSLContext, ssl.SSLContext]
) -> None:
    _, number = await office.listen(ingest_settings.ListenerSettings(), certificate[0])
    async with offices.dial(number) as client:
        await greeted(client)
        assert (await client.say(PLAIN)).startswith(b"538 ")
        assert (await client.say(b"STARTTLS")).startswith(b"220 ")
        await client.start_tls(certificate[1])
        assert b"AUTH PLAIN LOGIN" in await client.say(b"EHLO app.example")
        assert (await client.say(PLAIN)).startswith(b"235 ")
        assert (await submit(client, b"ann@x.example")).startswith(b"250 ")
    assert b" with ESMTPSA id " in await office.body(office.offered[0])


async def test_an_implicit_tls_listener_speaks_tls_from_the_first_byte(
    office: offices.Office, certificate: tuple[ssl.SSLContext, ssl.SSLContext]
) -> None:
    settings = ingest_settings.ListenerSettings(tls=ingest_settings.ListenerTls.IMPLICIT)
    _, number = await office.listen(settings, certificate[0])
    async with offices.dial(number, certificate[1]) as client:
        await greeted(client)
        assert (await client.say(b"STARTTLS")).startswith(b"503 ")
        assert (await client.say(PLAIN)).startswith(b"235 ")
        assert (await submit(client, b"ann@x.example")).startswith(b"250 ")


async def test_without_auth_nothing_can_be_sent(office: offices.Office) -> None:
    _, number = await office.listen(LOGIN)
    async with offices.dial(number) as client:
        await greeted(client)
        assert (await client.say(b"MAIL FROM:<a@shop.example>")).startswith(b"530 5.7.0 ")


async def test_a_bound_listener_asks_strangers_for_auth(office: offices.Office) -> None:
    _, number = await office.listen(msgspec.structs.replace(OPEN, networks=("10.0.0.0/8",)))
    async with offices.dial(number) as client:
        await greeted(client)
        assert (await client.say(b"MAIL FROM:<a@shop.example>")).startswith(b"530 5.7.0 ")


@pytest.mark.parametrize("name", [b"shop", b"nobody", b"sourceless"])
async def test_wrong_credentials_sound_all_alike(office: offices.Office, name: bytes) -> None:
    _, number = await office.listen(LOGIN)
    async with offices.dial(number) as client:
        await greeted(client)
        reply = await client.say(b"AUTH PLAIN " + base64.b64encode(b"\0" + name + b"\0wrong"))
        assert reply == b"535 5.7.8 Authentication credentials invalid\r\n"
        assert (await client.say(PLAIN)).startswith(b"235 ")


@pytest.mark.parametrize(("name", "bridge"), [(b"shop", "shop"), (b"my-password", "")], ids=["known", "not"])
async def test_a_failed_login_stands_in_the_feed_and_a_mistyped_name_does_not(
    office: offices.Office, name: bytes, bridge: str
) -> None:
    _, number = await office.listen(LOGIN)
    async with offices.dial(number) as client:
        await greeted(client)
        await client.say(b"AUTH PLAIN " + base64.b64encode(b"\0" + name + b"\0wrong"))
        assert (await client.say(PLAIN)).startswith(b"235 ")
        assert (await submit(client, b"ann@x.example")).startswith(b"250 ")
    [event] = await office.found(events.State.LOGIN_FAILED)
    assert event.bridge == (office.bridge().id if bridge else 0)
    assert event.peer_ip == "127.0.0.1"
    assert "my-password" not in repr(event)


async def test_after_too_many_failures_the_connection_ends_and_others_still_get_in(tmp_path: Path) -> None:
    async with offices.opened(tmp_path, auth_failures=3) as office:
        _, number = await office.listen(LOGIN)
        wrong = b"AUTH PLAIN " + base64.b64encode(b"\0shop\0wrong")
        async with offices.dial(number) as client:
            await greeted(client)
            for _ in range(3):
                assert (await client.say(wrong)).startswith(b"535 ")
            assert await client.reply() == b"421 4.7.0 Too many failed logins\r\n"
            assert await client.ended()
        async with offices.dial(number) as client:
            await greeted(client)
            assert (await client.say(PLAIN)).startswith(b"235 ")


@pytest.mark.parametrize("kind", ["revoked", "rotated"])
async def test_lost_credentials_stop_an_open_session(office: offices.Office, kind: str) -> None:
    _, number = await office.listen(LOGIN)
    async with offices.dial(number) as client:
        await greeted(client)
        assert (await client.say(PLAIN)).startswith(b"235 ")
        assert (await submit(client, b"ann@x.example")).startswith(b"250 ")
        bridge = office.bridge()
        changed = (
            msgspec.structs.replace(bridge, revoked_at=1)
            if kind == "revoked"
            else msgspec.structs.replace(bridge, password_mac=credentials.mac(offices.PEPPER, "new"))
        )
        await office.change(changed)
        assert (await client.say(b"MAIL FROM:<a@shop.example>")).startswith(b"421 4.7.0 ")
        assert await client.ended()


@pytest.mark.parametrize("sender", [b"a@evil.example", b"a@notshop.example", b"a@example"])
async def test_a_foreign_sender_is_refused_at_mail(office: offices.Office, sender: bytes) -> None:
    _, number = await office.listen(OPEN)
    async with offices.dial(number) as client:
        await greeted(client)
        assert (await client.say(b"MAIL FROM:<%s>" % sender)).startswith(b"550 5.7.1 ")


@pytest.mark.parametrize(
    ("message", "start"),
    [
        pytest.param(b"From: a@evil.example\r\n\r\nx\r\n", b"550 5.7.1 From: ", id="foreign-from"),
        pytest.param(
            b"From: a@shop.example\r\nFrom: b@evil.example\r\n\r\nx\r\n", b"550 5.7.1 From: ", id="second"
        ),
        pytest.param(b"From: nobody\r\n\r\nx\r\n", b"550 5.6.0 From: ", id="unreadable"),
        pytest.param(b"Received: x\r\n" * 51 + b"\r\nx\r\n", b"554 5.4.6 Received: ", id="loop"),
        pytest.param(b"X-Gatepost-Tags: ,\r\n\r\nx\r\n", b"550 5.6.0 X-Gatepost-Tags", id="label"),
    ],
)
async def test_a_bad_header_is_refused_at_the_dot_by_its_name(
    office: offices.Office, message: bytes, start: bytes
) -> None:
    _, number = await office.listen(OPEN)
    async with offices.dial(number) as client:
        await greeted(client)
        assert (await submit(client, b"ann@x.example", message=message)).startswith(start)
        assert (await submit(client, b"ann@x.example")).startswith(b"250 ")
    assert len(office.offered) == 1


async def test_the_null_sender_may_send_what_names_its_author(office: offices.Office) -> None:
    _, number = await office.listen(OPEN)
    async with offices.dial(number) as client:
        await greeted(client)
        assert (await submit(client, b"ann@x.example", sender=b"")).startswith(b"250 ")
        reply = await submit(client, b"ann@x.example", sender=b"", message=b"Subject: x\r\n\r\n")
        assert reply.startswith(b"550 5.6.0 From: is missing")
    assert office.offered[0].sender == b""


async def test_the_sender_domain_is_the_one_that_people_read_in_from(office: offices.Office) -> None:
    _, number = await office.listen(OPEN)
    message = b"From: News <news@NEWS.example>\r\nSubject: x\r\n\r\n"
    async with offices.dial(number) as client:
        await greeted(client)
        await submit(client, b"ann@x.example", message=message)
        await submit(client, b"ann@x.example", sender=b"", message=message)
        await submit(client, b"ann@x.example", message=b"Subject: x\r\n\r\n")
    domains = ["news.example", "news.example", "shop.example"]
    assert [due.sender_domain for due in office.offered] == domains
    assert [event.sender_domain for event in await office.found(events.State.QUEUED)] == domains


async def test_a_recipient_given_twice_is_one_recipient(office: offices.Office) -> None:
    _, number = await office.listen(OPEN)
    async with offices.dial(number) as client:
        await greeted(client)
        await submit(client, b"ann@x.example", b"ANN@X.example")
    assert len(office.offered) == 1


async def test_little_space_refuses_at_mail_and_the_session_goes_on(office: offices.Office) -> None:
    _, number = await office.listen(OPEN)
    office.short = shortages.Shortage.SPACE
    async with offices.dial(number) as client:
        await greeted(client)
        assert (await client.say(b"MAIL FROM:<a@shop.example>")).startswith(b"452 4.3.1 ")
        office.short = None
        assert (await submit(client, b"ann@x.example")).startswith(b"250 ")


async def test_little_memory_refuses_at_connect_and_at_mail_until_it_is_over(office: offices.Office) -> None:
    _, number = await office.listen(OPEN)
    async with offices.dial(number) as client:
        await greeted(client)
        office.short = shortages.Shortage.MEMORY
        assert (await client.say(b"MAIL FROM:<a@shop.example>")).startswith(b"451 4.3.2 ")
        async with offices.dial(number) as another:
            assert (await another.reply()).startswith(b"421 4.3.2 Too little memory")
            assert await another.ended()
        office.short = None
        assert (await submit(client, b"ann@x.example")).startswith(b"250 ")


async def test_a_store_that_cannot_confirm_is_a_451_and_nothing_is_offered(office: offices.Office) -> None:
    _, number = await office.listen(OPEN)
    office.valve.sick = True
    async with offices.dial(number) as client:
        await greeted(client)
        assert (await submit(client, b"ann@x.example")).startswith(b"451 4.3.0 ")
    assert not office.offered


async def test_a_pool_without_a_source_is_a_temporary_refusal(office: offices.Office) -> None:
    _, number = await office.listen(OPEN)
    source = office.shelf.book().by_name("shop")
    assert source is not None
    await office.change(msgspec.structs.replace(source.sources[0], disabled=True))
    async with offices.dial(number) as client:
        await greeted(client)
        assert (await submit(client, b"ann@x.example")).startswith(b"451 4.3.5 ")


# --- suppressed recipients


async def suppress(office: offices.Office, target: str, *, mine: bool) -> None:
    account = office.bridge().account if mine else 0
    entry = suppressions.Suppression(
        suppressions.Kind.ADDRESS, target, reason="complaint", account=account, created_at=1, last_at=1
    )
    await office.store.suppress([entry], "test")


@pytest.mark.parametrize(
    ("recipients", "text"),
    [
        pytest.param((b"bad@x.example", b"ann@x.example"), b"; 1 of 2 recipients suppressed\r\n", id="some"),
        pytest.param((b"bad@x.example",), b"; 1 of 1 recipients suppressed\r\n", id="all"),
    ],
)
async def test_accept_takes_suppressed_recipients_and_says_so(
    office: offices.Office, recipients: tuple[bytes, ...], text: bytes
) -> None:
    await suppress(office, "bad@x.example", mine=True)
    _, number = await office.listen(OPEN)
    async with offices.dial(number) as client:
        await greeted(client)
        assert (await submit(client, *recipients)).endswith(text)
    assert [due.recipient for due in office.offered] == [r for r in recipients if r != b"bad@x.example"]
    assert [e.recipient for e in await office.found(events.State.REJECTED)] == ["bad@x.example"]


@pytest.mark.parametrize(
    ("mine", "reply"),
    [
        pytest.param(True, b"550 5.7.1 Recipient is suppressed: complaint\r\n", id="own"),
        pytest.param(False, b"550 5.7.1 Recipient is suppressed\r\n", id="of-others"),
    ],
)
async def test_refuse_says_no_at_rcpt_with_the_reason_only_to_whom_it_concerns(
    office: offices.Office, mine: bool, reply: bytes
) -> None:
    await office.change(
        msgspec.structs.replace(office.bridge(), on_suppressed=directories.OnSuppressed.REFUSE)
    )
    await suppress(office, "bad@x.example", mine=mine)
    _, number = await office.listen(OPEN)
    async with offices.dial(number) as client:
        await greeted(client)
        await client.say(b"MAIL FROM:<a@shop.example>")
        assert await client.say(b"RCPT TO:<Bad@x.example>") == reply
        assert (await client.say(b"DATA")).startswith(b"554 5.5.1 ")
        await client.say(b"RSET")
        assert (await submit(client, b"ann@x.example")).startswith(b"250 ")
    [event] = await office.found(events.State.REJECTED)
    assert (event.recipient, event.flags) == ("Bad@x.example", events.Flag.OUTSIDE)
    [(kept, recounted)] = await office.store.ledger()
    assert kept.holds
    assert kept.accepted == recounted.accepted == 1
