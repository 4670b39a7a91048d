"""``[policy]``: every default of the decisions that an operator may change, and what would be wrong with it.

Guarantees: settings that passed ``check`` give usable terms. ``read`` and ``check`` raise BadInput that names the key
(``policy.schedules.S.cap_s``); ``problems`` gives all of them at once.
Not here: the table of categories (``categories``), settings turned into milliseconds (``terms``).
"""

import operator
import re
from collections.abc import Iterator, Mapping
from typing import Literal, TypeVar

import msgspec

from gatepost import errors
from gatepost.model import event as events
from gatepost.model import suppression as suppressions
from gatepost.model import verdict as verdicts
from gatepost.policy import categories

_MIN = 60.0
_H = 3600.0
_SHORTEST_S = 0.001
_LONGEST_S = 10 * 365 * 86_400
_LONGEST_DAYS = 100 * 365
_MOST = 1000
MOST_COUNTED = 100  # addresses that the row of a streak keeps
_STEPS = 64
_PATH = re.compile(r"(.*) - at (?:`key` in )?`\$\.?(.*)`", re.DOTALL)

ActionWord = Literal["suppress", "retry", "hold", "fail"]
ScopeWord = Literal["instance", "account", "bridge", "list"]
_Value = TypeVar("_Value", bound=msgspec.Struct)


class Schedule(msgspec.Struct, frozen=True):
    """When to try again, in seconds.

    delays_s: after the first reply of the category, the second …; then the last delay times ``factor``, again and
    again, up to ``cap_s``, or the schedule named ``then`` from its start. window_s: from the first such reply on.
    jitter: the least and the greatest share added to a delay. on_5xx_s: all delays there are when the code is 5xx
    (empty: the same as else).
    """

    delays_s: tuple[float, ...]
    cap_s: float
    factor: float = 2.0
    window_s: float = 72 * _H
    jitter: tuple[float, float] = (-0.1, 0.1)
    on_5xx_s: tuple[float, ...] = ()
    then: categories.Schedule = categories.Schedule.NONE


_LATER = (0.0, 0.2)  # a receiver that named a delay, or counts us, must not see us early

_S = Schedule((10 * _MIN,), 4 * _H)
SCHEDULES: Mapping[categories.Schedule, Schedule] = {
    categories.Schedule.GREYLIST: Schedule(
        (5 * _MIN, 10 * _MIN, 15 * _MIN, 30 * _MIN),
        30 * _MIN,
        jitter=_LATER,
        then=categories.Schedule.STANDARD,
    ),
    categories.Schedule.STANDARD: _S,
    categories.Schedule.QUOTA: Schedule(
        (2 * _H, 6 * _H, 12 * _H, 24 * _H), 24 * _H, on_5xx_s=(6 * _H, 24 * _H)
    ),
    # A lane that is slowed or paused (``pace``) lets nothing go, whatever the time here: R and L say when to try where it does.
    categories.Schedule.RATE: msgspec.structs.replace(_S, jitter=_LATER),
    categories.Schedule.LANE: _S,
    categories.Schedule.DOMAIN: Schedule((15 * _MIN,), 6 * _H),
}


class ScheduleOverride(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[policy.schedules.S]``: what of a schedule is to be different; see ``Schedule``."""

    delays_s: tuple[float, ...] | None = None
    cap_s: float | None = None
    factor: float | None = None
    window_s: float | None = None
    jitter: tuple[float, float] | None = None
    on_5xx_s: tuple[float, ...] | None = None
    then: categories.Schedule | None = None


class CategoryOverride(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[policy.categories."recipient.refused"]``: what of a category's row is to be different; see ``Row``."""

    action: ActionWord | None = None
    schedule: categories.Schedule | None = None
    scope: ScopeWord | None = None
    expires_days: int | None = None
    holds_address: bool | None = None
    gap_s: int | None = None
    patience_replies: int | None = None
    patience_s: int | None = None


class SuppressionSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[policy.suppression]``.

    A hard verdict about an address that took mail in the last ``delivered_within_days`` is provisional for
    ``provisional_days``; another one ``confirm_after_h`` after the first confirms. presumed_again_days: how long the
    second presumption of death lasts. refused_guess_days: an uncertain refusal by the recipient. An unknown no at RCPT is
    presumed to mean a dead address only if the same host took a mail within presumed_within_h, and did not give the same
    answer to presumed_recipients without taking one. One rule's verdict about guard_recipients that took mail before, at
    one Provider that takes none between, is an incident: its entries are provisional. "No such user" with a 4xx is believed
    of no address while the domain says it of crowd_recipients and takes no mail. A domain that DNS does not know is given up
    as a whole domain_after_h after its addresses.
    """

    provisional_days: int = 7
    confirm_after_h: int = 24
    delivered_within_days: int = 90
    presumed_again_days: int = 90
    presumed_within_h: int = 24
    presumed_recipients: int = 3
    refused_guess_days: int = 30
    guard_recipients: int = 5
    crowd_recipients: int = 3
    domain_after_h: int = 24


class EscalationSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[policy.escalation]``.

    soft_messages that bounced soft (unknown_messages, when unknown 4xx are among those needed), each tried
    soft_attempts times, the first and last soft_min_days to soft_max_days apart: suppressed for soft_expires_days.
    refused_campaigns that ended in a final no over refused_min_days: suppressed for the Bridge, refused_expires_days.
    """

    soft_messages: int = 3
    unknown_messages: int = 5
    soft_attempts: int = 2
    soft_min_days: int = 14
    soft_max_days: int = 180
    soft_expires_days: int = 90
    refused_campaigns: int = 3
    refused_min_days: int = 14
    refused_expires_days: int = 90


class HoldSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[policy.hold]``: bulk mail to a troubled address waits up to address_s; transactional mail probes every probe_gap_s.

    authentication_s: how long mail waits for our authentication to be mended.
    """

    address_s: float = 6 * _H
    probe_gap_s: float = 15 * _MIN
    authentication_s: float = 72 * _H


class PolicySettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[policy]``.

    preset: ``literal-5xx`` makes every 5xx suppress (docs/categories.md says what that costs). lifetime_s: of a
    message, from acceptance. last_attempt_s: how long after that one never tried may still get its one attempt.
    resplits: how often one delivery goes on at once after "too many recipients". time_scale: every delay, window and
    hold of the schedules times this (the demo's; suppressions and escalation keep their days).
    """

    preset: Literal["standard", "literal-5xx"] = "standard"
    lifetime_s: float = 72 * _H
    last_attempt_s: float = 24 * _H
    resplits: int = 10
    time_scale: float = 1.0
    schedules: Mapping[categories.Schedule, ScheduleOverride] = {}
    categories: Mapping[verdicts.Category, CategoryOverride] = {}
    suppression: SuppressionSettings = SuppressionSettings()
    escalation: EscalationSettings = EscalationSettings()
    hold: HoldSettings = HoldSettings()


def read(table: Mapping[str, object], place: str = "policy") -> PolicySettings:
    """The settings in a parsed ``[policy]`` table, checked. Raises BadInput."""
    try:
        settings = msgspec.convert(table, PolicySettings)
    except msgspec.ValidationError as error:
        found = _PATH.fullmatch(str(error))
        problem, path = found.groups() if found else (str(error), "")
        raise errors.BadInput(f"{place}.{path}" if path else place, problem) from None
    check(settings, place)
    return settings


def check(settings: PolicySettings, place: str = "policy") -> None:
    """Raises BadInput for the first thing that is wrong."""
    for problem in problems(settings, place):
        raise problem


def problems(settings: PolicySettings, place: str = "policy") -> Iterator[errors.BadInput]:
    """Everything that is wrong, in the order of the documentation."""
    yield from _wrong_numbers(settings, place)
    for letter in settings.schedules:
        where = f"{place}.schedules.{letter.value}"
        if letter is categories.Schedule.NONE:
            yield errors.BadInput(where, "schedule 0 means no further try and has no numbers")
        else:
            yield from _wrong_schedule(schedule(settings, letter), where, settings)
    for category in settings.categories:
        yield from _wrong_category(settings, category, f'{place}.categories."{category.value}"')


def schedule(settings: PolicySettings, letter: categories.Schedule) -> Schedule:
    """A schedule's numbers, overrides applied. ``letter`` is not NONE."""
    return _overridden(SCHEDULES[letter], settings.schedules.get(letter))


def row(settings: PolicySettings, category: verdicts.Category) -> categories.Row:
    """A category's row, overrides applied."""
    base, override = categories.TABLE[category], settings.categories.get(category)
    if override is None:
        return base
    changed = _overridden(base, msgspec.structs.replace(override, action=None, scope=None))
    return msgspec.structs.replace(
        changed,
        action=events.Action[override.action.upper()] if override.action else base.action,
        scope=suppressions.Scope[override.scope.upper()] if override.scope else base.scope,
    )


def _overridden(base: _Value, override: msgspec.Struct | None) -> _Value:
    if override is None:
        return base
    given = msgspec.structs.asdict(override)
    return msgspec.structs.replace(base, **{k: v for k, v in given.items() if v is not None})


def _wrong_numbers(settings: PolicySettings, place: str) -> Iterator[errors.BadInput]:
    ranges = {
        "lifetime_s": (1, _LONGEST_S),
        "last_attempt_s": (0, _LONGEST_S),
        "resplits": (0, _MOST),
        "suppression.provisional_days": (1, _LONGEST_DAYS),
        "suppression.confirm_after_h": (0, _LONGEST_DAYS),
        "suppression.delivered_within_days": (0, _LONGEST_DAYS),
        "suppression.presumed_again_days": (1, _LONGEST_DAYS),
        "suppression.presumed_within_h": (1, _LONGEST_DAYS),
        "suppression.presumed_recipients": (2, MOST_COUNTED),
        "suppression.refused_guess_days": (1, _LONGEST_DAYS),
        "suppression.guard_recipients": (2, MOST_COUNTED),
        "suppression.crowd_recipients": (2, MOST_COUNTED),
        "suppression.domain_after_h": (0, _LONGEST_DAYS),
        "escalation.soft_messages": (1, _MOST),
        "escalation.unknown_messages": (1, _MOST),
        "escalation.soft_attempts": (1, _MOST),
        "escalation.soft_min_days": (0, _LONGEST_DAYS),
        "escalation.soft_max_days": (1, _LONGEST_DAYS),
        "escalation.soft_expires_days": (1, _LONGEST_DAYS),
        "escalation.refused_campaigns": (1, _MOST),
        "escalation.refused_min_days": (0, _LONGEST_DAYS),
        "escalation.refused_expires_days": (1, _LONGEST_DAYS),
        "hold.address_s": (0, _LONGEST_S),
        "hold.probe_gap_s": (0, _LONGEST_S),
        "hold.authentication_s": (0, _LONGEST_S),
    }
    for path, (least, most) in ranges.items():
        yield from errors.out_of_range(operator.attrgetter(path)(settings), least, most, f"{place}.{path}")
    escalation = settings.escalation
    if escalation.unknown_messages < escalation.soft_messages:
        yield errors.BadInput(f"{place}.escalation.unknown_messages", "is below soft_messages")
    if escalation.soft_max_days < escalation.soft_min_days:
        yield errors.BadInput(f"{place}.escalation.soft_max_days", "is below soft_min_days")
    if not 0 < settings.time_scale <= _MOST:
        yield errors.BadInput(
            f"{place}.time_scale", f"{settings.time_scale} is not above 0 and at most {_MOST}"
        )


def _wrong_schedule(numbers: Schedule, place: str, settings: PolicySettings) -> Iterator[errors.BadInput]:
    if not numbers.delays_s:
        yield errors.BadInput(f"{place}.delays_s", "needs at least one delay")
    for name, delays in (("delays_s", numbers.delays_s), ("on_5xx_s", numbers.on_5xx_s)):
        if len(delays) > _STEPS:
            yield errors.BadInput(f"{place}.{name}", f"{len(delays)} delays are more than {_STEPS}")
        for index, delay in enumerate(delays):
            yield from errors.out_of_range(delay, _SHORTEST_S, _LONGEST_S, f"{place}.{name}[{index}]")
    for name, value in (("cap_s", numbers.cap_s), ("window_s", numbers.window_s)):
        yield from errors.out_of_range(value, _SHORTEST_S, _LONGEST_S, f"{place}.{name}")
    if numbers.delays_s and numbers.cap_s < numbers.delays_s[-1]:
        yield errors.BadInput(f"{place}.cap_s", f"{numbers.cap_s} is below the last of delays_s")
    yield from errors.out_of_range(numbers.factor, 1, 100, f"{place}.factor")
    if not -0.9 <= numbers.jitter[0] <= numbers.jitter[1] <= 1:
        yield errors.BadInput(f"{place}.jitter", "is not a pair of shares, the smaller first, in -0.9…1")
    if numbers.then is categories.Schedule.NONE:
        return
    if schedule(settings, numbers.then).then is not categories.Schedule.NONE:
        yield errors.BadInput(f"{place}.then", f"{numbers.then.value} is itself followed by another one")


def _wrong_category(
    settings: PolicySettings, category: verdicts.Category, place: str
) -> Iterator[errors.BadInput]:
    if category in categories.FIXED:
        yield errors.BadInput(place, "is the gateway's own word and cannot be changed")
        return
    changed = row(settings, category)
    if changed.action is categories.Action.SUPPRESS and changed.scope is None:
        yield errors.BadInput(f"{place}.scope", "is needed with action suppress")
    waits = changed.action in {categories.Action.RETRY, categories.Action.HOLD}
    if waits and changed.schedule is categories.Schedule.NONE:
        yield errors.BadInput(f"{place}.schedule", f"is needed with action {changed.action.word}")
    for name, most in (
        ("expires_days", _LONGEST_DAYS),
        ("gap_s", _LONGEST_S),
        ("patience_replies", _MOST),
        ("patience_s", _LONGEST_S),
    ):
        value = getattr(settings.categories[category], name)
        if value is not None:
            yield from errors.out_of_range(value, 0, most, f"{place}.{name}")
