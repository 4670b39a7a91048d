"""What goes on the wire for one group of deliveries: envelope and body.

Guarantees: the body is sent as it was accepted, byte for byte. Not here yet, because their issues bring them: return
path, token header, conversion and DKIM; this is the place, and in that order.
"""

from collections.abc import Sequence

from gatepost.model import message as messages
from gatepost.smtp import client as smtp_client


def transaction(jobs: Sequence[messages.Due], body: tuple[bytes, ...]) -> smtp_client.Transaction:
    """One transaction for deliveries that share message, domain and envelope sender."""
    first = jobs[0]
    return smtp_client.Transaction(
        sender=first.sender,
        recipients=tuple(job.recipient for job in jobs),
        body=body,
        size=first.size,
        eight_bit=first.eight_bit,
        smtputf8=first.utf8,
    )
