"""A receiving server of the sandbox: one provider's MX host, with its manners.

Guarantees: keeps counts only, never a message (its header goes to ``answering`` for what follows); answers as ``behaviour`` says. Not a server for real mail.
"""

import asyncio
import ssl
from collections import Counter
from collections.abc import Callable

from gatepost.sandbox import answering, behaviour

_LINE = 64 * 1024
_HEADER = 16 * 1024  # bytes of a message's header that are looked at
_GREETING = "220 {host} ESMTP ready (simulated)\r\n"


class MxServer:
    """One host. dkim_refused: asked with the sender's domain at every message. taken_from: told of each recipient's mail that it took."""

    def __init__(
        self,
        provider: behaviour.Provider,
        seed: int,
        context: ssl.SSLContext | None,
        dkim_refused: Callable[[str], bool],
        taken_from: Callable[[answering.Letter], None],
    ) -> None:
        self.took = taken_from
        self.provider = provider
        self.tried: Counter[str] = Counter()
        self.taken: Counter[str] = Counter()
        self.connections = 0
        self._seed = seed
        self._context = context if provider.tls else None
        self._dkim_refused = dkim_refused
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    async def start(self, port: int) -> int:
        """Listen on the provider's address; port 0 lets the system choose. The port."""
        self._server = await asyncio.start_server(self._serve, self.provider.ip, port, limit=_LINE)
        return int(self._server.sockets[0].getsockname()[1])

    def stop(self) -> None:
        """Stop, and drop whoever is there."""
        if self._server is not None:
            self._server.close()
        for writer in list(self._open):
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._open.add(writer)
        try:
            await _Session(self, reader, writer, self._context).run()
        except (
            ConnectionError,
            asyncio.IncompleteReadError,
            asyncio.LimitOverrunError,
            ValueError,
            ssl.SSLError,
        ):
            return
        finally:
            self._open.discard(writer)
            writer.close()

    def answer(self, recipient: str, sender_domain: str) -> behaviour.Answer:
        """What happens to this recipient now."""
        self.tried[recipient] += 1
        return behaviour.answer(
            self.provider,
            recipient,
            self.tried[recipient],
            self._seed,
            dkim_refused=self._dkim_refused(sender_domain),
        )


class _Session:
    """One connection's conversation."""

    def __init__(
        self,
        server: MxServer,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        context: ssl.SSLContext | None,
    ) -> None:
        self._server = server
        self._reader = reader
        self._writer = writer
        self._context = context
        self._sender = ""
        self._recipients: list[str] = []
        self._refusal = b""

    async def run(self) -> None:
        """Until it is over."""
        self._writer.write(_GREETING.format(host=self._server.provider.host).encode())
        while line := await self._reader.readline():
            verb = line[:4].upper()
            match verb:
                case b"EHLO" | b"HELO":
                    self._writer.write(self._hello())
                case b"STAR":
                    await self._start_tls()
                case b"MAIL":
                    self._sender = _address(line)
                    self._recipients, self._refusal = [], b""
                    self._writer.write(b"250 2.1.0 Ok\r\n")
                case b"RCPT":
                    if not await self._rcpt(_address(line)):
                        return
                case b"DATA":
                    await self._data()
                case b"QUIT":
                    self._writer.write(b"221 2.0.0 Bye\r\n")
                    return
                case _:
                    self._writer.write(b"250 2.0.0 Ok\r\n")

    def _hello(self) -> bytes:
        lines = [self._server.provider.host, "PIPELINING", "SIZE 35882577", "8BITMIME", "SMTPUTF8"]
        if self._context is not None:
            lines.append("STARTTLS")
        last = len(lines) - 1
        return "".join(f"250{'-' if n < last else ' '}{text}\r\n" for n, text in enumerate(lines)).encode()

    async def _start_tls(self) -> None:
        if self._context is None:
            self._writer.write(b"502 5.5.1 Not offered\r\n")
            return
        self._writer.write(b"220 2.0.0 Go ahead\r\n")
        await self._writer.start_tls(self._context)
        self._context = None

    async def _rcpt(self, recipient: str) -> bool:
        answer = self._server.answer(recipient, self._sender.rpartition("@")[2])
        match answer.act:
            case behaviour.Act.TAKE:
                self._recipients.append(recipient)
                self._writer.write(b"250 2.1.5 Ok\r\n")
            case behaviour.Act.SAY:
                self._writer.write(answer.reply)
            case behaviour.Act.SAY_AT_DOT:
                self._refusal = answer.reply
                self._recipients.append(recipient)
                self._writer.write(b"250 2.1.5 Ok\r\n")
            case behaviour.Act.DROP:
                return False
            case behaviour.Act.HANG:
                await self._reader.read()  # until the client gives up
                return False
        return True

    async def _data(self) -> None:
        if not self._recipients:
            self._writer.write(b"554 5.5.1 No valid recipients\r\n")
            return
        self._writer.write(b"354 Go ahead\r\n")
        header, inside, size = [], True, 0
        while (line := await self._reader.readline()) != b".\r\n":
            if not line:
                raise ConnectionResetError
            inside = inside and line != b"\r\n" and size < _HEADER
            if inside:
                header.append(line)
                size += len(line)
        if self._refusal:
            self._writer.write(self._refusal)
            return
        self._server.taken.update(self._recipients)
        self._writer.write(b"250 2.0.0 Ok: queued as SANDBOX\r\n")
        host, whole = self._server.provider.host, b"".join(header)
        for recipient in self._recipients:
            self._server.took(answering.Letter(host, self._sender, recipient, whole))


def _address(line: bytes) -> str:
    return line.partition(b"<")[2].partition(b">")[0].decode("ascii", "replace").lower()
