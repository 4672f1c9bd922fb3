"""Which drawn members are built with plain numbers before a sweep."""

import numpy as np
import pytest

import jaxdl as dl
from jaxdl.engine.drawn import check_drawn
from jaxdl.searches import Rung
from jaxdl.spaces import sample
from jaxdl.train import RecipeError
from tests.engine.training import KEY, make_task
from tests.sweeps.kept import small

RATES = np.array([0.3, 0.1, np.nan, 0.5, 0.2, -1.0])


def rung_of(space):
    return Rung(np.arange(6), sample(KEY, space, 6), np.full(6, 2))


def test_the_ends_of_each_program_are_built_once():
    built = []

    def noted(hp):
        built.append((hp["kind"], float(hp["rate"]), int(hp["l2"])))
        return small(hp)

    kinds = np.array(["a", "a", "a", "b", "b", "b"])
    space = {"rate": np.abs(RATES), "kind": kinds, "l2": np.array([7, 7, 9, 9, 4, 1])}
    check_drawn(make_task(noted, space, members=6), rung_of(space))
    near = [(kind, round(rate, 6), l2) for kind, rate, l2 in built]
    # Member 2 is not finite; the ends of l2 among the others of "a" are at member 0.
    assert near == [("a", 0.3, 7), ("a", 0.1, 7), ("b", 0.5, 9), ("b", 0.2, 4),
                    ("b", 1.0, 1)]  # fmt: skip


def test_one_number_without_a_meaning_among_others_is_found():
    space = {"rate": RATES}
    task = make_task(small, space, members=6)
    with pytest.raises(RecipeError, match="learning_rate=-1.0.*are rate=-1$"):
        check_drawn(task, rung_of(space))
    space = {"rate": dl.LogUniform(1e-3, 1e-1), "which": dl.Among(["a", "b"])}
    check_drawn(make_task(small, space, members=6), rung_of(space))
