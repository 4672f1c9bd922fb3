"""The values of examples, where a loss or an error gives more than one each."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxdl as dl
from jaxdl import nn, optim, train
from jaxdl.data import Dataset
from jaxdl.train.state import init

KEY = jax.random.key(0)


def segmented(loss, weights=None):
    """Returns loss and error of a step on two sequences of three places."""
    labels = np.array([[0, 1, 1], [1, 1, 0]])
    inputs = jnp.full((2, 3, 2), jnp.array([0.0, 9.0])[:, None, None])
    batch = Dataset(inputs, jnp.asarray(labels), weights)

    def recipe(hp):
        del hp
        return dl.Recipe(nn.as_layer(lambda x: x), optim.adam(0.1), loss)

    state = init(recipe, {}, KEY, (3, 2))
    return train.make_eval(recipe)({}, state, batch)


def test_the_mean_over_the_rest_counts_where_a_loss_gives_a_value_a_place():
    def loss(outputs, labels):
        return labels * (1 + outputs[..., 0])  # 0, 1, 1 and 10, 10, 0

    means = np.array([2 / 3, 20 / 3])
    assert segmented(loss)["loss"] == pytest.approx(means.mean())
    weighted = segmented(loss, jnp.array([3.0, 1.0]))["error"]
    assert weighted == pytest.approx((3 * means[0] + means[1]) / 4)
    both = segmented(nn.softmax_cross_entropy)  # equal logits: log 2, class 0 wins
    assert both["loss"] == pytest.approx(np.log(2))
    assert both["error"] == pytest.approx(4 / 6)


@pytest.mark.parametrize(
    ("loss", "shape"),
    [
        (lambda z, y: jnp.mean(z), r"\[\] for 2 examples; expected one value each"),
        (lambda z, y: z.mean((0, 1)), r"\[2\] for 2 examples and \[2\] for one more"),
        (lambda z, y: z[:, 0, :1] - y[None, :, 0], r"\[2, 2\] .* \[3, 3\] for one"),
    ],
)
def test_a_loss_without_a_value_for_each_example_is_refused(loss, shape):
    with pytest.raises(train.RecipeError, match=shape):
        segmented(loss)
