"""How much of a mail is looked at. Everything here is read by code that is linear within these limits.

Reports are small: the largest genuine ones carry a whole original behind the parts that matter. faults.md F06 asks for
less than 100 ms and 20 MB whatever the bytes are.
"""

MAIL = 1024 * 1024  # bytes of the mail itself: what matters stands in front of the returned message
DEPTH = 8  # multiparts within multiparts; a genuine report has three
PARTS = 100  # of one mail
HEADER = 64 * 1024  # bytes of one header block
FIELDS = 500  # of one header block
VALUE = 4096  # bytes of one field that are decoded; RFC 5322 §2.1.1 allows 998 a line
SAME = 50  # fields of one name that are kept (ARF repeats Original-Rcpt-To)
TEXT = 64 * 1024  # bytes of one part's text
STATUS = 512 * 1024  # bytes of a delivery-status part: a few hundred recipients with long diagnostics
TEXTS = 4  # parts whose text is read
LINES = 2000  # of a text that are read as a bounce in prose
LINE = 2000  # characters of one line
RECIPIENTS = 500  # of one report
REPLY = 4096  # characters of a diagnostic text; the classifier reads no more
FEEDBACKS = 50  # feedback reports within one mail
