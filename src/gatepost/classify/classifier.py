"""The classifier: a reply and what only the gateway knows, in; a Verdict, out.

Guarantees: any bytes give a Verdict and nothing is raised; the order is the taxonomy's "Precedence" 1-7; a 4yz is never
hard unless its text says that retrying will not succeed; equal questions give equal answers, whatever the cache holds:
its key is all that a verdict is made from, the text with what varies replaced included (``template``). So another
recipient, IP or id in a known text costs a look-up, another host, code, mark or waiting time is a new question
(figures: bench/RESULTS.md). Not here: what is done about a verdict and what needs history (``gatepost.policy``).
"""

from collections.abc import Iterator
from itertools import islice

import msgspec

from gatepost.classify import (
    blocklists,
    codes,
    folding,
    hints,
    meanings,
    nesting,
    ruleset,
    silence,
    template,
    veto,
)
from gatepost.model import failure as failures
from gatepost.model import reply as replies
from gatepost.model import verdict as verdicts

Category = verdicts.Category
Outcome = verdicts.Outcome
Problem = failures.Problem
Stage = replies.Stage

# At most 4 kB each (a text of 768 characters at 4 bytes): 8 MB whatever is sent, and far more templates than a day brings.
CACHE_ENTRIES = 2048
_MOST_SHADOWED = 20
# What a listing can lead to; elsewhere the name of a list is said in passing.
_OF_LISTS = frozenset(
    {Category.SENDER_IP_BLOCKLISTED, Category.SENDER_DOMAIN_REPUTATION, Category.CONTENT_SPAM}
)


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

    folded: the text as rules see it (``template``). place: ``file:line`` of the rule, empty for codes. matched: the text at
    ``verdict.evidence``. shadowed: what would
    also have matched. next_best: the answer that would stand without the winning one, next_verdict: its verdict; None where
    nothing else speaks.
    """

    verdict: verdicts.Verdict
    folded: str
    place: str
    matched: str
    shadowed: tuple[ruleset.Match, ...]
    next_best: codes.Coded | ruleset.Match | None
    next_verdict: verdicts.Verdict | None


class _Asked(msgspec.Struct, frozen=True, gc=False):
    """All that a verdict is made from. text: of the reply, with a mark for what varies."""

    text: str
    code: int
    stage: Stage
    provider: str
    smarthost: bool
    from_dsn: bool
    quotes_us: bool


class _Question(msgspec.Struct, frozen=True):
    """One text to be judged: the reply's own, or the one it quotes (which starts at ``offset`` of ``outer``)."""

    asked: _Asked
    text: ruleset.Reading
    outer: ruleset.Reading
    offset: int = 0
    of_sender: bool = False

    @property
    def nested(self) -> bool:
        return self.text is not self.outer

    @property
    def said(self) -> codes.Said:
        folded = self.text.folded
        return codes.Said(folded.code, folded.enhanced, self.asked.stage, self.smarthost)

    @property
    def smarthost(self) -> bool:
        """Whether our own relay speaks, for itself."""
        return self.asked.smarthost and not self.nested


_SENDER_VERIFY = codes.Coded(Category.SENDER_ADDRESS, "nested.sender", verdicts.Confidence.CERTAIN)


class Classifier:
    """Judges replies by one RuleSet."""

    def __init__(self, rules: ruleset.RuleSet) -> None:
        self._rules = rules
        self._known: dict[_Asked, verdicts.Verdict] = {}

    def classify(self, reply: replies.Reply, context: Context) -> verdicts.Verdict:
        """What the reply means."""
        asked = _asked(reply, context)
        known = self._known.get(asked)
        if known is None:
            known = self._judge(asked)
            if len(self._known) >= CACHE_ENTRIES:
                del self._known[next(iter(self._known))]
            self._known[asked] = known
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
        question = self._question(_asked(reply, context))
        answers = list(islice(self._answers(question), _MOST_SHADOWED))
        both = [self._verdict(question, one) for one in answers[:2]]
        verdict = both[0]
        key = question.outer.folded.key
        start, end = verdict.evidence
        return Explanation(
            verdict,
            key,
            answers[0].rule.place if isinstance(answers[0], ruleset.Match) else "",
            key[start:end],
            tuple(answer for answer in answers[1:] if isinstance(answer, ruleset.Match)),
            answers[1] if len(answers) > 1 else None,
            both[1] if len(both) > 1 else None,
        )

    def _judge(self, asked: _Asked) -> verdicts.Verdict:
        question = self._question(asked)
        return self._verdict(question, next(self._answers(question)))

    def _question(self, asked: _Asked) -> _Question:
        folded = folding.fold(asked.text, asked.code)
        outer = self._rules.read(folded)
        inner = nesting.unwrap(folded)
        if inner is None:
            return _Question(asked, outer, outer)
        if nesting.speaks_of_sender(folded, inner.start):
            return _Question(asked, outer, outer, of_sender=True)
        return _Question(asked, self._rules.read(inner.folded), outer, inner.start)

    def _answers(self, question: _Question) -> Iterator[codes.Coded | ruleset.Match]:
        """All that may be said, the best first; the last is always there."""
        if question.of_sender:
            yield _SENDER_VERIFY
        stage, provider = question.asked.stage, question.asked.provider
        for match in question.text.matches(stage, provider):
            if _stands(match, question):
                yield match
        if question.nested:  # the quotation says nothing in words: the words around it may
            for match in question.outer.matches(stage, provider):
                if _stands(match, question):
                    yield msgspec.structs.replace(
                        match, span=(match.span[0] - question.offset, match.span[1] - question.offset)
                    )
        coded = codes.from_enhanced(question.said)
        if coded is not None and not (coded.category in meanings.SUPPRESSING and _weak(question)):
            yield coded
        yield codes.from_basic(question.said)

    def _verdict(self, question: _Question, answer: codes.Coded | ruleset.Match) -> verdicts.Verdict:
        rule = answer.rule if isinstance(answer, ruleset.Match) else None
        never = (rule is not None and rule.never) or question.outer.says_never()
        category = _settled(answer, question, never=never)
        outcome, fault = meanings.MEANING[category]
        temporary = not question.said.permanent
        if temporary and not never and outcome is Outcome.HARD:
            outcome = (
                Outcome.SOFT
            )  # no 4yz ends a message at its first reply; a rejection that is retried stays one
        waits = temporary or outcome is Outcome.SOFT
        hint = hints.seconds(question.outer.folded.key) if waits else 0
        span = answer.span if isinstance(answer, ruleset.Match) else (0, 0)
        presumable = category is Category.UNKNOWN_PERMANENT and _bare(question)
        return verdicts.Verdict(
            category,
            outcome,
            fault,
            answer.rule.id if isinstance(answer, ruleset.Match) else answer.rule,
            confidence=rule.confidence if rule is not None else _confidence(answer),
            claim=_claim(question.text.folded),
            rule_version=rule.version if rule is not None else 1,
            evidence=(span[0] + question.offset, span[1] + question.offset) if span[0] != span[1] else (0, 0),
            hint=hint or (rule.hint if rule is not None and outcome is Outcome.SOFT else 0),
            nested=question.nested or question.asked.from_dsn,
            quotes_us=question.asked.quotes_us,
            explicit=rule is not None and rule.explicit,
            never=never,
            presumable=presumable,
            template=template.of_folded(question.outer.folded) if category.startswith("unknown.") else "",
            blocklist=blocklists.name(question.text.folded.key) if category in _OF_LISTS else "",
        )


def _asked(reply: replies.Reply, context: Context) -> _Asked:
    text = folding.read(reply.raw)
    ours = (context.our_ip, context.our_host, context.mail_from, context.from_domain)
    return _Asked(
        template.masked(text, context.recipient),
        reply.code,
        reply.stage,
        context.provider,
        context.smarthost,
        context.from_dsn,
        veto.quotes_any(text, ours, context.recipient),
    )


def _stands(match: ruleset.Match, question: _Question) -> bool:
    """A recipient's verdict needs explicit words where we are quoted, and from our own relay."""
    suppressing = match.rule.category in meanings.SUPPRESSING
    if suppressing and Stage.UNKNOWN < question.asked.stage < Stage.RCPT and not question.nested:
        return False  # no recipient has been named yet
    if suppressing and not match.rule.layer and question.said.permanent and question.text.doubtful:
        return False  # who could not look does not know; an operator's own rule may know better
    if match.rule.explicit:
        return True
    if question.asked.quotes_us and suppressing:
        return False
    return not (question.smarthost and match.rule.category.startswith("recipient."))


def _weak(question: _Question) -> bool:
    """Whether codes are not enough to say that a mailbox is dead."""
    return question.asked.quotes_us or question.text.doubtful


def _settled(answer: codes.Coded | ruleset.Match, question: _Question, *, never: bool) -> verdicts.Category:
    category = answer.rule.category if isinstance(answer, ruleset.Match) else answer.category
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


def _confidence(answer: codes.Coded | ruleset.Match) -> verdicts.Confidence:
    return answer.confidence if isinstance(answer, codes.Coded) else answer.rule.confidence


def _bare(question: _Question) -> bool:
    """Whether it is this host's own no, and speaks of nothing."""
    if question.nested or question.asked.from_dsn or question.of_sender or _weak(question):
        return False
    return silence.says_no_more(question.text.folded, question.said)


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
    Problem.UNSIGNED: Category.SENDER_AUTH,
    Problem.INTERNAL: Category.UNKNOWN_TEMPORARY,
}
