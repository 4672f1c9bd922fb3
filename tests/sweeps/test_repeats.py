"""Repeats and folds: each is a plain sweep to the bit, and means decide."""

import csv
import json
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

import jaxdl as dl
from jaxdl import cli, nn, optim
from jaxdl.data import DataError
from jaxdl.searches import Rung
from jaxdl.sweeps import variant
from jaxdl.sweeps.result import SweepResult

KEY = jax.random.key(0)
REPEAT, FOLD = 5, 6  # purposes of a run's key


def recipe(hp):
    return dl.Recipe(
        nn.serial(nn.dense(8), nn.relu, nn.dropout(hp.keep_prob), nn.dense(10)),
        optim.momentum(hp.learning_rate, beta=hp.beta1),
        nn.softmax_cross_entropy,
        nn.l2(hp.l2),
    )


def sweep(recipe, space, data, **changes):
    settings = {"key": KEY, "members": 5, "epochs": 2, "progress": False} | changes
    return dl.sweep(recipe, space, data, **settings)


def same_bits(a, b):
    left, right = ((m.params, m.state, m.metrics) for m in (a, b))
    jax.tree.map(np.testing.assert_array_equal, left, right)


def rows(dataset, index):
    return jax.tree.map(lambda x: x[index], dataset)


@pytest.fixture(scope="module")
def plain(space, digits):
    return sweep(recipe, space, digits)


@pytest.fixture(scope="module")
def repeated(space, digits):
    return sweep(recipe, space, digits, repeats=3)


# what the members are


def test_repeat_0_is_the_sweep_without_repeats(plain, repeated):
    assert repeated.status.shape == (15,)
    for c in range(5):
        same_bits(repeated.member(3 * c), plain.member(c))
    jax.tree.map(
        np.testing.assert_array_equal, repeated.configurations(), plain.hparams
    )


def test_a_further_repeat_is_a_sweep_with_a_key_of_its_own(repeated, plain, digits):
    for number in (1, 2):
        key = jax.random.fold_in(jax.random.fold_in(KEY, REPEAT), number)
        other = sweep(recipe, plain.hparams, digits, key=key)
        for c in range(5):
            same_bits(repeated.member(3 * c + number), other.member(c))
    starts = [repeated.member(i).metrics["train_loss"][0] for i in range(3)]
    assert len(set(starts)) == 3


def test_a_fold_is_a_sweep_over_its_part_of_the_examples(space, digits):
    weights = np.linspace(0.5, 1.5, len(digits.dev.labels), dtype=np.float32)
    data = digits._replace(dev=digits.dev._replace(weights=weights))
    result = sweep(recipe, space, data, folds=3, repeats=2)
    everything = dl.data.pool(data)
    assert len(everything.labels) == 1438
    np.testing.assert_array_equal(everything.weights, [*np.ones(1078), *weights])
    for number in (0, 1):
        key = jax.random.fold_in(jax.random.fold_in(KEY, REPEAT), number)
        key = KEY if number == 0 else key
        parts = dl.data.fold_rows(everything, 3, key=jax.random.fold_in(key, FOLD))
        for fold, (train, dev) in enumerate(parts):
            cut = data._replace(
                train=rows(everything, train), dev=rows(everything, dev)
            )
            alone = sweep(recipe, result.configurations(), cut, key=key)
            for c in range(5):
                same_bits(result.member(6 * c + 3 * number + fold), alone.member(c))


def test_a_variant_is_trained_by_itself_from_its_data_and_key(space, digits):
    def sized(hp):
        model = nn.serial(nn.dense(hp["units"]), nn.relu, nn.dense(10))
        return recipe(hp["rest"])._replace(model=model)

    units = np.array([5, 8, 6, 7, 8, 8])
    fast = space._replace(learning_rate=dl.LogUniform(0.3, 3.0))
    both = {"units": dl.AsSize(units), "rest": fast}
    settings = {"members": 6, "epochs": 5, "patience": 1, "plan": dl.Plan(4)}
    result = sweep(sized, both, digits, repeats=2, folds=2, **settings)
    data, key = variant(digits, KEY, repeat=1, fold=1, folds=2)
    assert len(data.train.labels) == len(data.dev.labels) == 719
    given = result.configurations() | {"units": dl.AsSize(units)}
    alone = sweep(sized, given, data, key=key, **settings)
    assert len(set(alone.kept_epoch)) > 1
    for c in range(6):
        ours, theirs = result.member(4 * c + 3), alone.member(c)
        assert (ours.status, ours.kept_epoch) == (theirs.status, theirs.kept_epoch)
        same_bits(ours, theirs)


def test_all_variants_share_one_program(space, digits, monkeypatch):
    engine, compiled, traces = sys.modules["jaxdl.engine.engine"], [], []
    compile_all = engine.compile_all
    monkeypatch.setattr(
        engine, "compile_all", lambda x: compiled.append(len(x)) or compile_all(x)
    )

    def noted(hp):
        traces.append(hp)
        return recipe(hp)

    sweep(noted, space, digits, folds=2, members=2, epochs=1)
    first = len(traces)
    sweep(noted, space, digits, folds=2, repeats=3, members=2, epochs=1)
    assert compiled == [1, 1]
    assert len(traces) == first


def test_the_examples_are_on_a_device_once(digits):
    module = sys.modules["jaxdl.sweeps.sweep"]
    data, variants = module.make_variants(digits, KEY, 2, 3)
    shared = module._share(jax.devices()[0], data, variants, None)
    assert len(shared) == 6
    copies = {s.whole.inputs.unsafe_buffer_pointer() for v in shared for s in v[:2]}
    assert len(copies) == 1


# folds


def test_folds_partition_the_examples_and_keep_the_classes():
    labels = np.random.default_rng(0).choice(3, 103, p=[0.7, 0.2, 0.1])
    dataset = dl.data.from_arrays(np.zeros((103, 1)), labels)
    parts = dl.data.fold_rows(dataset, 5, key=KEY)
    chosen = np.concatenate([dev for _, dev in parts])
    assert len(chosen) == len(set(chosen.tolist())) == 100
    for train, dev in parts:
        assert (len(train), len(dev)) == (83, 20)
        assert sorted([*train, *dev]) == list(range(103))
    counts = np.array([np.bincount(labels[dev], minlength=3) for _, dev in parts])
    assert np.ptp(counts, axis=0).max() <= 1
    for other in (jax.random.key(1), jax.random.key(2)):
        again = dl.data.fold_rows(dataset, 5, key=other)
        assert sorted(again[0][1]) != sorted(parts[0][1])


def test_targets_are_dealt_out_as_well():
    dataset = dl.data.from_arrays(np.zeros((10, 1)), np.zeros((10, 2)))
    parts = dl.data.fold_rows(dataset, 10, key=KEY)
    assert sorted(int(dev[0]) for _, dev in parts) == list(range(10))


def test_a_dev_set_that_is_the_test_set_is_not_pooled():
    dataset = dl.data.from_arrays(np.arange(20.0)[:, None], np.arange(20) % 2)
    two = dl.data.normalize(dl.data.split(dataset, (0.7, 0.3), key=KEY))
    assert len(dl.data.pool(two).labels) == 14
    three = dl.data.split(dataset, (0.5, 0.2, 0.3), key=KEY)
    assert len(dl.data.pool(three).labels) == 14


# what decides


def test_halving_goes_by_means(space, digits):
    settings = {"repeats": 2, "members": 8, "epochs": 2}
    whole = sweep(recipe, space, digits, **settings)
    halved = sweep(recipe, space, digits, search=dl.halving(2), **settings)
    after_one = whole.metrics["dev_error"][:, 0].reshape(8, 2).mean(axis=1)
    loss = whole.metrics["dev_loss"][:, 0].reshape(8, 2).mean(axis=1)
    best = sorted(np.lexsort((loss, after_one))[:4].tolist())
    expected = [m for c in best for m in (2 * c, 2 * c + 1)]
    assert halved.rungs[1].members.tolist() == expected
    went_on = np.isfinite(halved.metrics["dev_error"][:, 1])
    assert np.flatnonzero(went_on).tolist() == expected
    for i in expected:
        same_bits(halved.member(i), whole.member(i))


def test_a_variant_goes_on_from_the_same_variant_of_the_parent(space, digits):
    def search(key, space, members, epochs):
        hparams, ids = dl.sample(key, space, members), np.arange(members)
        standing = yield Rung(ids, hparams, np.full(members, 1))
        assert all(len(values) == members for values in standing.values())
        parents = np.array([0, 0, 2])
        same = jax.tree.map(lambda x: x[parents], hparams)
        yield Rung(ids, same, np.full(members, 1), parents)

    result = sweep(recipe, space, digits, members=3, repeats=2, search=search)
    for v in range(2):
        same_bits(result.member(2 + v), result.member(v))
    assert (result.hparams.l2[2:4] == result.hparams.l2[0]).all()
    different = [result.member(i).metrics["dev_loss"][0] for i in (0, 1, 4, 5)]
    assert len(set(different)) == 4


def test_population_based_training_with_repeats_and_folds(space, digits):
    settings = {"members": 4, "repeats": 2, "folds": 2, "epochs": 3}
    result = sweep(recipe, space, digits, search=dl.pbt(1), **settings)
    assert len(result.rungs) == 3
    assert np.isfinite(result.metrics["dev_error"]).all()
    for rung in result.rungs[1:]:
        np.testing.assert_array_equal(rung.parents % 4, np.arange(16) % 4)


def made(errors, status="finished", **changes):
    """Returns a result with one epoch and these dev errors, `[configurations, V]`."""
    errors = np.array(errors, np.float32)
    flat = errors.ravel()[:, None]
    return SweepResult(
        recipe=None,
        hparams={"rate": np.repeat(np.arange(len(errors)), errors.shape[1])},
        metrics={"dev_loss": flat, "dev_error": flat},
        status=np.full(flat.size, status),
        stopped_at=np.full(flat.size, -1),
        kept_epoch=np.zeros(flat.size, int),
        space={"rate": 0.0},
        key=jax.random.key(0),
        patience=None,
        plan=dl.Plan(1),
        precisions=(),
        rungs=(),
        blocks=(),
        places=np.zeros((flat.size, 2), int),
        **changes,
    )


ERRORS = [[0.5, 0.6, 0.7], [0.1, 0.2, 0.3], [0.2, 0.1, 0.36], [0.13, 0.23, 0.33]]


def test_configurations_are_ranked_by_means_and_the_noise_is_told():
    result = made(ERRORS, repeats=3)
    assert result.ranking().tolist() == [1, 2, 3, 0]
    np.testing.assert_allclose(result.mean()["dev_error"], [0.6, 0.2, 0.22, 0.23])
    # s = 0.1, and for 0.2, 0.1, 0.36: sqrt((0.02² + 0.12² + 0.14²) / 2)
    expected = np.array([0.1, 0.1, np.sqrt(0.0344 / 2), 0.1]) / np.sqrt(3)
    np.testing.assert_allclose(
        result.standard_error()["dev_error"], expected, rtol=1e-6
    )
    # behind the best by 0.1, -0.1, 0.06 (0.02 ± 0.06) and by 0.03 each time (± 0)
    assert result.not_worse().tolist() == [1, 2]
    header, table = result.rows(2)
    assert header[:4] == ["configuration", "dev_loss", "dev_error", "standard_error"]
    assert table[0][0] == 1 and table[0][2:5] == [
        pytest.approx(0.2), pytest.approx(0.1 / 3**0.5), "finished"
    ]  # fmt: skip
    header, table = result.member_rows()
    assert header[:4] == ["member", "configuration", "repeat", "fold"]
    assert [row[:4] for row in table[:3]] == [[3, 1, 0, 0], [4, 1, 1, 0], [5, 1, 2, 0]]
    folded = made(np.reshape(ERRORS, (2, 6)), repeats=2, folds=3)
    assert [row[:4] for row in folded.member_rows()[1]][4] == [10, 1, 1, 1]


def test_one_model_a_configuration_tells_nothing_of_the_noise(plain):
    assert np.isnan(plain.standard_error()["dev_error"]).all()
    assert "standard_error" not in plain.table()
    with pytest.raises(ValueError, match="tells nothing of the noise.*repeats=3"):
        plain.not_worse()


def test_a_configuration_with_a_member_that_diverged_comes_last():
    result = made([[0.1, 0.1], [0.5, 0.6], [0.2, 0.2]], repeats=2)
    result.status[1] = "diverged"
    assert result.ranking().tolist() == [2, 1, 0]
    assert result.diverged().tolist() == [True, False, False]
    assert result.not_worse().tolist() == [2]
    assert "1 diverged, 1 finished" in result.table()
    with pytest.raises(ValueError, match="all 1 configurations diverged"):
        made([[0.1, 0.2]], "diverged", repeats=2).best()


def test_the_best_is_the_first_member_of_the_best_configuration(repeated):
    errors = repeated.final()["dev_error"].reshape(5, 3).mean(axis=1)
    winner = int(repeated.ranking()[0])
    assert errors[winner] == errors.min()
    same_bits(repeated.best(), repeated.member(3 * winner))


# failures and the command


@pytest.mark.parametrize(
    ("which", "error", "message"),
    [
        ({"repeat": -1}, IndexError, "got repeat=-1; expected at least 0"),
        ({"fold": -1, "folds": 2}, IndexError, "got fold=-1; expected 0..1"),
        ({"fold": 2, "folds": 2}, IndexError, "got fold=2; expected 0..1"),
        ({"fold": 1}, IndexError, "got fold=1; expected 0, since there are no folds"),
    ],
)
def test_a_variant_that_there_is_not(which, error, message, digits):
    with pytest.raises(error, match=message):
        variant(digits, KEY, **which)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"repeats": 0}, "got repeats=0; expected an int of at least 1"),
        ({"repeats": 1.5}, "got repeats=1.5"),
        ({"folds": 1}, "got folds=1 for 1438 examples .* from 2"),
        ({"folds": 1439}, "got folds=1439 for 1438 examples"),
        ({"folds": 2.0}, "got folds=2.0"),
        ({"folds": 2}, "batch_size=1000 for 719 training examples"),
    ],
)
def test_what_cannot_be_repeated_or_divided(
    settings, message, space, digits, monkeypatch
):
    def refuse(*_):
        raise AssertionError("compiled before the error")

    monkeypatch.setattr(sys.modules["jaxdl.engine.engine"], "compile_all", refuse)

    def wide(hp):
        return recipe(hp)._replace(batch_size=1000)

    with pytest.raises(ValueError, match=message):
        sweep(wide, space, digits, **settings)


def test_a_fold_whose_examples_count_nothing_is_refused():
    weights = np.eye(6)[0]
    dataset = dl.data.from_arrays(np.zeros((6, 1)), np.zeros(6), weights)
    with pytest.raises(DataError, match="weights that are all 0 in a set of 2 folds"):
        dl.data.fold_rows(dataset, 2, key=KEY)


def test_the_command_tells_the_noise(capsys, tmp_path):
    digits = Path(__file__).parent.parent.parent / "experiments" / "digits.py"
    out = tmp_path / "run"
    status = cli.main(
        ["sweep", str(digits), "--members", "8", "--epochs", "2", "--repeats", "2",
         "--folds", "2", "--out", str(out)]
    )  # fmt: skip
    output, _ = capsys.readouterr()
    assert status == 0
    lines = output.splitlines()
    assert {"configuration", "standard_error"} <= set(lines[0].split())
    told = next(line for line in lines if "not told apart" in line)
    assert "over 4 models" in told
    assert "depended on" not in output  # of 8 configurations, though of 32 members
    assert told.startswith(f"configuration {lines[2].split()[0]}: dev error")
    assert any(line.startswith("its first model: train error") for line in lines)
    run = json.loads((out / "run.json").read_text())
    assert (run["members"], run["repeats"], run["folds"]) == (8, 2, 2)
    table = list(csv.DictReader((out / "members.csv").read_text().splitlines()))
    assert len(table) == 32
    best, *others = np.array([float(r["dev_error"]) for r in table]).reshape(8, 4)
    behind = [np.mean(o - best) <= np.std(o - best, ddof=1) / 2 for o in others]
    assert told.endswith(f"not told apart from it: {sum(behind)} of 7 others")
    assert f"dev error {best.mean():.2%}" in told
    assert [(r["repeat"], r["fold"]) for r in table[:4]] == [
        ("0", "0"), ("0", "1"), ("1", "0"), ("1", "1")
    ]  # fmt: skip
