"""The hyperparameters of one model as a space, which gives them back."""

import json

import jax
import numpy as np
import pytest

import jaxdl as dl
from jaxdl import nn
from jaxdl.engine.layout import structures_of
from jaxdl.spaces import Chosen
from jaxdl.spaces.of_one import as_space
from jaxdl.spaces.plain import from_plain, to_plain
from jaxdl.train import RecipeError
from jaxdl.train.structure import by_name, of_member, partition

HPARAMS = {
    "rate": 0.1,
    "steps": np.int64(3),
    "units": nn.Size(3, 4),
    "activation": nn.OneOf(1, ("relu", "tanh")),
    "optimizer": Chosen("adam", {"beta": 0.9, "name": "nadam"}),
    "layers": 2,
    "flag": True,
    "nothing": None,
    "loss": "softmax",
}


def test_it_draws_the_hyperparameters_themselves():
    space = as_space(HPARAMS)
    columns = dl.sample(jax.random.key(0), space, 1)
    _, (structure,) = structures_of(space, columns, 1)
    traced, expected = partition(HPARAMS)
    assert structure == expected
    drawn = of_member(structure, by_name(columns), 0)
    again, _ = partition(drawn)
    assert again == traced


def test_a_run_remembers_it():
    space = as_space(HPARAMS)
    assert from_plain(json.loads(json.dumps(to_plain(space)))) == space


def test_numbers_that_programs_cannot_tell_apart_are_one_space():
    one, other = (as_space({"rate": rate}) for rate in (0.1, np.float32(0.1)))
    assert to_plain(one) == to_plain(other)
    assert to_plain(as_space({"rate": 0.1 + 1e-7})) != to_plain(one)


@pytest.mark.parametrize(
    "leaf",
    [dl.Uniform(0, 1), dl.Among(["a"]), object()],
    ids=lambda x: type(x).__name__,
)
def test_what_is_no_hyperparameter_is_refused(leaf):
    with pytest.raises(RecipeError, match="got hyperparameter x="):
        as_space({"x": leaf})
