"""What a recipe may be, and the error by which its models are ranked."""

import numpy as np
import pytest

import jaxdl as dl
from jaxdl import nn, optim
from jaxdl.train import RecipeError
from jaxdl.train.recipe import build, error_of


def made(**changes):
    plain = dl.Recipe(nn.dense(3), optim.adam(0.1), nn.softmax_cross_entropy)
    return plain._replace(**changes)


@pytest.mark.parametrize(
    ("loss", "error"),
    [
        (nn.softmax_cross_entropy, nn.zero_one_error),
        (nn.sigmoid_cross_entropy, nn.sigmoid_error),
        (nn.squared_error, nn.squared_error),
    ],
)
def test_models_are_ranked_by_the_losss_own_error(loss, error):
    assert error_of(made(loss=loss)) is error
    assert error_of(made(loss=loss, error=nn.squared_error)) is nn.squared_error


@pytest.mark.parametrize("batch_size", [8, np.int64(8), np.uint8(8)])
def test_a_batch_size_is_any_integer(batch_size):
    built = build(lambda hp: made(batch_size=batch_size), {})
    assert built.batch_size == 8 and type(built.batch_size) is int


@pytest.mark.parametrize("batch_size", [0, -1, 2.5, True, np.float32(8), None])
def test_a_batch_size_that_cannot_be_is_refused(batch_size):
    with pytest.raises(RecipeError, match="expected a plain int of at least 1"):
        build(lambda hp: made(batch_size=batch_size), {})


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        ((1, 2), "returned tuple; expected a jaxdl.Recipe"),
        (made(optimizer=0.1), "optimizer=0.1; expected an optax"),
        (made(precision="fp8"), "precision='fp8'; expected one of float32"),
        (made(precision=None), "precision=None; expected one of float32"),
    ],
)
def test_what_is_no_recipe_is_refused(returned, message):
    with pytest.raises(RecipeError, match=message):
        build(lambda hp: returned, {})
