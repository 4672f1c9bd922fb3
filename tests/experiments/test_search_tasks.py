"""The tasks of the comparison of searches: what they must share to be comparable."""

from pathlib import Path
from types import SimpleNamespace

import jax
import numpy as np
import pytest

import jaxdl as dl
from experiments.search_tasks import DESIGN, HELD, TASKS, digits, table

PICTURES = Path("/usr/share/datasets/fashion-mnist")
CLOTHES = ("clothes", "convolution")  # tasks of these pictures


def test_8_tasks_are_designed_on_and_6_are_held_out():
    assert len(DESIGN) == 8 and len(HELD) == 6
    assert len(TASKS) == 14  # no name is in both


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.heavy if name in CLOTHES else ())
        for name in TASKS
    ],
)
def test_a_task_ranks_by_the_dev_loss_and_has_one_number_of_steps(name):
    if name in CLOTHES and not PICTURES.is_dir():
        pytest.skip("needs dataset-fashion-mnist")
    task, sizes = TASKS[name], set()
    facts = SimpleNamespace(epochs=2, steps_per_epoch=lambda batch_size: 3)
    for seed in range(3):
        hp = dl.sample_one(jax.random.key(seed), task.space)
        known = (facts,) if name == "schedule" else ()
        found = task.recipe(hp, *known)
        assert found.rank_by == "loss"
        sizes.add(found.batch_size)
    assert len(sizes) == 1
    data = task.data()
    assert len(data.train) >= 2 * sizes.pop() and len(data.dev) >= 50


@pytest.mark.heavy
# One with a choice among optimizers, one that reads its epochs.
@pytest.mark.parametrize("name", ["mixed", "schedule"])
def test_a_task_that_is_held_out_trains(name):
    task = HELD[name]
    found = dl.sweep(
        task.recipe, task.space, task.data(), key=0, members=2, epochs=1, progress=False
    )
    assert np.isfinite(found.metrics["dev_loss"]).all()
    assert found.task.rank_by == "loss"


def test_targets_have_the_moments_of_the_train_set():
    train = table("diabetes", targets=True).train
    np.testing.assert_allclose(train.labels.mean(), 0, atol=1e-6)
    np.testing.assert_allclose(train.labels.std(), 1, atol=1e-6)


def test_a_share_of_the_labels_is_wrong_in_the_train_set_alone():
    right, wrong = digits(), digits(wrong=0.3)
    changed = (right.train.labels != wrong.train.labels).mean()
    assert 0.22 < changed < 0.32  # 0.3, of which a tenth keep their class
    np.testing.assert_array_equal(right.dev.labels, wrong.dev.labels)
    np.testing.assert_array_equal(right.train.inputs, wrong.train.inputs)
