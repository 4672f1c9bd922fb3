"""Repeats and folds: each is a sweep by itself to the bit, and means decide."""

from dataclasses import replace
from types import SimpleNamespace

import jax
import numpy as np
import pytest

import jaxdl as dl
from jaxdl import nn
from jaxdl.data import DataError
from jaxdl.engine.curves import mean
from jaxdl.searches import Rung
from jaxdl.sweeps import variant
from jaxdl.sweeps.repeats import expand, members_of, not_worse, step_keys
from jaxdl.train import Status
from tests.sweeps.kept import KEY, SPACE, assert_same_member, in_rungs, small
from tests.sweeps.kept import sweep as train

MEMBER, REPEAT, FOLD = 0, 5, 6  # purposes of a run's key
STEP = 1  # of a member's key
OWN = dl.Plan(2, "own")


def dropping(hp):
    """A recipe with masks, which differ from repeat to repeat."""
    return small(hp)._replace(model=nn.serial(nn.dropout(0.9), nn.dense(10)))


def sweep(data, space=SPACE, **settings):
    return train(dropping, space, data, **{"members": 3, "epochs": 2} | settings)


@pytest.fixture(scope="module")
def single(digits):
    """A sweep without repeats, whose members have orders of their own all the same."""
    return sweep(digits, plan=OWN)


@pytest.fixture(scope="module")
def repeated(digits):
    return sweep(digits, repeats=3)


# what the members are


def on_every_device(key):
    mesh = jax.make_mesh((2,), ("devices",))
    place = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec())
    return jax.device_put(key, place)


@pytest.mark.parametrize("placed", [lambda key: key, on_every_device])
def test_each_member_draws_from_a_key_of_its_own(placed):
    keys = [placed(jax.random.key(3)), placed(jax.random.key(4))]
    variants = [SimpleNamespace(key=key) for key in keys]
    found = step_keys(SimpleNamespace(variants=variants, members=3, offset=7))
    for member in range(6):
        own = keys[member % 2]
        for number in (MEMBER, 7 + member // 2, STEP):
            own = jax.random.fold_in(own, number)
        np.testing.assert_array_equal(found[member], jax.random.key_data(own))


def test_repeat_0_is_a_sweep_without_repeats(single, repeated):
    assert repeated.status.shape == (9,)
    for c in range(3):
        assert_same_member(repeated.member(3 * c), single.member(c))
    jax.tree.map(
        np.testing.assert_array_equal, repeated.configurations(), single.hparams
    )


def test_a_further_repeat_is_a_sweep_with_a_key_of_its_own(repeated, single, digits):
    for number in (1, 2):
        key = jax.random.fold_in(jax.random.fold_in(KEY, REPEAT), number)
        other = sweep(digits, single.hparams, key=key, plan=OWN)
        for c in range(3):
            assert_same_member(repeated.member(3 * c + number), other.member(c))
    starts = [repeated.member(i).metrics["train_loss"][0] for i in range(3)]
    assert len(set(starts)) == 3


@pytest.fixture(scope="module")
def weighted(digits):
    """Digits whose dev examples have weights."""
    weights = np.linspace(0.5, 1.5, len(digits.dev.labels), dtype=np.float32)
    return digits._replace(dev=replace(digits.dev, weights=weights))


def test_a_fold_is_a_sweep_over_its_part_of_the_examples(weighted):
    data, weights = weighted, weighted.dev.weights
    result = sweep(data, folds=2, repeats=2)
    everything = dl.data.pool(data)
    assert len(everything.labels) == 1438
    np.testing.assert_array_equal(everything.weights, [*np.ones(1078), *weights])
    for number in (0, 1):
        key = jax.random.fold_in(jax.random.fold_in(KEY, REPEAT), number)
        key = KEY if number == 0 else key
        parts = dl.data.fold_rows(everything, 2, key=jax.random.fold_in(key, FOLD))
        for fold, sets in enumerate(parts):
            train_set, dev_set = (everything[part] for part in sets)
            mean, spread = (
                f(train_set.inputs, 0, np.float64) for f in (np.mean, np.std)
            )
            scale = np.where(spread == 0, 1, spread)
            scaling = dl.data.Scaling(dl.data.Moments(mean, scale))
            cut = data._replace(
                train=replace(train_set, scaling=scaling),
                dev=replace(dev_set, scaling=scaling),
                test=replace(data.test, scaling=scaling),
            )
            alone = sweep(cut, result.configurations(), key=key, plan=OWN)
            for c in range(3):
                ours = result.member(4 * c + 2 * number + fold)
                assert_same_member(ours, alone.member(c))


@pytest.mark.heavy
def test_a_variant_is_trained_by_itself_from_its_data_and_key(digits):
    """Also with sizes, early stopping and a seed."""

    def sized(hp):
        hidden = nn.serial(nn.dense(hp["units"]), nn.relu, nn.dense(10))
        return small(hp)._replace(model=hidden)

    space = {
        "units": dl.AsSize(np.array([5, 8, 6, 7, 8, 8])),
        "rate": dl.LogUniform(0.3, 3.0),
    }
    settings = {"members": 6, "epochs": 5, "patience": 1, "key": 0}
    result = train(sized, space, digits, repeats=2, folds=2, **settings)
    data, key, plan = variant(digits, 0, repeat=1, fold=1, folds=2)
    assert plan == dl.Plan(order="own")
    assert len(data.train.labels) == len(data.dev.labels) == 719
    given = result.configurations() | {"units": space["units"]}
    alone = train(sized, given, data, **settings | {"key": key, "plan": OWN})
    assert len(set(alone.kept_epoch)) > 1
    for c in range(6):
        assert result.status[4 * c + 3] == alone.status[c]
        assert_same_member(result.member(4 * c + 3), alone.member(c))


# what decides


def test_means_do_not_depend_on_the_order_of_the_variants():
    values = np.float32([0.1, 0.7, 0.3, 0.7, 0.3, 0.1, 0.2, np.nan, 0.2])
    means = mean({"dev_error": values}, 3)["dev_error"]
    assert means[0] == means[1] and means.dtype == np.float64
    assert np.isnan(means[2])


def test_a_rung_of_configurations_is_one_of_all_their_members():
    rung = Rung(
        np.array([2, 0]), {"rate": np.array([7.0, 8.0])}, np.array([1, 4]),
        np.array([1, 0]),
    )  # fmt: skip
    found = expand(rung, 3)
    assert found.members.tolist() == [6, 7, 8, 0, 1, 2]
    assert found.hparams["rate"].tolist() == [7, 7, 7, 8, 8, 8]
    assert found.until.tolist() == [1, 1, 1, 4, 4, 4]
    assert found.parents.tolist() == [3, 4, 5, 0, 1, 2]
    assert expand(rung._replace(parents=None), 3).parents is None
    assert members_of(np.array([4]), 1).tolist() == [4]


def test_noise_may_hide_a_difference_of_at_most_one_standard_error():
    # differences to row 0: 0.2, 0, 0.4 (mean 0.2, s/√3 = 0.115); 0, 0.3, -0.3 (0)
    errors = np.array([[0.5, 0.5, 0.5], [0.7, 0.5, 0.9], [0.5, 0.8, 0.2]])
    assert not_worse(errors, 0).tolist() == [True, False, True]


def test_halving_goes_by_means(digits):
    settings = {"repeats": 3, "members": 8}
    whole = sweep(digits, **settings)
    halved = sweep(digits, search=dl.halving(2), **settings)
    after_one = whole.metrics["dev_error"][:, 0].reshape(8, 3).mean(axis=1)
    loss = whole.metrics["dev_loss"][:, 0].reshape(8, 3).mean(axis=1)
    best = sorted(np.lexsort((loss, after_one))[:4].tolist())
    expected = [m for c in best for m in (3 * c, 3 * c + 1, 3 * c + 2)]
    assert halved.rungs[1].members.tolist() == expected
    assert np.flatnonzero(halved.status == Status.FINISHED).tolist() == expected
    for i in expected:
        assert_same_member(halved.member(i), whole.member(i))


def test_a_variant_copies_the_same_variant_of_the_parent(digits):
    def search(key, space, members, epochs):
        rung = next(in_rungs(key, space, members, epochs))
        standing = yield rung
        assert all(len(values) == members for values in standing.values())
        parents = np.array([0, 0, 2])
        same = jax.tree.map(lambda x: x[parents], rung.hparams)
        yield rung._replace(hparams=same, parents=parents)

    result = sweep(digits, repeats=3, search=search)
    for v in range(3):
        assert_same_member(result.member(3 + v), result.member(v))
    assert (result.hparams["rate"][3:6] == result.hparams["rate"][0]).all()
    different = [result.member(i).metrics["dev_loss"][0] for i in (0, 1, 2, 6, 7, 8)]
    assert len(set(different)) == 6


def test_population_based_training_with_repeats_and_folds(weighted):
    settings = {"members": 4, "repeats": 2, "folds": 2, "epochs": 3}
    result = sweep(weighted, search=dl.pbt(1), **settings)
    assert len(result.rungs) == 3
    assert np.isfinite(result.metrics["dev_error"]).all()
    for rung in result.rungs[1:]:
        np.testing.assert_array_equal(rung.parents % 4, np.arange(16) % 4)


# failures


@pytest.mark.parametrize(
    ("which", "error", "message"),
    [
        ({"repeat": -1}, IndexError, "got repeat=-1; expected at least 0"),
        ({"fold": -1, "folds": 2}, IndexError, "got fold=-1; expected 0..1"),
        ({"fold": 2, "folds": 2}, IndexError, "got fold=2; expected 0..1"),
        ({"fold": 1}, IndexError, "got fold=1; expected 0, since there are no folds"),
    ],
)
def test_a_variant_that_does_not_exist_is_refused(which, error, message, digits):
    with pytest.raises(error, match=message):
        variant(digits, KEY, **which)


@pytest.mark.usefixtures("nothing_compiles")
@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"repeats": 0}, ValueError, "got repeats=0; expected an int of at least 1"),
        ({"repeats": 1.5}, ValueError, "got repeats=1.5"),
        ({"folds": 1}, DataError, "got folds=1 for 1438 examples .* from 2"),
        ({"folds": 1439}, DataError, "got folds=1439 for 1438 examples"),
        ({"folds": 2.0}, DataError, "got folds=2.0"),
        ({"folds": 2}, DataError, "batch_size=1000 for 719 training examples"),
    ],
)
def test_repeats_and_folds_that_make_no_sense_are_refused(
    settings, error, message, digits
):
    def wide(hp):
        return small(hp)._replace(batch_size=1000)

    with pytest.raises(error, match=message):
        train(wide, SPACE, digits, **settings)
