"""Losses of steps: in memory and in files, and nothing of them where nobody asks."""

import itertools
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxdl as dl
from jaxdl import runs, train
from jaxdl.data import Source
from jaxdl.sweeps import read_result
from jaxdl.train.epoch import STEP_LOSS
from tests.runs.processes import query
from tests.sweeps.kept import (
    KEY,
    SPACE,
    assert_same_result,
    cut_after,
    damage,
    in_rungs,
    small,
    sweep,
)

STEPS = 17  # of an epoch: 1078 examples in batches of 64
EVERY = 5
ENDS = [5, 10, 15, 17]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("steps") / "run"


@pytest.fixture(scope="module")
def swept(digits, folder):
    return sweep(small, SPACE, digits, members=3, every=EVERY, run_dir=folder)


def by_hand(member, epochs, data):
    """The losses of each step of a member, one step after another."""
    recipe, hp = small, {"rate": member.hparams["rate"]}
    step = jax.jit(train.make_step(recipe))
    state = train.init(recipe, hp, train.member_key(KEY, 0), (64,))
    losses = []
    for number in range(epochs):
        for rows in np.asarray(train.epoch_order(KEY, number, len(data.train), 64)):
            state, metrics = step(hp, state, data.train[rows])
            losses.append(float(metrics["loss"]))
    return np.array(losses).reshape(epochs, STEPS)


def same_steps(one, other):
    np.testing.assert_array_equal(one.number, other.number)
    np.testing.assert_array_equal(one.loss, other.loss)


def test_they_are_means_of_so_many_steps(swept, digits):
    member = swept.member(0)
    losses = by_hand(member, 4, digits)
    spans = itertools.pairwise([0, *ENDS])
    means = np.stack([losses[:, a:b].mean(axis=1) for a, b in spans], axis=1)
    np.testing.assert_allclose(member.steps.loss, means.ravel(), rtol=1e-5)
    expected = [STEPS * epoch + end for epoch in range(4) for end in ENDS]
    assert member.steps.number.tolist() == expected


def test_fit_records_them_in_memory_and_in_a_run(swept, digits, tmp_path, capfd):
    hparams = swept.member(0).hparams
    settings = {"key": KEY, "epochs": 2, "every": EVERY}
    alone = dl.fit(small, hparams, digits, **settings)
    kept = dl.fit(small, hparams, digits, run_dir=tmp_path, **settings)
    for member in (alone, kept):
        np.testing.assert_allclose(
            member.steps.loss, swept.member(0).steps.loss[:8], rtol=1e-5
        )
        assert set(member.metrics) == set(swept.metrics)
    assert STEP_LOSS not in capfd.readouterr().err


@pytest.mark.heavy
def test_more_steps_than_an_epoch_has_are_one_mean(digits):
    hparams = {"rate": 0.01}
    member = dl.fit(
        small, hparams, digits, key=0, epochs=2, every=10**9, progress=False
    )
    assert member.steps.number.tolist() == [STEPS, 2 * STEPS]
    np.testing.assert_allclose(
        member.steps.loss, member.metrics["train_loss"], rtol=1e-6
    )


def test_a_run_has_them_in_files_that_stay(swept, folder):
    again = read_result(folder, small)
    assert_same_result(again, swept)
    for i in range(3):
        same_steps(again.member(i).steps, swept.member(i).steps)
    assert not runs.doctor(folder).problems
    records = query(folder, "SELECT id FROM records")
    files = {path.name for path in (folder / "steps").iterdir()}
    assert files == {f"{number}.bin" for (number,) in records}


def test_a_run_that_was_cut_has_them_too(digits, swept, tmp_path):
    settings = {"members": 3, "every": EVERY, "search": in_rungs, "run_dir": tmp_path}
    with cut_after(3):
        sweep(small, SPACE, digits, **settings)
    resumed = sweep(small, SPACE, digits, **settings)
    for i in range(3):
        same_steps(resumed.member(i).steps, swept.member(i).steps)


@pytest.mark.filterwarnings("ignore:record ")
def test_a_damaged_file_is_seen_and_its_members_train_again(digits, swept, tmp_path):
    settings = {"members": 3, "every": EVERY, "run_dir": tmp_path}
    sweep(small, SPACE, digits, **settings)
    damage(next((tmp_path / "steps").iterdir()))
    assert runs.doctor(tmp_path).problems
    again = sweep(small, SPACE, digits, **settings)
    same_steps(again.member(0).steps, swept.member(0).steps)
    assert not runs.doctor(tmp_path).problems


def test_members_that_copy_weights_have_the_steps_of_their_parents(digits):
    result = sweep(small, SPACE, digits, search=dl.pbt(1), every=EVERY)
    steps = np.diff([0, *ENDS])
    for i in range(6):
        member = result.member(i)
        losses = member.steps.loss.reshape(4, len(ENDS))
        train_loss = member.metrics["train_loss"]
        np.testing.assert_allclose(losses @ steps / STEPS, train_loss, rtol=1e-6)


@pytest.mark.heavy
def test_programs_of_other_numbers_of_steps_have_their_own(digits):
    def batches(hp):
        return small(hp)._replace(batch_size=hp["batch"])

    space = SPACE | {"batch": np.array([64, 539], object)}
    result = sweep(batches, space, digits, members=2, epochs=2, every=EVERY)
    numbers = [result.member(i).steps.number.tolist() for i in range(2)]
    assert numbers == [[5, 10, 15, 17, 22, 27, 32, 34], [2, 4]]


def test_who_does_not_ask_has_no_changed_program_and_no_file(digits, tmp_path):
    result = sweep(small, SPACE, digits, members=3, run_dir=tmp_path)
    assert result.steps is None and result.member(0).steps is None
    assert not (tmp_path / "steps").exists()
    assert "every" not in result.specification


def test_other_steps_are_another_run(swept, digits, folder):
    for every, recorded in ((4, 5), (None, 5)):
        message = f"every: .*recorded {recorded}"
        with pytest.raises(runs.RunMismatchError, match=message):
            sweep(small, SPACE, digits, members=3, every=every, run_dir=folder)


@pytest.mark.parametrize("every", [0, 1.5, True])
def test_every_is_a_count(every, digits):
    with pytest.raises(ValueError, match="got every="):
        sweep(small, SPACE, digits, every=every)
    with pytest.raises(ValueError, match="got every="):
        dl.fit(small, {"rate": 0.1}, digits, key=0, epochs=1, every=every)


def test_weighted_examples_count_by_their_weight():
    """Two batches of one example: w loss, over the mean weight."""
    losses, weights = jnp.array([1.0, 3.0]), np.array([1.0, 3.0], np.float32)
    inputs = np.sqrt(np.asarray(losses))[:, None]
    one = dl.data.Dataset(inputs, np.zeros((2, 1), np.float32), weights)
    data = dl.data.Splits(one, one, one)

    def fixed(hp):
        model = dl.nn.as_layer(lambda x: x)
        adam = dl.optim.adam(hp["rate"])
        return dl.Recipe(model, adam, dl.nn.squared_error, batch_size=1)

    member = dl.fit(
        fixed, {"rate": 0.1}, data, key=0, epochs=1, every=1, progress=False
    )
    assert sorted(member.steps.loss.tolist()) == pytest.approx([1 / 2, 9 / 2])


@pytest.fixture
def sources(digits):
    """Digits that are read while they train."""

    def own(dataset):
        return replace(dataset, inputs=Source(np.asarray(dataset.inputs)))

    return digits._replace(train=own(digits.train), dev=own(digits.dev))


@pytest.mark.heavy
def test_inputs_that_are_read_while_they_train_give_the_same(swept, sources):
    streamed = sweep(small, SPACE, sources, members=3, every=EVERY)
    for i in range(3):
        same_steps(streamed.member(i).steps, swept.member(i).steps)


@pytest.mark.heavy
def test_fit_gives_the_same_of_inputs_that_are_read_while_it_trains(swept, sources):
    hparams = swept.member(0).hparams
    alone = dl.fit(
        small, hparams, sources, key=KEY, epochs=4, every=EVERY, progress=False
    )
    np.testing.assert_allclose(alone.steps.loss, swept.member(0).steps.loss, rtol=1e-5)
