"""The layout: which members share a block, by hand."""

import jax
import numpy as np
import pytest

import jaxdl as dl
from jaxdl.engine.inputs import Variant
from jaxdl.engine.layout import lay_out
from jaxdl.spaces.structures import structures
from jaxdl.train import Facts
from jaxdl.train.structure import Bound
from tests.engine.training import KEY, blocks_of, make_task

SPACE = {
    "units": dl.AsSize(np.array([1, 2, 3, 4, 4])),
    "kind": dl.Static(["one"]),
    "rate": 0.1,
}
KINDS = {"kind": dl.Static(["a", "b"]), "rate": dl.Uniform(0, 1)}
ABBA = {"kind": np.array([*"abbaa"], object), "rate": np.arange(5.0)}


@pytest.fixture
def blocks():
    """Bounds are 3 and 4: sizes 1 and 2 in one block, 3 alone, and 4 and 4."""
    task = make_task(None, SPACE, members=5, epochs=3, plan=dl.Plan(2))
    return blocks_of(task, dl.sample(KEY, SPACE, 5), np.arange(5))


def ids(blocks):
    return [block.members.tolist() for block in blocks]


def test_members_with_one_bound_share_blocks_of_the_plans_width(blocks):
    assert ids(blocks) == [[0, 1], [2], [3, 4]]
    at = blocks[0].structure.names.index("units")
    assert [b.structure.values[at] for b in blocks] == [Bound(3), Bound(3), Bound(4)]
    assert [b.traced["units"].tolist() for b in blocks] == [[1, 2], [3], [4, 4]]
    assert {*blocks[0].traced} == {"units", "rate"}
    assert all((b.first, b.until) == (0, 3) for b in blocks)


def test_members_with_one_static_value_share_a_block():
    task = make_task(None, KINDS, plan=dl.Plan(2))
    found = blocks_of(task, ABBA, np.arange(5))
    assert ids(found) == [[0, 3], [4], [1, 2]]
    assert [b.traced["rate"].tolist() for b in found] == [[0, 3], [4], [1, 2]]


def test_members_with_other_epochs_are_in_other_blocks():
    task = make_task(None, KINDS, epochs=5, plan=dl.Plan(8))
    same = {"kind": np.array(["a"] * 4, object), "rate": np.arange(4.0)}
    members, first = np.array([7, 3, 5, 4]), np.array([0, 1, 0, 0])
    found = lay_out(task, same, members, first, np.array([2, 2, 2, 5]))
    assert ids(found) == [[7, 5], [3], [4]]
    assert [(b.first, b.until) for b in found] == [(0, 2), (1, 2), (0, 5)]


REPEATED = {"kind": np.array(["a"] * 6, object), "rate": np.repeat(np.arange(3.0), 2)}


def test_members_of_several_variants_fill_blocks_one_variant_after_another():
    task = make_task(None, KINDS, repeats=2, members=3, plan=dl.Plan(4))
    first, second = blocks_of(task, REPEATED, np.arange(6))
    assert ids([first, second]) == [[0, 2, 4, 1], [3, 5]]
    assert first.variants.tolist() == [0, 0, 0, 1] and second.variants.tolist() == [
        1,
        1,
    ]
    assert first.configurations.tolist() == [0, 1, 2, 0]
    assert first.traced["rate"].tolist() == [0, 1, 2, 0]


@pytest.mark.parametrize(
    "other",
    [Variant(KEY, Facts(8, 3, 2)), Variant(KEY, Facts(9, 3, 2), dev=np.arange(4))],
    ids=["facts", "dev"],
)
def test_variants_of_other_facts_or_sizes_are_in_other_blocks(other):
    task = make_task(None, KINDS, repeats=2, members=3, plan=dl.Plan(8))
    variants = task.variants[0], other
    found = blocks_of(task._replace(variants=variants), REPEATED, np.arange(6))
    assert ids(found) == [[0, 2, 4], [1, 3, 5]]
    assert [block.family for block in found] == [v.family for v in variants]


def test_members_with_sizes_are_grouped_by_the_bounds_that_the_space_has():
    space = {
        "units": dl.AsSize(dl.IntUniform(1, 50)),
        "layers": dl.AsSize(dl.IntUniform(1, 4)),
    }
    task = make_task(None, space, members=200)
    drawn = dl.sample(KEY, space, 200)
    found = blocks_of(task, drawn, np.arange(200))
    possible = set(structures(space, 64))
    sizes = {name: space[name].all_bounds() for name in space}
    assert len(possible) == len(sizes["units"]) * len(sizes["layers"])
    assert {block.structure for block in found} <= possible
    for block in found:
        for name, bound in zip(
            block.structure.names, block.structure.values, strict=True
        ):
            lower = max([b for b in sizes[name] if b < bound.bound], default=0)
            live = block.traced[name]
            assert ((lower < live) & (live <= bound.bound)).all()
            np.testing.assert_array_equal(live, drawn[name][block.members])


def test_draws_are_those_of_a_space_without_sizes():
    plain = SPACE | {"units": dl.IntUniform(8, 16)}
    sized = SPACE | {"units": dl.AsSize(plain["units"])}
    drawn, expected = (dl.sample(KEY, space, 24) for space in (sized, plain))
    jax.tree.map(np.testing.assert_array_equal, drawn, expected)
