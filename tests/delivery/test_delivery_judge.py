"""Each recipient is judged by its own reply, and where there is none by the problem that the session names."""

from collections.abc import Sequence

import msgspec
import pytest
from tests.delivery import delivery_values as values
from tests.delivery import working

from gatepost.delivery import judge as judges
from gatepost.delivery import session
from gatepost.model import directory as directories
from gatepost.model import failure as failures
from gatepost.model import reply as replies
from gatepost.model import result as results
from gatepost.model import verdict as verdicts

Category, Outcome, Problem, Stage = verdicts.Category, verdicts.Outcome, failures.Problem, replies.Stage
CLAIM = results.Claim(5, 9)
LANE = ("here", values.SOURCE)
OK = replies.Reply(250, b"250 2.0.0 kept", Stage.DOT)
DEAD = replies.Reply(550, b"550 5.1.1 no such user", Stage.RCPT)
LATER = replies.Reply(451, b"451 4.7.1 Greylisted", Stage.RCPT)
SPAM = replies.Reply(554, b"554 5.7.1 message looks like spam", Stage.DOT)
BYE = replies.Reply(421, b"421 4.3.2 closing", Stage.DOT)


def judge() -> judges.Judge:
    return judges.Judge(working.classifier(), lambda: 7000, 3)


async def judged(
    *answers: replies.Reply | None,
    problem: failures.Problem | None = None,
    in_doubt: bool = False,
    stage: replies.Stage = Stage.UNKNOWN,
) -> list[results.Attempted]:
    jobs = tuple(values.several(len(answers)))
    done = session.Done(
        jobs, answers, 5000, 40, in_doubt=in_doubt, problem=problem, detail="in our words", stage=stage
    )
    connection = values.ready()
    connection.peer = session.Peer("mx.here.test", "192.0.2.9", "192.0.2.1", "gate.test")
    connection.tls = "TLSv1.3 X"
    found = list(judge().of_transaction(done, connection, LANE, CLAIM))
    assert [due for due, _ in found] == list(jobs)
    assert [(one.delivery, one.claim) for _, one in found] == [(due.id, CLAIM) for due in jobs]
    return [one for _, one in found]


def meant(found: Sequence[results.Attempted]) -> list[verdicts.Category]:
    return [one.verdict.category for one in found]


MIXED = {
    "all taken": ((OK, OK), [Category.DELIVERED] * 2),
    "each its own": (
        (OK, DEAD, LATER),
        [Category.DELIVERED, Category.RECIPIENT_UNKNOWN, Category.RATE_GREYLISTED],
    ),
    "refused at the end, dead before": (
        (SPAM, DEAD, SPAM),
        [Category.CONTENT_SPAM, Category.RECIPIENT_UNKNOWN, Category.CONTENT_SPAM],
    ),
}


@pytest.mark.parametrize(("answers", "categories"), MIXED.values(), ids=MIXED)
async def test_each_recipient_has_the_verdict_of_its_own_reply(
    answers: tuple[replies.Reply, ...], categories: list[verdicts.Category]
) -> None:
    found = await judged(*answers)
    assert (meant(found), tuple(one.reply for one in found)) == (categories, answers)
    assert not any(one.in_doubt for one in found)


@pytest.mark.parametrize("stage", [stage for stage in Stage if stage is not Stage.DOT])
async def test_only_a_yes_to_the_final_dot_is_a_delivery(stage: replies.Stage) -> None:
    [found] = await judged(replies.Reply(250, b"250 2.1.5 ok", stage))
    assert found.verdict.outcome is not Outcome.DELIVERED


async def test_an_attempt_says_where_and_when_it_was() -> None:
    [found] = await judged(OK)
    assert found.attempt == results.Attempt(
        started_at=5000,
        duration_ms=40,
        node=3,
        local_ip="192.0.2.1",
        ehlo="gate.test",
        provider="here",
        peer_host="mx.here.test",
        peer_ip="192.0.2.9",
        tls="TLSv1.3 X",
        recipients=1,
    )


MISSING = {
    "the connection broke": (Problem.RESET, Stage.MAIL, Category.SESSION_NETWORK),
    "no answer came": (Problem.TIMEOUT, Stage.RCPT, Category.SESSION_TIMEOUT),
    "garbage came": (Problem.PROTOCOL, Stage.DATA, Category.SESSION_PROTOCOL),
    "larger than announced": (Problem.TOO_LARGE, Stage.MAIL, Category.CONTENT_TOO_LARGE),
    "an extension is missing": (Problem.UNSUPPORTED, Stage.MAIL, Category.CONTENT_FORMAT),
}


@pytest.mark.parametrize(("problem", "stage", "category"), MISSING.values(), ids=MISSING)
async def test_a_missing_reply_is_judged_by_its_problem(
    problem: failures.Problem, stage: replies.Stage, category: verdicts.Category
) -> None:
    [found] = await judged(None, problem=problem, stage=stage)
    assert (found.verdict.category, found.verdict.outcome is Outcome.HARD) == (category, False)
    assert found.reply == replies.Reply(0, b"in our words", stage)


async def test_a_broken_transaction_charges_only_those_who_have_no_reply_yet() -> None:
    found = await judged(DEAD, None, problem=Problem.RESET, stage=Stage.DATA)
    assert meant(found) == [Category.RECIPIENT_UNKNOWN, Category.SESSION_NETWORK]


async def test_in_doubt_is_who_got_the_body_and_no_final_answer() -> None:
    found = await judged(DEAD, None, BYE, problem=Problem.RESET, in_doubt=True, stage=Stage.DOT)
    assert [one.in_doubt for one in found] == [False, True, True]


def failed(
    failure: session.Failure, lane: tuple[str, directories.Source] = LANE, count: int = 2
) -> list[results.Attempted]:
    jobs = values.several(count)
    failure.host, failure.ip = "mx.here.test", "192.0.2.9"
    found = list(judge().of_failure(jobs, failure, lane, CLAIM))
    assert [(due, one.delivery, one.claim) for due, one in found] == [(due, due.id, CLAIM) for due in jobs]
    return [one for _, one in found]


def test_all_who_waited_for_a_connection_are_told_why_there_is_none() -> None:
    found = failed(session.Failure(Stage.CONNECT, Problem.REFUSED, "connection refused"))
    assert meant(found) == [Category.DOMAIN_UNREACHABLE] * 2
    assert {one.reply for one in found} == {replies.Reply(0, b"connection refused", Stage.CONNECT)}
    attempt = found[0].attempt
    assert (attempt.started_at, attempt.duration_ms, attempt.node) == (7000, 0, 3)
    assert (attempt.peer_host, attempt.peer_ip, attempt.provider) == ("mx.here.test", "192.0.2.9", "here")


def test_a_refusal_in_the_greeting_is_kept_and_is_about_no_recipient() -> None:
    said = replies.Reply(554, b"554 5.7.1 192.0.2.1 is listed", Stage.GREETING)
    found = failed(session.Failure(Stage.GREETING, Problem.RESET, "554 to greeting", said))
    assert {one.reply for one in found} == {said}
    assert {one.verdict.outcome for one in found} == {Outcome.REJECTION}


def test_a_wrong_password_at_a_smarthost_is_the_sources_fault() -> None:
    source = msgspec.structs.replace(values.SOURCE, host="relay.test")
    said = replies.Reply(535, b"535 5.7.8 bad credentials", Stage.AUTH)
    failure = session.Failure(Stage.AUTH, Problem.RESET, "535 to auth", said)
    [found] = failed(failure, ("relay.test:587", source), count=1)
    assert (found.verdict.category, found.attempt.smarthost) == (Category.SOURCE_REFUSED, True)


def test_our_own_name_in_a_reply_is_known_as_ours() -> None:
    said = replies.Reply(550, b"550 gate.test: you are listed", Stage.GREETING)
    [found] = failed(session.Failure(Stage.GREETING, Problem.RESET, "", said), count=1)
    assert found.verdict.quotes_us
