"""Edges at which a training must stay finite, on a few examples."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxdl as dl
from jaxdl import nn, optim
from jaxdl.train import RecipeError, Status

rng = np.random.default_rng(0)
INPUTS, CLASSES = rng.normal(size=(12, 4)), np.arange(12) % 3
HP = {"rate": 0.01, "beta": 0.9, "keep_prob": 0.8, "l2": 0.1, "eps": 1e-5}


def train(hp=HP, inputs=INPUTS, labels=CLASSES, batch_size=4, norm=True, **changes):
    one = dl.data.from_arrays(inputs, labels)

    def recipe(hp):
        normalized = (nn.batch_norm(hp["beta"], hp["eps"]),) if norm else ()
        model = nn.serial(
            nn.dense(5, use_bias=False), *normalized, nn.relu,
            nn.dropout(hp["keep_prob"]), nn.dense(3),
        )  # fmt: skip
        optimizer = optim.adam(hp["rate"], beta1=hp["beta"], beta2=hp["beta"])
        loss = nn.softmax_cross_entropy
        return dl.Recipe(model, optimizer, loss, nn.l2(hp["l2"]), batch_size)

    return dl.fit(
        recipe, hp, dl.data.Splits(one, one, one), key=jax.random.key(0), epochs=3,
        progress=False, **changes,
    )  # fmt: skip


@pytest.mark.parametrize(
    "changes",
    [
        {"hp": HP | {"keep_prob": 1.0}},
        {"hp": HP | {"beta": 0.0}},
        {"hp": HP | {"l2": 0.0, "rate": 1e-30}},
        pytest.param({"batch_size": 1, "norm": False}, marks=pytest.mark.heavy),
        pytest.param({"batch_size": 12}, marks=pytest.mark.heavy),
        {"labels": np.full(12, 2)},
        {"inputs": np.zeros((12, 4))},
        {"inputs": np.full((12, 4), 1e4)},
        {"inputs": INPUTS[:1], "labels": CLASSES[:1], "batch_size": 1, "norm": False},
        pytest.param(
            {"patience": 1, "labels": np.full(12, 2)}, marks=pytest.mark.heavy
        ),
    ],
)
def test_a_training_at_the_edge_stays_finite(changes):
    member = train(**changes)
    assert member.status in (Status.FINISHED, Status.STOPPED)
    until = member.kept_epoch + 1
    curves = [curve[:until] for curve in member.metrics.values()]
    chex.assert_tree_all_finite((member.params, member.state, curves))


def test_equal_labels_are_learned_to_certainty():
    member = train(HP | {"rate": 0.3, "l2": 0.0}, labels=np.full(12, 2))
    assert member.metrics["dev_error"][-1] == 0
    assert member.metrics["dev_loss"][-1] < 0.05


@pytest.mark.parametrize("rows", [12, 1])
def test_a_batch_norm_with_batches_of_one_is_refused(rows):
    """One example is its own mean, so nothing of it is left but beta."""
    few = {"inputs": INPUTS[:rows], "labels": CLASSES[:rows]}
    with pytest.raises(RecipeError, match="batch_norm got.*batch size of 2 or more"):
        train(**few, batch_size=1)


@pytest.mark.parametrize("beta", [0.0, 0.9])
def test_averages_with_beta_zero_are_the_last_value(beta):
    average = jnp.zeros(())
    for value in (3.0, 5.0):
        average = optim.ewma(average, value, beta)
    corrected = float(optim.bias_corrected(average, beta, 2))
    by_hand = (0.1 * 5 + 0.09 * 3) / (1 - 0.81) if beta else 5.0
    assert corrected == pytest.approx(by_hand, rel=1e-5)
