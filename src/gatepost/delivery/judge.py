"""From what a connection reports to Results: each recipient's own reply, classified with what only the gateway knows.

Guarantees: a reply is charged to the recipient it answers and to no other (faults.md D07, D11); a missing reply is a
Problem, never a guess.
"""

from collections.abc import Callable, Iterator, Sequence

from gatepost.classify import classifier as classifiers
from gatepost.delivery import session
from gatepost.model import directory as directories
from gatepost.model import message as messages
from gatepost.model import reply as replies
from gatepost.model import result as results
from gatepost.model import verdict as verdicts


class Judge:
    """Makes Results for one worker's node."""

    def __init__(self, classifier: classifiers.Classifier, now_ms: Callable[[], int], node: int) -> None:
        self._classifier = classifier
        self._now_ms = now_ms
        self._node = node

    def of_transaction(
        self,
        done: session.Done,
        connection: session.Connection,
        lane: tuple[str, directories.Source],
        claim: results.Claim,
    ) -> Iterator[tuple[messages.Due, results.Attempted]]:
        """One Attempted per recipient of a transaction."""
        provider, source = lane
        peer = connection.peer
        attempt = results.Attempt(
            started_at=done.started_at,
            duration_ms=done.ms,
            node=self._node,
            local_ip=peer.local_ip,
            ehlo=peer.ehlo,
            provider=provider,
            peer_host=peer.host,
            peer_ip=peer.ip,
            tls=connection.tls,
            smarthost=source.smarthost,
            recipients=len(done.jobs),
            reports_until=done.reports_until,
            dsn=done.dsn,
            transcript=done.transcript,
        )
        for due, reply in zip(done.jobs, done.answers, strict=True):
            if reply is None:
                yield due, self._unanswered(due, claim, attempt, done)
            elif reply.positive and reply.stage is replies.Stage.DOT:
                yield due, results.Attempted(due.id, claim, attempt, reply, verdicts.DELIVERED)
            else:
                verdict = self._classifier.classify(reply, _context(due, attempt, done.sender or due.sender))
                doubt = done.in_doubt and reply.stage is replies.Stage.DOT
                yield due, results.Attempted(due.id, claim, attempt, reply, verdict, in_doubt=doubt)

    def of_failure(
        self,
        jobs: Sequence[messages.Due],
        failure: session.Failure,
        lane: tuple[str, directories.Source],
        claim: results.Claim,
    ) -> Iterator[tuple[messages.Due, results.Attempted]]:
        """One Attempted per delivery that waited for a connection that did not become ready."""
        provider, source = lane
        attempt = results.Attempt(
            started_at=self._now_ms(),
            duration_ms=0,
            node=self._node,
            local_ip=source.ip,
            ehlo=source.ehlo,
            provider=provider,
            peer_host=failure.host,
            peer_ip=failure.ip,
            tls=failure.tls,
            smarthost=source.smarthost,
            transcript=failure.transcript,
        )
        for due in jobs:
            if failure.reply is not None:
                verdict = self._classifier.classify(failure.reply, _context(due, attempt, due.sender))
                yield due, results.Attempted(due.id, claim, attempt, failure.reply, verdict)
            else:
                verdict = self._classifier.classify_failure(failure.stage, failure.problem)
                said = replies.Reply(0, failure.detail.encode(), failure.stage)
                yield due, results.Attempted(due.id, claim, attempt, said, verdict, gone=failure.gone)

    def _unanswered(
        self, due: messages.Due, claim: results.Claim, attempt: results.Attempt, done: session.Done
    ) -> results.Attempted:
        assert done.problem is not None  # noqa: S101 - an answer is missing only where the session names why
        verdict = self._classifier.classify_failure(done.stage, done.problem)
        said = replies.Reply(0, done.detail.encode(), done.stage)
        return results.Attempted(due.id, claim, attempt, said, verdict, in_doubt=done.in_doubt)


def _context(due: messages.Due, attempt: results.Attempt, mail_from: bytes) -> classifiers.Context:
    sender = mail_from.decode("utf-8", "replace")
    return classifiers.Context(
        provider=attempt.provider,
        peer=attempt.peer_host or attempt.peer_ip,
        our_ip=attempt.local_ip,
        our_host=attempt.ehlo,
        mail_from=sender,
        from_domain=due.sender_domain,
        recipient=due.key,
        smarthost=attempt.smarthost,
    )
