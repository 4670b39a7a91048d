"""Mail to postmaster@ and abuse@ goes on to the operator, as a message of our own with the mail inside.

Guarantees: it is submitted like any other mail, with the null return path, so that no bounce of it comes back; a mail that was
forwarded once is not forwarded again, so that an operator whose address leads here makes no loop.
Not here: which mail it is (``intake``).
"""

from collections.abc import Callable

from gatepost.ingest import accept, ours, reading, refusal
from gatepost.ingest import book as books
from gatepost.ingest import settings as ingest_settings
from gatepost.model import address as addresses

MARK = "X-Gatepost-Forwarded"


class Forwarder:
    """Call it with a mail. Raises Refusal where it cannot be submitted now."""

    def __init__(
        self,
        settings: ingest_settings.InboundSettings,
        shelf: books.Shelf,
        acceptor: accept.Acceptor,
        boundary: Callable[[], str],
    ) -> None:
        self._settings = settings
        self._shelf = shelf
        self._acceptor = acceptor
        self._boundary = boundary

    async def __call__(self, received: reading.Received, place: ours.Place) -> None:
        """Submit it; nothing where no operator is named."""
        operator = self._settings.operator
        if not operator or MARK.lower().encode() in received.raw[:_HEAD].lower():
            return
        sending = self._shelf.book().by_name(self._settings.bridge)
        if sending is None or not sending.domains:
            raise refusal.Refusal(451, "4.3.5", "inbound.bridge", "is no Bridge with a sender domain")
        peer = accept.Peer(received.peer_ip, accept.origin(received.peer_ip), b"ESMTP")
        envelope = accept.Envelope(sending, None, (addresses.parse(operator),), peer)
        sender = f"postmaster@{min(sending.domains)}"
        message = _wrapped(received, place, sender, operator, self._boundary())
        await self._acceptor.accept_all([self._acceptor.begin(envelope, message)], None)


_HEAD = 64 * 1024


def _wrapped(
    received: reading.Received, place: ours.Place, sender: str, operator: str, boundary: str
) -> bytes:
    """The mail inside another (RFC 2046 §5.2.1)."""
    text = f"From {received.sender or '<>'} to {place.address}, brought by {received.peer_ip}."
    eight_bit = not received.raw.isascii()
    encoding = "8bit" if eight_bit else "7bit"
    head = (
        f"From: Gatepost <{sender}>\r\n"
        f"To: <{operator}>\r\n"
        f"Subject: Mail to {place.address}\r\n"
        f"{MARK}: {place.address}\r\n"
        "Auto-Submitted: auto-generated\r\n"
        "MIME-Version: 1.0\r\n"
        f'Content-Type: multipart/mixed; boundary="{boundary}"\r\n'
        f"Content-Transfer-Encoding: {encoding}\r\n"
        "\r\n"
        f"--{boundary}\r\n"
        "Content-Type: text/plain; charset=us-ascii\r\n"
        "\r\n"
        f"{text}\r\n"
        f"--{boundary}\r\n"
        "Content-Type: message/rfc822\r\n"
        f"Content-Transfer-Encoding: {encoding}\r\n"
        "\r\n"
    )
    end = b"" if received.raw.endswith(b"\r\n") else b"\r\n"
    return b"".join(
        (head.encode("ascii", "backslashreplace"), received.raw, end, b"\r\n--", boundary.encode(), b"--\r\n")
    )
