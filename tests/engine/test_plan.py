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


def outline(carried, saved, outputs=0, rows=0, batch=0):
    """Returns one of a member that carries, saves and outputs so many bytes."""
    shape = jax.ShapeDtypeStruct((carried // 4,), jnp.float32)
    state = TrainState((), shape, (), (), key="not counted")
    return SimpleNamespace(
        train_state=state, saved_bytes=saved, output_bytes=outputs, row_bytes=rows,
        accelerator_saved_bytes=saved // 2, batch_bytes=batch,
    )  # fmt: skip


def test_a_member_takes_what_it_carries_and_half_of_what_it_saves():
    assert member_bytes(outline(4096, 100)) == 4146
    assert member_bytes(outline(4096, 100, 50)) == 4196


def test_on_an_accelerator_a_member_takes_all_that_it_saves_there_and_its_batch():
    own = outline(4096, 100, batch=30)
    assert member_bytes(own, platform="tpu") == 4096 + 50 + 30
    assert member_bytes(own) == 4096 + 50


def test_on_a_known_chip_a_block_takes_a_quarter_of_its_memory():
    member = outline(100 * 10**6, 0)  # 1 GiB holds 10 of them
    widths = {
        "TPU v5 lite": 32,  # 4e9 bytes hold 40
        "TPU v6 lite": 64,  # 8e9 hold 80
        "NVIDIA H200": 256,  # 35e9 hold 352
        "NVIDIA B300": 8,  # not known
    }
    for kind, width in widths.items():
        assert make_plan([member], "gpu", device_kind=kind).block_width == width


def test_rows_count_where_each_member_has_its_own():
    rows = outline(4096, 100, rows=30)
    assert member_bytes(rows, "shared") == 4146 and member_bytes(rows, "own") == 4176
    wide = outline(MIB, 0, rows=MIB)
    assert make_plan([wide], "cpu", dl.Plan(order="own")) == dl.Plan(8, "own")
    assert make_plan([wide], "cpu", dl.Plan(order="shared")) == dl.Plan(16, "shared")


@pytest.mark.parametrize(
    ("carried", "platform", "width"),
    [
        (2 * MIB, "cpu", 8),  # 16 MiB hold 8
        (2 * MIB + 4, "cpu", 4),  # and not 8 that are larger: a power of two
        (6 * MIB, "cpu", 2),
        (100 * MIB, "cpu", 1),
        (4, "cpu", 16),  # at most
        (100 * MIB, "gpu", 8),  # 1 GiB holds 10
        (4, "tpu", 256),
        (2048 * MIB, "gpu", 1),
    ],
)
def test_a_block_is_as_wide_as_its_members_fit_the_budget(carried, platform, width):
    assert make_plan([outline(carried, 0)], platform) == dl.Plan(width, "shared")


def test_the_largest_program_decides():
    outlines = [outline(4, 0), outline(2 * MIB, 4 * MIB), outline(2 * MIB, 0)]
    assert make_plan(outlines, "cpu") == dl.Plan(4, "shared")


def test_a_width_that_is_asked_for_is_the_plans():
    outlines = [outline(MIB, 0)]
    assert make_plan(outlines, "cpu", dl.Plan(3)) == dl.Plan(3, "shared")
    assert make_plan(outlines, "cpu", dl.Plan(3, "own")) == dl.Plan(3, "own")


@pytest.mark.parametrize(
    ("structures", "platform", "width"),
    [
        (1, "cpu", 16),
        (16, "cpu", 16),  # 16 of 256 members each
        (17, "cpu", 8),
        (44, "cpu", 4),  # 5.8 members each
        (64, "cpu", 4),
        (1, "gpu", 256),
        (8, "gpu", 32),
    ],
)
def test_blocks_are_as_wide_as_the_share_of_a_structure(structures, platform, width):
    plan = make_plan([outline(4, 0)], platform, None, structures)
    assert plan.block_width == width


def test_a_plan_has_plain_ints():
    plan = as_plan(dl.Plan(np.int64(8)), varied=False)
    assert plan == dl.Plan(8, "shared") and type(plan.block_width) is int


@pytest.mark.parametrize(
    ("asked", "varied", "order"),
    [
        (None, False, "shared"),
        (None, True, "own"),
        (dl.Plan(), True, "own"),
        (dl.Plan(order="own"), False, "own"),
        (dl.Plan(order="own"), True, "own"),
        (dl.Plan(order="shared"), False, "shared"),
    ],
)
def test_the_order_follows_from_repeats_and_folds(asked, varied, order):
    assert as_plan(asked, varied=varied) == dl.Plan(None, order)


def test_bounds_and_programs_are_plain_ints():
    asked = dl.Plan(bounds={"units": [np.int64(2), 4]}, max_programs=np.int64(9))
    plan = as_plan(asked, varied=False)
    assert plan.bounds == {"units": (2, 4)} and plan.max_programs == 9
    assert {type(x) for x in (*plan.bounds["units"], plan.max_programs)} == {int}


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        (dl.Plan(max_programs=0), "got max_programs=0 .* expected 1 to 64"),
        (dl.Plan(max_programs=65), "got max_programs=65 .* expected 1 to 64"),
        (dl.Plan(max_programs=True), "got max_programs=True"),
        (dl.Plan(bounds=(2, 4)), r"got bounds=\(2, 4\) .* by the names of sizes"),
        (dl.Plan(bounds={"units": 4}), "got bounds={'units': 4} .* by the names"),
        (dl.Plan(bounds={"units": (2.5,)}), "got bounds=.* rising ints"),
    ],
)
def test_bounds_and_programs_that_make_no_sense_are_refused(plan, message):
    with pytest.raises(ValueError, match=message):
        as_plan(plan, varied=False)


@pytest.mark.parametrize("plan", [16, (8,), dl.Plan(0), dl.Plan(1.5), dl.Plan(True)])
def test_what_is_no_plan_is_refused(plan):
    with pytest.raises(ValueError, match=r"expected a block width .*Plan\(block_width"):
        as_plan(plan, varied=False)


@pytest.mark.parametrize(
    ("order", "varied", "message"),
    [
        ("mine", False, "got order='mine' in the plan; expected 'shared', 'own'"),
        (
            "shared",
            True,
            "got order='shared' .* with repeats or folds.* expected 'own'",
        ),
    ],
)
def test_an_order_that_makes_no_sense_is_refused(order, varied, message):
    with pytest.raises(ValueError, match=message):
        as_plan(dl.Plan(order=order), varied=varied)
