"""Settings as the decisions read them: milliseconds and plain values, made once per settings.

Guarantees: a ``Terms`` from settings that passed ``settings.check`` has a rule for every category.
Not here: what is decided with them (``settle`` and what it calls).
"""

from collections.abc import Mapping

import msgspec

from gatepost.model import event as events
from gatepost.model import suppression as suppressions
from gatepost.model import verdict as verdicts
from gatepost.policy import categories
from gatepost.policy import settings as policy_settings

_S = 1000
_H = 3600 * _S
_DAY = 24 * _H
_STEPS = 64  # delays listed at most; a factor near 1 never reaches its cap


class Times(msgspec.Struct, frozen=True):
    """One schedule, in ms: the last of ``delays`` repeats. on_5xx: all delays there are after a 5xx; empty: no limit."""

    delays: tuple[int, ...]
    window: int
    jitter_from: float
    jitter_span: float
    on_5xx: tuple[int, ...] = ()


class Rule(msgspec.Struct, frozen=True):
    """One category's row, an operator's changes applied; see ``categories.Row``.

    word: the category as plain text. held: not tried again before what is wrong is mended. times: of its schedule; S where the row names none, for what is retried all the
    same. expires: ms, or None as the address's record says. insisted: the operator made it suppress.
    """

    word: str
    outcome: verdicts.Outcome | None
    action: events.Action
    times: Times
    scope: suppressions.Scope | None
    kind: suppressions.Kind
    expires: int | None
    holds_address: bool
    gap: int
    patience_replies: int
    patience: int
    then: events.Action
    escalates: categories.Escalates
    insisted: bool
    held: bool = False


class Terms(msgspec.Struct, frozen=True):
    """All of ``[policy]``; durations in ms. scale: what hints are multiplied by, like every delay, window and hold."""

    rules: Mapping[verdicts.Category, Rule]
    by_word: Mapping[str, Rule]
    literal: bool
    resplits: int
    scale: float
    lifetime: int
    last_attempt: int
    hold: int
    authentication: int
    probe_gap: int
    provisional: int
    confirm_after: int
    delivered_within: int
    presumed_again: int
    presumed_within: int
    presumed_recipients: int
    refused_guess: int
    guard_recipients: int
    crowd: int
    domain_after: int
    soft_min: int
    soft_max: int
    soft_expires: int
    refused_min: int
    refused_expires: int
    escalation: policy_settings.EscalationSettings


def of(settings: policy_settings.PolicySettings) -> Terms:
    """The terms of checked settings."""
    scale = settings.time_scale * _S
    rules = {category: _rule(settings, category) for category in verdicts.Category}
    suppression, escalation = settings.suppression, settings.escalation
    return Terms(
        rules=rules,
        by_word={rule.word: rule for rule in rules.values()},
        literal=settings.preset == "literal-5xx",
        resplits=settings.resplits,
        scale=settings.time_scale,
        lifetime=round(settings.lifetime_s * scale),
        last_attempt=round(settings.last_attempt_s * scale),
        hold=round(settings.hold.address_s * scale),
        authentication=round(settings.hold.authentication_s * scale),
        probe_gap=round(settings.hold.probe_gap_s * scale),
        provisional=suppression.provisional_days * _DAY,
        confirm_after=suppression.confirm_after_h * _H,
        delivered_within=suppression.delivered_within_days * _DAY,
        presumed_again=suppression.presumed_again_days * _DAY,
        presumed_within=suppression.presumed_within_h * _H,
        presumed_recipients=suppression.presumed_recipients,
        refused_guess=suppression.refused_guess_days * _DAY,
        guard_recipients=suppression.guard_recipients,
        crowd=suppression.crowd_recipients,
        domain_after=suppression.domain_after_h * _H,
        soft_min=escalation.soft_min_days * _DAY,
        soft_max=escalation.soft_max_days * _DAY,
        soft_expires=escalation.soft_expires_days * _DAY,
        refused_min=escalation.refused_min_days * _DAY,
        refused_expires=escalation.refused_expires_days * _DAY,
        escalation=escalation,
    )


def _rule(settings: policy_settings.PolicySettings, category: verdicts.Category) -> Rule:
    row = policy_settings.row(settings, category)
    override = settings.categories.get(category)
    scale = settings.time_scale * _S
    letter = row.schedule
    if letter is categories.Schedule.NONE:
        letter = categories.Schedule.STANDARD
    return Rule(
        word=category.value,
        outcome=row.outcome,
        action=row.action,
        times=_times(settings, letter),
        scope=row.scope,
        kind=row.kind,
        expires=None if row.expires_days is None else row.expires_days * _DAY,
        holds_address=row.holds_address,
        gap=round(row.gap_s * scale),
        patience_replies=row.patience_replies,
        patience=round(row.patience_s * scale),
        then=row.then,
        escalates=row.escalates,
        insisted=override is not None and override.action == "suppress",
        held=row.held and row.action is events.Action.HOLD,
    )


def _times(settings: policy_settings.PolicySettings, letter: categories.Schedule) -> Times:
    numbers = policy_settings.schedule(settings, letter)
    seconds = list(numbers.delays_s)
    if numbers.then is not categories.Schedule.NONE:
        following = policy_settings.schedule(settings, numbers.then)
        seconds += _grown(following.delays_s, following)
    else:
        seconds = _grown(numbers.delays_s, numbers)
    scale = settings.time_scale * _S
    return Times(
        delays=tuple(max(1, round(delay * scale)) for delay in seconds),
        window=max(1, round(numbers.window_s * scale)),
        jitter_from=numbers.jitter[0],
        jitter_span=numbers.jitter[1] - numbers.jitter[0],
        on_5xx=tuple(max(1, round(delay * scale)) for delay in numbers.on_5xx_s),
    )


def _grown(delays: tuple[float, ...], numbers: policy_settings.Schedule) -> list[float]:
    """The delays, then the last one times the factor again and again, until the cap."""
    found = list(delays)
    while found[-1] < numbers.cap_s and numbers.factor > 1 and len(found) < _STEPS:
        found.append(min(found[-1] * numbers.factor, numbers.cap_s))
    return found
