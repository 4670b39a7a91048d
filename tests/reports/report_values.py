"""What the tests of the reports share: the fixtures, and a report in one line."""

from pathlib import Path

from gatepost.reports import parser, report

FIXTURES = Path(__file__).parent / "fixtures"
NAMES = sorted(path.name for path in FIXTURES.glob("*.eml"))


def raw(name: str) -> bytes:
    return (FIXTURES / f"{name}.eml").read_bytes()


def parsed(name: str) -> report.Report:
    return parser.parse(raw(name))


def told(found: report.Report) -> list[tuple[str, str, str]]:
    """address, action, status of each recipient."""
    return [(one.address, one.action.value, one.status) for one in found.recipients]


def prose(
    text: str, *, sender: str = "MAILER-DAEMON@mx.example.net", subject: str = "failure notice"
) -> report.Report:
    head = f"From: {sender}\nTo: <b.7f3k2@bounce.shop.example>\nSubject: {subject}\n\n"
    return parser.parse(f"{head}{text}".encode())
