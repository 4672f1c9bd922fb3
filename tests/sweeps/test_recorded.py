"""What a search is told where a run resumes."""

import numpy as np
import pytest

import jaxdl as dl
from jaxdl.engine.kind import kind_here
from jaxdl.searches import Rung
from jaxdl.searches.rungs import RECORDED
from jaxdl.searches.traits import Traits
from jaxdl.sweeps import recorded
from tests.sweeps.kept import SPACE, assert_same_result, cut_after, small, sweep


def halved(told):
    """Returns a search that masks its standing, and adds each one to a list."""

    def search(key, space, members, epochs):
        ids, hparams = np.arange(members), dl.sample(key, space, members)
        for until in range(1, epochs + 1):
            own = {name: column[ids] for name, column in hparams.items()}
            standing = yield Rung(ids, own, np.full(len(ids), until))
            told.append(standing)
            if until == 1:
                plain = {k: v for k, v in standing.items() if k != RECORDED}
                better = plain["dev_error"] <= np.median(plain["dev_error"])
                plain = {name: values[better] for name, values in plain.items()}
                ids = ids[better]

    return search


@pytest.mark.parametrize("takes", [False, True])
def test_only_a_search_that_takes_its_record_hears_of_it(
    digits, tmp_path, monkeypatch, takes
):
    told, settings = [], {"epochs": 3, "run_dir": tmp_path}
    search, traits = halved(told), Traits(takes_record=takes)
    monkeypatch.setattr(recorded, "traits_of", {search: traits}.__getitem__)
    whole = sweep(small, SPACE, digits, search=search, epochs=3)
    assert not any(RECORDED in standing for standing in told)
    with cut_after(5):  # three blocks in the first rung, two in the second
        sweep(small, SPACE, digits, search=search, **settings)
    told.clear()
    assert_same_result(sweep(small, SPACE, digits, search=search, **settings), whole)
    first = told[0]
    for name, values in first.items():
        if name != RECORDED:
            assert len(values) == 6
    assert (RECORDED in first) == takes
    if takes:
        np.testing.assert_array_equal(first[RECORDED], whole.rungs[1].members)


def test_a_run_remembers_the_kind_that_trained_it(small_sweep, run_dir, tmp_path):
    assert recorded.kind_of_run(run_dir) == kind_here()
    assert recorded.kind_of_run(None) is None and recorded.kind_of_run(tmp_path) is None
