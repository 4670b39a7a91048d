"""The values in which an attempt, an expiry, an operator's action or a report ends. Nothing else changes a delivery."""

import msgspec

from gatepost.model import late
from gatepost.model import reply as replies
from gatepost.model import suppression as suppressions
from gatepost.model import verdict as verdicts


class Claim(msgspec.Struct, frozen=True, gc=False):
    """Whose right it is to settle: the slot and the epoch under which the owner held it (refused if stale)."""

    slot: int
    epoch: int


class Attempt(msgspec.Struct, frozen=True, gc=False):
    """The circumstances of one try, shared by all recipients of its transaction.

    started_at: ms. duration_ms: until the last reply. tls: ``TLSv1.3 …``, ``none (…)`` with the reason
    where it was wanted and did not come about, or empty. recipients: of the transaction, 0 where it did not come to one.
    reports_until: ms; how long a late report can be tied to it by a token, 0 where it had none. dsn: the host was asked to tell the
    sender itself what he asked for. transcript: what was said on the connection, where not all of it was taken.
    """

    started_at: int
    duration_ms: int
    node: int = 0
    local_ip: str = ""
    ehlo: str = ""
    provider: str = ""
    peer_host: str = ""
    peer_ip: str = ""
    tls: str = ""
    smarthost: bool = False
    recipients: int = 0
    reports_until: int = 0
    dsn: bool = False
    transcript: bytes = b""


class Attempted(msgspec.Struct, frozen=True, gc=False, tag="attempted"):
    """A server answered, or the try failed before it could.

    reply.code is 0 when there was none; then raw tells in our words what happened. in_doubt: the final dot was sent
    and no reply to it read: the mail may have arrived (faults.md P7). gone: two resolvers that know other names were asked
    anew, and both said that there is no such domain.
    """

    delivery: int
    claim: Claim
    attempt: Attempt
    reply: replies.Reply
    verdict: verdicts.Verdict
    in_doubt: bool = False
    gone: bool = False


class Blocked(msgspec.Struct, frozen=True, gc=False, tag="blocked"):
    """A suppression stood when the delivery was handed to a connection: no attempt is made."""

    delivery: int
    claim: Claim
    entry: suppressions.Suppression


class Postponed(msgspec.Struct, frozen=True, gc=False, tag="postponed"):
    """It may not go now (an address hold, a message that cannot be read): due again at ``until`` (ms), no attempt counted."""

    delivery: int
    claim: Claim
    until: int
    reason: str


class Expired(msgspec.Struct, frozen=True, gc=False, tag="expired"):
    """Its lifetime ended without an attempt being possible now. claim: None where it was held, and nobody's."""

    delivery: int
    claim: Claim | None


class Held(msgspec.Struct, frozen=True, gc=False, tag="held"):
    """A directive (by its id) stops it: it waits until that ends, or its lifetime does. claim: None where it was held already.

    authentication: for so long alone as mail waits for that.
    """

    delivery: int
    claim: Claim | None
    directive: int
    reason: str
    authentication: bool = False


class Released(msgspec.Struct, frozen=True, gc=False, tag="released"):
    """It is due at ``at`` (ms). past: the directive that lets it go although it stands; 0: what held it is over. Changes nothing where
    it is not held.
    """

    delivery: int
    at: int
    past: int = 0


class Hurried(msgspec.Struct, frozen=True, gc=False, tag="hurried"):
    """It is due now, whenever it was to be tried again. Changes nothing where it is due already, or held."""

    delivery: int


class Rerouted(msgspec.Struct, frozen=True, gc=False, tag="rerouted"):
    """It goes by another Source: its row is in that Source's lane from now on."""

    delivery: int
    claim: Claim
    lane: int
    source: int


class Failed(msgspec.Struct, frozen=True, gc=False, tag="failed"):
    """What it was held for will not change: it ends. detail: why, in one line. Changes nothing where it is not held."""

    delivery: int
    detail: str


class Cancelled(msgspec.Struct, frozen=True, gc=False, tag="cancelled"):
    """An operator's word; names no slot, and wins over an attempt under way."""

    delivery: int
    actor: str
    reason: str = ""


class Reported(msgspec.Struct, frozen=True, gc=False, tag="reported"):
    """A report came in, for which no claim is needed. delivery: by its token, 0 where that is not valid.

    told: of a bounce. of_message: the token is of the whole message, and names a delivery only where it has one alone.
    exempt: complaints about this Bridge's mail suppress nobody. category: of a notice, or empty; detail: one line.
    """

    delivery: int
    filed: late.Filed
    told: tuple[late.Told, ...] = ()
    of_message: bool = False
    exempt: bool = False
    category: str = ""
    detail: str = ""


Directed = Held | Released | Hurried | Rerouted | Failed
Result = Attempted | Blocked | Postponed | Expired | Directed | Cancelled | Reported
