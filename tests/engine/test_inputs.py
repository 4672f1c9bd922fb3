"""The shared inputs: what is on a device, and how often."""

import jax
import numpy as np
import pytest

from jaxdl.data import Moments, Scaling
from jaxdl.engine.inputs import Family, Variant, share
from jaxdl.train import facts_of
from tests.engine.training import KEY
from tests.sweeps.kept import small

ROWS = np.arange(10, dtype=np.int32)


def shared(data, variants, *, patience=None, order="own", recipe=small):
    return share(jax.devices()[0], recipe, data, variants, patience, order)


def test_the_examples_are_on_a_device_once(digits):
    data = digits._replace(dev=digits.train)  # as pooled data have it
    facts = facts_of(digits, 1)
    variants = [Variant(KEY, facts, ROWS, ROWS[: 5 + i]) for i in range(3)]
    found = share(jax.devices()[1], small, data, variants, None, "own")
    assert [family.num_dev for family in found] == [5, 6, 7]
    copies = {
        dataset.inputs.unsafe_buffer_pointer()
        for inputs in found.values()
        for dataset in (inputs.train, inputs.dev)
    }
    assert len(copies) == 1
    assert {inputs.device for inputs in found.values()} == {jax.devices()[1]}


def test_a_variant_finds_its_split_by_its_number(digits):
    """Variants 0 and 2 have the same rows, and variant 1 is of another family."""
    facts = facts_of(digits, 1)
    rows = (ROWS, ROWS + 10), (ROWS, ROWS[:3] + 10), (ROWS, ROWS + 10), (ROWS + 1, ROWS)
    keys = jax.random.split(KEY, 4)
    variants = [
        Variant(key, facts, *pair) for key, pair in zip(keys, rows, strict=True)
    ]
    found = shared(digits, variants)
    assert [*found] == [Family(facts, 10), Family(facts, 3)]
    wide, narrow = found.values()
    assert wide.splits.tolist() == [0, 0, 0, 1] and narrow.splits.tolist() == [0] * 4
    np.testing.assert_array_equal(wide.train_rows, [ROWS, ROWS + 1])
    np.testing.assert_array_equal(wide.dev_rows, [ROWS + 10, ROWS])
    np.testing.assert_array_equal(narrow.dev_rows, [[10, 11, 12]])
    for inputs in (wide, narrow):
        assert (inputs.keys == keys).all()


def test_repeats_without_folds_share_one_split_of_all_rows(digits):
    variants = [Variant(key, facts_of(digits, 1)) for key in jax.random.split(KEY, 3)]
    (inputs,) = shared(digits, variants).values()
    assert inputs.splits.tolist() == [0, 0, 0]
    np.testing.assert_array_equal(inputs.train_rows, [np.arange(1078)])
    np.testing.assert_array_equal(inputs.dev_rows, [np.arange(len(digits.dev))])


def test_scaling_and_class_counts_are_those_of_the_splits(digits):
    def counting(hp, facts):
        return small(hp)

    facts = facts_of(digits, 1)
    moments = [Moments(np.full(64, mean), np.full(64, 2.0)) for mean in (1.0, 3.0)]
    variants = [
        Variant(KEY, facts, ROWS + i, ROWS, Scaling(m)) for i, m in enumerate(moments)
    ]
    (inputs,) = shared(digits, variants, recipe=counting).values()
    assert inputs.scaling.labels is None
    assert inputs.scaling.inputs.mean.shape == (2, 64)
    assert inputs.scaling.inputs.mean[:, 0].tolist() == [1, 3]
    np.testing.assert_array_equal(inputs.counts, [facts.class_counts] * 2)
    (inputs,) = shared(digits, variants).values()
    assert inputs.counts is None


@pytest.mark.parametrize("order", ["shared", "own"])
@pytest.mark.parametrize(("patience", "given"), [(3, 3), (2**40, 2**31 - 1)])
def test_a_patience_beyond_32_bits_is_the_largest_number_of_them(
    patience, given, order, digits
):
    variants = [Variant(KEY, facts_of(digits, 1))]
    (inputs,) = shared(digits, variants, patience=patience, order=order).values()
    assert inputs.patience == given and inputs.patience.dtype == np.int32
    (inputs,) = shared(digits, variants, order=order).values()
    assert inputs.patience is None
