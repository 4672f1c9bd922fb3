"""Splits: fractions, order, classes and groups."""

import jax
import numpy as np
import pytest
from sklearn.model_selection import (
    GroupShuffleSplit,
    StratifiedShuffleSplit,
    train_test_split,
)

from jaxdl import data
from tests.data.conftest import dataset

KEY = jax.random.key(1)
CASES = [pytest.param(i, marks=pytest.mark.heavy if i > 19 else ()) for i in range(100)]


def numbered(labels, **known):
    """Examples whose only feature is their number."""
    return data.from_arrays(np.arange(len(labels))[:, None] * 1.0, labels, **known)


def rows(splits):
    return [d.inputs[:, 0].astype(int) for d in splits.sets.values()]


def counts(labels, classes):
    return np.bincount(labels, minlength=classes)


# fractions


@pytest.mark.parametrize("m", [5, 99, 100, 101, 1797])
@pytest.mark.parametrize("fractions", [(0.6, 0.2, 0.2), (0.34, 0.33, 0.33)])
def test_a_split_has_every_example_once(m, fractions):
    whole = data.Dataset(np.arange(m)[:, None] * 1.0, np.arange(m))
    splits = data.split(whole, fractions, key=jax.random.key(1))
    parts = [d.labels for d in splits.sets.values()]
    np.testing.assert_array_equal(np.sort(np.concatenate(parts)), np.arange(m))
    sizes = np.array([len(p) for p in parts])
    assert np.abs(sizes - m * np.array(fractions)).max() <= 1
    for d in splits.sets.values():
        np.testing.assert_array_equal(d.inputs[:, 0], d.labels)


@pytest.mark.parametrize(
    ("fractions", "sizes"),
    [
        ("60:20:20", (600, 200, 200)),
        ("98:1:1", (980, 10, 10)),
        ("99.5:0.4:0.1", (995, 4, 1)),
        ((0.5, 0.3, 0.2), (500, 300, 200)),
    ],
)
def test_fractions_are_numbers_or_percentages_in_a_text(fractions, sizes):
    splits = data.split(numbered(np.zeros(1000)), fractions, key=KEY)
    assert tuple(len(part) for part in rows(splits)) == sizes
    assert len(set(np.concatenate(rows(splits)))) == 1000


@pytest.mark.parametrize("fractions", ["70:30", (0.7, 0.3)])
@pytest.mark.parametrize("rule", [{}, {"stratify": True}, {"groups": np.arange(100)}])
def test_with_two_fractions_the_test_set_is_also_the_dev_set(fractions, rule):
    splits = data.split(numbered(np.arange(100) % 2), fractions, key=KEY, **rule)
    train, dev, test = rows(splits)
    assert len(train) == 70
    np.testing.assert_array_equal(dev, test)
    np.testing.assert_array_equal(np.sort([*train, *test]), np.arange(100))


def test_a_plain_split_is_one_shuffle_cut_in_three():
    order = np.asarray(jax.random.permutation(KEY, 97))
    expected = order[:58], order[58:78], order[78:]  # 58.2 and 77.6 rounded
    for fractions in ((0.6, 0.2, 0.2), "60:20:20"):
        splits = data.split(numbered(np.zeros(97)), fractions, key=KEY)
        for ours, theirs in zip(rows(splits), expected, strict=True):
            np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize(
    "rule", [{}, {"stratify": True}, {"groups": np.arange(100) // 2}]
)
def test_a_split_is_shuffled_by_its_key(rule):
    whole = dataset()
    labels = [
        data.split(whole, key=jax.random.key(s), **rule).train.inputs for s in (0, 0, 1)
    ]
    np.testing.assert_array_equal(labels[0], labels[1])
    assert (labels[0] != labels[2]).any()
    assert (labels[0] != whole.inputs[:60]).any()


@pytest.mark.parametrize(
    "fractions",
    [
        (0.5, 0.6),
        (0.8, 0.3, -0.1),
        (1.0, 0.0, 0.0),
        (0.5, 0.2, 0.2),
        (0.25, 0.25, 0.25, 0.25),
        (1.0,),
        (),
        (np.nan, 0.5, 0.5),
        ((0.6, 0.2), (0.1, 0.1)),
        ((0.6, 0.2), 0.2),
        None,
        "60:20:30",
        "0.6:0.2:0.2",
        "60:20:rest",
        "",
    ],
)
def test_invalid_fractions_are_refused(fractions):
    with pytest.raises(data.DataError, match="got fractions.*add up to 1"):
        data.split(dataset(), fractions, key=KEY)


def test_a_split_with_an_empty_set_is_refused():
    with pytest.raises(data.DataError, match="leaves the dev set empty"):
        data.split(dataset(20), (0.98, 0.01, 0.01), key=jax.random.key(0))
    with pytest.raises(data.DataError, match="leaves the test set empty"):
        data.split(dataset(20), "98:2", key=KEY)


def test_data_that_cannot_be_trained_on_is_not_split():
    with pytest.raises(data.DataError, match="got 3 inputs and 2 labels"):
        data.split(data.Dataset(np.ones((3, 1)), np.ones(2)), key=KEY)


# classes


def test_a_warning_names_a_class_that_a_set_lacks():
    labels = np.array([0] * 50 + [1] * 50 + [2])
    whole = numbered(labels, classes=["ash", "beech", "elm", "oak"])
    with pytest.warns(data.DataWarning, match=r"set \(elm\).*stratify=True") as warned:
        splits = data.split(whole, key=KEY)
    expected = {
        f"1 of 3 classes in the {name} set"
        for name, d in splits.sets.items()
        if 2 not in d.labels
    }
    assert len(warned) == len(expected) == 2
    for text in expected:
        assert any(text in str(w.message) for w in warned)
    assert {w.filename for w in warned} == {__file__}


def test_a_warning_names_at_most_five_classes():
    labels = np.concatenate([np.arange(20), np.full(10, 20)])
    with pytest.warns(data.DataWarning, match=r"set \((\d+, ){5}\.\.\.\)"):
        data.split(numbered(labels, classes=21), key=KEY)


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        (np.repeat([0.5, 1.5, 2.5], [50, 49, 1]), None),  # targets
        (np.eye(100)[:, :3], None),
        (np.repeat([7, 8, 25], [50, 49, 1]), None),  # rings of a shell, perhaps
        (np.repeat([-20, 8, 25], [50, 49, 1]), ()),  # degrees
        (np.repeat([0, 1, 2], [34, 33, 33]), 3),
        (np.repeat([0, 1, 2], [34, 33, 33]), 4),  # no example of class 3 at all
    ],
)
def test_no_warning_for_targets_or_if_each_set_has_every_class(labels, classes):
    data.split(numbered(labels, classes=classes), key=KEY)


@pytest.mark.parametrize("case", CASES)
def test_each_class_is_divided_by_the_fractions_to_within_one(case):
    rng = np.random.default_rng(case)
    classes = rng.integers(1, 30)
    # At least ten of each, and a tenth to each set: no class forces another size.
    class_of = rng.choice(classes, rng.choice([300, 517]) - 10 * classes)
    labels = rng.permutation(np.concatenate([class_of, np.repeat(range(classes), 10)]))
    shares = 0.1 + rng.dirichlet([1, 1, 1]) * 0.7
    if case % 3 == 0:
        shares = np.array([shares[0], 1 - shares[0]])
    splits = data.split(
        numbered(labels), tuple(shares), key=jax.random.key(case), stratify=True
    )
    parts = rows(splits)[: len(shares) - 1] + rows(splits)[-1:]
    np.testing.assert_array_equal(np.sort(np.concatenate(parts)), range(len(labels)))
    for part, share in zip(parts, shares, strict=True):
        ours = counts(labels[part], classes)
        assert np.abs(ours - share * counts(labels, classes)).max() <= 1
        assert np.abs(len(part) - share * len(labels)) <= 1
        assert ours.min() >= 1


def test_classes_are_counted_as_by_scikit_learn():
    labels = np.repeat(range(4), [10, 20, 70, 300])
    ours = data.split(numbered(labels), "70:30", key=KEY, stratify=True)
    theirs = train_test_split(labels, test_size=0.3, stratify=labels, random_state=0)
    for d, expected in zip((ours.train, ours.test), theirs, strict=True):
        np.testing.assert_array_equal(counts(d.labels, 4), counts(expected, 4))
    # Where the fractions do not come out even, both round, each in its own way.
    labels = np.repeat(range(4), [11, 23, 77, 301])
    ours = data.split(numbered(labels), "70:30", key=KEY, stratify=True)
    splitter = StratifiedShuffleSplit(1, test_size=len(ours.test.labels))
    (train, _), *_ = splitter.split(labels, labels)
    theirs = counts(labels[train], 4)
    assert np.abs(counts(ours.train.labels, 4) - theirs).max() <= 1
    assert len(train) == len(ours.train.labels) == 288  # 288.4


def test_a_small_class_is_in_every_set_or_an_error_names_it():
    labels = np.repeat([0, 3], [100, 3])  # shares 1.8, 0.6, 0.6
    splits = data.split(numbered(labels), key=KEY, stratify=True)
    assert [np.sum(d.labels == 3) for d in splits.sets.values()] == [1, 1, 1]
    for few in (1, 2):
        labels = np.repeat([0, 3], [100, few])
        with pytest.raises(data.DataError, match=f"got {few} examples of class 3, too"):
            data.split(numbered(labels), key=KEY, stratify=True)
    labels = np.repeat([0, 5, 9], [1000, 60, 40])  # 40: 39.2, 0.4, 0.4
    with pytest.raises(data.DataError, match="got 40 examples of class 9"):
        data.split(numbered(labels), "98:1:1", key=KEY, stratify=True)


def test_every_example_of_a_class_is_as_likely_in_each_set():
    labels = np.repeat([0, 1], [10, 20])
    times = np.zeros((3, 30))
    for seed in range(200):
        splits = data.split(numbered(labels), key=jax.random.key(seed), stratify=True)
        for i, part in enumerate(rows(splits)):
            times[i, part] += 1
    # Five standard deviations of the share of 200.
    deviation = np.sqrt(0.6 * 0.4 / 200)
    np.testing.assert_allclose(times[0] / 200, 0.6, atol=5 * deviation)
    np.testing.assert_allclose(times[1:] / 200, 0.2, atol=5 * deviation)


@pytest.mark.parametrize("rule", [{"stratify": True}, {"groups": np.arange(400) // 4}])
def test_a_set_is_in_random_order(rule):
    splits = data.split(numbered(np.arange(400) // 200), key=KEY, **rule)
    for part in rows(splits):
        correlation = np.corrcoef(part, np.arange(len(part)))[0, 1]
        assert abs(correlation) < 4 / np.sqrt(len(part))


@pytest.mark.parametrize(
    "labels", [np.arange(100) * 0.5, np.eye(4)[np.arange(100) % 4]]
)
def test_only_integer_labels_are_stratified(labels):
    with pytest.raises(data.DataError, match="got labels float.*integers.*stratify"):
        data.split(numbered(labels), key=KEY, stratify=True)


# groups


@pytest.mark.parametrize("case", CASES)
def test_a_group_is_never_in_two_sets(case):
    rng = np.random.default_rng(case)
    num_groups = rng.choice([3, 4, 10, 50])
    weights = rng.dirichlet([0.5] * num_groups)
    groups = np.concatenate(
        [np.arange(num_groups), rng.choice(num_groups, 350, p=weights)]
    )
    groups = rng.permutation(groups)
    shares = np.array(
        [(0.6, 0.2, 0.2), (0.98, 0.01, 0.01), (1 / 3, 1 / 3, 1 / 3)][case % 3]
    )
    ids = groups if case % 2 else np.char.add("person ", groups.astype(str))
    splits = data.split(
        numbered(np.zeros(len(groups))),
        tuple(shares),
        key=jax.random.key(case),
        groups=ids,
    )
    parts = rows(splits)
    np.testing.assert_array_equal(np.sort(np.concatenate(parts)), range(len(groups)))
    members = [set(groups[part]) for part in parts]
    assert sum(len(m) for m in members) == num_groups == len(set.union(*members))
    sizes = np.array([len(part) for part in parts])
    assert sizes.min() > 0
    assert (sizes < shares * len(groups) + np.bincount(groups).max()).all()


def test_equal_groups_are_divided_as_by_scikit_learn():
    groups = np.repeat(np.arange(50), 4)
    ours = data.split(numbered(np.zeros(200)), "70:30", key=KEY, groups=groups)
    splitter = GroupShuffleSplit(1, test_size=0.3, random_state=0)
    for part, theirs in zip(
        (ours.train, ours.test),
        next(splitter.split(groups, groups=groups)),
        strict=True,
    ):
        mine = groups[part.inputs[:, 0].astype(int)]
        assert len(set(mine)) == len(set(groups[theirs]))
        assert len(mine) == len(theirs)


def test_many_small_groups_come_close_to_the_fractions():
    groups = np.random.default_rng(0).integers(0, 200, 1000)  # five each, on average
    splits = data.split(numbered(np.zeros(1000)), key=KEY, groups=groups)
    sizes = [len(part) for part in rows(splits)]
    np.testing.assert_allclose(sizes, [600, 200, 200], atol=8)


def test_every_group_is_as_likely_in_each_set():
    times = np.zeros((3, 20))
    groups = np.arange(20).repeat(2)
    for seed in range(200):
        splits = data.split(
            numbered(np.zeros(40)), key=jax.random.key(seed), groups=groups
        )
        for i, part in enumerate(rows(splits)):
            times[i, list(set(groups[part]))] += 1
    deviation = np.sqrt(0.6 * 0.4 / 200)
    np.testing.assert_allclose(times[0] / 200, 0.6, atol=5 * deviation)
    np.testing.assert_allclose(times[1:] / 200, 0.2, atol=5 * deviation)


def test_the_last_groups_go_to_sets_that_would_be_empty():
    groups = np.arange(5).repeat(10)
    splits = data.split(numbered(np.zeros(50)), "98:1:1", key=KEY, groups=groups)
    assert [len(part) for part in rows(splits)] == [30, 10, 10]


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        (np.arange(99), r"got groups int64\[99\]; expected integers or texts \[100\]"),
        (np.ones((100, 2), int), r"got groups int64\[100, 2\]"),
        (np.arange(100) / 2, r"got groups float64\[100\].*makes texts"),
        (np.array(["a", None] * 50, object), r"got groups object\[100\]"),
        (3, r"got groups int64\[\]"),
        (np.arange(100) % 2, "got 2 groups; expected at least 3"),
    ],
)
def test_invalid_groups_are_refused(groups, message):
    with pytest.raises(data.DataError, match=message):
        data.split(dataset(), key=KEY, groups=groups)


def test_groups_are_not_stratified():
    with pytest.raises(data.DataError, match="got both stratify and groups"):
        data.split(dataset(), key=KEY, stratify=True, groups=np.arange(100))


def test_groups_stay_known_in_each_set():
    groups = np.arange(100) // 5
    given = data.split(numbered(np.zeros(100)), key=KEY, groups=groups)
    known = data.split(numbered(np.zeros(100), groups=groups), key=KEY)
    for splits in (given, known):
        for part, d in zip(rows(splits), splits.sets.values(), strict=True):
            np.testing.assert_array_equal(d.groups, groups[part])
    np.testing.assert_array_equal(rows(given)[0], rows(known)[0])
    with pytest.raises(data.DataError, match="got groups for data that have groups"):
        data.split(given.train, key=KEY, groups=groups[:60])
    with pytest.raises(data.DataError, match="got both stratify and groups"):
        data.split(given.train, key=KEY, stratify=True)


# order


@pytest.mark.parametrize(
    ("fractions", "ends"), [("60:20:20", (60, 80)), ((0.34, 0.33, 0.33), (34, 67))]
)
def test_without_a_key_the_examples_keep_their_order(fractions, ends):
    whole = numbered(np.arange(100) % 4, classes=4)
    splits = data.split(whole, fractions, key=None)
    for ours, theirs in zip(rows(splits), np.split(np.arange(100), ends), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert all(d.about.in_order for d in splits.sets.values())
    assert all(d.about.classes == whole.about.classes for d in splits.sets.values())
    assert not whole.about.in_order
    assert not data.split(whole, fractions, key=KEY).train.about.in_order


def test_in_order_the_test_set_of_two_is_the_last():
    train, dev, test = rows(data.split(numbered(np.zeros(5)), "60:40", key=None))
    assert train.tolist() == [0, 1, 2] and dev.tolist() == test.tolist() == [3, 4]


def test_a_class_that_ends_early_is_a_warning():
    whole = numbered(np.repeat([0, 1], [50, 50]), classes=["old", "new"])
    with pytest.warns(data.DataWarning, match=r"\(old\).*every set: use more data"):
        data.split(whole, key=None)


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ({"stratify": True}, "key=None with stratify; expected a key"),
        ({"groups": np.arange(100)}, "key=None with groups; expected a key"),
    ],
)
def test_order_is_not_kept_with_classes_or_groups(rule, message):
    with pytest.raises(data.DataError, match=message):
        data.split(numbered(np.arange(100) % 4), key=None, **rule)


def test_data_that_follow_time_are_not_shuffled_later():
    splits = data.split(numbered(np.zeros(100)), key=None)
    again = data.split(splits.train, key=None)
    np.testing.assert_array_equal(rows(again)[2], np.arange(48, 60))
    with pytest.raises(data.DataError, match="got a key for data that follow time"):
        data.split(splits.train, key=KEY)
