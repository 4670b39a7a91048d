"""The exceptions that cross package borders, and who is to blame for each.

Guarantees: every message is one clear line that names the place. A failed delivery is never an exception but a
value (``gatepost.model.result``); these are for bad input, broken infrastructure and wrong use.
"""

from collections.abc import Iterator


class GatepostError(Exception):
    """Something went wrong that a person can be told about in one line."""


class BadInput(GatepostError):
    """What somebody gave us is malformed.

    ``place`` names where (``to[3]``, ``gatepost.toml:listener[0].port``), ``problem`` says what is wrong with it.
    """

    def __init__(self, place: str, problem: str) -> None:
        self.place = place
        self.problem = problem
        super().__init__(f"{place}: {problem}")


class StoreUnhealthy(GatepostError):
    """The store could not confirm a write: nothing of the batch may be taken as done (faults.md P2)."""


class StoreBusy(GatepostError):
    """A write had not begun when its time was over: it was taken back whole, and the store is well (faults.md P4)."""


class Outdated(GatepostError):
    """What a change was made for is not so any more: somebody else changed it meanwhile. Read again and decide anew."""


def out_of_range(value: float, least: float, most: float, place: str) -> Iterator[BadInput]:
    """A problem unless the number lies in the range; NaN lies in none."""
    if not least <= value <= most:
        yield BadInput(place, f"{value} is not in {least}…{most}")
