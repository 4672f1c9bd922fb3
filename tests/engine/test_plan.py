"""The plan: how wide a block is, by hand."""

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxdl as dl
from jaxdl.engine.plan import as_plan, make_plan, member_bytes
from jaxdl.train.state import TrainState

MIB = 2**20


def outline(carried, saved, outputs=0):
    """Returns one of a member that carries, saves and outputs so many bytes."""
    shape = jax.ShapeDtypeStruct((carried // 4,), jnp.float32)
    state = TrainState((), shape, (), (), key="not counted")
    return SimpleNamespace(train_state=state, saved_bytes=saved, output_bytes=outputs)


def test_a_member_takes_what_it_carries_and_saves():
    assert member_bytes(outline(4096, 100)) == 4196
    assert member_bytes(outline(4096, 100, 50)) == 4246


@pytest.mark.parametrize(
    ("carried", "platform", "width"),
    [
        (MIB, "cpu", 8),  # 8 MiB hold 8
        (MIB + 4, "cpu", 4),  # and not 8 that are larger: a power of two
        (3 * MIB, "cpu", 2),
        (100 * MIB, "cpu", 1),
        (4, "cpu", 16),  # at most
        (100 * MIB, "gpu", 8),  # 1 GiB holds 10
        (4, "tpu", 256),
        (2048 * MIB, "gpu", 1),
    ],
)
def test_a_block_is_as_wide_as_its_members_fit_the_budget(carried, platform, width):
    assert make_plan([outline(carried, 0)], platform) == dl.Plan(width)


def test_the_largest_program_decides():
    outlines = [outline(4, 0), outline(MIB, MIB), outline(MIB, 0)]
    assert make_plan(outlines, "cpu") == dl.Plan(4)


def test_a_plan_has_plain_ints():
    plan = as_plan(dl.Plan(np.int64(8)))
    assert plan == dl.Plan(8) and type(plan.block_width) is int


@pytest.mark.parametrize("plan", [16, None, dl.Plan(0), dl.Plan(1.5), dl.Plan(True)])
def test_what_is_no_plan_is_refused(plan):
    with pytest.raises(ValueError, match=r"expected a block width .*Plan\(block_width"):
        as_plan(plan)
