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
