"""How many parameters a model has, counted by hand."""

import jax
import pytest

import jaxdl as dl
from jaxdl import nn, optim
from jaxdl.train.bound import BoundRecipe
from jaxdl.train.facts import Facts
from jaxdl.train.parameters import at_live, count_parameters
from jaxdl.train.structure import partition

WIDE = {"thin": nn.relu, "wide": nn.serial(nn.dense(7), nn.dense(5))}
FEATURES = 3


def dense(hp):
    return nn.serial(nn.dense(hp["units"] * 2), nn.batch_norm(), nn.dense(5))


def chosen(hp):
    return nn.serial(dense(hp), nn.among(hp["kind"], WIDE))


def stacked(hp):
    return nn.serial(nn.dense(4), nn.repeat(nn.dense(4), hp["units"]))


def images(hp):
    return nn.serial(nn.conv2d(hp["units"], 3), nn.flatten, nn.dense(2))


def of_dense(n):
    """Kernel and bias of 3 to 2 n units, scale and shift, kernel and bias of 5."""
    return 3 * 2 * n + 2 * n + 2 * 2 * n + 2 * n * 5 + 5


CASES = {
    "units": (dense, {"units": 4}, (FEATURES,), of_dense(4)),
    "other units": (dense, {"units": 6}, (FEATURES,), of_dense(6)),
    "an option with weights": (
        chosen, {"units": 4, "kind": "wide"}, (FEATURES,),
        of_dense(4) + 5 * 7 + 7 + 7 * 5 + 5,
    ),
    "an option without": (
        chosen, {"units": 4, "kind": "thin"}, (FEATURES,), of_dense(4)
    ),
    "layers": (stacked, {"units": 2}, (FEATURES,), 3 * 4 + 4 + 2 * (4 * 4 + 4)),
    "channels": (
        images, {"units": 3}, (6, 6, 1), 3 * 3 * 3 + 3 + 6 * 6 * 3 * 2 + 2
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_live_sizes_and_chosen_options_count(case):
    model, values, in_shape, expected = CASES[case]

    def recipe(hp):
        optimizer = optim.gradient_descent(hp["rate"])
        return dl.Recipe(model(hp), optimizer, nn.softmax_cross_entropy)

    kind = values.get("kind", "thin")
    which = [*WIDE].index(kind)
    hp = {
        "rate": 0.1,
        "units": nn.Size(values["units"], 8),
        "kind": nn.OneOf(which, tuple(WIDE)),
    }
    _, structure = partition(hp)
    alone = at_live(structure, {"units": values["units"]})
    bound = BoundRecipe(recipe, alone, Facts(10, 5, 1))
    assert count_parameters(bound, {"kind": which}, None, in_shape) == expected
    model_of_one = model({"units": values["units"], "kind": kind})
    params = jax.eval_shape(
        lambda key: model_of_one.init(key, in_shape)[0], jax.random.key(0)
    )
    assert sum(x.size for x in jax.tree.leaves(params)) == expected
