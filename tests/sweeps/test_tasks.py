"""Every kind of learning trains, ranks, evaluates, predicts and resumes."""

import jax
import numpy as np
import pytest

import jaxdl as dl
from jaxdl.train.recipe import error_of
from tests.sweeps import kept
from tests.sweeps.tasks import TASKS

# The two that have most: dicts of labels and a rank of their own, dicts of outputs.
QUICK = {"time until an event", "mixup"}
ROWS = [
    pytest.param(name, marks=() if name in QUICK else pytest.mark.heavy)
    for name in TASKS
]


def sweep(task, **settings):
    """Returns a sweep of two members and two epochs, and its data."""
    whole = dl.data.from_arrays(task.inputs, task.labels, **task.about)
    data = dl.data.split(whole, key=jax.random.key(0))
    space = {"rate": dl.LogUniform(1e-3, 1e-1)} | task.space
    short = {"members": 2, "epochs": 2}
    return kept.sweep(task.recipe, space, data, **short, **settings), data


@pytest.mark.parametrize("name", ROWS)
def test_a_task_trains_ranks_evaluates_and_predicts(name):
    found, data = sweep(TASKS[name])
    best = found.best()
    score, curves = best.built.rank_by, found.metrics
    last = curves[f"dev_{score}"][:, -1]
    assert all(np.isfinite(curve).all() for curve in curves.values())
    assert list(found.ranking()) == list(np.argsort(last, kind="stable"))
    error = jax.jit(error_of(best.built))
    each = error(best.predict(data.dev.inputs), data.dev.labels)
    by_hand = pytest.approx(float(np.mean(each)), rel=1e-4)
    assert best.evaluate(data.dev)[score] == by_hand == min(last)


@pytest.mark.heavy
@pytest.mark.parametrize("name", TASKS)
def test_a_task_resumes_to_the_bit(name, tmp_path):
    task, folder = TASKS[name], {"run_dir": tmp_path, "search": kept.in_rungs}
    with kept.cut_after(1):
        sweep(task, **folder)
    kept.assert_same_result(sweep(task, **folder)[0], sweep(task)[0])
