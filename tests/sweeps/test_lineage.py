"""Histories of hyperparameters against rungs that were made by hand."""

import jax
import numpy as np

from jaxdl.searches import Rung
from jaxdl.sweeps.lineage import history
from jaxdl.train.structure import partition

STRUCTURE = partition({"rate": 0.1})[1]


def rung(members, rates, until, parents=None):
    columns = {"rate": np.array(rates, np.float32)}
    parents = None if parents is None else np.array(parents)
    return Rung(np.array(members), columns, np.full(len(members), until), parents)


def rates(rungs, member):
    found = history(rungs, member, STRUCTURE)
    return [(epoch, hp["rate"].item()) for epoch, hp in found]


def test_hyperparameters_that_stay_come_once():
    rungs = [rung([0, 1], [1, 2], 3), rung([1], [2], 9)]
    assert rates(rungs, 0) == [(0, 1)] and rates(rungs, 1) == [(0, 2)]


def test_hyperparameters_that_change_come_with_their_epoch():
    rungs = [rung([4], [1], 2), rung([4], [0.5], 3), rung([4], [1], 7)]
    assert rates(rungs, 4) == [(0, 1), (2, 0.5), (3, 1)]


def test_before_a_copy_they_are_those_of_the_parent():
    rungs = [
        rung([0, 1, 2], [1, 2, 4], 2),
        rung([0, 1, 2], [1, 8, 4], 4, parents=[0, 0, 2]),
        rung([0, 1, 2], [1, 8, 16], 6, parents=[0, 1, 1]),
    ]
    everyone = rungs[0].members  # one array, as a search may have it
    for same in (rungs, [rung._replace(members=everyone) for rung in rungs]):
        assert rates(same, 0) == [(0, 1)]
        assert rates(same, 1) == [(0, 1), (2, 8)]
        assert rates(same, 2) == [(0, 1), (2, 8), (4, 16)]


def test_what_another_structure_has_is_no_change():
    rungs = [
        Rung(
            np.array([0]), {"rate": np.ones(1), "hidden": np.full(1, h)}, np.array([u])
        )
        for h, u in ((1.0, 2), (2.0, 4))
    ]
    assert rates(rungs, 0) == [(0, 1)]


def test_a_member_without_hyperparameters_has_a_history():
    structure = partition(())[1]
    rungs = [Rung(np.arange(1), (), np.array([2]))]
    assert history(rungs, 0, structure) == ((0, ()),)
    assert jax.tree.leaves(history(rungs, 0, structure)[0][1]) == []
