"""Programs: how many are compiled, and what a size computes in one."""

import functools

import jax
import numpy as np
import pytest

import jaxdl as dl
from jaxdl import nn, optim, train
from jaxdl.train.part import on_device
from jaxdl.train.state import epoch_order, init, member_key
from tests.engine.test_streaming import as_sources
from tests.engine.training import KEY, block_trainer, blocks_of, make_task
from tests.sweeps.kept import SPACE, small, sweep


def test_the_first_rung_compiles_for_all_rungs_and_devices(
    digits, compilations, on_devices
):
    on_devices(0, 1)
    result = sweep(small, SPACE, digits, search=dl.halving(2))
    assert len(result.rungs) == 3
    assert compilations == [1]


@pytest.mark.heavy
def test_all_variants_share_one_program(digits, compilations):
    sweep(small, SPACE, digits, folds=2, repeats=3, members=2, epochs=1)
    assert compilations == [1]


@pytest.mark.parametrize("read", [False, True], ids=["resident", "streamed"])
def test_no_member_shares_a_matrix_product(digits, compiles, read):
    """A kernel may add up some columns of a product in another order."""
    data = as_sources(digits) if read else digits
    sweep(small, SPACE, data, members=2, epochs=1)
    lines = [line for text in compiles for line in text.splitlines()]
    products = [line for line in lines if "stablehlo.dot_general" in line]
    assert len(products) >= 3  # forward, backward, evaluation
    assert all("batching_dims = [0] x [0]" in line for line in products)


SIZES = {
    "units": dl.AsSize(np.array([5, 8, 8])),
    "layers": dl.AsSize(np.array([1, 2, 2])),
}


def sized(hp):
    hidden = nn.serial(nn.dense(hp["units"]), nn.batch_norm(), nn.sigmoid)
    return dl.Recipe(
        nn.serial(nn.dense(hp["units"]), nn.repeat(hidden, hp["layers"]), nn.dense(10)),
        optim.momentum(0.1),
        nn.softmax_cross_entropy,
    )


@pytest.mark.heavy  # tests/nn/test_size.py trains one alone
def test_a_member_trains_as_a_plain_network_of_its_size(digits):
    """Against steps of a network of plain ints, in float64."""
    few = digits._replace(train=digits.train[:256])
    with jax.enable_x64(True):
        task = make_task(sized, SIZES, members=3, epochs=1)
        drawn = jax.tree.map(lambda size: size.values, SIZES)
        (block,) = blocks_of(task, drawn, [0, 1, 2])
        params = block_trainer(task, block, few)(block).params
        plain = {"units": 5, "layers": 1}
        begin = jax.jit(lambda key: init(sized, plain, key, (64,)))
        state = begin(member_key(KEY, 0))
        step = jax.jit(functools.partial(train.make_step(sized), plain))
        data = on_device(few.train)
        for rows in epoch_order(KEY, 0, 256, 64):
            state, _ = step(state, data[rows])
    ours, theirs = params[0]["kernel"][0], state.params[0]["kernel"]
    assert ours.shape == (64, 8) and theirs.shape == (64, 5)
    np.testing.assert_allclose(ours[:, :5], theirs, atol=1e-9)
    assert not ours[:, 5:].any()
