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


def test_a_schedule_over_all_epochs_ends_with_each_fold(flowers):
    ends(sweep(summing(cosine), flowers, folds=2), [40, 40])


@pytest.mark.parametrize(
    ("splitter", "sizes"),
    [
        (StratifiedKFold(2), [40] * 2),
        (RepeatedKFold(n_splits=2, n_repeats=2, random_state=0), [40] * 4),
        (TimeSeriesSplit(2), [28, 54]),  # of 80, each tested on the next 26
    ],
)
def test_a_splitter_of_scikit_learn_gives_the_folds(splitter, sizes, flowers):
    """Also parts that differ in size."""
    result = sweep(summing(cosine), flowers, folds=splitter)
    ends(result, sizes)
    pooled = dl.data.pool(flowers)
    for v, (train, dev) in enumerate(splitter.split(pooled.inputs, pooled.labels)):
        data, *_ = dl.sweeps.variant(flowers, KEY, fold=v, folds=splitter)
        np.testing.assert_array_equal(data.train.labels, pooled.labels[np.sort(train)])
        np.testing.assert_array_equal(data.dev.labels, pooled.labels[np.sort(dev)])
        assert result.member(v).facts.class_counts.tolist() == [
            int((data.train.labels == c).sum()) for c in range(3)
        ]


def test_each_size_of_a_fold_is_a_program(flowers, compilations):
    sweep(summing(cosine), flowers, folds=TimeSeriesSplit(2))
    assert compilations == [2]


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


def weighted(hp, facts):
    """A recipe with class weights of its own fold."""
    weights = facts.num_examples / (facts.num_classes * facts.class_counts)
    loss = nn.class_weighted(nn.softmax_cross_entropy, weights)
    return dl.Recipe(nn.dense(3), optim.adam(hp["rate"]), loss, batch_size=BATCH)


def test_class_weights_are_those_of_the_fold(flowers):
    result = sweep(weighted, flowers, folds=2)
    for fold in range(2):
        data, key, _ = dl.sweeps.variant(flowers, KEY, fold=fold, folds=2)
        expected = dl.data.class_weights(data.train.labels)

        def given(hp, weights=expected):
            loss = nn.class_weighted(nn.softmax_cross_entropy, weights)
            optimizer = optim.adam(hp["rate"])
            return dl.Recipe(nn.dense(3), optimizer, loss, batch_size=BATCH)

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
        return dl.Recipe(nn.dense(3), optim.adam(hp["rate"]), nn.softmax_cross_entropy,
                         batch_size=BATCH)  # fmt: skip

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
    settings = {"folds": TimeSeriesSplit(2), "run_dir": folder, "patience": 2}
    return folder, sweep(weighted, flowers, **settings)


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


def test_members_of_folds_are_replayed_from_the_folder_alone(kept, flowers):
    folder, result = kept
    for i in (0, 3):
        again = dl.replay(folder, weighted, flowers, i, progress=False)
        assert_same_member(result.member(i), again)
        assert again.facts.num_examples == result.member(i).facts.num_examples


def test_the_same_call_resumes_and_other_folds_do_not(kept, flowers):
    folder, result = kept
    settings = {"run_dir": folder, "patience": 2}
    again = sweep(weighted, flowers, folds=TimeSeriesSplit(2), **settings)
    assert_same_member(result.member(3), again.member(3))
    pooled = dl.data.pool(flowers)
    pairs = list(TimeSeriesSplit(2).split(pooled.inputs))
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
    settings = {"run_dir": tmp_path, "extend": True}
    sweep(summing(cosine), flowers, **settings)
    assert len(sweep(summing(cosine), flowers, members=3, **settings).status) == 3
    with pytest.raises(runs.RunMismatchError, match=r"reads\s+facts.epochs"):
        sweep(summing(cosine), flowers, members=3, epochs=4, **settings)


def test_more_epochs_are_given_to_one_that_does_not(flowers, tmp_path):
    settings = {"run_dir": tmp_path, "extend": True}
    sweep(weighted, flowers, **settings)
    extended = sweep(weighted, flowers, epochs=4, **settings)
    whole = sweep(weighted, flowers, epochs=4)
    assert_same_member(extended.member(1), whole.member(1))


def test_a_search_does_not_change_the_epochs_of_the_facts(flowers):
    result = sweep(summing(cosine), flowers, search=dl.halving(2), members=4)
    best = np.flatnonzero(result.kept_epoch == EPOCHS - 1)[0]
    member = result.member(best)
    expected = member.hparams["rate"] * ramp(EPOCHS * 12)
    assert -member.params["kernel"][0, 0] == pytest.approx(expected, rel=1e-4)


# labels and targets


def whole_numbers(classes):
    inputs = np.linspace(-1, 1, 60, dtype=np.float32)[:, None]
    labels = np.arange(60) % 7
    one = dl.data.from_arrays(inputs, labels, classes=classes)
    return dl.data.Splits(one[:40], one[40:50], one[50:])


def regression(loss):
    def recipe(hp):
        return dl.Recipe(nn.dense(1), optim.adam(hp["rate"]), loss, batch_size=BATCH)

    return recipe


def own(outputs, labels):
    return (outputs[:, 0] - labels) ** 2


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
    result = sweep(regression(nn.squared_error), data, folds=3, epochs=20)
    for fold in range(3):
        own, *_ = dl.sweeps.variant(data, KEY, fold=fold, folds=3)
        found = result.member(fold).scaling.labels
        np.testing.assert_allclose(found.mean, own.train.labels.mean(), rtol=1e-6)
        np.testing.assert_allclose(found.scale, own.train.labels.std(), rtol=1e-6)
        member = result.member(fold)
        distance = member.predict(own.dev.inputs)[:, 0] - own.dev.labels
        mse = np.mean(distance**2)
        assert mse == pytest.approx(member.metrics["dev_error"][-1], rel=1e-3)
    assert result.final()["dev_error"].min() < 0.01 * targets.var()


# a recipe is traced at every call


def test_what_a_recipe_reads_is_what_trains():
    """In a notebook: the same function, other globals and other data."""
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(60, 4)).astype(np.float32)

    def make(classes):
        one = dl.data.from_arrays(inputs, np.arange(60) % classes, classes=classes)
        return dl.data.Splits(one, one, one)

    hidden, data = 8, make(5)

    def recipe(hp):
        model = nn.serial(nn.dense(hidden), nn.relu, nn.dense(data.num_classes))
        optimizer, loss = optim.adam(hp["rate"]), nn.softmax_cross_entropy
        return dl.Recipe(model, optimizer, loss, batch_size=20)

    def shapes(member):
        return member.params[0]["kernel"].shape[1], member.params[2]["kernel"].shape[1]

    def trained():
        swept = sweep(recipe, data, epochs=1).member(0)
        fitted = dl.fit(recipe, {"rate": 0.1}, data, key=0, epochs=1, progress=False)
        return shapes(swept), shapes(fitted)

    assert trained() == ((8, 5), (8, 5))
    hidden = 32
    assert trained() == ((32, 5), (32, 5))
    data = make(3)
    assert trained() == ((32, 3), (32, 3))


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
            return dl.Recipe(nn.dense(3), optim.adam(self.factor * hp["rate"]),
                             nn.softmax_cross_entropy, batch_size=BATCH)  # fmt: skip

    slow, fast = (sweep(Factor(f), flowers, epochs=1).member(0) for f in (1e-6, 1.0))
    start = slow.metrics["train_loss"][0]
    assert abs(fast.metrics["train_loss"][0] - start) > 0.1


# folds that are given, and names that differ


def pairs_of(*rows):
    return [tuple(np.arange(*r) for r in pair) for pair in rows]


def test_all_rows_of_given_folds_are_in_a_runs_data(flowers, tmp_path):
    """Also those that the first fold leaves out."""
    pairs = pairs_of(((0, 20), (20, 30)), ((30, 60), (60, 80)))
    sweep(weighted, flowers, folds=pairs, run_dir=tmp_path)
    labels = flowers.dev.labels.copy()  # rows 60 to 79 of the pool
    labels[:2] = labels[1::-1]
    assert (labels != flowers.dev.labels).any()
    changed = flowers._replace(dev=replace(flowers.dev, labels=labels))
    with pytest.raises(runs.RunMismatchError, match="data"):
        sweep(weighted, changed, folds=pairs, run_dir=tmp_path)


def by_count(hp, facts):
    optimizer, loss = optim.adam(hp["rate"]), nn.softmax_cross_entropy
    return dl.Recipe(nn.dense(facts.num_classes), optimizer, loss, batch_size=BATCH)


def unnamed(flowers):
    """The flowers without names of their classes, 3 of them in the last rows alone."""
    labels = np.append(np.arange(70) % 3, np.full(10, 3))
    inputs = np.concatenate([flowers.train.inputs, flowers.dev.inputs])
    one = dl.data.from_arrays(inputs, labels)
    return dl.data.Splits(one[:60], one[60:], one[:20])


def test_a_fold_without_the_highest_class_counts_it(flowers, tmp_path):
    data, pairs = unnamed(flowers), pairs_of(((0, 30), (30, 40)), ((0, 65), (65, 80)))
    pairs[1] = (np.append(np.arange(60), 75), np.arange(60, 75))
    settings = {"folds": pairs, "run_dir": tmp_path / "run"}
    with pytest.warns(DataWarning, match="no train examples of 3 in fold 0"):
        result = sweep(by_count, data, **settings)
    assert [result.member(v).facts.num_classes for v in (0, 1)] == [4, 4]
    for i in (0, 1):
        again = dl.replay(tmp_path / "run", by_count, data, i, progress=False)
        assert_same_member(result.member(i), again)
    with pytest.raises(DataError, match="leave out the highest classes"):
        dl.sweeps.variant(data, KEY, folds=pairs)


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

    def table(kinds, features=("leaf", "bark")):
        species = rng.choice(kinds, 40)
        inputs = np.stack([[len(s), ord(s[0])] for s in species]).astype(np.float32)
        return dl.data.from_arrays(inputs, species, features=features)

    whole = table(["ash", "fir", "oak"])
    data = dl.data.Splits(whole, whole, whole)
    result = sweep(by_count, data, run_dir=tmp_path / "run")
    fitted = dl.fit(by_count, {"rate": 0.1}, data, key=0, epochs=1, progress=False)
    read = dl.load_member(tmp_path / "run", by_count, 0)
    for member in (result.member(0), fitted, read):
        assert member.about == whole.about
        for later, message in (
            (table(["fir", "oak"]), "ash in the train set alone"),
            (table(["ash", "fir", "oak"], ("bark", "leaf")), "another order"),
        ):
            with pytest.raises(DataError, match=message):
                member.evaluate(later)
            with pytest.raises(DataError, match=message):
                member.confusion_matrix(later)
        member.evaluate(dl.data.from_arrays(whole.inputs, whole.labels))  # no names
        with pytest.raises(DataError, match="got tuple; expected a Dataset"):
            member.evaluate((whole.inputs, whole.labels))
