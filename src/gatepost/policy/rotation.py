"""Which of a Pool's Sources takes the next message: by weight, one random number each."""

from collections.abc import Sequence


def pick(weights: Sequence[int], r: float) -> int:
    """The position that ``r`` (0 ≤ r < 1) falls on, each as likely as its weight; weights below 1 never.

    Raises ValueError when no weight is above 0: a Pool without a usable Source is the caller's to refuse.
    """
    total = sum(weight for weight in weights if weight > 0)
    if not total:
        raise ValueError("no weight is above 0")
    left = r * total
    last = 0
    for position, weight in enumerate(weights):
        if weight <= 0:
            continue
        if left < weight:
            return position
        left -= weight
        last = position
    return last  # r so close to 1 that rounding ran past the end
