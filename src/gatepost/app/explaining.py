"""The verdict about one reply, which rule gave it, and the action that follows: for the command line and for the API."""

import asyncio
from collections.abc import Mapping

import msgspec

from gatepost import clock as clocks
from gatepost import config
from gatepost.app import compose, judging
from gatepost.classify import classifier as classifiers
from gatepost.classify import ruleset
from gatepost.console import explaining
from gatepost.model import reply as replies
from gatepost.policy import terms


def explained(asked: judging.Asked, judge: judging.Judge) -> explaining.Explained:
    """The explanation of one reply. Raises BadInput for an unknown stage."""
    reply = judging.reply_of(asked.reply, judging.stage_of(asked.stage))
    known = judging.context_of(asked)
    why = judge.classifier.explain(reply, known)
    verdict = judge.verdict(reply, known)
    settlement = judge.settlement(reply, verdict)
    due = settlement.reschedule.next_at if settlement.reschedule is not None else 0
    best, other = why.next_best, why.next_verdict
    return explaining.Explained(
        reply=replies.escaped(reply.raw),
        stage=reply.stage.word,
        provider=known.provider or None,
        **msgspec.structs.asdict(judge.answer(reply, verdict)),
        place=None if judging.taken(reply) else why.place or None,
        rule_version=verdict.rule_version,
        matched=why.matched if verdict.evidence != (0, 0) else "",
        claim=verdict.claim,
        nested=verdict.nested,
        quotes_us=verdict.quotes_us,
        never=verdict.never,
        presumable=verdict.presumable,
        hint=verdict.hint or None,
        next_try=(due - judge.now_ms) // 1000 if due else None,
        next_best=best.rule.id
        if isinstance(best, ruleset.Match)
        else best.rule
        if best is not None
        else None,
        next_category=other.category.value if other is not None else None,
        next_outcome=other.outcome.word if other is not None else None,
        shadowed=_shadowed(why),
    )


def _shadowed(why: classifiers.Explanation) -> list[explaining.Shadowed]:
    return [explaining.Shadowed(m.rule.id, m.rule.category.value, m.rule.place) for m in why.shadowed]


class Explainer:
    """Answers by the rules and the policy that are in force; ``take`` others. The rules are read when somebody asks."""

    def __init__(self, settings: config.Settings, rules: Mapping[str, bytes], clock: clocks.Clock) -> None:
        self._clock = clock
        self._turn = asyncio.Lock()
        self._classifier: classifiers.Classifier | None = None
        self._rules = rules
        self._terms = terms.of(settings.policy)

    def take(self, settings: config.Settings, rules: Mapping[str, bytes]) -> None:
        """Others from now on."""
        self._terms = terms.of(settings.policy)
        if rules != self._rules:
            self._rules = rules
            self._classifier = None

    async def explain(self, asked: explaining.Question) -> explaining.Explained:
        """The explanation of one reply. Raises BadInput for an unknown stage."""
        given = msgspec.convert(asked, judging.Asked, from_attributes=True)
        return explained(given, judging.Judge(await self.classifier(), self._terms, self._clock.now_ms()))

    async def classifier(self) -> classifiers.Classifier:
        """By the rules that are in force."""
        async with self._turn:
            classifier = self._classifier
            if classifier is None:
                rules = self._rules
                classifier = await asyncio.to_thread(compose.build_classifier, rules)
                if rules is self._rules:
                    self._classifier = classifier
        return classifier
