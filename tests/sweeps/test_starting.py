"""A training that starts from the weights of a trained model."""

import jax
import numpy as np
import optax
import pytest

import jaxdl as dl
from jaxdl import nn, runs
from jaxdl.data import Dataset, Splits
from jaxdl.sweeps import read_result
from jaxdl.train import RecipeError
from tests.sweeps.kept import assert_same_member, cut_after
from tests.sweeps.steered import fit


def plain(hp):
    """Batches of all examples, and plain gradient descent."""
    optimizer = optax.trace(0.5)
    descent = optax.chain(optimizer, optax.scale_by_learning_rate(hp["rate"]))
    return dl.Recipe(nn.dense(1), descent, nn.squared_error, batch_size=4)


@pytest.fixture(scope="module")
def line():
    inputs = np.array([[0.0], [1], [2], [3]], np.float32)
    one = Dataset(inputs, 2 * inputs)
    return Splits(one, one, one)


@pytest.fixture(scope="module")
def first(line):
    return fit(line, plain, {"rate": 0.01}, on_epoch=lambda _: None, epochs=3)


def start(line, first, epochs=1, **settings):
    settings = {"on_epoch": None, "start": first, "key": 1, "epochs": epochs} | settings
    return fit(line, plain, {"rate": 0.02}, **settings)


def test_it_takes_the_weights_and_a_fresh_optimizer(line, first):
    """One step by hand: w - 0.02 dJ/dw, without the momentum of before."""
    x, y = line.train.inputs, line.train.labels
    w, b = first.params["kernel"], first.params["bias"]
    slope = 2 * (x @ w + b - y)
    expected = w - 0.02 * np.mean(slope * x), b - 0.02 * np.mean(slope)
    after = start(line, first)
    found = after.params["kernel"], after.params["bias"]
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5)
    assert after.history[0][0] == 0 and len(after.metrics["dev_loss"]) == 1


def test_it_says_so(line, first, capfd):
    start(line, first, progress=True)
    told = capfd.readouterr().err
    assert "starts from the weights of epoch 3 of a trained member" in told
    assert "the optimizer starts fresh" in told and "epoch 1/1" in told


def test_a_run_with_a_start_resumes_and_is_replayed(line, first, tmp_path):
    whole = start(line, first, 4)
    with cut_after(2):
        start(line, first, 4, run_dir=tmp_path)
    assert_same_member(start(line, first, 4, run_dir=tmp_path), whole)
    assert_same_member(read_result(tmp_path, plain).member(0), whole)
    again = dl.replay(tmp_path, plain, line, 0, start=first, progress=False)
    assert_same_member(again, whole)


def test_another_start_is_refused(line, first, tmp_path):
    before = start(line, first, run_dir=tmp_path)
    with pytest.raises(runs.RunMismatchError, match="start: got"):
        start(line, before, run_dir=tmp_path)
    for other, message in ((None, "expected that member: jaxdl.replay"),
                           (before, "a member with other weights")):  # fmt: skip
        with pytest.raises(runs.RunMismatchError, match=message):
            dl.replay(tmp_path, plain, line, 0, start=other, progress=False)


def test_weights_of_another_model_are_refused(line, first):
    def wider(hp):
        return plain(hp)._replace(model=nn.serial(nn.dense(2), nn.dense(1)))

    with pytest.raises(RecipeError, match="expected those of the recipe's model"):
        fit(line, wider, {"rate": 0.1}, start=first)


def test_another_live_size_is_refused(line):
    def sized(hp):
        return plain(hp)._replace(model=nn.serial(nn.dense(hp["units"]), nn.dense(1)))

    def of(units, **settings):
        hparams = {"rate": 0.1, "units": nn.Size(units, 3)}
        return fit(line, sized, hparams, epochs=1, on_epoch=None, **settings)

    two = of(2)
    with pytest.raises(RecipeError, match="expected the size of the member"):
        of(3, start=two)
    assert jax.tree.leaves(of(2, start=two).params)
