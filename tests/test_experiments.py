"""The research scripts at a small scale, against what can be calculated."""

import functools
import runpy
from pathlib import Path
from types import SimpleNamespace

import jax
import numpy as np
import pytest

import jaxdl as dl
from jaxdl import optim
from jaxdl.engine.bounds import with_bounds
from jaxdl.spaces.structures import structures
from tests.engine.training import make_task

FOLDER = Path(__file__).parent.parent / "experiments"
PICTURES = Path("/usr/share/datasets/fashion-mnist")
KEYS = jax.random.split(jax.random.key(0), 3)


def experiment(name):
    return SimpleNamespace(**runpy.run_path(str(FOLDER / f"{name}.py")))


@pytest.fixture(scope="module")
def batch_norm():
    return experiment("course/batch_norm")


@pytest.fixture(scope="module")
def initialization():
    return experiment("course/initialization")


@pytest.fixture(scope="module")
def ravine():
    return experiment("course/ravine")


def train(script, space, **size):
    """Returns what a sweep over a script's recipe finds."""
    key, size = jax.random.key(0), size | {"progress": False}
    return dl.sweep(script.recipe, space, script.data, key=key, **size)


# batch_norm


def test_the_summary_counts_members_that_learned(batch_norm):
    nan = np.nan
    result = SimpleNamespace(
        hparams=SimpleNamespace(
            batch_size=np.array([16, 16, 16, 16, 64], object),
            batch_norm=np.array([True, True, True, False, True], object),
            learning_rate=np.array([0.1, 1.0, 10.0, 5.0, 7.0]),
        ),
        metrics={
            "dev_error": np.array(
                [[0.5, 0.04, 0.06], [0.05, 0.02, nan], [0.9, nan, nan]]
                + [[0.0, 0.0, 0.0]] * 2
            )
        },
    )
    assert batch_norm.summary(result, 16, True) == [
        *(16, True, 3),
        "0.667 ± 0.3333",  # 1, 1, 0: deviation 1/√3, over √3
        "0.1 to 1",
        1.5,  # epochs 2 and 1
        "0.030 ± 0.0100",  # 0.04 and 0.02: deviation √2/100, over √2
    ]


def test_normalization_tolerates_rates_that_are_too_large_without_it(batch_norm):
    space = batch_norm.space._replace(
        batch_size=64, learning_rate=dl.LogUniform(1.0, 4.0), stddev=0.2
    )
    result = train(batch_norm, space, members=16, epochs=4)
    learned = (result.metrics["dev_error"] <= 0.1).any(axis=1)
    normalized = result.hparams.batch_norm.astype(bool)
    assert learned[normalized].mean() > 0.8
    assert learned[~normalized].mean() < 0.3


def test_the_noise_of_a_batch_shrinks_with_its_size_and_needs_normalization(batch_norm):
    def noise(norm, size):
        hp = batch_norm.Hparams(norm, size, 0.1, 0.2)
        one = functools.partial(batch_norm.noise, hp=hp, batches=32)
        return float(jax.jit(jax.vmap(one))(KEYS).mean())

    assert noise(True, 16) > 2 * noise(True, 256) > 0
    assert noise(False, 16) < 1e-6


def test_inputs_of_the_last_layer_shift_less_with_normalization(batch_norm):
    def shift(norm):
        def one(rate):
            hp = batch_norm.Hparams(norm, 64, rate, 0.2)
            return batch_norm.shift(KEYS[0], hp, epochs=4)[0]

        rates = np.array([0.0, 0.03, 0.1], np.float32)
        return np.asarray(jax.jit(jax.vmap(one))(rates))

    without = shift(False)
    assert without[0] == 0  # nothing is learned
    assert np.all(shift(True)[1:] < without[1:] / 2)


# fashion_conv


@pytest.mark.skipif(not PICTURES.is_dir(), reason="needs dataset-fashion-mnist")
def test_a_convolutional_network_learns_clothes_and_its_bits_know_no_neighbours():
    script = experiment("fashion_conv")
    sizes = {"train": 1000, "dev": 250, "test": 250}
    few = dl.data.Splits(
        *(dataset[: sizes[name]] for name, dataset in script.data.sets.items())
    )
    script.data = few
    five, three = (
        train(script, script.space, members=members, epochs=3, plan=dl.Plan(2))
        for members in (5, 3)
    )
    assert five.best().evaluate(few.test)["error"] < 0.4
    for i in range(3):
        pair = (
            (m.params, m.state, m.metrics) for m in (five.member(i), three.member(i))
        )
        jax.tree.map(np.testing.assert_array_equal, *pair)


# initialization


@pytest.mark.parametrize("layers", [1, 10, 50])
def test_a_chain_grows_as_the_power_of_its_scale(layers, initialization):
    scales = np.array([0.5, 1.5], np.float32)
    grow = functools.partial(initialization.growth, layers=layers)
    growth = jax.jit(jax.vmap(grow))(scales)
    np.testing.assert_allclose(growth, [0.5**layers, 1.5**layers], rtol=1e-6)


def test_activations_scale_with_the_weights_of_every_layer_before(initialization):
    small, he, zeros = (
        np.asarray(
            jax.jit(initialization.signal, static_argnums=(1, 2))(KEYS[0], init, 6)
        )
        for init in ("small", "he", "zeros")
    )
    ratio = 0.01 / np.sqrt(2 / 64)  # of one layer's weights
    np.testing.assert_allclose(small / he, ratio ** np.arange(1, 7), rtol=1e-5)
    np.testing.assert_array_equal(zeros, 0)


def test_units_that_start_from_zero_move_but_stay_equal(initialization):
    rates = dl.LogUniform(1.0, 10.0)
    space = initialization.Hparams("zeros", rates, "sigmoid", 1)
    result = train(initialization, space, members=8, epochs=2)
    *_, weight, difference = initialization.summary(result, "zeros")
    assert weight > 0.1 and difference == 0


# ravine


def test_gradient_descent_arrives_when_its_equation_says(ravine):
    steps = ravine.arrivals(
        *(optim.gradient_descent, ravine.ravine, np.array([1.5e-3, 2.1e-3]), 3, 5000)
    )
    w = np.asarray(jax.random.normal(jax.random.key(0), (3, 2)), float)
    t = np.arange(1, 5001)[:, None]
    x, y = (w[:, i] * (1 - 1.5e-3 * h) ** t for i, h in enumerate((1, 1000)))
    above = (x**2 + 1000 * y**2) / 2 > 1e-3
    np.testing.assert_allclose(steps[0], 1 + above.sum(axis=0), atol=1)
    np.testing.assert_array_equal(steps[1], np.inf)  # 2 / 1000 is the largest rate


def test_averages_beat_gradient_descent_in_a_ravine_and_turning_it_costs_adam(ravine):
    def best(make, f):
        steps = ravine.arrivals(make, f, np.geomspace(1e-4, 1.0, 41), 4, 5000)
        return steps.mean(axis=1).min()

    plain = best(optim.gradient_descent, ravine.ravine)
    adam = best(optim.adam, ravine.ravine)
    assert best(optim.momentum, ravine.ravine) < plain / 5
    assert best(optim.momentum, ravine.turned_ravine) < plain / 5
    assert adam < plain / 5
    assert best(optim.adam, ravine.turned_ravine) > 5 * adam


@pytest.mark.parametrize(
    "dimension, share",
    [(1, 1 / 2), (2, (2 - 2**0.5) / 4), (3, (np.pi - 2 * 2**0.5) / (4 * np.pi))],
)
def test_minima_are_as_rare_as_calculated(dimension, share, ravine):
    draws = 2**14
    error = (share * (1 - share) / draws) ** 0.5
    assert abs(ravine.share_of_minima(dimension, draws) - share) < 4 * error


@pytest.mark.heavy
@pytest.mark.parametrize("name", ["batch_norm", "initialization", "ravine"])
def test_a_script_prints_its_tables(name, capsys):
    runpy.run_path(str(FOLDER / f"{name}.py"), run_name="__main__")
    assert len(capsys.readouterr().out.splitlines()) > 10


def test_architectures_are_3_programs_in_one_sweep():
    mixed = experiment("architectures")

    # 3 batch sizes; 4 bounds of 16 to 256 units, 2 of 1 to 4 layers
    assert len(structures(mixed.space, 64)) == 3 * 4 * 2
    settings = {"members": 4, "plan": None}
    task = make_task(mixed.recipe, mixed.space, **settings)
    sets = {task.variants[0].facts: mixed.data}
    drawn = dl.sample(jax.random.key(0), mixed.space, 4)
    task = with_bounds(task, drawn, sets, "cpu")
    assert len(structures(task.bounded, 8)) == 3


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
