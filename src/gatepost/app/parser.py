"""A process of its own that reads reports, since they come from anybody: what is too much for it harms nobody else.

Guarantees: bounded memory and processor time, by the system's own limits; it opens nothing, and ends when its line does
(faults.md F06). Its worker ends it where one report takes too long.
"""

import contextlib
import resource
import socket
import sys

import msgspec

from gatepost.ingest import reading
from gatepost.reports import parser, report
from gatepost.reports import token as tokens

MEMORY = (
    512 * 1024 * 1024
)  # of address space: some fifty for the interpreter, the rest for the largest report many times over
HEAD = 8  # bytes in front of each document: its length
MOST_WORDS = 200  # characters of a text that comes from the report
_MARK = tokens.HEADER.lower()


def gist(said: report.Report) -> reading.Gist:
    """What the listener needs of it."""
    originals = [said.original, *(one.original for one in said.feedback)]
    return reading.Gist(
        kind=reading.Of(said.kind.value),
        lines=tuple(_line(one) for one in said.recipients[: reading.MAX_TOLD]),
        feedback=tuple(one.type[:MOST_WORDS] for one in said.feedback),
        notice=said.notice[:MOST_WORDS],
        agent=next((one.user_agent[:MOST_WORDS] for one in said.feedback if one.user_agent), ""),
        mta=said.reporting_mta[:MOST_WORDS],
        marks=tuple(
            one.get(_MARK).strip()[:MOST_WORDS] for one in originals if one is not None and one.get(_MARK)
        ),
        flawed=bool(said.problems),
    )


def _line(one: report.Recipient) -> reading.Line:
    reply = report.said(one)
    names = tuple(dict.fromkeys(text for text in (one.address, one.original, one.final) if text))
    return reading.Line(
        names, one.action.value if one.action else "", reply.code, reply.raw, one.remote_mta[:MOST_WORDS]
    )


def main() -> None:
    """``python -m gatepost.app.parser FD``: documents in, gists out, until the line ends."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_NOFILE, (16, 16))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    line = socket.socket(fileno=int(sys.argv[1]))
    with line, line.makefile("rb") as incoming, contextlib.suppress(OSError):
        while head := incoming.read(HEAD):
            raw = incoming.read(int.from_bytes(head, "big"))
            answer = msgspec.msgpack.encode(gist(parser.parse(raw)))
            line.sendall(len(answer).to_bytes(HEAD, "big") + answer)


if __name__ == "__main__":
    main()
