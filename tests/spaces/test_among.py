"""A traced choice in a space: names in columns, indices in programs."""

import jax
import numpy as np
import pytest

import jaxdl as dl
from jaxdl.nn import OneOf
from jaxdl.spaces import SpaceError
from jaxdl.spaces.sample import traced_columns
from jaxdl.spaces.structures import label, structures
from jaxdl.train.structure import RecipeError, partition

KEY = jax.random.key(3)
SPACE = {
    "act": dl.Among(["relu", "tanh", "gelu"]),
    "inner": dl.Either({"a": {"on": dl.Among([True, False])}, "b": {}}),
    "rate": dl.Choice([0.1, 0.2]),
}


def test_columns_hold_names_and_programs_get_their_places():
    columns = dl.sample(KEY, SPACE, 30)
    assert set(columns["act"]) == {"relu", "tanh", "gelu"}
    traced = traced_columns(SPACE, columns)
    assert traced.keys() == {"act", "inner.a.on", "rate"}
    assert traced["act"].dtype == np.int32
    named = np.array(["relu", "tanh", "gelu"])[traced["act"]]
    assert named.tolist() == columns["act"].tolist()


def test_it_makes_no_further_program():
    found = structures(SPACE, 2)
    assert [label(s) for s in found] == ["inner.name='a'", "inner.name='b'"]
    assert "inner.a.on" in found[0].names and "inner.a.on" not in found[1].names


def test_a_grid_goes_through_its_options():
    grid = dl.grid({"act": SPACE["act"], "rate": SPACE["rate"]}, 2)
    columns = dl.sample(KEY, grid, 6)
    rates = np.where(columns["rate"] < 0.15, "low", "high")
    assert {*zip(columns["act"], rates, strict=True)} == {
        (act, rate) for act in ("relu", "tanh", "gelu") for rate in ("low", "high")
    }
    assert len(structures(grid, 1)) == 1
    with pytest.raises(SpaceError, match="one value for all, or an array of 5"):
        dl.sample(KEY, grid, 5)


def test_refining_keeps_the_options_of_the_best():
    scores = np.where(np.array(["relu", "tanh", "gelu"] * 4) == "tanh", 0.1, 0.9)
    columns = {"act": np.array(["relu", "tanh", "gelu"] * 4, object)}
    narrow = dl.refine({"act": SPACE["act"]}, columns, scores, keep=4)
    assert narrow == {"act": dl.Among(["tanh"])}


def test_too_many_programs_name_it():
    space = {str(i): dl.Static([0, 1, 2, 3]) for i in range(4)}
    with pytest.raises(SpaceError, match=r"256 combinations .* Among\("):
        structures(space, 64)


def test_a_hyperparameter_of_another_kind_names_it():
    with pytest.raises(RecipeError, match=r"Among\(\[...\]\) in the space and"):
        partition({"act": print})
    traced, structure = partition({"act": OneOf(1, ("a", "b"))})
    assert traced["act"] == 1 and structure.values[0].options == ("a", "b")
