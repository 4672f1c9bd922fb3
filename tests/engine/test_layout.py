"""Groups of members, the blocks they become, and how wide a block is."""

import jax
import numpy as np
import pytest

import jaxdl as dl
from jaxdl.engine.blocks import make_blocks
from jaxdl.engine.layout import groups
from jaxdl.engine.plan import make_plan
from jaxdl.spaces.structures import structures
from jaxdl.train import Outline, TrainState

KEY = jax.random.key(0)


def grouped(space, hparams, until=3):
    return groups(space, hparams, np.arange(50), np.zeros(50, int), np.full(50, until))


def test_members_that_train_different_epochs_are_different_groups():
    space = {"x": dl.Uniform(0, 1)}
    first, until = np.arange(50) % 2, np.arange(50) % 5 + 2
    parts = groups(space, dl.sample(KEY, space, 50), 100 + np.arange(50), first, until)
    assert [(g.first, g.until) for g in parts[:3]] == [(0, 2), (1, 3), (0, 4)]
    assert len(parts) == 10
    assert parts[0].members.tolist() == [100, 110, 120, 130, 140]


def test_members_that_agree_on_static_values_are_a_group():
    space = {"batch": dl.Static([32, 64]), "f": dl.Static([0.1]), "x": dl.Uniform(0, 1)}
    drawn = dl.sample(KEY, space, 50)
    parts = grouped(space, drawn)
    assert len(parts) == 2
    ids = np.sort(np.concatenate([g.members for g in parts]))
    np.testing.assert_array_equal(ids, np.arange(50))
    for group in parts:
        batch, f, _ = group.structure.values
        assert type(batch) is int and type(f) is float
        assert (drawn["batch"][group.members] == batch).all()
        assert list(group.traced) == ["x"]
        np.testing.assert_array_equal(group.traced["x"], drawn["x"][group.members])
    assert {g.structure for g in parts} == set(structures(space, 64))


def test_equal_options_of_different_types_are_different_programs():
    space = {"n": dl.Static([1, True, 1])}
    kinds = {s.kinds for s in structures(space, 64)}
    assert kinds == {(int,), (bool,)}
    parts = grouped(space, dl.sample(KEY, space, 50))
    assert {g.structure for g in parts} == set(structures(space, 64))


def test_blocks_hold_a_group_each_and_all_members_once():
    space = {"batch": dl.Static([32, 64]), "x": dl.Uniform(0, 1)}
    blocks = make_blocks(grouped(space, dl.sample(KEY, space, 50)), 8)
    assert max(len(b.members) for b in blocks) == 8
    ids = np.sort(np.concatenate([b.members for b in blocks]))
    np.testing.assert_array_equal(ids, np.arange(50))


def outline(floats, saved_bytes=0):
    shape = jax.ShapeDtypeStruct((floats,), np.float32)
    return Outline(
        64, "float32", 10, TrainState(shape, (), (), (), shape), saved_bytes, ""
    )


@pytest.mark.parametrize(
    ("floats", "platform", "width"),
    [
        (10, "cpu", 16), (2**17, "cpu", 16), (2**17 + 1, "cpu", 8), (2**21, "cpu", 1),
        (2**25, "cpu", 1), (10, "gpu", 256), (10, "tpu", 256), (2**22, "gpu", 64),
        (2**29, "gpu", 1),
    ],
)  # fmt: skip
def test_a_block_fits_the_devices_budget(floats, platform, width):
    assert make_plan([outline(5), outline(floats)], platform).block_width == width
    saved = [outline(5), outline(2**4, saved_bytes=4 * (floats - 2**4))]
    assert make_plan(saved, platform).block_width == width
