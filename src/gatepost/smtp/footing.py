"""Where the server's side stands with its client: state, replies that wait to be written, patience left, the end.

Guarantees: a step that the table in ``states`` forbids is a LocalProtocolError, and so is an answer that nobody waits for.
A session ends once: its first reason and last reply stand. What a client says wrongly and what brings no message are
counted, and only an accepted message wipes that out (faults.md B12); a refused sender or recipient is no mistake: a list
with fifty suppressed addresses is a legal one.
Not here: clients as a whole, over many connections (``gatepost.ingest``); what the commands mean (``server``).
"""

from typing import Final

from gatepost.smtp import events, replies, states

MAX_ERRORS: Final = 20  # as Postfix's smtpd_hard_error_limit
MAX_JUNK: Final = 100  # commands that bring no message; as Postfix's smtpd_junk_command_limit


class Footing:
    """One session's. closing: the last event, once there is one."""

    __slots__ = ("_errors", "_junk", "_out", "closing", "state")

    def __init__(self) -> None:
        self.state = states.Server.START
        self.closing: events.Closing | None = None
        self._out: list[bytes] = []
        self._errors = 0
        self._junk = 0

    def written(self) -> bytes:
        """All replies that wait, in one piece (faults.md B22)."""
        waiting = self._out
        if len(waiting) == 1:
            return waiting.pop()
        out = b"".join(waiting)
        waiting.clear()
        return out

    def allows(self, step: states.Step) -> bool:
        """Whether the step is legal now."""
        return step in states.SERVER[self.state]

    def go(self, step: states.Step) -> None:
        """Take a step."""
        to = states.SERVER[self.state].get(step)
        if to is None:
            raise states.LocalProtocolError(f"{step.name} is not possible in {self.state.name}")
        self.state = to

    def answer(self, step: states.Step, reply: bytes, owed: frozenset[states.Server]) -> None:
        """The shell's answer, if it is owed; after the end there is nobody to be told."""
        if self.closing is not None:
            return
        if self.state not in owed:
            raise states.LocalProtocolError(f"an answer that nobody waits for in {self.state.name}")
        self.go(step)
        self._out.append(reply)

    def say(self, reply: bytes) -> None:
        """A reply that is held against nobody."""
        self._out.append(reply)

    def error(self, reply: bytes) -> events.Closing | None:
        """A reply to a mistake; the last one ends the session."""
        self._out.append(reply)
        return self.count_error()

    def out_of_order(self) -> events.Closing | None:
        """A command that is not possible now."""
        fresh = self.state is states.Server.FRESH
        return self.error(replies.HELLO_FIRST if fresh else replies.NESTED)

    def junk(self, reply: bytes) -> events.Closing | None:
        """A reply to what brings no message; with too many of them the session ends."""
        self._out.append(reply)
        return self.count_junk()

    def count_error(self) -> events.Closing | None:
        """A mistake whose reply is said already."""
        self._errors += 1
        if self._errors < MAX_ERRORS:
            return None
        return self.close(events.Reason.ERRORS, replies.TOO_MANY_ERRORS)

    def count_junk(self) -> events.Closing | None:
        """What brings no message, and whose reply is said already."""
        self._junk += 1
        if self._junk <= MAX_JUNK:
            return None
        return self.close(events.Reason.JUNK, replies.TOO_MUCH_JUNK)

    def renew(self) -> None:
        """A message was accepted."""
        self._errors = self._junk = 0

    def close(self, reason: events.Reason, reply: bytes) -> events.Closing:
        """The end; its reply may be empty."""
        if self.closing is None:
            self.closing = events.Closing(reason)
            self.state = states.Server.CLOSED
            if reply:
                self._out.append(reply)
        return self.closing
