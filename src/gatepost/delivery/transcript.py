"""What was said on a connection: kept while it lasts, written out for an attempt that failed.

Guarantees: bounded in bytes whatever the peer sends; no message, and nothing that authenticates us, is in it. What the peer said is
kept byte for byte: who shows it escapes it (faults.md D04). Costs the usual mail some appends.
"""

from collections.abc import Iterator

MOST = 8 * 1024  # octets of one transcript
_HEARD = (
    16 * 1024
)  # octets that are kept of what one side says in one transaction, before they are cut to ``MOST``
_LINE = 1024  # octets of one line
_OPENING = 2 * 1024  # octets of the opening in front of a transaction

_THEY, _WE, _NOTE = b"<", b">", b"#"
_Said = tuple[float, bytes, bytes]  # when, who, what


class Transcript:
    """One connection's. Times are the event loop's, in seconds."""

    __slots__ = ("_begun", "_left", "_opening", "_said", "_started")

    def __init__(self, now: float) -> None:
        self._started = now  # of the connection
        self._begun = 0.0  # of the transaction, 0 for none yet
        self._opening: list[_Said] = []
        self._said: list[_Said] = []
        self._left = _HEARD

    def begin(self, now: float) -> None:
        """A transaction begins: what was said in the one before is forgotten, the opening is kept."""
        if not self._begun:
            self._opening = self._said
        self._begun = now
        self._said = []
        self._left = _HEARD

    def heard(self, data: bytes, now: float) -> None:
        """The peer said it."""
        if self._left > 0:
            self._left -= len(data)
            self._said.append((now, _THEY, data))

    def spoke(self, commands: list[bytes], octets: int, now: float) -> None:
        """We said these commands, and so many octets of a message behind them."""
        self._said += [(now, _WE, one) for one in commands]
        if octets:
            self._said.append((now, _NOTE, b"%d octets of the message" % octets))

    def note(self, text: str, now: float) -> None:
        """What happened beside that."""
        self._said.append((now, _NOTE, text.encode()))

    def written(self) -> bytes:
        """Lines of seconds since the transaction (before it: the connection) began, ``<`` for the peer, ``>`` for us, ``#`` for what
        else happened, and what was said, without its line end.
        """
        opening = _cut(_lines(self._opening, self._started), _OPENING)
        return opening + _cut(_lines(self._said, self._begun or self._started), MOST - len(opening))


def _lines(said: list[_Said], since: float) -> Iterator[bytes]:
    for at, who, what in _joined(said):
        for line in what.removesuffix(b"\r\n").split(b"\r\n"):
            shown = line if len(line) <= _LINE else line[:_LINE] + b"..."
            yield b"%8.3f %s %s\n" % (at - since, who, shown.replace(b"\n", b"\\n"))


def _joined(said: list[_Said]) -> Iterator[_Said]:
    """What one side said in several pieces, as one: a line may be cut anywhere."""
    held: _Said | None = None
    for one in said:
        if held is not None and held[1] == one[1] == _THEY and not held[2].endswith(b"\r\n"):
            held = (held[0], _THEY, held[2] + one[2])
            continue
        if held is not None:
            yield held
        held = one
    if held is not None:
        yield held


def _cut(lines: Iterator[bytes], most: int) -> bytes:
    """What fits: the beginning and the end, where the middle does not."""
    found = list(lines)
    if sum(map(len, found)) <= most:
        return b"".join(found)
    gap = b"         # %d lines are left out\n"
    head: list[bytes] = []
    tail: list[bytes] = []
    left = most - len(gap) - 8
    while found and len(found[0]) <= left // 2:
        left -= len(found[0])
        head.append(found.pop(0))
    while found and len(found[-1]) <= left:
        left -= len(found[-1])
        tail.insert(0, found.pop())
    return b"".join([*head, gap % len(found), *tail])
