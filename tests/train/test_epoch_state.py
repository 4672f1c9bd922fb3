"""What an epoch makes of a training: its status and its best epoch, by hand."""

import chex
import jax
import numpy as np
import pytest

from jaxdl.train.epoch_state import Status, advance, init_epoch_state, kept
from jaxdl.train.state import TrainState

NAN, INF = np.nan, np.inf


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (Status.RUNNING, "running"),
        (Status.FINISHED, "finished"),
        (Status.STOPPED, "stopped"),
        (Status.CUT_SHORT, "cut short"),
        (Status.DIVERGED, "diverged"),
    ],
)
def test_a_status_is_a_number_with_a_name(status, text):
    assert str(status) == f"{status}" == text
    assert Status(int(status)) is status


def test_every_status_has_a_number_of_its_own():
    assert [int(status) for status in Status] == [0, 1, 2, 3, 4]


@jax.jit
def after(epoch_state, steps, bad_step, error, loss, patience):
    train_state = TrainState(steps, steps, (), (), ())
    return advance(epoch_state, train_state, bad_step, error, loss, patience)


def play(epochs, patience):
    """Returns the state after epochs of 10 steps, and the epoch whose weights it keeps.

    The weights are the number of the steps so far; `epochs` are (error, loss, bad
    step) of each.
    """
    start = TrainState(0, np.int32(0), (), (), ())
    state, steps = init_epoch_state(start, early_stopping=True), 0
    for error, loss, bad in epochs:
        steps += 10 if bad < 0 and state.status == Status.RUNNING else 0
        numbers = np.int32(steps), np.int32(bad), np.float32(error), np.float32(loss)
        state = after(state, *numbers, np.int32(patience))
    params, _, epoch = kept(start, state)
    assert int(params) == 10 * (int(epoch) + 1)
    return Status(int(state.status)), int(state.stopped_at), int(state.epochs), epoch


@pytest.mark.parametrize(
    ("epochs", "patience", "expected"),
    [
        # status, stopped at, epochs, best epoch
        ([(0.5, 1, -1)], 1, (Status.RUNNING, -1, 1, 0)),
        # a score that is NaN never improves, whatever the loss does
        ([(NAN, 3, -1), (NAN, 2, -1), (NAN, 1, -1)], 2, (Status.STOPPED, 30, 3, 0)),
        ([(NAN, 1, -1), (0.5, 2, -1)], 2, (Status.RUNNING, -1, 2, 1)),
        ([(0.5, 1, -1), (0.4, 2, -1)], 1, (Status.RUNNING, -1, 2, 1)),
        ([(0.5, 1, -1), (0.6, 0.1, -1)], 1, (Status.STOPPED, 20, 2, 0)),
        ([(0.5, 1, -1), (0.6, 0.1, -1)], 2, (Status.RUNNING, -1, 2, 0)),
        ([(0.5, 1, -1), (0.6, 1, -1), (0.1, 1, -1)], 1, (Status.STOPPED, 20, 2, 0)),
        # ties of the error go by the loss; an equal epoch is no better one
        ([(0.5, 1, -1), (0.5, 0.9, -1)], 1, (Status.RUNNING, -1, 2, 1)),
        ([(0.5, 1, -1), (0.5, 1.0, -1)], 1, (Status.STOPPED, 20, 2, 0)),
        ([(0.2, 1, -1), (0.1, 9, -1)], 1, (Status.RUNNING, -1, 2, 1)),
        # what is not a number is the worst, but the first epoch is the best so far
        ([(NAN, 1, -1), (0.9, 1, -1)], 1, (Status.RUNNING, -1, 2, 1)),
        ([(NAN, NAN, -1)], 1, (Status.RUNNING, -1, 1, 0)),
        ([(INF, INF, -1), (INF, INF, -1)], 1, (Status.STOPPED, 20, 2, 0)),
        ([(0.5, 1, -1), (NAN, 0.1, -1)], 1, (Status.STOPPED, 20, 2, 0)),
        # a training that diverges has finished the epochs before, and stays
        ([(0.5, 1, 3)], 9, (Status.DIVERGED, 3, 0, -1)),
        ([(0.5, 1, -1), (0.1, 1, 14)], 9, (Status.DIVERGED, 14, 1, 0)),
        ([(0.5, 1, 3), (0.1, 1, -1)], 9, (Status.DIVERGED, 3, 0, -1)),
    ],
)
def test_an_epoch_by_hand(epochs, patience, expected):
    assert play(epochs, patience) == expected


def test_without_early_stopping_the_last_epoch_is_kept():
    train_state = TrainState(20, "params", "state", (), ())
    state = init_epoch_state(train_state, early_stopping=False)
    assert state.best is None and kept(train_state, state)[2] == -1
    two = state._replace(epochs=2)
    chex.assert_equal(kept(train_state, two), ("params", "state", 1))
