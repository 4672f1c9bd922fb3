"""Normalization: by the train set, of floats, integers, ids and targets."""

from dataclasses import replace

import jax
import ml_dtypes
import numpy as np
import pytest
from sklearn.preprocessing import StandardScaler

from jaxdl import data
from jaxdl.data.dataset import constant_features
from jaxdl.data.normalize import moments_of
from tests.data.conftest import dataset

KEY = jax.random.key(1)


def test_normalization_is_that_of_scikit_learn_on_the_train_set():
    splits = data.split(dataset(), key=jax.random.key(0))
    scaler = StandardScaler().fit(splits.train.inputs)
    normal = data.normalize(splits)
    for name, raw in splits.sets.items():
        expected = scaler.transform(raw.inputs)
        ours = normal.sets[name]
        np.testing.assert_allclose(ours.inputs, expected, rtol=1e-5, atol=1e-5)
        np.testing.assert_array_equal(ours.labels, raw.labels)
        again = normal.moments.normalize(raw.inputs)
        np.testing.assert_array_equal(ours.inputs, again)


def test_a_constant_feature_does_not_divide_by_zero():
    inputs = np.random.default_rng(0).normal(size=(50, 3))
    inputs[:, 1] = 1e8 + 0.1  # its computed deviation is tiny, and not zero
    raw = data.split(data.from_arrays(inputs, np.zeros(50, int)), key=jax.random.key(0))
    for d in data.normalize(raw).sets.values():
        assert np.abs(d.inputs[:, 1]).max() < 1e-6


def test_a_large_offset_and_a_tiny_scale_are_normalized_exactly():
    rng = np.random.default_rng(0)
    inputs = np.stack(
        [1.7e9 + 10 * rng.normal(size=90), 1e-50 * rng.normal(size=90)], 1
    )
    raw = data.split(data.from_arrays(inputs, np.zeros(90, int)), key=jax.random.key(0))
    train = data.normalize(raw).train.inputs
    np.testing.assert_allclose(train.mean(0), 0, atol=1e-6)
    assert train.std(0) == pytest.approx([1, 1], rel=1e-5)
    assert np.isfinite(train).all()


def three(inputs, labels=None, **known):
    labels = np.zeros(len(inputs), int) if labels is None else labels
    return data.split(data.from_arrays(inputs, labels, **known), key=KEY)


# constant but for rounding


def test_a_feature_that_differs_by_rounding_alone_is_constant():
    """0.1 + 0.2 and 0.3 differ in their last bit."""
    rng = np.random.default_rng(0)
    drift = np.where(np.arange(300) % 2 == 0, 0.1 + 0.2, 0.3)
    inputs = np.stack([drift, rng.normal(size=300)], 1)
    train = data.from_arrays(inputs, rng.integers(0, 2, 300))
    dev = data.from_arrays(np.array([[0.35, 0.0], [0.3, 1.0]]), [0, 1])
    normal = data.normalize(data.Splits(train, dev, dev))
    assert normal.moments.scale[0] == 1 == StandardScaler().fit(inputs).scale_[0]
    np.testing.assert_allclose(normal.dev.inputs[:, 0], [0.05, 0], atol=1e-7)


STEP = {np.float16: 2**-10, np.float32: 2**-23, np.float64: 2**-52,
        ml_dtypes.bfloat16: 2**-7}  # fmt: skip


@pytest.mark.parametrize("dtype", STEP, ids=lambda t: t.__name__)
@pytest.mark.parametrize("size", [1, -1, 2.0**10, -(2.0**-10)])
def test_rounding_is_a_few_steps_of_the_type(dtype, size):
    def features(steps):
        values = size * np.array([[1.0], [1 + steps * STEP[dtype]]])
        return constant_features(values.astype(dtype))

    assert features(0).all() and features(1).all() and features(3).all()
    assert not features(8).any()


def test_integers_have_no_rounding():
    inputs = np.array([[2**31 - 1, 5], [2**31 - 2, 5]], np.int32)
    assert constant_features(inputs).tolist() == [False, True]
    assert constant_features(np.array([0, 255], np.uint8)) == False  # noqa: E712


def test_what_was_constant_stays_so_when_it_is_normalized():
    drift = np.where(np.arange(100) % 2 == 0, 0.1 + 0.2, 0.3)
    splits = data.normalize(three(np.stack([drift, np.arange(100) / 9], 1)))
    found = constant_features(splits.train.inputs, moments=splits.moments)
    assert found.tolist() == [True, False]
    lone = splits.train.inputs[:, 1:]  # moments of both features say nothing of one
    assert constant_features(lone, moments=splits.moments).tolist() == [False]
    own = splits.train.inputs[:40]  # a fold of it, normalized once more
    assert moments_of(own, moments=splits.moments).scale[0] == 1
    assert moments_of(own).scale[0] < 1e-15


def test_constant_in_each_set_is_not_constant_in_all():
    zeros, ones = np.zeros((3, 2)), np.array([[0.0, 1.0]] * 3)
    assert constant_features(zeros, ones).tolist() == [True, False]


# integers


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int64])
def test_integers_stay_and_their_moments_are_known(dtype):
    inputs = np.random.default_rng(0).integers(0, 200, (50, 2, 3)).astype(dtype)
    raw = three(inputs)
    normal = data.normalize(raw)
    scaler = StandardScaler().fit(raw.train.inputs.reshape(-1, 6))
    for name, d in normal.sets.items():
        np.testing.assert_array_equal(d.inputs, raw.sets[name].inputs, strict=True)
        for moments in (d.scaling.inputs, normal.moments):
            np.testing.assert_allclose(moments.mean.ravel(), scaler.mean_)
            np.testing.assert_allclose(moments.scale.ravel(), scaler.scale_)
        assert d.scaling.labels is None
    data.check(normal)
    again = data.normalize(normal)
    np.testing.assert_array_equal(again.moments.mean, normal.moments.mean)


def test_float_inputs_have_no_scaling():
    splits = data.normalize(three(np.arange(20.0).reshape(10, 2)))
    assert all(d.scaling is None for d in splits.sets.values())


# ids


def test_columns_of_ids_are_not_scaled():
    rng = np.random.default_rng(0)
    inputs = np.stack([rng.normal(9, 3, 50), rng.integers(0, 7, 50), np.ones(50)], 1)
    raw = three(inputs, ids=[1])
    normal = data.normalize(raw)
    assert normal.moments.mean[[1, 2]].tolist() == [0, 1]
    assert normal.moments.scale[[1, 2]].tolist() == [1, 1]
    np.testing.assert_array_equal(normal.train.inputs[:, 1], raw.train.inputs[:, 1])
    np.testing.assert_allclose(normal.train.inputs[:, 0].mean(), 0, atol=1e-6)
    whole = three(inputs.astype(np.uint8), ids=[1])
    moments = data.normalize(whole).train.scaling.inputs
    assert (moments.mean[1], moments.scale[1]) == (0, 1) and moments.mean[0] > 5


@pytest.mark.parametrize("dtype", [np.int32, np.float32])
def test_inputs_of_ids_alone_are_not_scaled(dtype):
    raw = three(np.arange(60).reshape(20, 3).astype(dtype), ids=True)
    normal = data.normalize(raw)
    assert normal.moments is None and normal.train.scaling is None
    assert normal.train.inputs is raw.train.inputs


def test_moments_of_ids_are_0_and_1():
    values = np.array([[1.0, 5.0], [3.0, 9.0]])
    for ids, mean, scale in [((), [2, 7], [1, 2]), ((0,), [0, 7], [1, 2]),
                             (True, [0, 0], [1, 1])]:  # fmt: skip
        moments = moments_of(values, ids)
        assert (moments.mean.tolist(), moments.scale.tolist()) == (mean, scale)


# targets


@pytest.mark.parametrize(
    "labels",
    [
        200_000 + 80_000 * np.random.default_rng(0).normal(size=50),
        np.random.default_rng(1).normal([3, -500], [1, 90], size=(50, 2)),
        np.random.default_rng(2).integers(-20, 40, 50),
    ],
    ids=["prices", "two outputs", "degrees"],
)
def test_targets_stay_and_their_moments_are_known(labels):
    raw = three(np.arange(100.0).reshape(50, 2), labels)
    normal = data.normalize(raw, targets=True)
    plain = data.normalize(raw)
    scaler = StandardScaler().fit(raw.train.labels.reshape(len(raw.train.labels), -1))
    for name, d in normal.sets.items():
        np.testing.assert_array_equal(d.labels, raw.sets[name].labels)
        assert d.labels.dtype == np.float32 and d.about.classes == ()
        np.testing.assert_array_equal(d.inputs, plain.sets[name].inputs)
        assert d.scaling.inputs is None
    found = normal.target_moments
    assert found.mean.shape == raw.train.labels.shape[1:]
    np.testing.assert_allclose(found.mean.ravel(), scaler.mean_, rtol=1e-6)
    np.testing.assert_allclose(found.scale.ravel(), scaler.scale_, rtol=1e-6)
    data.check(normal)


def test_targets_and_integer_inputs_are_scaled_together():
    raw = three(np.arange(100).reshape(50, 2), np.arange(50) * 1e3)
    for splits in (
        data.normalize(raw, targets=True),
        data.normalize(data.normalize(raw), targets=True),
    ):
        assert splits.train.scaling.inputs is not None
        assert splits.target_moments.scale > 1e3
        data.check(splits)


def test_a_constant_target_is_only_shifted():
    raw = three(np.arange(20.0)[:, None], np.full(20, 5e4))
    moments = data.normalize(raw, targets=True).target_moments
    assert (moments.mean, moments.scale) == (5e4, 1)


def test_classes_are_not_scaled():
    raw = three(np.arange(20.0)[:, None], np.arange(20) % 2, classes=["no", "yes"])
    with pytest.raises(data.DataError, match=r"targets=True .*classes \(no, yes\)"):
        data.normalize(raw, targets=True)


def test_what_is_known_of_the_examples_outlives_normalization():
    inputs = np.arange(40.0).reshape(20, 2)
    raw = three(inputs, features=["a", "b"], groups=np.arange(20) // 2)
    for dtype in (np.float64, np.int32):
        cast = [replace(d, inputs=d.inputs.astype(dtype)) for d in raw.sets.values()]
        normal = data.normalize(data.Splits(*cast))
        for name, d in normal.sets.items():
            assert d.about == raw.train.about and normal.features == ("a", "b")
            np.testing.assert_array_equal(d.groups, raw.sets[name].groups)


def test_a_second_normalization_keeps_the_moments_of_raw_inputs():
    """As of a part of data that were normalized as a whole."""
    raw = np.array([[1.0, 5.0], [3.0, 9.0], [8.0, 1.0], [2.0, 4.0]], np.float32)
    whole = data.normalize(data.Splits(*[data.from_arrays(raw, [0, 1, 0, 1])] * 3))
    part = whole._replace(train=whole.train[:2])
    again = data.normalize(part)
    np.testing.assert_allclose(again.train.inputs, [[-1, -1], [1, 1]], rtol=1e-5)
    np.testing.assert_allclose(
        again.moments.normalize(raw), again.dev.inputs, rtol=1e-5, atol=1e-6
    )
