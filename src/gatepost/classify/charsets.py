"""A reply's bytes as text, where no header names their charset (RFC 5321 §4.2 allows ASCII only; servers send what they like).

Guarantees: any bytes give a text; what is UTF-8 is read as UTF-8; linear. How it guesses: a lone byte above 0x7F among
ASCII letters is Latin-1; runs of them are a script of its own, and which one is seen from the range that its commonest
letters have in each charset. A wrong guess costs a rule that does not match, never a wrong match of ASCII words.
Not here: folding (``folding``).
"""

import re

_RUN = re.compile(rb"[\x80-\xff]{2,}")
# Two letters may well stand side by side in a Latin text ("ção"); a script of its own has more.
_SCRIPT_RUN = re.compile(rb"[\x80-\xff]{4}")


def decode(raw: bytes) -> str:
    """The text of the bytes."""
    if b"\x1b$" in raw:  # Japanese servers of the old school (RFC 1468)
        try:
            return raw.decode("iso2022_jp")
        except UnicodeDecodeError:
            pass
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start >= len(raw) - 3:  # cut inside a character
            return raw.decode("utf-8", "replace")
        return raw.decode(_guess(raw), "replace")


def _guess(raw: bytes) -> str:
    if not _SCRIPT_RUN.search(raw):
        return "latin-1"
    high = b"".join(_RUN.findall(raw))
    if min(high) < 0xA0:  # no letter of the others stands there; kana begin with 0x82 and 0x83
        return "cp932" if _share(high, 0x81, 0x83) > 0.2 else "cp1251"
    if _share(high, 0xC0, 0xFF) > 0.95:  # Cyrillic: the small letters are the common ones
        return "koi8_r" if _share(high, 0xC0, 0xDF) > 0.5 else "cp1251"
    if _share(high[::2], 0xA4, 0xA5) > 0.3:  # kana
        return "euc_jp"
    return "gb18030"


def _share(high: bytes, low: int, top: int) -> float:
    return sum(low <= byte <= top for byte in high) / len(high)
