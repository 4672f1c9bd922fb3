"""What the members of a fold know: its own facts, rows and normalization."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.model_selection import (
    GroupKFold,
    RepeatedKFold,
    StratifiedKFold,
    TimeSeriesSplit,
)
from sklearn.preprocessing import StandardScaler

import jaxdl as dl
from jaxdl import nn, optim, runs
from jaxdl.data import DataError, DataWarning
from jaxdl.spaces import SpaceError
from jaxdl.sweeps.reading import read_result
from tests.sweeps.kept import KEY, assert_same_member
from tests.train.test_facts import summing

SPACE = {"rate": dl.Uniform(0.5, 1.0)}
EPOCHS, BATCH = 3, 5
TIMES = TimeSeriesSplit(2)  # of 80: 28 and 54, each tested on the next 26


def cosine(hp, facts):
    return optim.cosine(hp["rate"], facts.epochs * facts.steps_per_epoch(BATCH))


def sweep(recipe, data, **settings):
    defaults = {"key": KEY, "members": 2, "epochs": EPOCHS, "progress": False}
    return dl.sweep(recipe, SPACE, data, **defaults | settings)


def ramp(steps):
    """The sum of a cosine's rates over all its steps, from 1 to 0."""
    return 0.5 * (1 + np.cos(np.pi * np.arange(steps) / steps)).sum()


def ends(result, sizes):
    """Asserts that the schedules of all members end with their fold."""
    for i, m in enumerate(np.tile(sizes, 2)):
        member = result.member(i)
        assert member.facts.num_examples == m
        steps = EPOCHS * -(-m // BATCH)
        rate = member.hparams["rate"]
        found = -member.params["kernel"][0, 0]
        assert found == pytest.approx(rate * ramp(steps), rel=1e-4)


@pytest.fixture(scope="module")
def flowers():
    """60 train, 20 dev and 20 test examples of 4 features in 3 classes."""
    rng = np.random.default_rng(0)
    labels = rng.permutation(np.arange(100) % 3)
    inputs = np.eye(3, 4)[labels] + rng.normal(size=(100, 4))
    examples = dl.data.from_arrays(inputs.astype(np.float32), labels, classes=3)
    return dl.data.normalize(dl.data.split(examples, key=KEY))


def has_rows_of(result, splitter, data):
    """Asserts that members know the folds that a splitter of scikit-learn gives."""
    pooled = dl.data.pool(data)
    for v, (train, dev) in enumerate(splitter.split(pooled.inputs, pooled.labels)):
        own, *_ = dl.sweeps.variant(data, KEY, fold=v, folds=splitter)
        np.testing.assert_array_equal(own.train.labels, pooled.labels[np.sort(train)])
        np.testing.assert_array_equal(own.dev.labels, pooled.labels[np.sort(dev)])
        facts = result.member(v).facts
        assert facts.num_examples == len(train)
        assert facts.class_counts.tolist() == [
            int((own.train.labels == c).sum()) for c in range(3)
        ]


def test_a_schedule_over_all_epochs_ends_with_each_fold(flowers):
    ends(sweep(summing(cosine), flowers, folds=2), [40, 40])


@pytest.mark.heavy
@pytest.mark.parametrize(
    ("splitter", "sizes"),
    [
        (StratifiedKFold(2), [40] * 2),
        (RepeatedKFold(n_splits=2, n_repeats=2, random_state=0), [40] * 4),
        (TIMES, [28, 54]),
    ],
)
def test_a_schedule_ends_with_each_fold_of_a_splitter(
    splitter, sizes, flowers, compilations
):
    """Also of parts that differ in size, of which each is a program."""
    result = sweep(summing(cosine), flowers, folds=splitter)
    assert compilations == [len({*sizes})]
    ends(result, sizes)
    has_rows_of(result, splitter, flowers)


def test_groups_that_split_made_stay_together_in_folds():
    patients = np.repeat(np.arange(20), 5)
    rng = np.random.default_rng(0)
    inputs = np.stack([patients, rng.normal(size=100)], axis=1).astype(np.float32)
    data = dl.data.split(
        dl.data.from_arrays(inputs, patients % 2, classes=2), key=KEY, groups=patients
    )
    for folds in (5, GroupKFold(3)):
        for fold in range(5 if folds == 5 else 3):
            own, *_ = dl.sweeps.variant(data, KEY, fold=fold, folds=folds)
            train, dev = ({*d.inputs[:, 0].tolist()} for d in (own.train, own.dev))
            assert dev and not train & dev


def by_a_factor(factor):
    """Returns a recipe whose weights become minus so many times the rate, each step."""

    def recipe(hp):
        return summing(lambda hp, _: lambda step: factor * hp["rate"])(hp, None)

    return recipe


def weighted(hp, facts):
    """A recipe with class weights of its own fold."""
    weights = facts.num_examples / (facts.num_classes * facts.class_counts)
    loss = nn.class_weighted(nn.softmax_cross_entropy, weights)
    optimizer = optim.gradient_descent(hp["rate"])
    return dl.Recipe(nn.dense(3), optimizer, loss, batch_size=BATCH)


@pytest.mark.heavy
def test_class_weights_are_those_of_the_fold(flowers):
    result = sweep(weighted, flowers, folds=2)
    for fold in range(2):
        data, key, _ = dl.sweeps.variant(flowers, KEY, fold=fold, folds=2)
        expected = dl.data.class_weights(data.train.labels)

        def given(hp, weights=expected):
            loss = nn.class_weighted(nn.softmax_cross_entropy, weights)
            return dl.Recipe(
                nn.dense(3), optim.gradient_descent(hp["rate"]), loss, batch_size=BATCH
            )

        alone = dl.fit(given, result.member(fold).hparams, data, key=key,
                       epochs=EPOCHS, progress=False)  # fmt: skip
        for name, curve in result.member(fold).metrics.items():
            np.testing.assert_allclose(curve, alone.metrics[name], rtol=1e-3)


@pytest.mark.parametrize(
    "take",
    [
        lambda data: data.steps_per_epoch(BATCH),
        lambda data: len(data.train),
        lambda data: dl.data.class_weights(data.train.labels),
    ],
)
def test_what_a_recipe_must_not_take_from_the_whole_data_is_refused(take, flowers):
    def recipe(hp):
        take(flowers)
        return by_a_factor(1.0)(hp)

    sweep(recipe, flowers, epochs=1)
    with pytest.raises(DataError, match=r"recipe\(hp, facts\)"):
        sweep(recipe, flowers, folds=2)


def test_folds_are_normalized_by_their_own_train_set(flowers):
    """Against scikit-learn's scaling of raw features, and a fit by itself."""
    pooled = dl.data.pool(flowers)
    raw = pooled.inputs * flowers.moments.scale + flowers.moments.mean
    rows = dl.data.fold_rows(pooled, 2, key=KEY)
    result = sweep(weighted, flowers, folds=rows)
    for fold, (train, dev) in enumerate(rows):
        scaler = StandardScaler().fit(raw[train])
        sets = [
            dl.data.from_arrays(scaler.transform(raw[r]), pooled.labels[r], classes=3)
            for r in (train, dev)
        ]
        member = result.member(fold)
        alone = dl.fit(weighted, member.hparams, dl.data.Splits(*sets, sets[1]),
                       key=KEY, epochs=EPOCHS, progress=False)  # fmt: skip
        np.testing.assert_allclose(
            member.metrics["dev_loss"], alone.metrics["dev_loss"], rtol=1e-3
        )
        np.testing.assert_allclose(
            member.predict(flowers.test.inputs),
            alone.predict(
                scaler.transform(
                    flowers.test.inputs * flowers.moments.scale + flowers.moments.mean
                )
            ),
            atol=1e-3,
        )


@pytest.fixture(scope="module")
def kept(flowers, tmp_path_factory):
    """A run with facts, unequal folds and early stopping, and its result."""
    folder = tmp_path_factory.mktemp("facts") / "run"
    settings = {"folds": TIMES, "run_dir": folder, "patience": 2}
    return folder, sweep(weighted, flowers, **settings)


def test_a_splitter_of_scikit_learn_gives_the_folds(kept, flowers):
    """Also parts that differ in size."""
    _, result = kept
    assert [result.member(v).facts.num_examples for v in range(4)] == [28, 54] * 2
    has_rows_of(result, TIMES, flowers)


def test_a_run_gives_its_facts_back(kept, flowers):
    folder, result = kept
    read = read_result(folder, weighted)
    for i in range(4):
        ours, again = result.member(i), read.member(i)
        assert_same_member(ours, again)
        assert ours.facts == again.facts
        np.testing.assert_array_equal(ours.facts.class_counts, again.facts.class_counts)
        inputs = flowers.test.inputs
        np.testing.assert_array_equal(ours.predict(inputs), again.predict(inputs))
        one = dl.load_member(folder, weighted, i)
        np.testing.assert_array_equal(ours.predict(inputs), one.predict(inputs))


def test_a_member_of_a_fold_is_replayed_from_the_folder_alone(kept, flowers):
    folder, result = kept
    again = dl.replay(folder, weighted, flowers, 3, progress=False)
    assert_same_member(result.member(3), again)
    assert again.facts.num_examples == result.member(3).facts.num_examples == 54


def test_the_same_call_resumes_and_other_folds_do_not(kept, flowers):
    folder, result = kept
    settings = {"run_dir": folder, "patience": 2}
    again = sweep(weighted, flowers, folds=TIMES, **settings)
    assert_same_member(result.member(3), again.member(3))
    pooled = dl.data.pool(flowers)
    pairs = list(TIMES.split(pooled.inputs))
    pairs[1] = (pairs[1][0][:-1], pairs[1][1])
    with pytest.raises(runs.RunMismatchError, match="rows"):
        sweep(weighted, flowers, folds=pairs, **settings)


def test_the_first_data_of_a_run_are_its_first_folds(kept, flowers):
    folder, result = kept
    read = read_result(folder, weighted)
    for found in (result, read):
        first = found.first_data(flowers)
        assert len(first.train) == 28
        error = found.member(0).evaluate(first.dev)["error"]
        kept_epoch = found.member(0).kept_epoch
        assert error == pytest.approx(found.member(0).metrics["dev_error"][kept_epoch])


def test_more_epochs_are_refused_to_a_recipe_that_reads_how_many(flowers, tmp_path):
    settings = {"run_dir": tmp_path, "extend": True, "folds": 2}
    sweep(summing(cosine), flowers, **settings)
    assert len(sweep(summing(cosine), flowers, members=3, **settings).status) == 6
    with pytest.raises(runs.RunMismatchError, match=r"reads\s+facts.epochs"):
        sweep(summing(cosine), flowers, members=3, epochs=4, **settings)


def test_more_epochs_are_given_to_one_that_does_not(flowers, tmp_path):
    settings = {"run_dir": tmp_path, "extend": True, "folds": 2}
    sweep(weighted, flowers, **settings)
    extended = sweep(weighted, flowers, epochs=4, **settings)
    whole = sweep(weighted, flowers, folds=2, epochs=4)
    assert_same_member(extended.member(1), whole.member(1))


def test_a_search_does_not_change_the_epochs_of_the_facts(flowers):
    result = sweep(summing(cosine), flowers, search=dl.halving(2), members=4, folds=2)
    best = np.flatnonzero(result.kept_epoch == EPOCHS - 1)[0]
    member = result.member(best)
    expected = member.hparams["rate"] * ramp(EPOCHS * 8)  # 40 examples
    assert -member.params["kernel"][0, 0] == pytest.approx(expected, rel=1e-4)


# labels and targets


def whole_numbers(classes):
    inputs = np.linspace(-1, 1, 60, dtype=np.float32)[:, None]
    labels = np.arange(60) % 7
    one = dl.data.from_arrays(inputs, labels, classes=classes)
    return dl.data.Splits(one[:40], one[40:50], one[50:])


def regression(loss):
    def recipe(hp):
        optimizer = optim.gradient_descent(0.2 * hp["rate"])
        return dl.Recipe(nn.dense(1), optimizer, loss, batch_size=BATCH)

    return recipe


def own(outputs, labels):
    return nn.squared_error(outputs, labels)


def test_a_known_loss_says_what_whole_numbers_are():
    result = sweep(regression(nn.squared_error), whole_numbers(None), folds=2)
    assert np.isfinite(result.metrics["dev_error"]).all()


def test_folds_of_whole_numbers_ask_what_these_are():
    with pytest.raises(
        DataError, match=r"classes or targets.*classes=\(\) for targets"
    ):
        sweep(regression(own), whole_numbers(None), folds=2)
    result = sweep(regression(own), whole_numbers(()), folds=2)
    assert np.isfinite(result.metrics["dev_error"]).all()


def test_scaled_targets_are_scaled_by_each_fold():
    rng = np.random.default_rng(1)
    inputs = rng.normal(size=(80, 2)).astype(np.float32)
    targets = (2e5 + 8e4 * inputs[:, 0]).astype(np.float32)
    one = dl.data.from_arrays(inputs, targets)
    data = dl.data.normalize(
        dl.data.Splits(one[:40], one[40:60], one[60:]), targets=True
    )
    result = sweep(regression(nn.squared_error), data, folds=2, epochs=20)
    for fold in range(2):
        own, *_ = dl.sweeps.variant(data, KEY, fold=fold, folds=2)
        found = result.member(fold).scaling.labels
        np.testing.assert_allclose(found.mean, own.train.labels.mean(), rtol=1e-6)
        np.testing.assert_allclose(found.scale, own.train.labels.std(), rtol=1e-6)
        member = result.member(fold)
        distance = member.predict(own.dev.inputs)[:, 0] - own.dev.labels
        mse = np.mean(distance**2)
        assert mse == pytest.approx(member.metrics["dev_error"][-1], rel=1e-3)
    assert result.final()["dev_error"].min() < 0.01 * targets.var()


# a recipe is traced at every call


def factor_of(member):
    """Returns the factor that a member of 12 steps has trained by."""
    return -member.params["kernel"][0, 0] / (12 * member.hparams["rate"])


def test_what_a_recipe_reads_is_what_trains(flowers):
    """In a notebook: the same function after a global has changed."""
    factor = 1.0

    def recipe(hp):
        return by_a_factor(factor)(hp)

    def factors():
        swept = sweep(recipe, flowers, epochs=1).member(0)
        fitted = dl.fit(recipe, {"rate": 0.5}, flowers, key=0, epochs=1, progress=False)
        return factor_of(swept), factor_of(fitted)

    assert factors() == pytest.approx((1, 1))
    factor = 3.0
    assert factors() == pytest.approx((3, 3))


def test_equal_recipes_of_other_numbers_train_by_their_own(flowers):
    """Two callable objects that are equal, as 1 and 1.0 are."""

    class Factor:
        def __init__(self, factor):
            self.factor = factor

        def __eq__(self, other):
            return isinstance(other, Factor)

        def __hash__(self):
            return 1

        def __call__(self, hp):
            return by_a_factor(self.factor)(hp)

    for factor in (1.0, 3.0):
        member = sweep(Factor(factor), flowers, epochs=1).member(0)
        assert factor_of(member) == pytest.approx(factor)


# folds that are given, and names that differ


def pairs_of(*rows):
    return [tuple(np.arange(*r) for r in pair) for pair in rows]


def test_rows_of_every_fold_are_in_a_runs_data(kept, flowers):
    """Also those that the first fold leaves out, from 54 on."""
    folder, _ = kept
    labels = flowers.dev.labels.copy()  # rows 60 to 79 of the pool
    labels[:2] = labels[1::-1]
    assert (labels != flowers.dev.labels).any()
    changed = flowers._replace(dev=replace(flowers.dev, labels=labels))
    settings = {"folds": TIMES, "run_dir": folder, "patience": 2}
    with pytest.raises(runs.RunMismatchError, match="data"):
        sweep(weighted, changed, **settings)


def by_count(hp, facts):
    optimizer, loss = optim.gradient_descent(hp["rate"]), nn.softmax_cross_entropy
    return dl.Recipe(nn.dense(facts.num_classes), optimizer, loss, batch_size=BATCH)


def unnamed(flowers):
    """The flowers without names of their classes, 3 of them in the last rows alone."""
    labels = np.append(np.arange(70) % 3, np.full(10, 3))
    inputs = np.concatenate([flowers.train.inputs, flowers.dev.inputs])
    one = dl.data.from_arrays(inputs, labels)
    return dl.data.Splits(one[:60], one[60:], one[:20])


LACKING = [
    (np.arange(30), np.arange(30, 40)),
    (np.append(np.arange(29), 75), np.arange(65, 75)),
]


@pytest.fixture(scope="module")
def lacking(flowers, tmp_path_factory):
    """A run whose first fold lacks the highest class, its result and its data."""
    folder, data = tmp_path_factory.mktemp("facts") / "lacking", unnamed(flowers)
    with pytest.warns(DataWarning, match="no train examples of 3 in fold 0"):
        result = sweep(by_count, data, folds=LACKING, run_dir=folder)
    return folder, result, data


def test_a_fold_without_the_highest_class_counts_it(lacking):
    folder, result, data = lacking
    for found in (result, read_result(folder, by_count)):
        assert [found.member(v).facts.num_classes for v in (0, 1)] == [4, 4]
    with pytest.raises(DataError, match="leave out the highest classes"):
        dl.sweeps.variant(data, KEY, folds=LACKING)


@pytest.mark.heavy
def test_a_member_of_such_a_fold_is_replayed(lacking):
    folder, result, data = lacking
    for i in (0, 1):
        again = dl.replay(folder, by_count, data, i, progress=False)
        assert_same_member(result.member(i), again)


def test_labels_of_every_fold_are_checked(flowers):
    labels = flowers.dev.labels.copy()
    labels[-1] = 7
    one = dl.data.from_arrays(flowers.dev.inputs, labels)
    data = flowers._replace(
        train=replace(flowers.train, about=one.about), dev=one,
        test=replace(flowers.test, about=one.about),
    )  # fmt: skip
    pairs = pairs_of(((0, 20), (20, 30)), ((50, 70), (70, 80)))

    def three(hp):
        optimizer, loss = optim.adam(hp["rate"]), nn.softmax_cross_entropy
        return dl.Recipe(nn.dense(3), optimizer, loss, batch_size=BATCH)

    with pytest.raises(DataError, match="got label 7 in row"):
        sweep(three, data, folds=pairs)


def test_folds_of_too_many_sizes_are_too_many_programs(flowers):
    pairs = [(np.arange(5, 5 + n), np.arange(5)) for n in range(1, 66)]
    with pytest.raises(SpaceError, match="folds of 65 different sizes"):
        sweep(weighted, flowers, folds=pairs)


def test_names_that_differ_from_the_trainings_are_refused(tmp_path):
    """Of a table that is read later, in which a class or the order is another."""
    rng = np.random.default_rng(0)
    names = ("leaf", "bark", "root", "seed")

    def table(kinds, features=names, m=20):
        species = rng.choice(kinds, m)
        inputs = np.stack([[len(s), *map(ord, s)] for s in species])
        inputs = inputs.astype(np.float32)
        return dl.data.from_arrays(inputs, species, features=features)

    kinds = ["ash", "fir", "oak"]
    whole, recipe = table(kinds), by_a_factor(1.0)
    data = dl.data.Splits(table(kinds, m=60), whole, whole)
    result = sweep(recipe, data, run_dir=tmp_path / "run")
    fitted = dl.fit(recipe, {"rate": 0.1}, data, key=0, epochs=1, progress=False)
    read = dl.load_member(tmp_path / "run", recipe, 0)
    for member in (result.member(0), fitted, read):
        assert member.about == whole.about
        for later, message in (
            (table(["fir", "oak"]), "ash in the train set alone"),
            (table(kinds, names[::-1]), "another order"),
        ):
            with pytest.raises(DataError, match=message):
                member.evaluate(later)
            with pytest.raises(DataError, match=message):
                member.confusion_matrix(later)
        member.evaluate(dl.data.from_arrays(whole.inputs, whole.labels))  # no names
        with pytest.raises(DataError, match="got tuple; expected a Dataset"):
            member.evaluate((whole.inputs, whole.labels))
