"""What the demo shows: counted from the gateway's own feed, event by event."""

from collections import Counter, defaultdict
from pathlib import Path

from rich import console as consoles
from rich import panel, table, text

from gatepost.model import directory as directories
from gatepost.model import event as events
from gatepost.model import verdict as verdicts
from gatepost.store import port

State = events.State
_FINAL = frozenset({State.DELIVERED, State.BOUNCED, State.REJECTED})
_LATER = frozenset({State.COMPLAINT, State.UNSUBSCRIBED, State.REPORTED})
_PAGE = 2_000


class Report:
    """``follow`` the feed, then print."""

    def __init__(self) -> None:
        self.directory = directories.Directory()
        self.seq = 0
        self.suppressed: set[str] = set()
        self._states: Counter[State] = Counter()
        self._last: dict[int, events.Event] = {}
        self._deferred: set[int] = set()
        self._replies: dict[str, Counter[str]] = defaultdict(Counter)
        self._five: set[str] = set()  # recipients that got any 5xx
        self._rejected_at: list[int] = []
        self._later: Counter[State] = Counter()

    async def follow(self, store: port.Store) -> None:
        """Take what is new."""
        while page := await store.feed(self.seq, _PAGE):
            self.seq = page[-1].seq
            for event in page:
                self._take(event)

    def _take(self, event: events.Event) -> None:
        self._states[event.state] += 1
        if event.state is State.SUPPRESSED:
            self.suppressed.add(event.recipient)
        if event.flags & events.Flag.LATE or event.state in _LATER:
            self._later[event.state] += 1
            return
        if event.state in _FINAL or event.state in (State.QUEUED, State.DEFERRED):
            self._last[event.delivery] = event
        if event.state is State.REJECTED:
            self._rejected_at.append(event.seq)
        if event.state is State.DEFERRED:
            self._deferred.add(event.delivery)
        if event.code and event.state is not State.SUPPRESSED:
            self._replies[event.category][event.state.word] += 1
            if event.code >= 500:
                self._five.add(event.recipient)

    def settled(self, count: int) -> bool:
        """Whether all are final but those that wait for the sender's authentication."""
        return len(self._last) >= count and not any(self._moving(event) for event in self._last.values())

    def _moving(self, event: events.Event) -> bool:
        return event.state not in _FINAL and event.category != verdicts.Category.SENDER_AUTH.value

    def rejected_since(self, seq: int) -> int:
        """How many rejections came behind that place of the feed."""
        return sum(at > seq for at in self._rejected_at)

    # --- words

    def line(self) -> str:
        """One line of progress."""
        final = Counter(event.state.word for event in self._last.values() if event.state in _FINAL)
        still = sum(event.state not in _FINAL for event in self._last.values())
        said = ", ".join(f"{count:,} {word}" for word, count in sorted(final.items()))
        return f"  {len(self._last):,} accepted: {said or 'none final yet'}; {still:,} open, next tries soon"

    def progress(self, count: int) -> panel.Panel:
        """The live display."""
        done = sum(event.state in _FINAL for event in self._last.values())
        bar = "█" * (40 * done // max(count, 1))
        return panel.Panel(text.Text(f"{bar:<40} {done:,} of {count:,}\n{self.line()}"), title="campaign")

    def print(self, out: consoles.Console) -> None:
        """The campaign's summary."""
        out.print(self._outcomes())
        out.print(self._categories())
        out.print(self._ways())
        living = self._five - self.suppressed
        out.print(
            f"[bold]A rule '5xx = dead' would have suppressed {len(living):,} living addresses.[/] "
            f"Gatepost suppressed {len(self.suppressed):,}: the ones whose servers said so in words, and who complained."
        )
        out.print(self._after())
        held = sum(
            event.category == verdicts.Category.SENDER_AUTH.value and event.state not in _FINAL
            for event in self._last.values()
        )
        if held:
            out.print(
                f"{held:,} messages wait: a provider began to refuse the DKIM of one sender domain. "
                "Nobody is suppressed for that; they go out when it is mended."
            )

    def _after(self) -> str:
        """What came back after the 250."""
        later = self._later
        return (
            f"[bold]After the 250[/] came {later[State.BOUNCED]:,} bounce mails, {later[State.COMPLAINT]:,} complaints and "
            f"{later[State.UNSUBSCRIBED]:,} wishes to leave: none of these is written to again. "
            f"{later[State.REPORTED]:,} automatic answers changed nothing."
        )

    def _outcomes(self) -> table.Table:
        shown = table.Table(title="What became of them", title_justify="left")
        shown.add_column("outcome")
        shown.add_column("recipients", justify="right")
        shown.add_column("share", justify="right")
        total = len(self._last) or 1
        rows = {
            "delivered": self._count(State.DELIVERED, None),
            "bounced, hard (suppressed)": self._count(State.BOUNCED, verdicts.Outcome.HARD),
            "bounced, rejection (address kept)": self._count(State.BOUNCED, verdicts.Outcome.REJECTION),
            "bounced, soft": self._count(State.BOUNCED, verdicts.Outcome.SOFT),
            "open: waiting": sum(event.state not in _FINAL for event in self._last.values()),
            "deferred at least once": len(self._deferred),
        }
        for name, count in rows.items():
            shown.add_row(name, f"{count:,}", f"{100 * count / total:.1f} %")
        return shown

    def _count(self, state: State, outcome: verdicts.Outcome | None) -> int:
        return sum(
            event.state is state and (outcome is None or event.outcome is outcome)
            for event in self._last.values()
        )

    def _categories(self) -> table.Table:
        shown = table.Table(title="What the receivers said", title_justify="left")
        for name in ("category", "delivered", "deferred", "bounced"):
            shown.add_column(name, justify="left" if name == "category" else "right")
        for category, states in sorted(self._replies.items()):
            shown.add_row(category, *(f"{states[word]:,}" for word in ("delivered", "deferred", "bounced")))
        return shown

    def _ways(self) -> table.Table:
        names = {source.id: source.name for source in self.directory.sources}
        shown = table.Table(title="By provider and Source", title_justify="left")
        for name in ("provider", "source", "delivered", "bounced", "open"):
            shown.add_column(name, justify="left" if name in ("provider", "source") else "right")
        counts: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
        for event in self._last.values():
            word = event.state.word if event.state in _FINAL else "open"
            counts[event.provider, names.get(event.source, "")][word] += 1
        for (provider, source), found in sorted(counts.items()):
            shown.add_row(
                provider, source, *(f"{found[word]:,}" for word in ("delivered", "bounced", "open"))
            )
        return shown

    def print_second(self, out: consoles.Console, since: int, sent: int) -> None:
        """The second campaign's."""
        refused = self.rejected_since(since)
        out.print(
            f"[bold]Second campaign:[/] {sent:,} recipients, {refused:,} rejected at submission because they "
            "bounced hard, complained or left a moment ago: no receiver was asked again."
        )


def next_steps(path: Path, console: str, key: str, *, stay: bool) -> str:
    """What to try."""
    if not stay:
        return "The receivers were simulated. Next: `gatepost init`, then `gatepost serve`."
    return (
        f"The receivers are simulated; the gateway runs on until you press Ctrl-C. In another terminal try:\n"
        f"  gatepost -c {path} user link demo        another link to the dashboard\n"
        f"  gatepost -c {path} events --where state=bounced\n"
        f"  gatepost -c {path} queue list\n"
        f"  gatepost -c {path} suppress list\n"
        f"The API is described at http://{console}/docs and asked with the key\n"
        f"  {key}"
    )
