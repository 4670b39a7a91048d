"""One ``POST /v1/send``: the JSON body becomes messages, the messages are accepted together, the answer lists them.

Guarantees: all or nothing. When any message of a request is malformed or not allowed, none is taken and the answer
names every bad place (the first of each message); else all are committed in one transaction (faults.md G15). A repeat
with the same Idempotency-Key and body gives the same answer and sends nothing again (P5). The loop is never held for
long: messages are decoded and built in slices. Fails with a Problem. Not here: HTTP itself (``http``).
"""

import asyncio
import hashlib
import http
from collections.abc import Sequence

import msgspec

from gatepost import errors
from gatepost.ingest import accept, compose, refusal
from gatepost.ingest import book as books
from gatepost.ingest import settings as ingest_settings
from gatepost.model import event as events
from gatepost.model import ids
from gatepost.model import message as messages
from gatepost.net import problem
from gatepost.policy import admit

SLICE = 10  # messages decoded and built before the loop may do something else

_TOP = msgspec.json.Decoder(dict[str, msgspec.Raw])
_LIST = msgspec.json.Decoder(list[msgspec.Raw])
_ONE = msgspec.json.Decoder(compose.Described)
_IN_THREAD = 1024 * 1024  # bytes from which a digest is made beside the loop


class _Malformed(Exception):
    """One message of a request cannot be read; the others are looked at before the request is answered."""

    def __init__(self, place: problem.Place) -> None:
        self.place = place
        super().__init__(place.place)


class Recipient(msgspec.Struct, frozen=True, omit_defaults=True):
    """One recipient of the answer. reason: of a suppression that this Bridge or its account caused."""

    address: str
    id: str = ""
    state: str = ""
    reason: str = ""


class Sent(msgspec.Struct, frozen=True):
    """One message of the answer."""

    id: str
    recipients: Sequence[Recipient]


class Many(msgspec.Struct, frozen=True):
    """The answer to ``{"messages": […]}``."""

    messages: Sequence[Sent]


class Sender:
    """Takes requests whose Bridge is known."""

    def __init__(self, acceptor: accept.Acceptor, settings: ingest_settings.IngestSettings) -> None:
        self._acceptor = acceptor
        self._settings = settings

    async def send(
        self, sending: books.Sending, peer: accept.Peer, body: bytes, key: str | None
    ) -> problem.Response:
        """The whole request. Raises Problem."""
        idempotency = await _idempotency(body, key)
        found, single = self._split(body)
        drafts = await self._drafts(found, sending, peer, single=single)
        try:
            accepted = await self._acceptor.accept_all(drafts, idempotency)
        except refusal.Refusal as error:
            raise _refused([("", error)]) from None
        except errors.BadInput as error:
            raise problem.bad_input([problem.Place(error.place, error.problem)]) from None
        sent = [
            _sent(draft, answer, await self._acceptor.reasons(draft, answer))
            for draft, answer in zip(drafts, accepted, strict=True)
        ]
        return problem.plain(202, sent[0] if single else Many(sent))

    def _split(self, body: bytes) -> tuple[list[bytes], bool]:
        """The messages still in JSON, and whether there was only one, without a list around it."""
        try:
            top = _TOP.decode(body)
        except msgspec.ValidationError as error:
            raise problem.bad_input([problem.unreadable(error, "")]) from None
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            raise problem.bad_input([problem.unreadable(error, "")], 400) from None
        if "messages" not in top:
            return [body], True
        try:
            found = [bytes(raw) for raw in _LIST.decode(top["messages"])]
        except msgspec.ValidationError as error:
            raise problem.bad_input([problem.unreadable(error, "messages")]) from None
        for name in top:
            if name != "messages":
                raise problem.bad_input([problem.Place(_shown(name), "is not known beside messages")])
        if not 1 <= len(found) <= self._settings.max_batch:
            text = f"holds {len(found)} messages, not 1 to {self._settings.max_batch}"
            raise problem.bad_input([problem.Place("messages", text)])
        return found, False

    async def _drafts(
        self, found: Sequence[bytes], sending: books.Sending, peer: accept.Peer, *, single: bool
    ) -> list[accept.Draft]:
        """Every message decoded, built and checked; every bad one is found before the first is refused."""
        drafts: list[accept.Draft] = []
        bad: list[problem.Place] = []
        refused: list[tuple[str, refusal.Refusal]] = []
        for index, raw in enumerate(found):
            prefix = "" if single else f"messages[{index}]"
            if index % SLICE == SLICE - 1:
                await asyncio.sleep(0)
            try:
                drafts.append(self._draft(_decode(raw, prefix), sending, peer))
            except _Malformed as error:
                bad.append(error.place)
            except refusal.Refusal as error:
                refused.append((prefix, error))
        if bad:
            bad += [
                problem.Place(problem.join(prefix, error.place), error.problem) for prefix, error in refused
            ]
            raise problem.bad_input(bad)
        if refused:
            raise _refused(refused)
        return drafts

    def _draft(self, given: compose.Described, sending: books.Sending, peer: accept.Peer) -> accept.Draft:
        composed = compose.compose(given, self._settings.max_recipients)
        if not admit.sender_allowed(composed.sender.domain, sending.domains):
            raise refusal.Refusal(550, "5.7.1", "from", accept.NOT_ALLOWED)
        envelope = accept.Envelope(
            sending=sending,
            sender=composed.sender,
            recipients=composed.recipients,
            peer=peer,
            utf8=composed.utf8,
            labels=composed.labels,
            answered=True,
        )
        draft = self._acceptor.begin(envelope, composed.message)
        if len(draft.body) > self._settings.max_size:
            raise refusal.Refusal(
                552, "5.3.4", "", f"the message is larger than {self._settings.max_size} bytes"
            )
        return draft


async def _idempotency(body: bytes, key: str | None) -> messages.Idempotency | None:
    if key is None:
        return None
    key = problem.idempotency_key(key)
    if len(body) > _IN_THREAD:
        return messages.Idempotency(key, await asyncio.to_thread(_digest, body))
    return messages.Idempotency(key, _digest(body))


def _digest(body: bytes) -> bytes:
    return hashlib.sha256(body).digest()


def _decode(raw: bytes, prefix: str) -> compose.Described:
    try:
        return _ONE.decode(raw)
    except msgspec.ValidationError as error:
        raise _Malformed(problem.unreadable(error, prefix)) from None
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise _Malformed(problem.unreadable(error, prefix)) from None


def _shown(name: str) -> str:
    return name if name.isprintable() and len(name) <= 50 else "body"


def _sent(draft: accept.Draft, answer: messages.Accepted, reasons: Sequence[str]) -> Sent:
    """The ids are the answer's: a repeat under the same Idempotency-Key is told the first ones."""
    rows = zip(draft.envelope.recipients, answer.states, reasons, strict=True)
    return Sent(
        ids.to_text(answer.message),
        [
            Recipient(
                address=address.wire.decode(),
                id=ids.to_text(answer.message + 1 + position),
                state=events.State(state).word,
                reason=reason,
            )
            for position, (address, state, reason) in enumerate(rows)
        ],
    )


def _refused(problems: Sequence[tuple[str, refusal.Refusal]]) -> problem.Problem:
    """What the messages of a request were refused for, each with the place of its message (empty: the only one).

    A temporary reason outranks the others: nothing was wrong with the request. All about the sender's rights: 403.
    """
    for _, error in problems:
        if error.code < http.HTTPStatus.INTERNAL_SERVER_ERROR:
            return problem.later(503, f"{error.place}: {error.problem}")
    places = [problem.Place(problem.join(prefix, error.place), error.problem) for prefix, error in problems]
    forbidden = all(error.enhanced == "5.7.1" for _, error in problems)
    return problem.bad_input(places, 403 if forbidden else 422)
