"""``gatepost rules``: the rules tried on labelled replies, what no rule knew, and what a draft would have changed."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from gatepost import errors
from gatepost.cli import classifying, context, show

if TYPE_CHECKING:
    from gatepost.cli import labelled, replaying, unmatched

_KINDS = {
    "missed": "dead, and not suppressed",
    "suppressed": "LIVING, AND SUPPRESSED",
    "other": "judged otherwise",
    "unreadable": "cannot be read",
}


def test_(  # the command's name is no test's
    file: Path,
    /,
    *,
    json: context.Json = False,  # noqa: PT028
    config: context.Config = context.DEFAULT,  # noqa: PT028
) -> int:
    """Try the rules on labelled replies; status 1 if a living address would be suppressed or a line cannot be read.

    Each line is {"reply": …} with "category" or "outcome", and may have what `gatepost classify` takes. A wrong line
    is shown with the rule that decided, and the sums come last.

    Parameters
    ----------
    file
        JSON lines.
    """
    from gatepost.cli import labelled

    sums = labelled.Sums()
    with file.open("rb") as lines:
        for one in labelled.wrong(lines, classifying.new_judge(config), sums):
            if json:
                show.json_line(one)
            else:
                show.line(_wrong_words(one))
    if json:
        show.json_line(sums)
    else:
        show.line(f"{sums.replies} replies, {sums.wrong} wrong")
        show.line(f"dead addresses missed: {sums.missed} of {sums.dead}")
        show.line(f"living ones wrongly suppressed: {sums.suppressed} of {sums.living}")
    sys.stdout.flush()
    return 1 if sums.suppressed or sums.unreadable else 0


def _wrong_words(one: "labelled.Wrong") -> str:
    if one.kind == "unreadable":
        return f"line {one.line}: {_KINDS[one.kind]}: {one.expected}"
    rule = f"{one.rule} at {one.place}" if one.place else one.rule
    said = " / ".join(one.reply.splitlines())
    return f"line {one.line}: {_KINDS[one.kind]}: {one.category} ({rule}), expected {one.expected}: {said}"


def unknown_(
    *,
    since: str = "",
    draft: int = 0,
    json: context.Json = False,
    config: context.Config = context.DEFAULT,
) -> int:
    """Show the stored replies that no rule knew, grouped by template, the most frequent first, with their Providers.

    Parameters
    ----------
    since
        Only those since then: a time like 2026-05-04T12:00:00Z, or how long ago, like 7d.
    draft
        Print a draft rule for the group with this number instead.
    """
    from gatepost.cli import unmatched

    start = show.moment_of(since, "--since", context.now_ms()) if since else 0
    found = context.run(_gathered(config, start))
    groups = found.sorted()
    if draft:
        if not 1 <= draft <= len(groups):
            raise errors.BadInput("--draft", f"{draft} is not in 1…{len(groups)}")
        sys.stdout.write(unmatched.draft(groups[draft - 1]))
        return 0
    for number, group in enumerate(groups, 1):
        shape = unmatched.shape(number, group)
        if json:
            show.json_line(shape)
        else:
            providers = ", ".join(f"{name} {count}" for name, count in shape.providers.items())
            show.line(f"{number:>4}  {shape.count:>6}  {shape.template}  ({providers})")
    if found.others:
        print(f"gatepost: {found.others} replies of rarer templates are not shown", file=sys.stderr)
    return 0


async def _gathered(config: Path, since: int) -> "unmatched.Unmatched":
    from gatepost.cli import stored, unmatched

    found = unmatched.Unmatched()
    async with context.opened(context.load(config)) as store:
        for category in unmatched.CATEGORIES:
            async for event in stored.replies(store, since, category):
                found.add(event)
    return found


def replay_(
    file: Path,
    /,
    *,
    since: str,
    json: context.Json = False,
    config: context.Config = context.DEFAULT,
) -> int:
    """Judge the stored replies with a draft rule file above all rules, and show what it would have changed.

    Verdicts before and after are those of the rules as they are now, each reply as the first one about its address.

    Parameters
    ----------
    file
        The draft; it is loaded for this command alone.
    since
        A time like 2026-05-04T12:00:00Z, or how long ago, like 7d.
    """
    from gatepost.cli import replaying

    start = show.moment_of(since, "--since", context.now_ms())
    changes = context.run(_replayed({str(file): file.read_bytes()}, config, start))
    for one in changes.sorted():
        if json:
            show.json_line(one)
        else:
            show.line(
                f"{one.count:>6}  {one.before} → {one.after} ({one.rule} at {one.place}): {one.template}"
            )
    sums = replaying.sums(changes)
    if json:
        show.json_line(sums)
        return 0
    show.line(f"{sums.replies} replies, {sums.changed} judged otherwise")
    for word, addresses in (("added", sums.added), ("removed", sums.removed)):
        show.line(f"suppressions {word}: {len(addresses)}")
        for address in addresses:
            show.line(f"  {address}")
    return 0


async def _replayed(draft: dict[str, bytes], config: Path, since: int) -> "replaying.Changes":
    from gatepost.app import compose, judging
    from gatepost.cli import replaying, stored
    from gatepost.policy import terms

    settings = context.load(config)
    own = compose.own_rules(settings)
    fixed, now = terms.of(settings.policy), context.now_ms()
    before = judging.Judge(compose.build_classifier(own), fixed, now)
    changes = replaying.Changes(before, judging.Judge(compose.build_classifier(own, draft), fixed, now))
    async with context.opened(settings) as store:
        smarthosts = {one.id for one in (await store.directory()).sources if one.smarthost}
        async for event in stored.replies(store, since):
            changes.add(event, smarthost=event.source in smarthosts)
    return changes
