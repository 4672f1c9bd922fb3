"""Which hyperparameters are traced, and which programs are equal."""

import pickle
from typing import NamedTuple

import chex
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl import nn
from jaxdl.train import RecipeError
from jaxdl.train.structure import TRACED, Structure, Traced, combine, partition


class Nested(NamedTuple):
    rate: float
    name: str
    inner: dict


def test_floats_and_arrays_are_traced_and_plain_values_are_not():
    hp = Nested(
        0.1, "adam", {"units": 64, "bias": True, "none": None, "n": np.int32(3)}
    )
    traced, structure = partition(hp)
    assert sorted(traced) == ["inner.n", "rate"]
    chex.assert_type([traced["rate"], traced["inner.n"]], [jnp.float32, jnp.int32])
    back = combine(traced, structure)
    assert back.name == "adam"
    assert back.inner["units"] == 64 and type(back.inner["units"]) is int
    assert back.inner["bias"] is True and back.inner["none"] is None
    assert float(back.rate) == np.float32(0.1)


def test_the_live_count_of_a_size_is_traced_and_its_bound_is_not():
    (traced, one), (_, same), (_, wider) = (
        partition({"units": nn.Size(live, bound)})
        for live, bound in ((2, 4), (3, 4), (2, 5))
    )
    assert int(traced["units"]) == 2
    assert one == same != wider
    assert combine(traced, one)["units"] == nn.Size(2, 4)


def test_structures_are_equal_when_the_static_values_are():
    a, b, c = (partition({"rate": r, "n": n})[1]
               for r, n in ((0.1, 1), (0.2, 1), (0.1, 2)))  # fmt: skip
    assert a == b and hash(a) == hash(b)
    assert a != c


def test_equal_values_of_different_types_are_different_programs():
    structures = {partition({"n": n})[1] for n in (1, True)}
    assert len(structures) == 2


def test_a_structure_is_equal_after_a_journey_to_another_process():
    """The stand-in for a traced number is a member of an enum, so it stays itself."""
    hparams = {"rate": 0.1, "units": nn.Size(2, 4), "name": "adam", "none": None}
    _, structure = partition(hparams)
    assert isinstance(TRACED, Traced) and TRACED in structure.values
    values = pickle.loads(pickle.dumps(structure.values))  # noqa: S301
    assert TRACED in values
    again = Structure(structure.treedef, structure.names, values)
    assert again == structure and hash(again) == hash(structure)


def test_names_that_collide_are_refused():
    with pytest.raises(RecipeError, match="names that differ"):
        partition({"a.b": 0.1, "a": {"b": 0.2}})


def test_a_hyperparameter_that_is_a_function_is_refused():
    with pytest.raises(RecipeError, match="activation=.*choose by name"):
        partition({"activation": nn.relu})


@pytest.mark.parametrize("value", [1e40, 1e-40, np.int64(3_000_000_000)])
def test_a_number_that_the_programs_cannot_hold_is_refused(value):
    with pytest.raises(RecipeError, match="rate=.*; expected numbers that .*32"):
        partition({"rate": value})


def test_numbers_that_are_not_finite_stay_what_they_are():
    assert partition({"bound": np.inf})[0] == {"bound": np.inf}
