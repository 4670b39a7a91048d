"""What comes back after a receiver said 250: bounce mails, complaints, automatic answers and wishes to leave.

Guarantees: the same seed and recipient give the same; each is worded as such mails are, with example data, and is brought to the sender's
own listener, again a few times where that puts it off. Not here: what the listener makes of it.
"""

import asyncio
import contextlib
import enum
import hashlib
import re

import msgspec

RETRY_S = 0.5
TRIES = 10
_MAILTO = re.compile(rb"<mailto:([^?>]{1,300})", re.IGNORECASE)


class After(enum.StrEnum):
    """What comes back; also the local part that asks for it: ``late.7@…``."""

    LATE = "late"
    COMPLAINT = "complaint"
    AWAY = "away"
    LEAVE = "leave"


# Of all recipients whose mail is taken.
SHARES = ((After.LATE, 0.004), (After.COMPLAINT, 0.003), (After.AWAY, 0.008), (After.LEAVE, 0.003))


class Letter(msgspec.Struct, frozen=True):
    """A mail that was taken. host: whose. header: of the mail, or its beginning."""

    host: str
    sender: str
    recipient: str
    header: bytes


class Mail(msgspec.Struct, frozen=True):
    """What is brought, with its envelope."""

    sender: str
    to: str
    text: bytes


def after(recipient: str, seed: int) -> After | None:
    """What follows a mail to this recipient; mostly nothing."""
    word = recipient.partition("@")[0].partition(".")[0]
    if word in After.__members__.values():
        return After(word)
    digest = hashlib.blake2b(f"after {seed} {recipient}".encode(), digest_size=8).digest()
    drawn = int.from_bytes(digest, "big") / 2**64
    for kind, share in SHARES:
        if drawn < share:
            return kind
        drawn -= share
    return None


def mail(kind: After, letter: Letter) -> Mail | None:
    """The mail; None where the letter gives no way: nothing goes to senders without a return path, and who cannot leave does not."""
    domain = letter.sender.rpartition("@")[2]
    if not domain:
        return None
    header = letter.header.decode("utf-8", "replace").replace("\r\n", "\n")
    given = {"recipient": letter.recipient, "host": letter.host, "to": letter.sender, "header": header}
    match kind:
        case After.LATE:
            return Mail("", letter.sender, _text(_LATE, given))
        case After.COMPLAINT:
            to = f"feedback@{domain}"
            return Mail(f"fbl@{letter.host}", to, _text(_COMPLAINT, {**given, "to": to}))
        case After.AWAY:
            return Mail("", letter.sender, _text(_AWAY, given))
        case After.LEAVE:
            found = _MAILTO.search(letter.header)
            if found is None:
                return None
            to = found[1].decode("ascii", "replace")
            return Mail(letter.recipient, to, _text(_LEAVE, {**given, "to": to}))


class Answering:
    """``bring`` what follows a letter. ``to``: ``ip:port`` of the listener, set when it is known; nothing is brought before. brought:
    how many were taken there.
    """

    def __init__(self, seed: int) -> None:
        self.to = ""
        self.brought = 0
        self._seed = seed
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def busy(self) -> bool:
        """Whether something is still to be brought."""
        return bool(self._tasks)

    def bring(self, letter: Letter) -> None:
        """Whatever follows this letter, a little later."""
        kind = after(letter.recipient, self._seed)
        found = mail(kind, letter) if kind is not None and self.to else None
        if found is not None:
            task = asyncio.get_running_loop().create_task(self._bring(found))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def stop(self) -> None:
        """Bring nothing more."""
        for task in self._tasks:
            task.cancel()

    async def _bring(self, one: Mail) -> None:
        host, _, port = self.to.rpartition(":")
        for _ in range(TRIES):
            await asyncio.sleep(RETRY_S)
            with contextlib.suppress(OSError, ValueError):
                if await _deliver(host, int(port), one):
                    self.brought += 1
                    return


async def _deliver(host: str, port: int, one: Mail) -> bool:
    """One conversation. False: it is to be tried again; what is refused for good is given up as brought."""
    reader, writer = await asyncio.open_connection(host, port)
    try:
        await _reply(reader)
        stuffed = one.text.replace(b"\r\n.", b"\r\n..")
        for line in (
            b"EHLO sandbox.test\r\n",
            b"MAIL FROM:<%s>\r\n" % one.sender.encode(),
            b"RCPT TO:<%s>\r\n" % one.to.encode(),
            b"DATA\r\n",
            stuffed + b"\r\n.\r\n",
        ):
            writer.write(line)
            code = await _reply(reader)
            if code >= 400:
                return code >= 500
        return True
    finally:
        writer.close()


async def _reply(reader: asyncio.StreamReader) -> int:
    while line := await reader.readline():
        if line[3:4] != b"-":
            return int(line[:3])
    raise ConnectionResetError


def _text(form: str, given: dict[str, str]) -> bytes:
    return form.format(**given).replace("\n", "\r\n").encode()


_LATE = """\
From: Mail Delivery System <MAILER-DAEMON@{host}>
To: {to}
Subject: Undelivered Mail Returned to Sender
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="late"

--late
Content-Type: text/plain; charset=us-ascii

Your message was accepted by our gateway, but the mailbox behind it does not exist.

--late
Content-Type: message/delivery-status

Reporting-MTA: dns; {host}

Final-Recipient: rfc822; {recipient}
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 <{recipient}>: Recipient address rejected: User unknown in local recipient table

--late
Content-Type: text/rfc822-headers

{header}
--late--
"""

_COMPLAINT = """\
From: Feedback <fbl@{host}>
To: {to}
Subject: Complaint
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report; boundary="fbl"

--fbl
Content-Type: text/plain; charset=us-ascii

One of our users says that this is spam.

--fbl
Content-Type: message/feedback-report

Feedback-Type: abuse
User-Agent: Sandbox/1
Version: 1

--fbl
Content-Type: text/rfc822-headers

{header}
--fbl--
"""

_AWAY = """\
From: <{recipient}>
To: {to}
Subject: Automatic reply: I am away
Auto-Submitted: auto-replied
X-Autoreply: yes

I am out of the office until Monday.
"""

_LEAVE = """\
From: <{recipient}>
To: {to}
Subject: unsubscribe

Please.
"""
