"""Members that are trained again, to the bit."""

import jax
import numpy as np
import pytest

import jaxdl as dl
from jaxdl import runs
from jaxdl.engine import engine
from jaxdl.sweeps import read_result
from tests.sweeps.kept import cut_after, sweep


@pytest.mark.parametrize("search", [None, dl.pbt(1)], ids=["random", "pbt"])
def test_a_member_is_replayed_to_the_bit(search, recipe, space, digits, tmp_path):
    result = sweep(recipe, space, digits, run_dir=tmp_path, search=search)
    again = dl.replay(tmp_path, recipe, digits, member=4, progress=False)
    once_more = dl.replay(result, recipe, digits, member=4, progress=False)
    for member in (again, once_more):
        for x, y in zip(
            jax.tree.leaves(member.params),
            jax.tree.leaves(result.member(4).params),
            strict=True,
        ):
            np.testing.assert_array_equal(x, y)


@pytest.mark.parametrize("search", [None, dl.pbt(1)], ids=["random", "pbt"])
def test_a_member_of_a_run_that_goes_on_is_replayed_as_far_as_it_is(
    search, recipe, space, digits, tmp_path, monkeypatch
):
    monkeypatch.setattr(engine, "KEEP_SECONDS", 0.0)
    with cut_after(4):
        sweep(recipe, space, digits, run_dir=tmp_path, search=search)
    result = read_result(tmp_path, recipe)
    trained = np.isfinite(result.metrics["dev_loss"]).sum(axis=1)
    assert 0 < trained.max() < 4
    again = dl.replay(tmp_path, recipe, digits, member=trained.argmax(), progress=False)
    assert np.isfinite(again.metrics["dev_loss"]).sum() == trained.max()


def test_other_weights_are_not_taken_for_a_replay(recipe, space, digits):
    result = sweep(recipe, space, digits, members=2, epochs=1)
    (block,) = result.blocks
    block.params[0]["kernel"] = 2 * block.params[0]["kernel"]
    with pytest.raises(runs.RunMismatchError, match="same metrics and other weights"):
        dl.replay(result, recipe, digits, member=1, progress=False)
