"""Models of other libraries: resumed, extended, replayed, loaded, exported."""

import json
from pathlib import Path

import jax
import numpy as np
import pytest

import jaxdl as dl
from jaxdl import nn
from jaxdl.interop import export
from jaxdl.interop.foreign import check_plain, output_shape
from tests.interop.foreign import SHORT, SPACE, recipe_of
from tests.sweeps.kept import assert_same_member, assert_same_result, cut_after, sweep

OTHERS = [pytest.param(name, marks=pytest.mark.heavy) for name in ("nnx", "equinox")]


@pytest.fixture(scope="module", params=["linen", *OTHERS])
def recipe(request):
    return recipe_of(request.param)


@pytest.fixture(scope="module")
def ten(recipe, digits):
    return sweep(recipe, SPACE, digits, members=10, **SHORT)


def test_a_member_does_not_depend_on_the_others(recipe, ten, digits):
    three = sweep(recipe, SPACE, digits, members=3, **SHORT)
    for i in range(3):
        assert_same_member(three.member(i), ten.member(i))
    assert (ten.metrics["dev_loss"][:, 1] < ten.metrics["dev_loss"][:, 0]).all()


def test_a_run_is_cut_resumed_extended_replayed_loaded_and_exported(
    recipe, ten, digits, tmp_path
):
    folder = {"run_dir": tmp_path / "run"}
    with cut_after(1):
        sweep(recipe, SPACE, digits, members=4, **SHORT, **folder)
    sweep(recipe, SPACE, digits, members=4, **SHORT, **folder)
    whole = sweep(recipe, SPACE, digits, members=10, extend=True, **SHORT, **folder)
    assert_same_result(whole, ten)
    loaded = dl.load_member(tmp_path / "run", recipe, 5)
    assert_same_member(loaded, ten.member(5))
    inputs = digits.test.inputs[:5]
    np.testing.assert_array_equal(loaded.predict(inputs), ten.member(5).predict(inputs))
    again = dl.replay(tmp_path / "run", recipe, digits, member=9, progress=False)
    assert_same_member(again, ten.member(9))
    weights, about = export(loaded, tmp_path / "one", digits.moments)
    assert weights.exists() and json.loads(Path(about).read_text())["metrics"]


def test_a_shape_with_a_size_is_refused():
    check_plain("f", (3, 4))
    with pytest.raises(TypeError, match="f got examples like .*Static"):
        check_plain("f", (3, nn.Size(2, 4)))


def test_an_output_is_one_array_of_a_batch():
    assert output_shape("f", jax.ShapeDtypeStruct((1, 2, 3), float)) == (2, 3)
    for wrong in ((np.ones(1), np.ones(1)), np.float32(1), np.ones((2, 1)), None):
        with pytest.raises(
            TypeError, match=r"(?s)f got a model that returns .*\[B, ...\]"
        ):
            output_shape("f", wrong)
