"""The classifier: a reply and what only the gateway knows, in; a Verdict, out.

Guarantees: any bytes give a Verdict and nothing is raised; the order is the taxonomy's "Precedence" 1-7; a 4yz is never
hard unless its text says that retrying will not succeed; equal questions give equal answers (the cache holds only what
would be computed again). Not here: what is done about a verdict and what needs history (``gatepost.policy``).
"""

from collections.abc import Iterator
from itertools import islice

import msgspec

from gatepost.classify import codes, folding, hints, meanings, nesting, rules, silence, template, veto
from gatepost.model import failure as failures
from gatepost.model import reply as replies
from gatepost.model import verdict as verdicts

Category = verdicts.Category
Outcome = verdicts.Outcome
Problem = failures.Problem
Stage = replies.Stage

# About 1 kB each: a few megabytes, and far more distinct replies than a busy day brings.
CACHE_ENTRIES = 4096
_MOST_SHADOWED = 20


class Context(msgspec.Struct, frozen=True):
    """What the gateway knows of the conversation beyond the reply. All of it may be empty.

    provider: from the MX, never from the text. smarthost: the peer is our own relay. from_dsn: the reply was read out
    of a report, so it never acts on a lane, Source or sender domain.
    """

    provider: str = ""
    peer: str = ""
    our_ip: str = ""
    our_host: str = ""
    mail_from: str = ""
    from_domain: str = ""
    recipient: str = ""
    smarthost: bool = False
    from_dsn: bool = False


class Explanation(msgspec.Struct, frozen=True):
    """Why a verdict is what it is.

    place: ``file:line`` of the rule, empty for codes. matched: the text at ``verdict.evidence``. shadowed: what would
    also have matched. next_best: the answer that would stand without the winning one, next_verdict: its verdict; None where
    nothing else speaks.
    """

    verdict: verdicts.Verdict
    folded: str
    place: str
    matched: str
    shadowed: tuple[rules.Match, ...]
    next_best: codes.Coded | rules.Match | None
    next_verdict: verdicts.Verdict | None


class _Question(msgspec.Struct, frozen=True):
    """One text to be judged: the reply's own or the one it quotes (which starts at ``offset``)."""

    folded: folding.Folded
    stage: Stage
    provider: str
    smarthost: bool
    vetoed: bool
    nested: bool
    from_dsn: bool
    offset: int = 0
    outer: folding.Folded | None = None
    of_sender: bool = False

    @property
    def said(self) -> codes.Said:
        return codes.Said(self.folded.code, self.folded.enhanced, self.stage, self.smarthost)


_SENDER_VERIFY = codes.Coded(Category.SENDER_ADDRESS, "nested.sender", verdicts.Confidence.CERTAIN)


class Classifier:
    """Judges replies by one RuleSet."""

    def __init__(self, ruleset: rules.RuleSet) -> None:
        self._rules = ruleset
        self._known: dict[tuple[bytes, int, Stage, str, bool, bool, bool], verdicts.Verdict] = {}

    def classify(self, reply: replies.Reply, context: Context) -> verdicts.Verdict:
        """What the reply means."""
        quotes_us = _quotes_us(reply, context)
        # The recipient's own address is blanked in front of the rules anyway: replies that differ in it are one.
        raw = reply.raw
        if context.recipient:
            address = context.recipient.encode("utf-8", "replace")
            raw = raw.replace(address, b"\x01" * (len(address) - 2) + b"@\x01")
        key = (
            raw,
            reply.code,
            reply.stage,
            context.provider,
            context.smarthost,
            context.from_dsn,
            quotes_us,
        )
        known = self._known.get(key)
        if known is None:
            known = self._judge(reply, context, quotes_us=quotes_us)
            if len(self._known) >= CACHE_ENTRIES:
                del self._known[next(iter(self._known))]
            self._known[key] = known
        return known

    def classify_failure(self, stage: Stage, problem: failures.Problem) -> verdicts.Verdict:
        """What it means that there was no reply."""
        category = _of_problem(stage, problem)
        outcome, fault = meanings.MEANING[category]
        return verdicts.Verdict(
            category,
            outcome,
            verdicts.Fault.GATEWAY if problem is Problem.INTERNAL else fault,
            f"failure.{problem.value}",
            confidence=verdicts.Confidence.CERTAIN,
            claim="-/-",
        )

    def explain(self, reply: replies.Reply, context: Context) -> Explanation:
        """The verdict with everything that led to it."""
        quotes_us = _quotes_us(reply, context)
        question = _question(reply, context, vetoed=quotes_us)
        folded = question.outer or question.folded
        answers = list(islice(self._answers(question), _MOST_SHADOWED))
        both = [self._verdict(question, one, folded, quotes_us=quotes_us) for one in answers[:2]]
        verdict = both[0]
        start, end = verdict.evidence
        return Explanation(
            verdict,
            folded.plain,
            answers[0].rule.place if isinstance(answers[0], rules.Match) else "",
            folded.plain[start:end],
            tuple(answer for answer in answers[1:] if isinstance(answer, rules.Match)),
            answers[1] if len(answers) > 1 else None,
            both[1] if len(both) > 1 else None,
        )

    def _judge(self, reply: replies.Reply, context: Context, *, quotes_us: bool) -> verdicts.Verdict:
        question = _question(reply, context, vetoed=quotes_us)
        answer = next(self._answers(question))
        return self._verdict(question, answer, question.outer or question.folded, quotes_us=quotes_us)

    def _answers(self, question: _Question) -> Iterator[codes.Coded | rules.Match]:
        """All that may be said, the best first; the last is always there."""
        if question.of_sender:
            yield _SENDER_VERIFY
        for match in self._rules.matches(question.folded, question.stage, question.provider):
            if _stands(match, question):
                yield match
        if question.outer is not None:  # the quotation says nothing in words: the words around it may
            for match in self._rules.matches(question.outer, question.stage, question.provider):
                if _stands(match, question):
                    yield msgspec.structs.replace(
                        match, span=(match.span[0] - question.offset, match.span[1] - question.offset)
                    )
        coded = codes.from_enhanced(question.said)
        if coded is not None and not (question.vetoed and coded.category in meanings.SUPPRESSING):
            yield coded
        yield codes.from_basic(question.said)

    def _verdict(
        self,
        question: _Question,
        answer: codes.Coded | rules.Match,
        outer: folding.Folded,
        *,
        quotes_us: bool,
    ) -> verdicts.Verdict:
        rule = answer.rule if isinstance(answer, rules.Match) else None
        never = (rule is not None and rule.never) or self._rules.says_never(outer.key)
        category = _settled(answer, question, never=never)
        outcome, fault = meanings.MEANING[category]
        temporary = not question.said.permanent
        if temporary and not never and (outcome is Outcome.HARD or category.startswith("content.")):
            outcome = Outcome.SOFT  # no 4yz ends a message at its first reply
        span = answer.span if isinstance(answer, rules.Match) else (0, 0)
        presumable = category is Category.UNKNOWN_PERMANENT and _bare(question, quotes_us=quotes_us)
        return verdicts.Verdict(
            category,
            outcome,
            fault,
            answer.rule.id if isinstance(answer, rules.Match) else answer.rule,
            confidence=rule.confidence if rule is not None else _confidence(answer),
            claim=_claim(question.folded),
            rule_version=rule.version if rule is not None else 1,
            evidence=(span[0] + question.offset, span[1] + question.offset) if span[0] != span[1] else (0, 0),
            hint=(hints.seconds(outer.key) or (rule.hint if rule else 0)) if outcome is Outcome.SOFT else 0,
            nested=question.nested or question.from_dsn,
            quotes_us=quotes_us,
            explicit=rule is not None and rule.explicit,
            never=never,
            presumable=presumable,
            template=template.of_folded(outer) if category.startswith("unknown.") else "",
        )


def _quotes_us(reply: replies.Reply, context: Context) -> bool:
    ours = (context.our_ip, context.our_host, context.mail_from, context.from_domain)
    if not any(ours):
        return False
    text = reply.raw[: folding.LIMIT].decode("utf-8", "replace").lower()
    return veto.quotes_any(text, ours, context.recipient)


def _question(reply: replies.Reply, context: Context, *, vetoed: bool) -> _Question:
    outer = folding.fold(reply)
    question = _Question(
        outer,
        reply.stage,
        context.provider,
        context.smarthost,
        vetoed,
        nested=False,
        from_dsn=context.from_dsn,
    )
    inner = nesting.unwrap(outer)
    if inner is None:
        return question
    if nesting.speaks_of_sender(outer, inner.start):
        return msgspec.structs.replace(question, of_sender=True)
    return msgspec.structs.replace(
        question, folded=inner.folded, nested=True, smarthost=False, offset=inner.start, outer=outer
    )


def _stands(match: rules.Match, question: _Question) -> bool:
    """A recipient's verdict needs explicit words where we are quoted, and from our own relay."""
    suppressing = match.rule.category in meanings.SUPPRESSING
    if suppressing and Stage.UNKNOWN < question.stage < Stage.RCPT and not question.nested:
        return False  # no recipient has been named yet
    if match.rule.explicit:
        return True
    if question.vetoed and suppressing:
        return False
    return not (question.smarthost and match.rule.category.startswith("recipient."))


def _settled(answer: codes.Coded | rules.Match, question: _Question, *, never: bool) -> verdicts.Category:
    category = answer.rule.category if isinstance(answer, rules.Match) else answer.category
    if category is Category.RECIPIENT_UNKNOWN and not question.said.permanent and not never:
        return Category.RECIPIENT_UNKNOWN_TEMPFAIL
    if question.smarthost and category in {Category.DOMAIN_MISCONFIGURED, Category.SENDER_ADDRESS}:
        return Category.SOURCE_REFUSED  # relaying denied, or our sender refused, by our own relay: our set-up
    if category is Category.SOURCE_REFUSED and not _logs_in(question.said):
        return Category.UNKNOWN_PERMANENT if question.said.permanent else Category.UNKNOWN_TEMPORARY
    return category


def _logs_in(said: codes.Said) -> bool:
    """Whether "authentication" is ours to mend: a listed MX that asks for it refuses the sender instead."""
    return said.smarthost or said.stage is Stage.AUTH or said.code in {534, 535}


def _confidence(answer: codes.Coded | rules.Match) -> verdicts.Confidence:
    return answer.confidence if isinstance(answer, codes.Coded) else answer.rule.confidence


def _bare(question: _Question, *, quotes_us: bool) -> bool:
    """Whether it is this host's own no, and speaks of nothing."""
    if question.nested or question.from_dsn or question.of_sender or quotes_us:
        return False
    return silence.says_no_more(question.folded, question.said)


def _claim(folded: folding.Folded) -> str:
    enhanced = folded.enhanced.rpartition(".")[0]
    return f"{folded.code // 100 if folded.code else '-'}/{enhanced or '-'}"


def _of_problem(stage: Stage, problem: failures.Problem) -> verdicts.Category:
    if problem is Problem.TIMEOUT and stage is Stage.CONNECT:
        return Category.DOMAIN_UNREACHABLE
    return _PROBLEMS[problem]


_PROBLEMS = {
    Problem.NX_DOMAIN: Category.DOMAIN_NOT_FOUND,
    Problem.NO_ADDRESS: Category.DOMAIN_NOT_FOUND,
    Problem.NULL_MX: Category.DOMAIN_NULL_MX,
    Problem.DNS_FAILURE: Category.DOMAIN_UNREACHABLE,
    Problem.PROHIBITED_ADDRESS: Category.DOMAIN_MISCONFIGURED,
    Problem.REFUSED: Category.DOMAIN_UNREACHABLE,
    Problem.NO_ROUTE: Category.DOMAIN_UNREACHABLE,
    Problem.TIMEOUT: Category.SESSION_TIMEOUT,
    Problem.RESET: Category.SESSION_NETWORK,
    Problem.TLS_FAILED: Category.SESSION_TLS,
    Problem.PROTOCOL: Category.SESSION_PROTOCOL,
    Problem.AUTH_UNAVAILABLE: Category.SOURCE_REFUSED,
    Problem.UNSUPPORTED: Category.CONTENT_FORMAT,
    Problem.TOO_LARGE: Category.CONTENT_TOO_LARGE,
    Problem.INTERNAL: Category.UNKNOWN_TEMPORARY,
}
