"""The entry point: which commands there are, and how each of them fails.

Guarantees: an error of input, of the store or of the system is one line ``gatepost: …`` and status 1; wrong usage is
one line and status 2; Ctrl-C is status 130; a reader that went away (``| head``) is no failure.
"""

import contextlib
import os
import sys
from collections.abc import Sequence

import cyclopts

from gatepost import errors

_COMMANDS = (
    ("demo", "serving:demo", "Try it: a gateway, its console and a sandbox of receivers, all on loopback."),
    ("init", "setup:init", "Write a commented gatepost.toml and create the first Bridge."),
    (
        "serve",
        "serving:serve",
        "Run the gateway.\n\nSIGTERM: it takes no new mail, finishes what is under way and ends; a second one ends it now. "
        "SIGHUP: it reads the configuration and the certificates again.",
    ),
    ("check", "checking:check", "Check the configuration, the rule files and the ledger."),
    ("send", "sending:send", "Submit one message."),
    ("explain", "explaining:explain", "What a reply means, and what would be done."),
    ("classify", "classifying:classify", "What many replies mean: JSON lines in and out."),
    ("report", "reporting:report", "What bounce and feedback mails say: one JSON line each."),
    ("events", "feed:events", "Everything that happened, in order; --follow for what happens now."),
    ("trace", "tracing:trace", "The whole life of a message, or of what went to an address."),
    ("why", "tracing:why", "What a delivery waits for."),
    ("route", "routing:route", "Which Source, lane, hosts, TLS and limits a recipient would get."),
    ("audit", "auditing:audit", "Who changed what, the newest first."),
    ("apply", "applying:apply", "Make accounts, Bridges, Pools, Sources and domains what a file says."),
)
_GROUPS = (
    (
        "rules",
        "ruling",
        "What replies mean: your own rules, tried and written.",
        (
            ("test", "Try the rules on labelled replies: dead addresses missed, living ones suppressed."),
            ("unknown", "What no rule knew, by template; --draft writes a rule for one of them."),
            ("replay", "What a draft rule file would have changed for the replies in the store."),
        ),
    ),
    (
        "queue",
        "queues",
        "What waits.",
        (
            ("list", "The queues with what is open in them."),
            ("pause", "Attempt nothing of some mail for now."),
            ("resume", "Take a pause back."),
            ("flush", "Attempt some mail now instead of when it is due."),
            ("reroute", "Send some mail by another Source."),
            ("cancel", "End open deliveries, with ten minutes to undo it."),
            ("directives", "What was said about the queue and stands."),
            ("revoke", "Take a directive back."),
        ),
    ),
    (
        "suppress",
        "floor",
        "Who is not written to.",
        (
            ("add", "Do not write to these addresses or domains any more."),
            ("remove", "Write to them again."),
            ("check", "Whether an address is suppressed, for whom, and why."),
            ("list", "The entries, in the order they were made."),
            ("import", "Add the entries of a file."),
            ("export", "Write the entries as JSON lines."),
            ("undo", "Delete all entries of one rule, incident, reason …"),
        ),
    ),
    (
        "bridge",
        "bridges",
        "How applications send.",
        (
            ("add", "Add a Bridge and show its secrets once."),
            ("list", "List the Bridges."),
            ("show", "Show one Bridge."),
            ("rotate", "Give a Bridge new secrets."),
            ("revoke", "End a Bridge."),
        ),
    ),
    (
        "key",
        "keys",
        "Keys to the console's API.",
        (
            ("add", "Make a key and show it once."),
            ("list", "List the keys."),
            ("revoke", "End a key."),
        ),
    ),
    (
        "user",
        "users",
        "People who log in to the dashboard.",
        (
            ("add", "Add a user; the password is asked for, or made and shown once."),
            ("list", "List the users."),
            ("password", "Give a user another password; it is logged out everywhere."),
            ("link", "Print a link that logs a user in once."),
            ("remove", "Remove a user; it is logged out everywhere."),
        ),
    ),
    (
        "pool",
        "pools",
        "Named groups of Sources.",
        (("add", "Add a Pool."), ("list", "List the Pools."), ("show", "Show one Pool.")),
    ),
    (
        "source",
        "sources",
        "Ways out: local addresses and smarthosts.",
        (
            ("add", "Add a Source, or change it."),
            ("list", "List the Sources."),
            ("show", "Show one Source."),
            ("revoke", "Disable a Source."),
        ),
    ),
    (
        "domain",
        "domains",
        "Domains that mail may be sent from.",
        (
            ("add", "Let an account send from domains, or change how."),
            ("list", "List the sender domains."),
            ("show", "Show one sender domain, and whether its return path is proved."),
        ),
    ),
    (
        "dns",
        "dns",
        "What DNS says about a sender domain.",
        (("check", "What is wrong there, and how to mend it."),),
    ),
    (
        "dkim",
        "dkims",
        "The keys that sign a domain's mail, and their records for DNS.",
        (
            ("new", "Make a key and print its DNS record."),
            ("import", "Take a private key that there is already."),
            ("list", "List the keys."),
            ("show", "Print the DNS records of a domain's keys."),
            ("activate", "Let a key sign."),
            ("retire", "Let a key sign no more."),
        ),
    ),
    (
        "webhook",
        "webhooks",
        "Who is told of events over HTTP.",
        (
            ("add", "Add a webhook and show its secret once."),
            ("list", "List the webhooks and how far each is."),
            ("show", "Show one webhook."),
            ("test", "Tell it of an event that never was."),
            ("tries", "Its last requests and what it said."),
            ("replay", "Tell it events once more."),
            ("rotate", "Give it a new secret."),
            ("off", "Tell it nothing for now."),
            ("on", "Tell it again."),
            ("remove", "End it."),
        ),
    ),
    (
        "inbound",
        "inbound",
        "What came back: reports, and mail to postmaster@ and abuse@.",
        (("list", "List what came in."), ("show", "Show one mail.")),
    ),
    (
        "token",
        "tokens",
        "The keys that return paths and header tokens are signed with.",
        (("rotate", "Sign with a new key."), ("list", "List the keys.")),
    ),
)


# Verbs that are not in their group's module.
_ELSEWHERE = {
    **{("suppress", verb): "bulk" for verb in ("import", "export", "undo")},
    **{
        ("queue", verb): "directing"
        for verb in ("pause", "resume", "flush", "reroute", "directives", "revoke")
    },
}


def build() -> cyclopts.App:
    """The whole command line; a command's module is imported when the command is called."""
    app = cyclopts.App(
        name="gatepost",
        help="A self-hosted sending gateway that reads every bounce inside the SMTP conversation.",
        help_format="plaintext",
        version=_version,
        default_parameter=cyclopts.Parameter(show_default=_default),
        result_action="return_value",
        suppress_keyboard_interrupt=False,
    )
    for place, (name, target, text) in enumerate(_COMMANDS):
        app.command(f"gatepost.cli.{target}", name=name, help=text, sort_key=place)
    for place, (name, module, text, verbs) in enumerate(_GROUPS, len(_COMMANDS)):
        group = cyclopts.App(
            name=name, help=text, help_format="plaintext", result_action="return_value", sort_key=place
        )
        for order, (verb, said) in enumerate(verbs):
            where = _ELSEWHERE.get((name, verb), module)
            group.command(f"gatepost.cli.{where}:{verb}_", name=verb, help=said, sort_key=order)
        app.command(group)
    return app


def _default(value: object) -> str | None:
    """How a default is shown: not at all where nothing is the default."""
    return None if value in (None, False, "", ()) else str(value)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command that the arguments name, and exit with its status."""
    sys.exit(_status(sys.argv[1:] if arguments is None else arguments))


def _status(arguments: Sequence[str]) -> int:
    try:
        status = _run(_config_last(arguments))
        sys.stdout.flush()
    except BrokenPipeError:
        # What is still buffered has no reader; without this the interpreter would complain of it at its end.
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 0
    except KeyboardInterrupt:
        return 130
    return status


def _run(arguments: Sequence[str]) -> int:
    try:
        result: object = build()(arguments, exit_on_error=False, print_error=False)
    except cyclopts.CycloptsError as error:
        return _fail(" ".join(str(error).split()), 2)
    except BrokenPipeError:
        raise
    except errors.GatepostError as error:
        return _fail(str(error), 1)
    except OSError as error:
        return _fail(f"{error.filename}: {error.strerror}" if error.filename else str(error), 1)
    return result if isinstance(result, int) else 0


def _fail(text: str, status: int) -> int:
    """One line for each problem: a configuration may have several."""
    for line in text.splitlines() or ["failed"]:
        print(f"gatepost: {line}", file=sys.stderr)
    return status


def _config_last(arguments: Sequence[str]) -> list[str]:
    """``gatepost -c FILE serve`` means ``gatepost serve -c FILE``."""
    found = list(arguments)
    if not found or found[0].partition("=")[0] not in {"-c", "--config"}:
        return found
    count = 1 if "=" in found[0] else 2
    option, rest = found[:count], found[count:]
    if not rest:
        return found
    if rest[0].startswith("-"):
        return rest
    at = rest.index("--") if "--" in rest else len(rest)
    return [*rest[:at], *option, *rest[at:]]


def _version() -> str:
    import importlib.metadata

    return f"gatepost {importlib.metadata.version('gatepost')}"
