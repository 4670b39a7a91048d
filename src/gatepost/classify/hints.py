"""How long a reply asks us to wait, in its own words.

Guarantees: 0 unless a number with a unit of time stands beside a word of waiting (or follows "retry-after"); never more
than a day; linear: only the first amounts of time are looked at, and a few words on each side of them. A number that measures something else ("10 messages per hour", "in the last 5 minutes") is none.
Not here: whether the hint is followed (``gatepost.policy``).
"""

import re
from itertools import islice

# A hint beyond a day is no better than our own schedule, and a typing error would park a message.
LONGEST_S = 86_400

# Marks on Latin letters are folded away before (réessayez, später, próbuj).
_WAIT = re.compile(
    r"\b(?:try|tries|retry|retries|retried|retrying|resend|wait|waiting|again|back|later|delay|delayed|deferred|blocked|"
    r"banned|limited|throttled|reconnect|remaining|gr[ae]y-?list\w{0,4}|"
    r"reessaye[rz]|patiente[rz]|attendre|attendez|essayez|ressayez|"
    r"versuchen|versuche|erneut|warten|wieder|spater|"
    r"intente|intentelo|reintente|reintentar|espere|tente|aguarde|novamente|nuevo|"
    r"riprovare|riprova|riprovi|attendere|sprobuj|ponownie|odczekaj|probeer|opnieuw|wacht|"
    r"повтор\w{0,6}|попроб\w{0,8}|подожд\w{0,4}|через|позже)\b"
)
_SECONDS = r"s|secs?|secondi|secondes?|seconden|seconds?|sekunden?|sekund[ya]?|segundos?|секунд\w{0,2}|сек"
_MINUTES = r"m|mins?|minutes?|minuten?|minutos?|minuti|minut[ya]?|минут\w{0,2}|мин"
_HOURS = r"h|hrs?|hours?|heures?|stunden?|horas?|ore|ora|godzin[ye]?|uur|uren|час\w{0,2}"
_DAYS = r"days?|jours?|tage?n?|dias?|giorn[io]|dni|dagen|дн\w{1,2}"
_AMOUNT = re.compile(
    r"(?<![a-z0-9.,:\-])(?:(?P<n>[0-9]{1,5}|an?|one|une|eine[rm]?|uma|una)[ \-]?"
    rf"(?:(?P<s>{_SECONDS})|(?P<m>{_MINUTES})|(?P<h>{_HOURS})|(?P<d>{_DAYS}))\b"
    r"|(?P<hh>[0-9]{2}):(?P<mm>[0-5][0-9]):(?P<ss>[0-5][0-9])(?![0-9:])(?P<left> (?:remaining|left)\b)?)"
)
_MOST_AMOUNTS = 4
_IN = re.compile(r"\b(?:in|after|for|within|dans|apres|nach|en|em|dentro de|tra|za|over|another) $")
# Between the word and the amount: no other number, no other sentence, nothing that makes it a measure of something else.
_PARTS = re.compile(
    r"[.0-9;/]|\b(?:per|every|each|last|past|pro|par|por|limit|messages|mails|emails|id|ticket)\b"
)
_APART = 60  # characters
_REACH = _APART + 15  # and the word
_CJK = re.compile(
    r"(?P<n>[0-9]{1,5}) ?(?:(?P<s>秒)|(?P<m>分钟|分鐘|分)|(?P<h>小时|小時|時間))(?:钟|鐘)?(?:之|以)?(?:后|後|ほど)"
)
_BARE = re.compile(r"\bretry(?:-after)?[=:] ?(?P<n>[0-9]{1,5})\b")
_SPAN_S = (("s", 1), ("m", 60), ("h", 3600), ("d", 86_400))


def seconds(key: str) -> int:
    """The seconds to wait that the folded text names, or 0."""
    for found in islice(_AMOUNT.finditer(key), _MOST_AMOUNTS):
        if found["left"] or _follows(key, found.start()) or _precedes(key, *found.span()):
            return min(_said(found.groupdict()), LONGEST_S)
    other = None if key.isascii() else _CJK.search(key)
    if other is None and "retry" in key:
        other = _BARE.search(key)
    return min(_said(other.groupdict()), LONGEST_S) if other else 0


def _follows(key: str, start: int) -> bool:
    """Whether the amount at ``start`` follows a word of waiting."""
    words = list(_WAIT.finditer(key, max(0, start - _REACH), start))
    return bool(words) and _belong(key[words[-1].end() : start])


def _precedes(key: str, start: int, end: int) -> bool:
    """Whether it stands before one, as in "in 10 minutes you may try again"."""
    if not _IN.search(key, max(0, start - _REACH), start):
        return False
    word = _WAIT.search(key, end, end + _REACH)
    return word is not None and _belong(key[end : word.start()])


def _belong(between: str) -> bool:
    return len(between) <= _APART and _PARTS.search(between) is None


def _said(groups: dict[str, str | None]) -> int:
    if (hours := groups.get("hh")) is not None:
        return int(hours) * 3600 + int(groups["mm"] or 0) * 60 + int(groups["ss"] or 0)
    number = groups["n"] or ""
    count = int(number) if number[:1].isdigit() else 1
    return count * next((size for unit, size in _SPAN_S if groups.get(unit)), 1)
