"""The forecast: what a rung will train and how long it takes, by hand."""

from types import SimpleNamespace

import numpy as np
import pytest

import jaxdl as dl
from jaxdl.engine import forecast as module
from jaxdl.engine.forecast import Forecast, advice, describe, forecast, padding
from jaxdl.engine.speed import Speed
from jaxdl.spaces.structures import structures
from tests.engine.training import KEY, blocks_of, make_task

SPACE = {"units": dl.AsSize(np.array([1, 2, 3, 4, 4])), "rate": 0.1}


@pytest.fixture
def blocks():
    """Bounds are 3 and 4: sizes 1 and 2 in one block, 3 alone, and 4 and 4."""
    task = make_task(None, SPACE, members=5, epochs=3, plan=dl.Plan(2))
    return blocks_of(task, dl.sample(KEY, SPACE, 5), np.arange(5))


def test_padding_by_hand(blocks):
    # 3 blocks of 2 places for 5 members; 2 of 3, 2 of 3 and 2 of 4 units
    expected = {"members": 6 / 5, "units": (6 + 6 + 8) / (1 + 2 + 3 + 4 + 4)}
    assert padding(blocks, 2) == pytest.approx(expected)
    assert padding(blocks[:1], 2) == pytest.approx({"members": 1, "units": 6 / 3})


def test_compiling_and_training_take_what_the_speed_says(blocks, monkeypatch):
    monkeypatch.setattr(module, "cores", lambda: 4)
    one = SimpleNamespace(length=100, work=10.0, steps_per_epoch=5)
    outlines = {(b.structure, b.family.facts): one for b in blocks}
    speed = Speed(compiling=0.5, work=20.0)
    found = forecast(blocks, [blocks[0], blocks[2]], outlines, 2, 2, speed)
    # Two programs of 100 steps, each on a core. 3 blocks of 2 places, 3 epochs of 5
    # steps of 10 operations, on two hands.
    assert (found.programs, found.compiling) == (2, 100 * 0.5)
    assert found.training == 3 * 2 * 3 * 5 * 10 / 20 / 2


def test_a_forecast_in_words():
    found = Forecast(5, 3, 2, {"members": 1.2, "units": 20 / 14}, 6, 4.4, 12.0)
    assert describe(found) == (
        "5 members in 3 blocks of 2; padded to 1.20x members, 1.43x units; 6 programs "
        "to compile, about 5 s if no cache has them, and about 10 s to train"
    )
    quick = found._replace(programs=1, training=0.01)
    assert describe(quick).endswith(
        "1 program to compile, about 5 s if no cache has it, and about 1 s to train"
    )


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "1 s"), (3, "2 s"), (4, "5 s"), (273, "5 minutes"), (86, "2 minutes"),
     (84, "1 minute"), (4000, "1 hour"), (1e9, "277,778 hours")],
)  # fmt: skip
def test_a_time_is_told_roughly(seconds, words):
    """Between 1 and 2 minutes the border is 60 sqrt(2) = 84.9 seconds."""
    assert module.roughly(seconds) == words


MIXED = {
    "act": dl.Static(["relu", "tanh"]),
    "bn": dl.Static([True, False]),
    "batch": dl.Static([32, 64]),
    "optimizer": dl.Either({"adam": {}, "sgd": {}}),
    "one": "text",
}
SLOW = Forecast(8, 8, 2, {}, 16, compiling=9.0, training=8.0)


def test_choices_without_a_shape_are_to_be_among():
    assert advice(SLOW, structures(MIXED, 16)) == (
        "16 programs, which take longer to compile than to train: make `act`, `bn` and "
        "`optimizer` `Among`"
    )
    act = structures({"act": MIXED["act"]}, 16)
    assert advice(SLOW, act).endswith("make `act` `Among`")


@pytest.mark.parametrize(
    ("found", "space"),
    [
        (SLOW._replace(training=9.0), MIXED),  # training takes as long
        (SLOW._replace(programs=1), MIXED),
        (SLOW, {"batch": MIXED["batch"]}),  # shapes the program
    ],
)
def test_no_advice_where_none_helps(found, space):
    assert advice(found, structures(space, 16)) is None
