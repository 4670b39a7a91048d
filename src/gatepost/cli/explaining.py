"""``gatepost explain``: the verdict about one reply, which rule gave it, and the action that follows."""

from typing import TYPE_CHECKING, Annotated

import cyclopts
import msgspec

from gatepost.cli import classifying, context, show

if TYPE_CHECKING:
    from gatepost.classify import classifier as classifiers
    from gatepost.cli import judging


class Shadowed(msgspec.Struct, frozen=True):
    """A rule that matched too."""

    rule: str
    category: str
    place: str


class Explained(msgspec.Struct, frozen=True):
    """All of it. matched: the text that the rule found. next_try: seconds until the next try, or null.

    next_best: the rule that would speak without the one that did; next_category, next_outcome: what it would say.
    """

    reply: str
    stage: str
    provider: str | None
    category: str
    outcome: str
    fault: str
    action: str
    suppress: bool
    scope: str | None
    provisional: bool
    expires: int | None
    rule: str
    confidence: str
    blocklist: str | None
    place: str | None
    rule_version: int
    matched: str
    claim: str
    nested: bool
    quotes_us: bool
    never: bool
    presumable: bool
    hint: int | None
    next_try: int | None
    next_best: str | None
    next_category: str | None
    next_outcome: str | None
    shadowed: list[Shadowed]


def explain(  # noqa: PLR0913 - one parameter per option of the command
    reply: Annotated[str, cyclopts.Parameter(allow_leading_hyphen=True)],
    /,
    *,
    stage: str = "rcpt",
    provider: str = "",
    peer: str = "",
    our_ip: str = "",
    our_host: str = "",
    mail_from: str = "",
    recipient: str = "",
    json: context.Json = False,
    config: context.Config = context.DEFAULT,
) -> int:
    """Say what a reply means, which rule says so, and what the gateway would do.

    Parameters
    ----------
    reply
        The whole reply, like "550 5.1.1 no such user".
    stage
        What it answered: connect, greeting, ehlo, starttls, auth, mail, rcpt, data or dot.
    provider
        Whose server it was: google, microsoft, yahoo …
    peer
        The host name or IP of the server that answered.
    our_ip
        The sending address: a reply that quotes it speaks of us.
    our_host
        The EHLO name.
    mail_from
        The envelope's sender.
    recipient
        The envelope's recipient.
    """
    from gatepost.cli import judging

    asked = judging.Asked(reply, stage, provider, peer, our_ip, our_host, mail_from, recipient=recipient)
    found = explained(asked, classifying.new_judge(config))
    if json:
        show.json_line(found)
    else:
        _print(found)
    return 0


def explained(asked: "judging.Asked", judge: "judging.Judge") -> Explained:
    """The explanation of one reply. Raises BadInput for an unknown stage."""
    from gatepost.classify import ruleset
    from gatepost.cli import judging

    reply = judging.reply_of(asked.reply, judging.stage_of(asked.stage))
    known = judging.context_of(asked)
    why = judge.classifier.explain(reply, known)
    verdict = judge.verdict(reply, known)
    settlement = judge.settlement(reply, verdict)
    due = settlement.reschedule.next_at if settlement.reschedule is not None else 0
    best, other = why.next_best, why.next_verdict
    return Explained(
        reply=show.escaped(reply.raw),
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


def _shadowed(why: "classifiers.Explanation") -> list[Shadowed]:
    return [Shadowed(m.rule.id, m.rule.category.value, m.rule.place) for m in why.shadowed]


def _print(found: Explained) -> None:
    rows = [
        ("reply", f"{found.reply}  (stage {found.stage}, provider {found.provider or 'unknown'})"),
        ("verdict", f"{found.category}: {found.outcome}, fault {found.fault}, {found.confidence}"),
        ("rule", f"{found.rule} v{found.rule_version}" + (f" at {found.place}" if found.place else "")),
        ("matched", repr(found.matched) if found.matched else "codes and stage alone"),
        ("action", _action(found)),
    ]
    if found.blocklist:
        rows.append(("blocklist", found.blocklist))
    if found.hint:
        rows.append(("hint", f"the text itself asks to wait {show.duration(found.hint)}"))
    notes = [
        ("quotes us", found.quotes_us),
        ("quotes another server", found.nested),
        ("says never", found.never),
        ("a bare no: presumed dead where the same host takes other mail", found.presumable),
    ]
    if marks := [text for text, holds in notes if holds]:
        rows.append(("notes", ", ".join(marks)))
    rows += [("shadowed", f"{s.rule} ({s.category}) at {s.place}") for s in found.shadowed]
    other = f"{found.next_category}: {found.next_outcome}, by {found.next_best}"
    rows.append(("without it", other if found.next_best else "nothing else speaks"))
    for name, text in rows:
        show.line(f"{name:<11}{' / '.join(text.splitlines())}")


def _action(found: Explained) -> str:
    if found.suppress:
        span = f"for {show.duration(found.expires)}" if found.expires else "until somebody removes it"
        return f"{found.action}: not written to any more ({found.scope}), {span}"
    if found.next_try is not None:
        return f"{found.action}: tried again after {show.duration(found.next_try)}"
    return {"none": "none: it was taken", "fail": "fail: this message bounces, the address is kept"}.get(
        found.action, found.action
    )
