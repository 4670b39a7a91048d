"""What is deleted by age: the kinds, for ``Store.prune``."""

import enum


class Kind(enum.Enum):
    """A kind of row that is kept for a time of its own; the value is the word of the settings and the log.

    What is not here has another end: bodies go with their last delivery, what a delivery leaves behind with the last token, entries
    of the floor when they expire; the Directory, address records, counters of the ledger stay.
    """

    EVENTS = "events"  # the oldest, always a prefix of the feed
    MESSAGES = "messages"  # rows of messages that have ended
    COUNTERS = "counters"
    HOURS = "hours"  # counters of minutes become those of an hour, nothing is lost of the sums
    DAYS = "days"  # and those of a day
    WEBHOOKS = "webhooks"  # what receivers said, and requests that were given up
    REPORTS = "reports"  # as they came in
    AUDIT = "audit"
