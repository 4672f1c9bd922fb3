"""A sweep on a Ray cluster has the bits of the sweep on this machine."""

import jax
import pytest

import jaxdl as dl
from jaxdl import optim
from tests.sweeps.kept import (
    SIZED,
    SPACE,
    assert_same_result,
    noisy,
    sized,
    small,
    sweep,
)

ray = pytest.importorskip("ray")
from tests.interop.clusters import Cluster  # noqa: E402


@pytest.fixture(scope="module")
def cluster():
    """A cluster of one machine with two cores, to which this process is connected."""
    one = Cluster(cpus=2)
    yield one
    ray.shutdown()
    one.close()


def crew_of(cluster, **needs):
    return dl.interop.ray(cluster.address, **needs)


def mixed(hp):
    """A recipe with a static value, a size and options with hyperparameters."""
    how, size = hp["how"], hp["batch"]
    rate = how.values["rate"]
    optimizer = optim.adam(rate) if how.name == "adam" else optim.momentum(rate)
    return sized(hp | {"rate": 0.1})._replace(optimizer=optimizer, batch_size=size)


MIXED = {
    "units": dl.AsSize(dl.IntUniform(4, 6)),
    "batch": dl.Static([128, 256]),
    "how": dl.Either(
        {
            "adam": {"rate": dl.LogUniform(1e-3, 1e-1)},
            "momentum": {"rate": dl.LogUniform(1e-2, 1.0)},
        }
    ),
}
SETTINGS = {
    "random": {},
    "halving": {"search": dl.halving(2, first=1), "members": 8},
    "hyperband": {"search": dl.hyperband(2), "members": 12},
    "pbt": {"search": dl.pbt(every=2), "members": 8},
    "repeats": {"repeats": 2},
    "folds": {"folds": 3, "members": 4},
    "patience": {"patience": 1, "epochs": 8},
    "own steps": {"every": 3},
}
RECIPES = {"sizes": (sized, SIZED), "mixed": (mixed, MIXED), "keys": (noisy, SPACE)}


def test_a_sweep_on_a_cluster_has_the_bits_of_one_machine(cluster, digits, tmp_path):
    crew = crew_of(cluster)
    result = sweep(small, SPACE, digits, crew=crew, run_dir=tmp_path / "run")
    assert_same_result(result, sweep(small, SPACE, digits))


@pytest.mark.heavy
@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_every_sweep_has_the_bits_of_one_machine(settings, cluster, digits):
    crew = crew_of(cluster)
    result = sweep(small, SPACE, digits, crew=crew, **settings)
    assert_same_result(result, sweep(small, SPACE, digits, **settings))


@pytest.mark.heavy
@pytest.mark.parametrize(("recipe", "space"), RECIPES.values(), ids=RECIPES)
@pytest.mark.parametrize("patience", [None, 1])
def test_every_recipe_has_the_bits_of_one_machine(
    recipe, space, patience, cluster, digits
):
    settings = {"members": 8, "patience": patience}
    result = sweep(recipe, space, digits, crew=crew_of(cluster), **settings)
    assert_same_result(result, sweep(recipe, space, digits, **settings))


@pytest.mark.heavy
def test_float64_has_the_bits_of_one_machine(cluster, digits):
    with jax.enable_x64(True):
        result = sweep(small, SPACE, digits, crew=crew_of(cluster))
        assert_same_result(result, sweep(small, SPACE, digits))
