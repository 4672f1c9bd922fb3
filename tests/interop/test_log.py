"""Which members become runs, and what a run says of one."""

import numpy as np
import pytest

import jaxdl as dl
from jaxdl import interop
from jaxdl.searches import Rung
from jaxdl.spaces import SpaceError
from jaxdl.sweeps import read_result
from jaxdl.train import Status
from tests.interop.conftest import made
from tests.sweeps.kept import SPACE, small, sweep

NAN = np.nan


def names(runs):
    return [run.name for run in runs]


def test_the_best_come_first_and_have_their_curves(result):
    runs = interop.top(2)(result)
    assert names(runs) == ["member 0", "member 3"]
    assert [epoch for epoch, _ in runs[1].epochs] == [1, 2, 3]
    for epoch, metrics in runs[1].epochs:
        assert list(metrics) == ["train_loss", "train_error", "dev_loss", "dev_error"]
        for name, value in metrics.items():
            assert value == result.metrics[name][3, epoch - 1]  # to the bit
    assert runs[0].hparams == {"rate": np.float32(0.1), "act": "relu", "units": 3}
    kinds = {name: type(value) for name, value in runs[0].hparams.items()}
    assert kinds == {"rate": float, "act": str, "units": int}


def test_policies_take_one_some_or_all(result):
    assert names(interop.best(result)) == ["member 0"]
    everyone = ["member 0", "member 3", "member 2", "member 1"]
    assert names(interop.every(result)) == names(interop.top(9)(result)) == everyone


def test_a_member_that_diverged_has_its_epochs_and_no_kept_metrics(result):
    run = interop.every(result)[-1]
    assert (run.name, run.status) == ("member 1", "diverged")
    assert [(epoch, x["dev_error"]) for epoch, x in run.epochs] == [(1, 0.5)]
    assert run.kept == (1, {}) and run.hparams["act"] is None


def test_a_hyperparameter_that_does_not_apply_is_left_out(result):
    assert interop.top(2)(result)[1].hparams == {"rate": np.float32(0.02), "units": 6}


def test_the_kept_metrics_are_those_of_the_kept_epoch():
    (run,) = interop.best(made([[0.5, 0.1, 0.3]], kept_epoch=[1], patience=1))
    names = ("train_loss", "train_error", "dev_loss", "dev_error")
    assert run.kept[0] == 2 and list(run.kept[1]) == [f"kept/{n}" for n in names]
    assert run.kept[1]["kept/dev_error"] == np.float32(0.1)


def test_what_is_not_finite_is_left_out():
    result = made([[0.5, 0.25]])
    result.metrics["train_loss"][0, 0] = np.inf
    ((_, first), (_, second)) = interop.best(result)[0].epochs
    assert list(first) == ["train_error", "dev_loss", "dev_error"]
    assert second["train_loss"] == 3.25


@pytest.mark.parametrize("status", Status)
def test_a_run_has_the_status_of_its_member(status):
    result = made([[0.1, 0.2, 0.3]], status=[status])
    (run,) = interop.every(result)
    words = {
        Status.RUNNING: "running", Status.FINISHED: "finished",
        Status.STOPPED: "stopped", Status.CUT_SHORT: "cut short",
        Status.DIVERGED: "diverged",
    }  # fmt: skip
    assert run.status == words[status]


def test_all_may_have_diverged():
    result = made([[0.5, NAN], [NAN, NAN]], status=[Status.DIVERGED] * 2)
    assert names(interop.best(result)) == ["member 0"]
    assert [run.epochs != [] for run in interop.every(result)] == [True, False]


def test_members_of_the_best_configurations_are_runs_of_their_own():
    errors = [[0.5], [0.6], [0.7], [0.1], [0.2], [0.3]]
    result = made(errors, repeats=3)
    best = [f"configuration 1, member {i}" for i in (3, 4, 5)]
    assert names(interop.best(result)) == names(interop.top(1)(result)) == best
    assert len(interop.top(2)(result)) == 6


def test_members_that_have_not_trained_are_no_runs():
    errors = [[NAN], [NAN], [0.5], [0.2]]
    result = made(errors, untrained=[0, 1])
    assert names(interop.every(result)) == ["member 3", "member 2"]
    lost = made([[NAN], [NAN]], status=[Status.STOPPED, Status.DIVERGED], untrained=[0])
    assert names(interop.best(lost)) == ["member 1"]
    repeated = made(errors, untrained=[0, 1, 3], repeats=2)
    assert names(interop.top(1)(repeated)) == ["configuration 1, member 2"]


def test_quantiles_are_over_those_that_are_alive():
    result = made([[4.0, 1.0], [0.0, NAN], [1.0, np.inf], [2.0, 2.0], [3.0, NAN]])
    runs = interop.quantiles()(result)
    assert names(runs) == [f"quantile {q}" for q in ("0", "0.1", "0.5", "0.9", "1")]
    first, second = zip(
        *([x["dev_error"] for _, x in run.epochs] for run in runs), strict=True
    )
    np.testing.assert_allclose(first, [0, 0.4, 2, 3.6, 4], rtol=1e-6)
    np.testing.assert_allclose(second, [1, 1.1, 1.5, 1.9, 2], rtol=1e-6)
    assert all(run.hparams == {} and run.kept == (0, {}) for run in runs)


def test_epochs_in_which_nobody_is_alive_have_no_quantiles():
    result = made([[0.5, NAN], [0.7, NAN]], status=[Status.DIVERGED] * 2)
    (run,) = interop.quantiles(0.5)(result)
    assert [epoch for epoch, _ in run.epochs] == [1]
    nothing = made([[NAN]], status=[Status.DIVERGED])
    assert interop.quantiles(0.5)(nothing)[0].epochs == []


@pytest.mark.parametrize("q", [-0.1, 1.1, NAN])
def test_quantiles_lie_between_0_and_1(q):
    with pytest.raises(ValueError, match="expected one from 0 to 1"):
        interop.quantiles(0.5, q)


def test_the_best_are_at_least_one():
    with pytest.raises(SpaceError, match="top got k=0"):
        interop.top(0)


def test_a_logger_of_ones_own_is_a_function_of_runs():
    written = []
    interop.log(made(np.arange(12.0)[:, None]), written.extend)
    assert names(written) == [f"member {i}" for i in range(10)]
    interop.log(made([[0.5]]), written.extend, interop.quantiles(0.5))
    assert names(written[10:]) == ["quantile 0.5"]


def test_a_sweep_in_which_nothing_has_trained_is_told():
    with pytest.raises(ValueError, match="nothing has trained yet"):
        interop.log(made([[NAN]], untrained=[0]), print)


def test_a_sweep_is_logged_while_it_trains(digits, tmp_path):
    """A logger gets the first of two epochs between two rungs."""
    meanwhile = []

    def search(key, space, members, epochs):
        ids, hparams = np.arange(members), dl.sample(key, space, members)
        yield Rung(ids, hparams, np.full(members, 1))
        so_far = read_result(tmp_path, small, space=space)
        interop.log(so_far, meanwhile.extend)
        yield Rung(ids, hparams, np.full(members, 2))

    result = sweep(
        small, SPACE, digits, members=3, epochs=2, search=search, run_dir=tmp_path
    )
    now = {run.name: run for run in interop.every(result)}
    assert len(meanwhile) == len(now) == 3
    for run in meanwhile:
        assert run.epochs == now[run.name].epochs[:1]
        assert run.hparams == now[run.name].hparams
        assert (run.status, now[run.name].status) == ("running", "finished")
