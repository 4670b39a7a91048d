"""docs/categories.md, made from the table that decides: a test holds the committed page equal to this."""

from gatepost.policy import categories
from gatepost.policy import settings as policy_settings

_NAMES = {
    categories.Schedule.GREYLIST: "greylist",
    categories.Schedule.STANDARD: "standard",
    categories.Schedule.QUOTA: "quota",
    categories.Schedule.RATE: "rate",
    categories.Schedule.LANE: "lane held",
    categories.Schedule.DOMAIN: "domain or DNS",
}

_HEAD = """# Categories

Every reply gets one category, and every category has one row here: what it means, and what follows. This page is made
from the table that the gateway decides with. `[policy.categories."…"]` changes a row, `[policy.schedules.…]` a schedule.

- **outcome** is what the reply meant: `soft` may pass, `hard` says that the address or domain is dead, `rejection` is a
  no to this message or this sender and says nothing about the recipient.
- **action** is what the gateway does: `suppress`, `retry`, `hold` (waits for something of ours to be mended; retried
  meanwhile, but for what has no schedule: see "Held for authentication"), `fail` (the message ends, the address is kept), `resplit` (goes on at once, in smaller groups).
- No 4xx ends a message at its first reply, unless its text says that retrying will not succeed: with a 4xx, `suppress`
  and `fail` become `retry` on schedule S.
- When a category's window, counted from its first reply on the delivery, or the message's lifetime is over, the
  delivery is bounced as `local.expired`, with the last real answer beside it.
"""

_HELD = """
## Held for authentication

A delivery that is refused with `sender.auth` or `sender.address` is held: not tried again, for at most 72 hours or its lifetime, and the
gateway looks into it, at SPF, DKIM, DMARC and the MX of the sender domain as `gatepost dns check` does, and at the keys that sign.

- **Something is wrong, or three recipient domains refuse it:** all mail from that sender domain to that Provider is held, by a directive of
  the gateway itself; `gatepost queue directives` and `gatepost why` say what is wrong. The look is repeated every two minutes. When all is
  right, one message goes, a minute later two, then four …; at the first new refusal it stops for half an hour. When nothing is held any
  more the directive ends. What three domains agreed on, while we see nothing wrong, is tried for the first time after half an hour.
  `gatepost queue revoke` lets everything go at once.
- **Neither, for ten minutes:** the message fails; the address is kept. A 4xx about our address is tried again a quarter of an hour later.
- **DNS does not answer:** nothing is decided.

What is held to its end bounces as a rejection; nobody is suppressed for it. `policy.hold.authentication_s` is the longest time;
`[policy.categories."sender.auth"] action = "retry"` or `"fail"` switches holding off.
"""

_PRESET = """
## The preset `literal-5xx`

`preset = "literal-5xx"` makes every 5xx suppress the address, whatever it says. Measured on real replies, that is right
for 31.5 % of the verdicts: the rest are blocklistings, broken authentication, full mailboxes, rate limits and refused
content, and a send with one broken DKIM key then loses most of a list at once. It is there for those who insist.
"""


def render() -> str:
    """The page."""
    return "".join([_HEAD, _table(), _schedules(), _suppression(), _HELD, _PRESET])


def _table() -> str:
    lines = [
        "",
        "## What follows from what",
        "",
        "| category | meaning | fault | outcome | action | schedule | counts toward |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in categories.ROWS:
        cells = (
            f"`{row.category.value}`",
            row.text,
            row.fault.word,
            row.outcome.word if row.outcome is not None else "–",
            _action(row),
            "–" if row.held else row.schedule.value,
            row.counts or "–",
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([*lines, ""])


def _action(row: categories.Row) -> str:
    said = row.action.word
    if row.action is categories.Action.SUPPRESS:
        said += _entry(row)
    if row.then is not categories.Action.NONE:
        domain = row.kind.name == "DOMAIN"
        after = f"{row.patience_replies} {'recipients' if domain else 'replies'}"
        if row.patience_s:
            after += f" and {_span(row.patience_s)}"
        said += f"; after {after}: {row.then.word}"
        if row.then is categories.Action.SUPPRESS:
            said += _entry(row)
    if row.gap_s:
        said += f"; at least {_span(row.gap_s)} apart"
    if row.holds_address and row.action is not categories.Action.SUPPRESS:
        said += "; address held"
    return said


def _entry(row: categories.Row) -> str:
    what = "" if row.kind.name == "ADDRESS" else " the domain"
    whom = f" for the {row.scope.word}" if row.scope else ""
    days = f", {row.expires_days} days" if row.expires_days else ""
    return what + whom + days


def _schedules() -> str:
    lines = [
        "",
        "## Schedules",
        "",
        "Delays are jittered; a delay that the receiver's text names is followed. `0`: no further try.",
        "",
        "| schedule | delays | window | jitter |",
        "|---|---|---|---|",
    ]
    for letter, numbers in policy_settings.SCHEDULES.items():
        low, high = numbers.jitter
        lines.append(
            f"| {letter.value} ({_NAMES[letter]}) | {_delays(numbers)} | {_span(numbers.window_s)}"
            f" | {low:+.0%} … {high:+.0%} |"
        )
    return "\n".join([*lines, ""])


def _delays(numbers: policy_settings.Schedule) -> str:
    said = ", ".join(_span(delay) for delay in numbers.delays_s)
    if numbers.then is not categories.Schedule.NONE:
        said += f", then {numbers.then.value}"
    elif numbers.cap_s > numbers.delays_s[-1]:
        said += f", then times {numbers.factor:g} each, at most {_span(numbers.cap_s)}"
    if numbers.on_5xx_s:
        said += f"; on 5xx only {', '.join(_span(delay) for delay in numbers.on_5xx_s)}"
    return said


def _suppression() -> str:
    numbers, several = policy_settings.SuppressionSettings(), policy_settings.EscalationSettings()
    held = policy_settings.HoldSettings()
    return f"""
## Suppression

An address is suppressed in the same transaction that records its bounce. The entry is *confirmed* (no expiry) when the
address never took mail from us, or not in the last {numbers.delivered_within_days} days; else *provisional* for
{numbers.provisional_days} days. A second hard verdict {numbers.confirm_after_h} hours or more after the first confirms; a
delivery deletes what is provisional. An uncertain `recipient.refused` lasts {numbers.refused_guess_days} days.

**Guard.** Providers have been wrong about living users for hours. When one rule has given its verdict about
{numbers.guard_recipients} addresses that took mail before, and that Provider took no mail from anybody in between, all of it is one
incident: what that rule said there since the last mail taken becomes provisional, and so does what follows, until a
mail is taken. The event `incident` tells it; `gatepost suppress list --where incident=…` shows the entries. They expire after
{numbers.provisional_days} days; a second hard verdict {numbers.confirm_after_h} hours later confirms one.

**Presumed dead.** A 550, 551 or 553 at RCPT that no rule knows, that says nothing but no (nothing of a sender, host, policy or
page) and whose enhanced code is absent, 5.0.0, 5.1.x or 5.2.x, is taken for a dead address only if the same host took a mail of
the same Source and sender domain for somebody else in the last {numbers.presumed_within_h} hours: for this Bridge, provisionally. When
{numbers.presumed_recipients} addresses got that very answer and no mail was taken in between, it is about none of them: the address is
kept, and the earlier presumptions are taken back. `gatepost rules unknown` lists all such replies.

**Address hold.** After a soft reply about the mailbox, bulk mail of the same account to it waits, at most
{_span(held.address_s)}; transactional mail asks at most once in {_span(held.probe_gap_s)}.

**Escalation.** {several.soft_messages} messages that ended soft because of the mailbox ({several.unknown_messages} with
`unknown.temporary` at `rcpt` among them), each tried at least {several.soft_attempts} times, the first and last
{several.soft_min_days} to {several.soft_max_days} days apart, no delivery between: suppressed, {several.soft_expires_days} days.
"""


def _span(seconds: float) -> str:
    for unit, size in (("h", 3600), ("min", 60)):
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:g} {unit}"
    return f"{seconds:g} s"
