"""The research scripts at a small scale, against what can be calculated."""

import runpy
from pathlib import Path
from types import SimpleNamespace

import jax
import numpy as np
import pytest

import jaxdl as dl
from jaxdl.engine.bounds import with_bounds
from jaxdl.spaces.structures import structures
from jaxdl.train.facts import facts_of
from tests.engine.training import make_task

FOLDER = Path(__file__).parent.parent / "experiments"
PICTURES = Path("/usr/share/datasets/fashion-mnist")


def experiment(name):
    return SimpleNamespace(**runpy.run_path(str(FOLDER / f"{name}.py")))


def train(script, space, **size):
    """Returns what a sweep over a script's recipe finds."""
    key, size = jax.random.key(0), size | {"progress": False}
    return dl.sweep(script.recipe, space, script.data, key=key, **size)


# fashion_conv


@pytest.mark.heavy
@pytest.mark.skipif(not PICTURES.is_dir(), reason="needs dataset-fashion-mnist")
def test_a_convolutional_network_learns_clothes_and_its_bits_know_no_neighbours():
    script = experiment("fashion_conv")
    sizes = {"train": 1000, "dev": 250, "test": 250}
    few = dl.data.Splits(
        *(dataset[: sizes[name]] for name, dataset in script.data.sets.items())
    )
    script.data = few
    two, one = (
        train(script, script.space, members=members, epochs=3, plan=dl.Plan(2))
        for members in (2, 1)
    )
    assert two.best().evaluate(few.test)["error"] < 0.4
    pair = ((m.params, m.state, m.metrics) for m in (two.member(0), one.member(0)))
    jax.tree.map(np.testing.assert_array_equal, *pair)


def test_architectures_have_24_combinations_of_bounds():
    """Of 3 batch sizes, 4 bounds of 16 to 256 units, and 2 of 1 to 4 layers."""
    assert len(structures(experiment("architectures").space, 64)) == 3 * 4 * 2


@pytest.mark.heavy
def test_architectures_are_6_programs_in_one_sweep():
    mixed = experiment("architectures")
    settings = {"members": 4, "plan": None}
    task = make_task(mixed.recipe, mixed.space, **settings)
    sets = {facts_of(mixed.data, 2): mixed.data}
    drawn = dl.sample(jax.random.key(0), mixed.space, 4)
    task = with_bounds(task, drawn, sets, "cpu")
    # At most 8 programs leave 8 // 3 combinations of bounds for each batch size.
    assert len(structures(task.bounded, 8)) == 3 * 2


@pytest.mark.heavy
def test_networks_of_every_size_are_trained_in_one_sweep():
    mixed = experiment("architectures")

    settings = {"key": jax.random.key(0), "members": 256, "epochs": 5}
    given = mixed.recipe, mixed.space, mixed.data
    result = dl.sweep(*given, **settings, progress=False)
    best = result.best()
    assert best.evaluate(mixed.data.test)["error"] < 0.05
    assert set(result.hparams.batch_size.tolist()) == {32, 64, 128}
    assert set(result.hparams.optimizer.tolist()) == {"adam", "momentum"}
