"""How long a reply asks us to wait, in its own words.

Guarantees: 0 unless the number stands beside a word of waiting; never more than a day; linear: only the first
amounts of time are looked at. Not here: whether the hint is followed (``gatepost.policy``).
"""

import re
from itertools import islice

# A hint beyond a day is no better than our own schedule, and a typing error would park a message.
LONGEST_S = 86_400

# A number with a unit, or a time; its first digit is where the search goes.
_AMOUNT = re.compile(
    r"(?P<first>[0-9])(?<![0-9.].)(?:(?P<n>[0-9]{0,4}) ?(?P<unit>s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?)\b"
    r"|(?P<h>[0-9]):(?P<m>[0-9]{2}):(?P<s>[0-9]{2})\b)"
)
_WAITING = re.compile(
    r"\b(?:try|tries|retry|retries|retried|retrying|wait|again|back|later|resend|delayed|deferred|blocked|limited"
    r"|greylist\w{0,4}|graylist\w{0,4})\b[^.0-9]{0,60}$"
)
_REACH = 75  # the longest of what _WAITING matches
_MOST_AMOUNTS = 4
_BARE = re.compile(r"\bretry(?:-after)?[=:] ?(?P<n>[0-9]{1,5})\b")
_UNITS = {"s": 1, "m": 60, "h": 3600}


def seconds(key: str) -> int:
    """The seconds to wait that the folded text names, or 0."""
    for found in islice(_AMOUNT.finditer(key), _MOST_AMOUNTS):
        if _WAITING.search(key, max(0, found.start() - _REACH), found.start()):
            return min(_said(found), LONGEST_S)
    if "retry" in key and (bare := _BARE.search(key)):
        return min(int(bare["n"]), LONGEST_S)
    return 0


def _said(found: re.Match[str]) -> int:
    if found["unit"]:
        return int(found["first"] + found["n"]) * _UNITS[found["unit"][0]]
    return int(found["first"] + found["h"]) * 3600 + int(found["m"]) * 60 + int(found["s"])
