"""How fast a lane may go at the moment, where that is slower than its limits: what its owner acts on, and keeps over a restart."""

import enum

import msgspec


class Mode(enum.IntEnum):
    """What a lane does: goes slower, waits, or tries with one message whether the wait may end."""

    SLOWED = 1
    PAUSED = 2
    PROBING = 3

    @property
    def word(self) -> str:
        """As written outside the code."""
        return self.name.lower()


class Pace(msgspec.Struct, frozen=True):
    """A lane's pace.

    category: of the replies that caused it. since, until: ms; until: when the next step is due. connections: open at most, 0
    where the lane's own limit holds. rate: messages a second at most, 0.0 likewise. goal: the rate at which the lane went
    before, which ends the ramp. reply: the last one, as it was given.
    """

    mode: Mode
    category: str
    since: int
    until: int
    connections: int = 0
    rate: float = 0.0
    goal: float = 0.0
    reply: bytes = b""

    @property
    def words(self) -> str:
        """What the lane does, for people."""
        match self.mode:
            case Mode.PAUSED:
                return f"paused: {self.category}"
            case Mode.PROBING:
                return f"trying one message: {self.category}"
            case Mode.SLOWED:
                many = f"{self.connections} connection{'s' if self.connections > 1 else ''}"
                limits = [many] if self.connections else []
                if self.rate:
                    limits.append(f"{self.rate:.3g} messages a second")
                return f"slowed to {' and '.join(limits)}: {self.category}"
