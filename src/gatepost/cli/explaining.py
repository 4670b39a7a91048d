"""``gatepost explain``: the verdict about one reply, which rule gave it, and the action that follows."""

from typing import TYPE_CHECKING, Annotated

import cyclopts

from gatepost.cli import classifying, context, show

if TYPE_CHECKING:
    from gatepost.console import explaining


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
    from gatepost.app import explaining as explanations
    from gatepost.app import judging

    asked = judging.Asked(reply, stage, provider, peer, our_ip, our_host, mail_from, recipient=recipient)
    found = explanations.explained(asked, classifying.new_judge(config))
    if json:
        show.json_line(found)
    else:
        _print(found)
    return 0


def _print(found: "explaining.Explained") -> None:
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


def _action(found: "explaining.Explained") -> str:
    if found.suppress:
        span = f"for {show.duration(found.expires)}" if found.expires else "until somebody removes it"
        return f"{found.action}: not written to any more ({found.scope}), {span}"
    if found.next_try is not None:
        return f"{found.action}: tried again after {show.duration(found.next_try)}"
    return {"none": "none: it was taken", "fail": "fail: this message bounces, the address is kept"}.get(
        found.action, found.action
    )
