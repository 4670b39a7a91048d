"""How long a reply asks us to wait, in its own words.

Guarantees: 0 unless the number stands beside a word of waiting; never more than a day. Not here: whether the hint is
followed (``gatepost.policy``).
"""

import re

# A hint beyond a day is no better than our own schedule, and a typing error would park a message.
LONGEST_S = 86_400

_NEAR = r"\b(?:try|tries|retry|retries|retried|retrying|wait|again|back|later|resend|delayed|deferred|blocked|limited|greylist\w{0,4}|graylist\w{0,4})\b"
_HINT = re.compile(
    _NEAR + r"[^.0-9]{0,60}?(?P<n>[0-9]{1,5}) ?(?P<unit>s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?)\b"
)
_CLOCK = re.compile(_NEAR + r"[^.0-9]{0,60}?(?P<h>[0-9]{2}):(?P<m>[0-9]{2}):(?P<s>[0-9]{2})\b")
_BARE = re.compile(r"\bretry(?:-after)?[=:] ?(?P<n>[0-9]{1,5})\b")
_UNITS = {"s": 1, "m": 60, "h": 3600}


def seconds(key: str) -> int:
    """The seconds to wait that the folded text names, or 0."""
    if found := _HINT.search(key):
        said = int(found["n"]) * _UNITS[found["unit"][0]]
    elif found := _CLOCK.search(key):
        said = int(found["h"]) * 3600 + int(found["m"]) * 60 + int(found["s"])
    elif found := _BARE.search(key):
        said = int(found["n"])
    else:
        return 0
    return min(said, LONGEST_S)
