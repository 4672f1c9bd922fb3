"""The configurations that stand for the programs of a space, by hand."""

import numpy as np

import jaxdl as dl
from jaxdl import nn
from jaxdl.experiment.programs import configured
from jaxdl.train.structure import combine


def whole(one):
    return combine(one.traced, one.structure)


def test_a_space_without_static_values_is_one_program_at_its_medians():
    (one,) = configured({"rate": dl.LogUniform(1e-3, 1e-1), "l2": 0.5, "name": "x"})
    assert one.label == ""
    hp = whole(one)
    np.testing.assert_allclose([hp["rate"], hp["l2"]], [1e-2, 0.5], rtol=1e-6)
    assert hp["name"] == "x"


def test_each_static_value_and_option_is_a_program_with_a_label():
    space = {
        "act": dl.Static(["relu", "tanh"]),
        "optimizer": dl.Either({"adam": {"beta": dl.Uniform(0, 1)}, "sgd": {}}),
    }
    found = configured(space)
    assert [one.label for one in found] == [
        f"act='{act}', optimizer.name='{name}'"
        for act in ("relu", "tanh")
        for name in ("adam", "sgd")
    ]
    assert whole(found[0])["optimizer"].values == {"beta": 0.5}
    assert whole(found[1])["optimizer"].values == {}


def test_a_size_is_the_bound_of_its_program():
    (one,) = configured({"units": dl.AsSize(dl.IntUniform(8, 10))})
    units = whole(one)["units"]
    assert isinstance(units, nn.Size) and (int(units.live), units.bound) == (10, 10)


def test_a_traced_choice_comes_once_for_each_option():
    found = configured(
        {"act": dl.Among(["relu", "tanh", "gelu"]), "on": dl.Among([True, False])}
    )
    assert [one.label for one in found] == [
        "act='tanh', on=False",
        "act='relu', on=False",
        "act='gelu', on=False",
        "act='tanh', on=True",
    ]
    assert [one.choices for one in found] == [(1, 1), (0, 1), (2, 1), (1, 0)]
    assert whole(found[2])["act"] == nn.OneOf(2, ("relu", "tanh", "gelu"))
