"""Every program that a space can ask for."""

import numpy as np
import pytest

import jaxdl as dl
from jaxdl.spaces import SpaceError
from jaxdl.spaces.structures import structures


def test_too_many_programs_are_refused():
    space = {name: dl.Static(list(range(5))) for name in "abc"}
    with pytest.raises(SpaceError, match="125 combinations of static values"):
        structures(space, 64)


def test_only_what_can_be_chosen_counts_as_a_program():
    inner = dl.Either({"c": dl.Static([1, 2, 3]), "d": dl.Static([1, 2])})
    space = {"e": dl.Either({"a": inner, "b": {}}), "s": dl.Static([0, 1])}
    assert len(set(structures(space, 12))) == (3 + 2 + 1) * 2
    with pytest.raises(SpaceError, match="12 combinations of static values"):
        structures(space, 11)


def test_constants_and_given_values_of_numpy_are_plain_ones():
    space = {"n": np.array([np.int64(3), 3, True], object), "s": np.array(["a", "a"])}
    found = structures(space, 2)
    assert {s.values for s in found} == {(3, "a"), (True, "a")}
    assert {s.kinds for s in found} == {(int, str), (bool, str)}
