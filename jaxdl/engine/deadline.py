"""The deadline of a call: when it stops asking for epochs. It changes no decision."""

import math
import numbers
import time
from typing import Any, NamedTuple

LATE = 1.0  # seconds after the deadline: what other machines may still give back
PART = 0.5  # of the time that is left: what a block may train before it looks again


class TimeIsUp(TimeoutError):
    """The deadline has passed, and nobody waits for a hand any more."""

    def __init__(self, seconds: float, what: str):
        """Says so.

        Args:
            seconds: that the call was given.
            what: was waited for, and has not come.
        """
        self.what = what
        super().__init__(
            f"{what} within {seconds:g} s; expected more time, or machines that run "
            "before the call; the same call resumes what is in its folder"
        )


class Deadline(NamedTuple):
    """When a call has to be back, by the clock that never goes back."""

    at: float = math.inf  # of `time.monotonic`
    seconds: float = math.inf  # that the call was given

    def left(self) -> float:
        """Returns how many seconds are left; below 0 once it has passed."""
        return self.at - time.monotonic()

    def within(self, most: float, late: float = 0.0) -> float:
        """Returns how many seconds to wait, at most; 0 at least.

        Args:
            most: of them.
            late: seconds after the deadline that count as well.
        """
        return max(0.0, min(most, self.left() + late))

    def check(self, what: str, late: float = 0.0) -> None:
        """Ends a wait that is longer than the call may take.

        Args:
            what: is waited for, and has not come, in words.
            late: seconds after the deadline that do not count.

        Raises:
            TimeIsUp: the deadline has passed.
        """
        if self.left() <= -late:
            raise TimeIsUp(self.seconds, what)

    def epochs(self, most: int, epoch: float) -> int:
        """Returns how many epochs a block may train next; 0: none ends in time.

        Args:
            most: of them.
            epoch: seconds that one takes at most; 0: nothing is known, so that a block
                trains one to see.
        """
        left = self.left()
        if left < epoch:
            return 0
        if left == math.inf:
            return most
        return min(most, 1 + (int(PART * left / epoch) if epoch else 0))


NEVER = Deadline()


def deadline_after(seconds: Any) -> Deadline:
    """Returns the deadline of a call that begins now; None: there is none.

    A `Deadline` is one already.

    Raises:
        ValueError: `seconds` is no positive number.
    """
    if seconds is None or isinstance(seconds, Deadline):
        return seconds or NEVER
    number = not isinstance(seconds, bool) and isinstance(seconds, numbers.Real)
    if not number or not 0 < float(seconds) < math.inf:
        raise ValueError(
            f"got seconds={seconds!r}; expected a number above 0, such as 600 for ten "
            "minutes, or None"
        )
    return Deadline(time.monotonic() + float(seconds), float(seconds))
