"""The mails in a file: one, or as many as an mbox holds (RFC 4155), and the files of a folder.

Guarantees: a file is an mbox only if it begins with a "From " line that has a sender and a date; no more than a parser
reads of a mail is kept of it.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from gatepost.reports import limits

_SEPARATOR = re.compile(
    rb"From \S+ +(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),? +(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) +[0-9]{1,2} +[0-9:]{4,8} [^\n]{0,40}[0-9]{4}"
)
_CHUNK = 64 * 1024


def files(path: Path) -> Iterator[Path]:
    """The files of mails behind a path: itself, those of a Maildir (``new`` and ``cur``), or those of any other folder, in order."""
    if not path.is_dir():
        yield path
        return
    maildir = (path / "new").is_dir() and (path / "cur").is_dir()
    for folder in (path / "cur", path / "new") if maildir else (path,):
        yield from sorted(one for one in folder.iterdir() if one.is_file() and not one.name.startswith("."))


def mails(file: BinaryIO) -> Iterator[bytes]:
    """Each mail's bytes, of a very long one its beginning."""
    first = file.readline(_CHUNK)
    divided = _SEPARATOR.match(first) is not None
    kept, size, blank = [first], len(first), False
    while line := file.readline(_CHUNK):
        if divided and blank and _SEPARATOR.match(line):
            yield b"".join(kept)
            kept, size = [], 0
        if size <= limits.MAIL:
            kept.append(line)
            size += len(line)
        blank = not line.strip()
    yield b"".join(kept)
