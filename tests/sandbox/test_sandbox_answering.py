"""What the sandbox's receivers send back after they said 250."""

import asyncio
import collections
import re

import pytest

from gatepost.reports import parser, report
from gatepost.sandbox import answering

After = answering.After
HEADER = (
    b"X-Gatepost-Token: d.1\r\nList-Unsubscribe: <https://x.test/u/u.7>,\r\n <mailto:u.7@bounce.x.test?subject=unsubscribe>\r\n"
    b"Subject: caf\xc3\xa9\r\n"
)
LETTER = answering.Letter("mx.firm.test", "b.1@bounce.x.test", "ann@firm1.test", HEADER)


def mail(kind: After, letter: answering.Letter = LETTER) -> answering.Mail:
    found = answering.mail(kind, letter)
    assert found is not None
    return found


def test_a_late_bounce_goes_to_the_return_path_and_names_the_recipient() -> None:
    one = mail(After.LATE)
    read = parser.parse(one.text)
    assert (one.sender, one.to, read.kind) == ("", LETTER.sender, report.Kind.DSN)
    assert [(r.address, r.status) for r in read.recipients] == [("ann@firm1.test", "5.1.1")]


def test_a_complaint_goes_to_the_feedback_address_with_the_letters_header() -> None:
    one = mail(After.COMPLAINT)
    read = parser.parse(one.text)
    assert (one.to, read.kind, read.feedback[0].type) == ("feedback@bounce.x.test", report.Kind.ARF, "abuse")
    assert b"X-Gatepost-Token: d.1\r\n" in one.text


def test_an_absence_note_is_recognised_as_one() -> None:
    assert parser.parse(mail(After.AWAY).text).kind is report.Kind.AUTOREPLY


def test_who_leaves_writes_to_the_address_that_the_letter_names() -> None:
    assert mail(After.LEAVE).to == "u.7@bounce.x.test"
    assert answering.mail(After.LEAVE, answering.Letter("h", "a@b.test", "c@d.test", b"")) is None


@pytest.mark.parametrize("kind", After)
def test_a_letter_without_a_return_path_is_not_answered(kind: After) -> None:
    assert answering.mail(kind, answering.Letter("h", "", "c@d.test", HEADER)) is None


def test_a_recipient_is_answered_by_its_name_or_by_its_share() -> None:
    assert answering.after("late.1@x.test", 1) is After.LATE
    drawn = collections.Counter(answering.after(f"reader{n}@x.test", 1) for n in range(20_000))
    for kind, share in answering.SHARES:
        assert abs(drawn[kind] / 20_000 - share) < 0.002
    assert answering.after("reader1@x.test", 1) == answering.after("reader1@x.test", 1)


async def test_what_is_put_off_is_brought_again() -> None:
    said = [b"451 4.3.0 later", b"250 ok"]
    taken: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 hi\r\n")
        while line := await reader.readline():
            if line.startswith(b"RCPT"):
                writer.write(said.pop(0) + b"\r\n")
            elif line == b"DATA\r\n":
                writer.write(b"354 go\r\n")
                taken.append(await reader.readuntil(b"\r\n.\r\n"))
                writer.write(b"250 ok\r\n")
            else:
                writer.write(b"250 ok\r\n")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    one = answering.Answering(1)
    away = answering.Letter("mx.firm.test", "b.1@bounce.x.test", "away.1@firm1.test", HEADER)
    one.bring(away)  # nobody listens yet: nothing is brought
    one.to = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    one.bring(away)
    async with asyncio.timeout(10):
        while one.busy:  # noqa: ASYNC110 - two tries
            await asyncio.sleep(0.05)
    server.close()
    assert (one.brought, len(taken), said) == (1, 1, [])
    assert re.search(rb"Auto-Submitted: auto-replied", taken[0])
