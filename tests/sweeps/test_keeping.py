"""`keep=`: the weights of the best configurations alone, the same ones in any way."""

import shutil

import jax.numpy as jnp
import numpy as np
import pytest

import jaxdl as dl
from jaxdl import nn, runs
from jaxdl.engine import keeping, pace
from jaxdl.sweeps import merge, read_result
from tests.sweeps.kept import (
    SIZED,
    SPACE,
    assert_same_member,
    cut_after,
    damage,
    parts,
    sized,
    small,
    sweep,
    trained_blocks,
)

SETTINGS = {
    "random": {"members": 12, "epochs": 2},
    "patience": {"members": 12, "epochs": 6, "patience": 1},
    "repeats": {"members": 6, "epochs": 1, "repeats": 2},
    "halving": {"members": 8, "epochs": 4, "search": dl.halving(2)},
    "pbt": {"members": 6, "epochs": 3, "search": dl.pbt(1)},
}
HEAVY = {"random", "repeats", "halving"}  # of which other tests are, coarsely


def ranked_by_loss(hp):
    """A recipe whose best by loss are not its best by error."""
    return small(hp)._replace(
        metrics={"loss_again": mean_loss}, rank_by="loss_again"
    )  # fmt: skip


def ties(hp):
    """A recipe with the same error for all, so that parameters rank the models."""
    return sized(hp)._replace(
        error=lambda z, y: jnp.zeros(len(y)), rank_by=("error", "-parameters")
    )


def mean_loss(outputs, labels, weights):
    return jnp.average(nn.softmax_cross_entropy(outputs, labels), weights=weights)


@pytest.fixture(autouse=True)
def early(monkeypatch):
    """Drops weights as soon as any can go."""
    monkeypatch.setattr(keeping, "FEW", 0)


def check(whole, kept, n):
    """Checks that of a sweep the n best configurations have weights, and no other."""
    best = set(whole.ranking()[:n].tolist())
    for i in range(len(whole.status)):
        if i // whole.num_variants in best:
            assert_same_member(whole.member(i), kept.member(i))
            continue
        with pytest.raises(ValueError, match=rf"replay RUN FILE --member {i} |never"):
            kept.member(i)
    for name, curve in whole.metrics.items():
        np.testing.assert_array_equal(curve, kept.metrics[name])


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param(settings, id=name, marks=[pytest.mark.heavy] * (name in HEAVY))
        for name, settings in SETTINGS.items()
    ],
)
def test_the_best_keep_their_weights_alone(settings, digits, tmp_path):
    whole = sweep(small, SPACE, digits, **settings)
    settings = settings | {"keep": 2}
    memory = sweep(small, SPACE, digits, **settings)
    check(whole, memory, 2)
    assert sum(b is not None and b.params is not None for b in memory.blocks) <= 4
    disk = sweep(small, SPACE, digits, **settings, run_dir=tmp_path)
    check(whole, disk, 2)
    check(whole, read_result(tmp_path, small), 2)
    assert runs.doctor(tmp_path).problems == []
    with trained_blocks() as blocks:
        again = sweep(small, SPACE, digits, **settings, run_dir=tmp_path)
    assert not blocks
    check(whole, again, 2)


def test_blocks_go_while_the_sweep_trains(digits, tmp_path, monkeypatch):
    """Before the search has ended: two may stay, and one has just come."""
    most, keep_best = [], keeping.keep_best

    def noted(population, *, ended=False):
        keep_best(population, ended=ended)
        most.append(len(population.shelf.full))

    monkeypatch.setattr("jaxdl.engine.population.keep_best", noted)
    sweep(small, SPACE, digits, members=24, epochs=1, keep=1, run_dir=tmp_path)
    assert len(most) == 14  # on entering, after each of 12 blocks, at the end
    assert max(most) <= 2 and most[-1] == 1
    assert len([*(tmp_path / "checkpoints").iterdir()]) == 1


@pytest.mark.parametrize("each_epoch", [True, False])
def test_on_disk_a_record_of_weights_alone_has_a_whole_one_as_a_fallback(
    each_epoch, digits, tmp_path, monkeypatch
):
    """A dense layer has two arrays; its training carries eight more."""
    monkeypatch.setattr(pace, "KEEP_SECONDS", 0.0 if each_epoch else 1e9)
    settings = {"members": 6, "epochs": 3, "keep": 1}
    sweep(small, SPACE, digits, **settings, run_dir=tmp_path)
    with runs.read_run(tmp_path) as store:
        found = [(r.until, len(r.arrays)) for r in store.each(0) if r.arrays]
    (*before, last) = sorted(found)
    assert last == (3, 2) and {count for _, count in before} <= {10}
    assert len(before) <= 1 and (before == [(2, 10)] or not each_epoch)
    assert len([*(tmp_path / "checkpoints").iterdir()]) == len(found)


def test_a_run_that_is_cut_keeps_the_same(digits, tmp_path, monkeypatch, on_devices):
    monkeypatch.setattr(pace, "KEEP_SECONDS", 0.0)  # every epoch is put on record
    on_devices(0)
    settings = {"members": 8, "epochs": 2}
    whole, again = sweep(small, SPACE, digits, **settings), None
    while again is None:
        with cut_after(1):
            again = sweep(small, SPACE, digits, **settings, keep=2, run_dir=tmp_path)
    check(whole, again, 2)


@pytest.mark.heavy
def test_the_metric_of_the_recipe_decides(digits):
    whole = sweep(ranked_by_loss, SPACE, digits, members=8, epochs=1)
    kept = sweep(ranked_by_loss, SPACE, digits, members=8, epochs=1, keep=3)
    by_loss = np.argsort(whole.final()["dev_loss"])[:3]
    assert np.flatnonzero(kept.kept).tolist() == sorted(by_loss.tolist())


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param(SETTINGS["patience"], id="patience", marks=pytest.mark.heavy),
        pytest.param(SETTINGS["repeats"], id="repeats"),
    ],
)
def test_a_merged_run_keeps_the_best_of_all_shards(settings, digits, tmp_path):
    whole = sweep(small, SPACE, digits, **settings)
    for i in range(3):
        place = {"shard": (i, 3), "run_dir": tmp_path / str(i)}
        sweep(small, SPACE, digits, **settings, keep=2, **place)
    merge(tmp_path, progress=False)
    check(whole, read_result(tmp_path, small), 2)
    best = whole.ranking()[:2]
    members = np.concatenate([whole.members_of(c) for c in best])
    assert len([*(tmp_path / "checkpoints").iterdir()]) <= 2 * len(members)
    shutil.rmtree(tmp_path / "0")
    check(whole, read_result(tmp_path, small), 2)


@pytest.mark.heavy
def test_the_best_of_several_objectives_is_kept(digits, tmp_path):
    """All errors tie, so that parameters decide, which no record of a shard has."""
    settings = {"members": 10, "epochs": 1}
    whole = sweep(ties, SIZED, digits, **settings)
    best, by_loss = whole.best().number, int(np.argmin(whole.final()["dev_loss"]))
    assert best != by_loss and whole.hparams["units"][best] == 6
    kept = sweep(ties, SIZED, digits, **settings, keep=1)
    assert kept.best().number == best
    check(whole, kept, 1)
    for i in range(2):
        place = {"shard": (i, 2), "run_dir": tmp_path / str(i)}
        sweep(ties, SIZED, digits, **settings, keep=1, **place)
    merge(tmp_path, progress=False)
    check(whole, read_result(tmp_path, ties), 1)


def test_time_that_is_up_hides_no_weights(digits):
    """Halving has not ended, so that the weights of all who trained are there."""
    settings = {"members": 8, "epochs": 4, "search": dl.halving(2)}
    cut = sweep(small, SPACE, digits, **settings, keep=1, seconds=parts(3))
    assert cut.trained().sum() == 6 and (cut.kept == cut.trained()).all()
    whole = sweep(small, SPACE, digits, **settings, seconds=parts(3))
    both = cut.trained() & whole.trained()  # which block comes too late is open
    assert both.sum() >= 4
    for i in np.flatnonzero(both):
        assert_same_member(cut.member(i), whole.member(i))


@pytest.fixture(scope="module")
def run(digits, tmp_path_factory):
    """The folder of a run that keeps two of eight members; not to be changed."""
    folder = tmp_path_factory.mktemp("runs") / "kept"
    sweep(small, SPACE, digits, members=8, epochs=2, keep=2, run_dir=folder)
    return folder


def test_others_are_had_by_replay(run, digits):
    whole = sweep(small, SPACE, digits, members=8, epochs=2)
    last = int(whole.ranking()[-1])
    again = dl.replay(run, small, digits, last, progress=False)
    assert_same_member(whole.member(last), again)
    bare = read_result(run, small).member(last, weights=False)
    assert bare.params is None and bare.hparams == again.hparams


def test_what_needs_weights_takes_those_of_the_best(run, digits):
    result = read_result(run, small)
    assert result.has_rates() and "member" in result.table()
    best = {*result.ranking()[:2].tolist()}
    assert {m.number for m in result.ensemble(digits.dev).members} <= best


def test_such_a_run_takes_members_and_no_epochs(run, digits, tmp_path):
    folder = shutil.copytree(run, tmp_path / "run")
    settings = {"keep": 2, "run_dir": folder, "extend": True}
    with pytest.raises(runs.RunMismatchError, match="got 3 epochs .* with keep=2"):
        sweep(small, SPACE, digits, members=8, epochs=3, **settings)
    more = sweep(small, SPACE, digits, members=12, epochs=2, **settings)
    check(sweep(small, SPACE, digits, members=12, epochs=2), more, 2)


def test_another_number_is_another_run(run, digits):
    for keep, told in ((3, "keep: got 3, recorded 2"), (None, "keep: got nothing")):
        with pytest.raises(runs.RunMismatchError, match=told):
            sweep(small, SPACE, digits, members=8, epochs=2, keep=keep, run_dir=run)


def test_weights_of_the_best_that_are_lost_are_no_choice(run, digits, tmp_path):
    folder = shutil.copytree(run, tmp_path / "run")
    best = int(read_result(folder, small).ranking()[0])
    for path in (folder / "checkpoints").iterdir():
        damage(path)
    with pytest.warns(UserWarning, match="left out"):
        result = read_result(folder, small)
    with pytest.raises(ValueError, match="never trained"):
        result.member(best)


@pytest.mark.parametrize("keep", [0, -1, 1.5, True])
def test_what_is_no_count_is_refused(keep, digits, nothing_compiles):
    with pytest.raises(ValueError, match="keep"):
        sweep(small, SPACE, digits, keep=keep)
