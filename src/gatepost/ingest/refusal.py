"""How a submission is turned down: one value that SMTP and HTTP each say in their own way.

Guarantees: code, enhanced code (RFC 3463) and a public sentence that names the place; nothing that the peer sent is
repeated in it. The private reason, if there is one, belongs in the log.
"""

from gatepost import errors


class Refusal(errors.BadInput):
    """This message, or this part of it, is not taken. ``code`` is the SMTP reply's; below 500 it may be tried again."""

    def __init__(self, code: int, enhanced: str, place: str, problem: str) -> None:
        self.code = code
        self.enhanced = enhanced
        super().__init__(place, problem)


def malformed(place: str, problem: str) -> Refusal:
    """Something is written wrongly: 550 5.6.0 (RFC 3463 §3.7), HTTP 422."""
    return Refusal(550, "5.6.0", place, problem)


def unhealthy() -> Refusal:
    """The store could not confirm: nothing was taken (faults.md P2)."""
    return Refusal(451, "4.3.0", "store", "not available, try again later")


def not_taken(error: Exception) -> Refusal:
    """What to say when a call to the store came to nothing. Busy: it is well, but too much was before us (P4)."""
    if isinstance(error, errors.StoreBusy):
        return Refusal(451, "4.3.2", "store", "busy, try again later")
    return unhealthy()
