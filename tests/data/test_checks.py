"""Checks of the three sets against each other."""

from dataclasses import replace

import numpy as np
import pytest

from jaxdl import data
from tests.data.conftest import dataset, written

TREES = b"leaf,species\n1.0,ash\n2.0,beech\n3.0,oak\n1.1,ash\n2.9,oak\n2.2,beech\n"


def test_the_sets_must_fit_each_other():
    good, wider = dataset(), dataset(features=4)
    with pytest.raises(data.DataError, match=r"float64\[100, 4\] in the dev set"):
        data.check(data.Splits(good, wider, good))
    with pytest.raises(data.DataError, match="no examples in the test set"):
        data.check(
            data.Splits(good, good, data.Dataset(good.inputs[:0], good.labels[:0]))
        )
    data.check(data.Splits(good, good, good))


def test_other_types_than_splits_of_arrays_are_refused():
    with pytest.raises(data.DataError, match="got data of type tuple"):
        data.check((1, 2, 3))
    lists = data.Dataset([[1.0]], [0])
    with pytest.raises(data.DataError, match="use data.from_arrays"):
        data.check(data.Splits(lists, lists, lists))


def test_names_that_differ_between_the_sets_are_refused_by_name(tmp_path):
    """Two CSV files; the second has no example of one class."""
    train, test = (
        data.read_csv(written(tmp_path, content, f"{i}.csv"), label="species")
        for i, content in enumerate((TREES, b"leaf,species\n3.1,oak\n0.9,ash\n"))
    )
    message = "the test set .*: beech in the train set alone; .*classes=train.about"
    for use in (data.check, data.normalize, data.mismatch):
        with pytest.raises(data.DataError, match=message):
            use(data.Splits(train, train, test))
    again = data.read_csv(
        tmp_path / "1.csv", label="species", classes=train.about.classes
    )
    assert again.labels.tolist() == [2, 0]  # of ash, beech, oak
    splits = data.Splits(train, train, again)
    data.check(splits)
    assert splits.num_classes == 3 and splits.classes == ("ash", "beech", "oak")


@pytest.mark.parametrize(
    ("ours", "message"),
    [
        ({"classes": ("a", "c", "b")}, "classes .* another order of them"),
        ({"classes": ("a", "b", "d")}, "d in the dev set alone; c in the train set"),
        ({"classes": None}, "classes .* None in the dev set and .*'a', 'b', 'c'"),
        ({"features": ("x", "y", "w")}, "features .* w in the dev set alone"),
        ({"ids": (1,)}, r"ids .* \(1,\) in the dev set and \(\) in the train set"),
    ],
)  # fmt: skip
def test_sets_that_know_other_things_are_refused(ours, message):
    about = data.About(classes=("a", "b", "c"), features=("x", "y", "z"))
    train = replace(dataset(), labels=np.arange(100) % 3, about=about)
    dev = replace(train, about=about._replace(**ours))
    with pytest.raises(data.DataError, match=message):
        data.check(data.Splits(train, dev, train))
    data.check(data.Splits(train, train, train))
    data.check(data.Splits(*[replace(train, about=about._replace(in_order=x))
                             for x in (True, False, False)]))  # fmt: skip


def test_sets_of_another_scaling_are_refused():
    ours, theirs = (
        replace(
            dataset(),
            scaling=data.Scaling(inputs=data.Moments(np.zeros(3), np.full(3, scale))),
        )
        for scale in (1.0, 2.0)
    )
    data.check(data.Splits(ours, replace(ours), ours))
    for other in (theirs, dataset()):
        with pytest.raises(data.DataError, match="another scaling in the test set"):
            data.check(data.Splits(ours, ours, other))


@pytest.mark.parametrize(
    ("known", "message"),
    [
        ({"features": ("a", "b")}, r"got 2 names of features for inputs \[100, 3\]"),
        ({"ids": (3,)}, r"got ids=\(3,\) for inputs \[100, 3\]"),
        ({"ids": (-1,)}, r"got ids=\(-1,\)"),
        ({"ids": (0.5,)}, r"got ids=\(0.5,\)"),
        ({"classes": ("a", "b", "c")}, r"label 3 in row 3 .*the 3 classes, 0\.\.2"),
    ],
)  # fmt: skip
def test_what_the_arrays_cannot_be_is_refused(known, message):
    bad = replace(dataset(), about=data.About(**known))
    with pytest.raises(data.DataError, match=message):
        data.check(data.Splits(bad, bad, bad))


@pytest.mark.parametrize(
    "groups", [np.arange(99), np.zeros((100, 1), int), np.zeros(100), np.full(100, "a")]
)
def test_groups_are_integers_one_an_example(groups):
    bad = replace(dataset(), groups=groups)
    with pytest.raises(data.DataError, match=r"got groups .*expected integers \[100\]"):
        data.check(data.Splits(bad, bad, bad))


def splits_with(labels, **known):
    one = data.from_arrays(np.zeros((len(labels), 1)), labels, **known)
    return data.Splits(one, one, one)


PRICES = 200_000 + 80_000 * np.array([-1.0, 1.0] * 20)
FAR = {
    "prices": (PRICES, "mean 2e\\+05 and spread 8e\\+04"),
    "an offset": (np.array([-40.5, -39.5] * 20), "mean -40 and spread 0.5"),
    "squares beyond float32": (
        np.array([-3e30, 3e30] * 20),
        "mean 0 and spread 3e\\+30",
    ),
    "a spread": (np.array([-31.0, 31.0] * 20), "mean 0 and spread 31"),
    "one of two outputs": (np.stack([PRICES / 1e5, PRICES], 1), "mean 2e\\+05"),
}


@pytest.mark.parametrize("name", FAR)
def test_targets_far_from_unit_scale_are_a_warning(name):
    targets, message = FAR[name]
    splits = splits_with(targets)
    with pytest.warns(data.DataWarning, match=message) as found:
        data.check(splits)
    assert len(found) == 1 and found[0].filename == __file__
    assert "normalize(splits, targets=True)" in str(found[0].message)
    data.check(data.normalize(splits, targets=True))


@pytest.mark.parametrize(
    ("labels", "known"),
    [
        (np.array([-30.0, 30.0]), {}),
        (np.eye(2), {}),
        (np.array([100, 200]), {}),
        (np.array([70, 99]), {"classes": 100}),
    ],
)
def test_targets_near_unit_scale_and_classes_give_no_warning(labels, known):
    data.check(splits_with(labels, **known))


def test_whole_numbers_that_are_targets_are_far_too():
    with pytest.warns(data.DataWarning, match="mean 150 and spread 50"):
        data.check(splits_with([100, 200], classes=()))
