"""The deadline: how many epochs still fit, by a clock that the test sets."""

import math

import numpy as np
import pytest

from jaxdl.engine import deadline as module
from jaxdl.engine.deadline import NEVER, Deadline, TimeIsUp, deadline_after


@pytest.fixture
def clock(monkeypatch):
    """Returns a list whose one entry is the time."""
    now = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    return now


def test_a_block_trains_half_of_what_fits_and_one_epoch_at_last(clock):
    deadline = deadline_after(10)
    assert deadline == Deadline(110.0, 10.0) and deadline.left() == 10
    assert deadline.epochs(50, 1.0) == 1 + 5
    assert deadline.epochs(3, 1.0) == 3
    clock[0] = 109.0
    assert deadline.epochs(50, 1.0) == 1
    assert deadline.epochs(50, 1.01) == 0
    clock[0] = 111.0
    assert deadline.left() == -1 and deadline.epochs(50, 0.0) == 0


def test_a_block_of_which_nothing_is_known_trains_one_epoch(clock):
    assert deadline_after(10).epochs(50, 0.0) == 1


@pytest.mark.parametrize("seconds", [np.int64(5), np.float32(5), 5])
def test_any_real_number_is_a_time(clock, seconds):
    deadline = deadline_after(seconds)
    assert deadline == (105.0, 5.0) and {*map(type, deadline)} == {float}


def test_without_a_deadline_all_fits(clock):
    assert deadline_after(None) is NEVER and NEVER.left() == math.inf
    assert NEVER.epochs(50, 0.0) == NEVER.epochs(50, 1e9) == 50
    assert deadline_after(NEVER) is NEVER


@pytest.mark.parametrize(
    "seconds", [0, -1, math.nan, math.inf, "10m", True, np.True_, [3]]
)
def test_what_is_no_time_is_refused(seconds):
    with pytest.raises(ValueError, match="seconds=.*expected a number above 0"):
        deadline_after(seconds)


def test_a_wait_ends_with_the_time_or_a_little_later(clock):
    deadline = deadline_after(10)
    assert [deadline.within(x) for x in (3.0, 30.0)] == [3.0, 10.0]
    assert deadline.within(30.0, late=1.0) == 11.0
    deadline.check("nothing came")
    clock[0] = 110.0
    assert deadline.within(3.0) == 0.0 and deadline.within(3.0, late=1.0) == 1.0
    deadline.check("nothing came", late=1.0)
    with pytest.raises(TimeIsUp, match=r"nothing came within 10 s; expected more time"):
        deadline.check("nothing came")
    clock[0] = 111.0
    with pytest.raises(TimeIsUp):
        deadline.check("nothing came", late=1.0)


def test_without_a_deadline_a_wait_has_no_end():
    NEVER.check("nothing came")
    assert NEVER.within(30.0) == 30.0
