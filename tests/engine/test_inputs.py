"""The shared inputs: what is on a device, and how often."""

import jax
import numpy as np
import pytest

from jaxdl.engine.inputs import Variant, share
from jaxdl.train import facts_of
from tests.engine.training import KEY


def test_the_examples_are_on_a_device_once(digits):
    data = digits._replace(dev=digits.train)  # as pooled data have it
    rows = np.arange(10)
    facts = facts_of(digits, 1)
    variants = [Variant(KEY, facts, rows, rows + i) for i in range(6)]
    shared = share(jax.devices()[1], None, data, variants, None)
    assert len(shared) == 6
    copies = {s.whole.inputs.unsafe_buffer_pointer() for v in shared for s in v[:2]}
    assert len(copies) == 1
    assert {v.device for v in shared} == {jax.devices()[1]}
    for i, inputs in enumerate(shared):
        np.testing.assert_array_equal(inputs.dev.rows, rows + i)


@pytest.mark.parametrize(("patience", "given"), [(3, 3), (2**40, 2**31 - 1)])
def test_a_patience_beyond_32_bits_is_the_largest_number_of_them(
    patience, given, digits
):
    variants = [Variant(KEY, facts_of(digits, 1))]
    (shared,) = share(jax.devices()[0], None, digits, variants, patience)
    assert shared.patience == given and shared.patience.dtype == np.int32
    (shared,) = share(jax.devices()[0], None, digits, variants, None)
    assert shared.patience is None
