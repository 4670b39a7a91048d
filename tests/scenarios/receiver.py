"""A receiving server in the test's own process: answers by the recipient's name and writes down what it took."""

import asyncio
import re
from collections import Counter
from types import TracebackType
from typing import Self

_TOKEN = re.compile(rb"\nX-Token: (\S+)\r\n")


class Receiver:
    """``dead…`` gets 550 5.1.1, ``later…`` 451 the first time, ``full…`` 552 5.2.2; everybody else is taken.

    says: another answer, by recipient. senders: MAIL FROM of each transaction that was taken. dsn: it is announced. asked_with: the
    lines of MAIL and RCPT, without their verbs.
    """

    def __init__(self) -> None:
        self.taken: list[tuple[str, bytes, bytes]] = []  # recipient, token, body
        self.senders: list[str] = []
        self.asked: Counter[str] = Counter()  # RCPTs by recipient
        self.says: dict[str, bytes] = {}
        self.port = 0
        self.dsn = False
        self.asked_with: list[bytes] = []
        self.silent_after_dot = False
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=1 << 23)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for writer in list(self._open):
            writer.transport.abort()
        while self._open:  # noqa: ASYNC110 - one turn of the loop each
            await asyncio.sleep(0)

    def tokens(self, recipient: str) -> list[bytes]:
        return [token for to, token, _ in self.taken if to == recipient]

    def _answer(self, recipient: str) -> bytes:
        self.asked[recipient] += 1
        if recipient in self.says:
            return self.says[recipient] + b"\r\n"
        if recipient.startswith("dead"):
            return b"550 5.1.1 <%s>: no such user here \xe9\r\n" % recipient.encode()
        if recipient.startswith("full"):
            return b"552 5.2.2 mailbox full\r\n"
        if recipient.startswith("later") and self.asked[recipient] == 1:
            return b"451 4.7.1 Greylisted, try again in 1 seconds\r\n"
        return b"250 2.1.5 Ok\r\n"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            await self._talk(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            self._open.remove(writer)
            writer.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mx.test ESMTP\r\n")
        recipients: list[str] = []
        sender = ""
        while line := await reader.readline():
            verb = line[:4].upper()
            if verb in (b"MAIL", b"RCPT"):
                self.asked_with.append(line[line.index(b":") + 1 :].strip())
            if verb == b"EHLO":
                dsn = b"250-DSN\r\n" if self.dsn else b""
                writer.write(b"250-mx.test\r\n%s250-PIPELINING\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n" % dsn)
            elif verb == b"RCPT":
                recipient = line[line.index(b"<") + 1 : line.index(b">")].decode()
                answer = self._answer(recipient)
                if answer.startswith(b"250"):
                    recipients.append(recipient)
                writer.write(answer)
            elif verb == b"DATA" and not recipients:
                writer.write(b"554 5.5.1 nobody\r\n")
            elif verb == b"DATA":
                writer.write(b"354 go\r\n")
                body = await reader.readuntil(b"\r\n.\r\n")
                found = _TOKEN.search(body)
                token = found[1] if found else b""
                self.taken += [(to, token, body[:-3]) for to in recipients]
                self.senders.append(sender)
                recipients = []
                writer.write(b"250 2.0.0 taken\r\n")
            elif verb == b"QUIT":
                writer.write(b"221 bye\r\n")
                return
            else:
                recipients = [] if verb in (b"MAIL", b"RSET") else recipients
                if verb == b"MAIL":
                    sender = line[line.index(b"<") + 1 : line.index(b">")].decode()
                writer.write(b"250 2.0.0 Ok\r\n")
