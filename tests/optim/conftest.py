"""What the tests of optimizers and schedules share."""

import chex
import pytest


@pytest.fixture(autouse=True)
def traces_are_counted_from_zero():
    """Counts traces by test: chex knows a function by where it is defined."""
    chex.clear_trace_counter()
