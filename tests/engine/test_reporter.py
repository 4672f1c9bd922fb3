"""The reporter of a block: what it passes on, and what it does not."""

import threading
from types import SimpleNamespace

import numpy as np

from jaxdl.engine.layout import Block
from jaxdl.engine.reporter import Reporter
from jaxdl.train import Status


def test_a_block_reports_each_of_its_epochs_once():
    shown = []
    block = Block(None, None, np.arange(2), {}, 0, 10)
    count = lambda *a, last: shown.append((*a, last))  # noqa: E731
    meter = SimpleNamespace(curve="dev_error", report=count)
    report = Reporter(block, 17, meter, threading.Event())

    def epoch(number, status, errors):
        report(number, np.array(status), {"dev_error": np.array(errors)})

    running, diverged, stopped = Status.RUNNING, Status.DIVERGED, Status.STOPPED
    epoch(0, [running, running], [0.3, 0.2])
    epoch(0, [running, running], [0.3, 0.2])  # the block started again
    epoch(1, [diverged, running], [np.nan, 0.1])
    epoch(2, [diverged, stopped], [np.nan, np.nan])
    members, epochs, status, errors, steps, last = zip(*shown, strict=True)
    np.testing.assert_array_equal(members, [[0, 1]] * 3)
    assert epochs == (1, 2, 3) and steps == (2 * 17,) * 3
    assert last == (False, False, True)  # no member trains after the third
    np.testing.assert_array_equal(status[2], [diverged, stopped])
    np.testing.assert_array_equal(errors[1], [np.nan, 0.1])
