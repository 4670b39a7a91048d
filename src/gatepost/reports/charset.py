"""Bytes of a mail as text, whatever charset they name.

Guarantees: any bytes and any name give a text; only codecs of the table are used (Python's ``codecs`` also knows
compressors and quadratic ones).
"""

import re

_KNOWN = {
    "utf-8": "utf-8",
    "utf8": "utf-8",
    "uft-8": "utf-8",
    "utf-7": "utf-7",
    "unicode-1-1-utf-7": "utf-7",
    "utf-16": "utf-16",
    "utf-16le": "utf-16-le",
    "utf-16be": "utf-16-be",
    "iso-2022-jp": "iso2022_jp",
    "iso-2022-jp-1": "iso2022_jp_1",
    "iso-2022-jp-ms": "iso2022_jp",
    "cp50220": "iso2022_jp",
    "iso-2022-kr": "iso2022_kr",
    "shift-jis": "cp932",
    "sjis": "cp932",
    "x-sjis": "cp932",
    "windows-31j": "cp932",
    "cp932": "cp932",
    "euc-jp": "euc_jp",
    "euc-kr": "cp949",
    "ks-c-5601-1987": "cp949",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "gb18030": "gb18030",
    "hz-gb-2312": "hz",
    "big5": "big5hkscs",
    "koi8-r": "koi8_r",
    "koi8-u": "koi8_u",
    "latin1": "cp1252",
    "macintosh": "mac_roman",
    "tis-620": "tis_620",
}
_ISO = re.compile(r"iso-?8859-?([0-9]{1,2})(?:-[ie])?")
_WINDOWS = re.compile(r"(?:windows|cp|x-cp)-?(125[0-8]|874|437|85[0-8]|866)")


def text_of(data: bytes, charset: str = "") -> str:
    """The text; what the charset does not explain is replaced."""
    codec = _codec(charset) if charset else ""
    if codec not in _SEVEN_BITS and b"\x1b" not in data and data.isascii():
        return data.decode("ascii")
    if codec == "utf-7":  # its decoder lets halves of surrogate pairs through
        return data.decode(codec, "replace").encode("utf-8", "replace").decode()
    if codec and b"\x1b$" not in data:
        return data.decode(codec, "replace")
    return _guessed(data) if codec != "iso2022_jp" else data.decode(codec, "replace")


def _codec(charset: str) -> str:
    """The codec of a charset's name; empty where it is unknown, or says no more than the bytes do (us-ascii)."""
    name = charset.strip(" \t\"'").lower().removeprefix("3d").replace("_", "-")[:40]
    if known := _KNOWN.get(name):
        return known
    if found := _ISO.fullmatch(name):
        number = int(found[1])
        # Browsers and mailers mean windows-1252 when they say iso-8859-1.
        return "cp1252" if number == 1 else f"iso8859_{number}" if number in _ISO_NUMBERS else ""
    if found := _WINDOWS.fullmatch(name):
        return f"cp{found[1]}"
    return ""


# Codecs in which ASCII bytes may stand for other letters.
_SEVEN_BITS = frozenset({"utf-7", "hz", "iso2022_kr", "utf-16", "utf-16-le", "utf-16-be"})
_ISO_NUMBERS = frozenset({2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 14, 15, 16})


def _guessed(data: bytes) -> str:
    if b"\x1b$" in data or b"\x1b(" in data:  # Japanese in seven bits (RFC 1468)
        return data.decode("iso2022_jp", "replace")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start >= len(data) - 3 and not data[: error.start].isascii():  # cut inside a character
            return data.decode("utf-8", "replace")
        return data.decode("cp1252", "replace")
