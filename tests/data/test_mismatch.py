"""Mismatch: false alarms, power, statistics by hand and by SciPy."""

from dataclasses import replace

import jax
import numpy as np
import pytest
from scipy import stats

from jaxdl import data


def normal(rng, m=300, shape=(4,), classes=3):
    return data.from_arrays(rng.normal(size=(m, *shape)), rng.integers(0, classes, m))


def splits_of(**changes):
    """Three sets of one distribution; `changes` has a function for some of them."""
    rng = np.random.default_rng(0)
    sets = {name: normal(rng) for name in ("train", "dev", "test")}
    return data.Splits(**{n: changes.get(n, lambda d: d)(d) for n, d in sets.items()})


def shifted(feature, by=1.0):
    def change(d):
        return replace(d, inputs=d.inputs + by * (np.arange(4) == feature))

    return change


def feature(*sets):
    """Splits of one feature with the given values, and labels that are all 0."""
    return data.Splits(
        *(data.Dataset(np.array(x, float)[:, None], np.zeros(len(x))) for x in sets)
    )


def named(found):
    return [(set(c.features), set(c.labels)) for c in found[:3]]


NOTHING = (set(), set())


# statistics


def test_one_distribution_is_falsely_accused_as_often_as_the_level_says():
    alarms = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        whole = normal(rng, 500, (5,), 4)
        splits = data.split(whole, key=jax.random.key(seed))
        alarms += any(map(any, data.mismatch(splits, level=0.1)[:3]))
    # 20 +- 4.2 if the tests were independent; fewer, as the pairs share their sets.
    assert 3 <= alarms <= 20 + 3 * 4.2


def test_statistics_and_p_values_equal_a_calculation_by_hand():
    # 40 values, and the same 20 higher: F - G is 1/2 from 19 to 20. For sets of 40 the
    # limit has p = 2 (exp(-2 z^2) - exp(-8 z^2)) with z^2 = (40 * 40 / 80) / 4 = 5.
    high = np.arange(20, 60)
    found = data.mismatch(feature(np.arange(40), high, high))
    p = 2 * (np.exp(-10) - np.exp(-40))
    # Six tests: two of them have p, four have 1. Holm: 6 p, and max(6 p, 5 p).
    for comparison in (found.train_dev, found.train_test):
        assert comparison.features == {(0,): pytest.approx((0.5, 6 * p), rel=1e-6)}
        assert comparison.labels == {}
    assert found.dev_test == ({}, {})


def test_holm_multiplies_the_smallest_p_value_most():
    # D of 1/2, 5/8 and 1/8: three different p-values of six, the others being 1.
    found = data.mismatch(
        feature(np.arange(40), np.arange(20, 60), np.arange(25, 65)), level=0.999
    )
    z2 = 20 * np.array([1 / 2, 5 / 8]) ** 2
    p = 2 * (np.exp(-2 * z2) - np.exp(-8 * z2))
    assert found.train_test.features[(0,)].p_value == pytest.approx(6 * p[1], rel=1e-6)
    assert found.train_dev.features[(0,)].p_value == pytest.approx(5 * p[0], rel=1e-6)
    assert found.dev_test.features == {}  # 4 p is above 1


@pytest.mark.parametrize("grey", [False, True])
def test_statistics_are_those_of_scipy(grey):
    rng = np.random.default_rng(3)
    sets = {
        name: rng.normal(by, 1, (m, 5))
        for name, by, m in (("train", 0, 900), ("dev", 1, 301), ("test", 2, 200))
    }
    if grey:  # few values, many times each
        sets = {name: np.round(x).clip(0, 3) for name, x in sets.items()}
    splits = data.Splits(*(data.Dataset(x, np.zeros(len(x))) for x in sets.values()))
    found = data.mismatch(splits)
    for a, b in (("train", "dev"), ("train", "test"), ("dev", "test")):
        ours = getattr(found, f"{a}_{b}").features
        assert set(ours) == {(i,) for i in range(5)}
        for (i,), difference in ours.items():
            theirs = stats.ks_2samp(sets[a][:, i], sets[b][:, i], method="asymp")
            assert difference.statistic == pytest.approx(theirs.statistic, rel=1e-12)


@pytest.mark.parametrize(("m", "n"), [(20, 20), (60, 20), (59, 31), (400, 200)])
@pytest.mark.parametrize("shift", [0.5, 0.8])
def test_p_values_of_small_sets_are_not_too_small(m, n, shift):
    train, other = np.arange(m) / m, np.arange(n) / n + shift
    found = data.mismatch(feature(train, other, other), level=0.999)
    exact = stats.ks_2samp(train, other, method="exact").pvalue
    assert found.train_dev.features[(0,)].p_value >= 6 * exact  # six tests


def test_chi_square_equals_a_calculation_by_hand():
    # Expected in each set: 20, 25, 45. Chi-square: 2 (100/20 + 25/25 + 225/45) = 22,
    # with two degrees of freedom p = exp(-11).
    few, many = np.repeat([0, 4, 7], [30, 30, 30]), np.repeat([0, 4, 7], [10, 20, 60])
    sets = (data.Dataset(np.zeros((90, 1)), labels) for labels in (few, many, many))
    found = data.mismatch(data.Splits(*sets))
    expected = pytest.approx((22, 6 * np.exp(-11)))
    assert found.train_dev == ({}, {(): expected})
    assert found.train_test == ({}, {(): expected})
    assert found.dev_test == ({}, {})


def test_rare_classes_count_as_one():
    # By itself each class is expected 2.5 times in each set; together 50 times.
    common, rare = np.zeros(100, int), np.arange(1, 21)
    ours, theirs = (np.concatenate([common, rare.repeat(k)]) for k in (1, 4))
    sets = (data.Dataset(np.zeros((len(x), 1)), x) for x in (ours, theirs, theirs))
    found = data.mismatch(data.Splits(*sets))
    # Of 100, 20 and 100, 80 there are 80, 40 and 120, 60 expected: each is off by 20.
    chi_square = 400 * (1 / 80 + 1 / 40 + 1 / 120 + 1 / 60)
    p_value = 6 * stats.chi2(1).sf(chi_square)
    assert found.train_dev.labels == {(): pytest.approx((chi_square, p_value))}


def test_one_example_of_a_rare_class_is_no_alarm():
    most, one = np.zeros(10_000, int), np.array([0] * 9 + [3])
    sets = (data.Dataset(np.zeros((len(x), 1)), x) for x in (most, one, one))
    assert named(data.mismatch(data.Splits(*sets))) == [NOTHING] * 3


# what is named


def test_a_shifted_feature_is_named_and_only_it():
    found = data.mismatch(splits_of(dev=shifted(2)))
    assert named(found) == [({(2,)}, set()), NOTHING, ({(2,)}, set())]
    found = data.mismatch(splits_of(train=shifted(1)))
    assert named(found) == [({(1,)}, set()), ({(1,)}, set()), NOTHING]


def test_the_most_different_feature_comes_first():
    found = data.mismatch(splits_of(test=lambda d: shifted(3, 2.0)(shifted(0)(d))))
    assert list(found.dev_test.features) == [(3,), (0,)]


def test_a_pixel_is_named_by_its_row_column_and_channel():
    rng = np.random.default_rng(0)
    train, dev, test = (normal(rng, 200, (3, 4, 2)) for _ in range(3))
    dev.inputs[:, 1, 3, 0] += 2
    found = data.mismatch(data.Splits(train, dev, test))
    assert set(found.train_dev.features) == {(1, 3, 0)}


def test_another_spread_is_named_though_the_mean_is_the_same():
    def spread(d):
        return replace(d, inputs=d.inputs * np.array([1, 3, 1, 1]))

    assert named(data.mismatch(splits_of(test=spread))) == [
        NOTHING,
        ({(1,)}, set()),
        ({(1,)}, set()),
    ]


def test_other_frequencies_of_the_classes_are_named():
    def mostly_zero(d):
        return replace(d, labels=np.where(np.arange(300) % 2, 0, d.labels))

    found = data.mismatch(splits_of(dev=mostly_zero))
    assert named(found) == [(set(), {()}), NOTHING, (set(), {()})]


@pytest.mark.parametrize(
    ("targets", "index"),
    [
        (lambda labels: labels.astype(float), ()),
        (lambda labels: np.eye(3)[labels], (0,)),
        (lambda labels: np.stack([labels, 0 * labels], 1), (0,)),
    ],
)
def test_other_targets_are_named_by_their_output(targets, index):
    def change(labels):
        return lambda d: replace(d, labels=targets(labels(d)))

    found = data.mismatch(
        splits_of(
            train=change(lambda d: d.labels),
            dev=change(lambda d: np.where(np.arange(300) % 2, 0, d.labels)),
            test=change(lambda d: d.labels),
        )
    )
    for comparison in (found.train_dev, found.dev_test):
        assert comparison.features == {} and index in comparison.labels
    assert found.train_test == ({}, {})


def test_constant_features_and_a_shared_test_set_never_differ():
    rng = np.random.default_rng(0)
    inputs = np.stack([np.full(200, 5.0), rng.normal(size=200)], 1)
    whole = data.from_arrays(inputs, np.zeros(200, int))
    found = data.mismatch(data.split(whole, "70:30", key=jax.random.key(0)))
    assert named(found) == [NOTHING] * 3 and found.advice == ()
    # Level 1 less a little: everything below p = 1 would be named.
    found = data.mismatch(data.Splits(whole, whole, whole), level=1 - 1e-12)
    assert named(found) == [NOTHING] * 3


def test_a_feature_that_is_constant_only_in_one_set_is_named():
    found = data.mismatch(
        splits_of(train=lambda d: replace(d, inputs=d.inputs * [1, 1, 0, 1]))
    )
    assert named(found)[:2] == [({(2,)}, set())] * 2


# real data


def test_shuffled_digits_are_of_one_distribution(digits):
    found = data.mismatch(digits)
    assert named(found) == [NOTHING] * 3 and found.advice == ()


def test_digits_cut_in_the_order_of_their_classes_are_not(digits):
    rows = np.argsort(digits.train.labels, kind="stable")
    parts = (digits.train[i] for i in np.split(rows, [600, 800]))
    found = data.mismatch(data.Splits(*parts))
    assert all(c.labels and c.features for c in found[:3])


def test_normalizing_changes_no_statistic(digits):
    raw = digits._replace(
        test=replace(digits.test, inputs=digits.test.inputs + (np.arange(64) == 20))
    )
    scaled = data.Splits(*(replace(d, inputs=d.inputs * 4 + 8) for d in raw[:3]))
    assert data.mismatch(raw) == data.mismatch(scaled)
    assert set(data.mismatch(raw).dev_test.features) == {(20,)}


# advice


def test_advice_starts_with_the_fault():
    found = data.mismatch(splits_of(test=shifted(1)))
    fault, note = found.advice
    assert fault.startswith("dev and test differ in the features 1: shuffle")
    assert note.startswith("train and test differ in the features 1, as they may")


def test_advice_on_a_train_set_of_its_own_is_no_fault():
    def other(d):
        return replace(d, inputs=d.inputs + 1, labels=0 * d.labels)

    found = data.mismatch(splits_of(train=other))
    assert len(found.advice) == 2
    for name, text in zip(("dev", "test"), found.advice, strict=True):
        assert f"train and {name} differ in the features " in text
        assert "and 1 more and the labels, as they may" in text


# errors


@pytest.mark.parametrize("level", [0, 1, -0.1, np.nan])
def test_a_level_outside_0_to_1_is_refused(level):
    with pytest.raises(data.DataError, match="got level=.*between 0 and 1"):
        data.mismatch(splits_of(), level=level)


def test_sets_that_cannot_be_compared_are_refused():
    with pytest.raises(data.DataError, match="expected Splits"):
        data.mismatch(normal(np.random.default_rng(0)))
    narrow = splits_of(dev=lambda d: replace(d, inputs=d.inputs[:, :3]))
    with pytest.raises(data.DataError, match="in the dev set"):
        data.mismatch(narrow)


@pytest.mark.parametrize("normal", [False, True])
def test_rounding_is_no_difference(normal):
    """0.3 in one set and 0.1 + 0.2 in another."""
    rng = np.random.default_rng(0)
    sets = [
        data.from_arrays(
            np.stack([np.full(300, value), rng.normal(size=300)], 1), np.zeros(300)
        )
        for value in (0.3, 0.1 + 0.2, 0.3)
    ]
    splits = data.Splits(*sets)
    found = data.mismatch(data.normalize(splits) if normal else splits)
    assert not found.advice


def test_features_that_differ_have_their_names_in_the_advice():
    random = np.random.default_rng(0)
    about = data.About(features=("age", "height", "weight"))
    train, dev, test = (
        data.Dataset(random.normal(size=(300, 3)), random.choice(2, 300), about=about)
        for _ in range(3)
    )
    test.inputs[:, 2] += 1
    splits = data.Splits(train, dev, test)
    found = data.mismatch(splits)
    assert list(found.dev_test.features) == [(2,)]
    assert all("in the features weight" in advice for advice in found.advice)
    unnamed = data.Splits(
        *(replace(d, about=data.About()) for d in splits.sets.values())
    )
    assert "in the features 2:" in data.mismatch(unnamed).advice[0]
