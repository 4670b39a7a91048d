"""Webhooks: who wants to be told of which events, where, and in which form. They live in the Directory."""

import enum

import msgspec

from gatepost.model import event as events

SECRET_PREFIX = "whsec_"  # noqa: S105 - as Standard Webhooks has it
BATCH = 100  # events in one request, at most

# What a new webhook is told of, where nothing else is said: what became of mail and addresses.
KINDS = (
    events.State.DELIVERED,
    events.State.BOUNCED,
    events.State.REJECTED,
    events.State.COMPLAINT,
    events.State.UNSUBSCRIBED,
    events.State.SUPPRESSED,
    events.State.UNSUPPRESSED,
)


class Dialect(enum.StrEnum):
    """The form of what is told. EVENTS: Gatepost's own, the events of its API; the others are those of other providers."""

    EVENTS = "events"
    SES = "ses"
    SENDGRID = "sendgrid"
    MAILGUN = "mailgun"
    POSTMARK = "postmark"

    @property
    def several(self) -> bool:
        """Whether one request may hold several events."""
        return self in {Dialect.EVENTS, Dialect.SENDGRID}


class Webhook(msgspec.Struct, frozen=True, gc=False, tag="webhook", omit_defaults=True):
    """One URL that is told of events.

    account, bridge: whose events; 0: of all accounts, of all Bridges of the account. kinds: states in words; empty: all.
    bridges, sources, sender_domains, lists, categories: only events with one of these; empty: with any. batch: events in one
    request, at most. secret: what requests are signed with, base64 behind ``whsec_``; old_secret signs beside it until old_until.
    basic_auth: ``user:password`` for HTTP Basic authentication, or empty. off_since: when it was switched off, or 0. removed: never stored; writing it deletes the entry. The times in ms.
    """

    id: int
    account: int
    bridge: int
    name: str
    url: str
    secret: str
    kinds: tuple[str, ...] = ()
    bridges: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    sender_domains: tuple[str, ...] = ()
    lists: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    batch: int = 1
    dialect: Dialect = Dialect.EVENTS
    old_secret: str = ""
    old_until: int = 0
    created_at: int = 0
    off_since: int = 0
    off_reason: str = ""
    basic_auth: str = ""
    removed: bool = False

    @property
    def about(self) -> tuple[tuple[str, int], ...]:
        """The entries that it refers to, by kind and number."""
        return (("account", self.account), ("bridge", self.bridge))

    @property
    def owner(self) -> int:
        """Within what its name is unique: an account, all of them (0), or a Bridge, below zero."""
        return -self.bridge if self.bridge else self.account

    def tells_of_failures(self, account: int, bridge: int) -> bool:
        """Whether it tells all failures of a Bridge to that Bridge's own people: not one that is for the whole installation."""
        narrowed = self.bridges or self.sources or self.sender_domains or self.lists or self.categories
        theirs = self.bridge == bridge if self.bridge else self.account == account
        told = not self.kinds or events.State.BOUNCED.word in self.kinds
        return bool(theirs and told and not narrowed and not self.off_since)
