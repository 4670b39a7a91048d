"""How much nonsense one client may send before the server's side ends the session (faults.md B12).

Guarantees: what a client says wrongly and what brings no message are both counted; only an accepted message wipes them
out. A recipient or sender that is refused is nobody's mistake: a list with fifty suppressed addresses is a legal one.
Not here: clients as a whole, over many connections (``gatepost.ingest``).
"""

from typing import Final

from gatepost.smtp import events, replies

MAX_ERRORS: Final = 20  # as Postfix's smtpd_hard_error_limit
MAX_JUNK: Final = 100  # commands that bring no message; as Postfix's smtpd_junk_command_limit

Verdict = tuple[events.Reason, bytes] | None  # why the session ends, and the last reply


class Patience:
    """One session's counters."""

    __slots__ = ("_errors", "_junk")

    def __init__(self) -> None:
        self._errors = 0
        self._junk = 0

    def error(self) -> Verdict:
        """The client made a mistake."""
        self._errors += 1
        return (events.Reason.ERRORS, replies.TOO_MANY_ERRORS) if self._errors >= MAX_ERRORS else None

    def junk(self) -> Verdict:
        """The client said something that brings no message."""
        self._junk += 1
        return (events.Reason.JUNK, replies.TOO_MUCH_JUNK) if self._junk > MAX_JUNK else None

    def renew(self) -> None:
        """A message was accepted."""
        self._errors = self._junk = 0
