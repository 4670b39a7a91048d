"""One deadline for a whole command, and a minimum rate for a body: what stops clients that send a byte now and then.

Pure: the time is an argument (monotonic seconds). After Postfix's smtpd_per_request_deadline and smtpd_min_data_rate.
"""


class Deadline:
    """Begins with ``start``; ``seen`` bytes extend it by their time at the minimum rate, within the longest wait."""

    def __init__(self) -> None:
        self._longest = 0.0
        self._rate = 0
        self.at = float("inf")

    def start(self, now: float, seconds: float, rate: int = 0) -> None:
        """A wait of ``seconds`` begins. rate: bytes a second that extend it; 0: nothing does."""
        self.at = now + seconds
        self._longest = seconds
        self._rate = rate

    def seen(self, now: float, count: int) -> None:
        """So many bytes came."""
        if self._rate:
            self.at = min(self.at + count / self._rate, now + self._longest)

    def stop(self) -> None:
        """Nothing is waited for; bytes that come meanwhile do not bring the wait back."""
        self.at = float("inf")
        self._rate = 0
