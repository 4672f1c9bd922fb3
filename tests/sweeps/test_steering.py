"""One model whose hyperparameters a function changes, kept and resumed to the bit."""

import signal
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

import jaxdl as dl
from jaxdl import nn, optim, runs
from jaxdl.spaces import SpaceError
from jaxdl.spaces.of_one import as_space
from jaxdl.sweeps import read_result
from jaxdl.sweeps.steering import changed
from jaxdl.train import Status
from tests.sweeps.kept import KEY, Cut, assert_same_member, cut_after, damage, small
from tests.sweeps.steered import EPOCHS, RATE, fit, halve

ROOT = Path(__file__).parents[2]
MOMENTS = 39  # one more than a run has


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("steered") / "run"


@pytest.fixture(scope="module")
def steered(digits, folder):
    """Its rates are 0.1, 0.05, 0.05, 0.025, 0.025."""
    return fit(digits, run_dir=folder)


def rates(member):
    return [(epoch, float(hp["rate"])) for epoch, hp in member.history]


def never(member):
    raise AssertionError("asked for an answer that is on record")


HISTORY = [(0, 0.1), (1, 0.05), (3, 0.025)]


def test_a_member_has_its_last_hyperparameters_and_all_of_them(steered):
    assert rates(steered) == [(e, float(np.float32(r))) for e, r in HISTORY]
    assert steered.hparams["rate"] == np.float32(0.025)
    assert steered.status == Status.FINISHED and len(steered.metrics["dev_error"]) == 5


def as_schedule(hp):
    """The same rates as a schedule; 1078 examples are 17 steps of 64."""
    values = [hp["rate"] * share for share in (1, 1 / 2, 1 / 4)]
    rate = optim.piecewise(values, boundaries=[17, 3 * 17])
    return small(hp)._replace(optimizer=optim.momentum(rate))


def test_each_epoch_trains_with_the_answer_before_it(steered, digits):
    scheduled = dl.fit(as_schedule, RATE, digits, key=0, epochs=5, progress=False)
    for name, curve in scheduled.metrics.items():
        np.testing.assert_allclose(steered.metrics[name], curve, rtol=1e-5)


def test_in_memory_it_is_the_same(steered, digits):
    assert_same_member(fit(digits), steered)


def test_the_same_call_returns_a_finished_run_and_asks_nothing(steered, digits, folder):
    again = fit(digits, run_dir=folder, on_epoch=never)
    assert_same_member(again, steered)
    assert rates(again) == rates(steered)


def test_the_run_is_whole_and_read_and_replayed(steered, folder, digits):
    assert not runs.doctor(folder).problems
    result = read_result(folder, small)
    assert_same_member(result.member(0), steered)
    assert rates(result.member(0)) == rates(steered)
    again = dl.replay(folder, small, digits, 0, progress=False)
    assert_same_member(again, steered)


def killed(folder, n):
    """Whether a process is killed at its n-th moment, before it has ended by itself."""
    module = [sys.executable, "-m", "tests.sweeps.steered", str(folder), str(n)]
    done = subprocess.run(module, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode != 0


def check_killed(n, folder, digits, steered):
    """Checks that a run killed at a moment resumes to the same bits and changes."""
    was_killed = killed(folder, n)
    with runs.read_run(folder) as store:
        on_record = max(0, store.num_rungs() - 1)
    asked = []
    again = fit(
        digits,
        run_dir=folder,
        on_epoch=lambda member: asked.append(member) or halve(member),
    )
    assert_same_member(again, steered)
    assert rates(again) == rates(steered)
    assert len(asked) == EPOCHS - 1 - on_record
    assert not runs.doctor(folder).problems
    return was_killed


@pytest.mark.heavy
def test_a_run_that_is_killed_resumes_to_the_same_bits(digits, steered, tmp_path):
    """After the answer to the second epoch, before it is on the disk."""
    assert check_killed(16, tmp_path / "run", digits, steered)


@pytest.mark.heavy
def test_a_run_that_is_killed_at_any_moment_resumes_to_the_same_bits(
    digits, steered, tmp_path
):
    killed = [
        check_killed(n, tmp_path / f"{n}", digits, steered)
        for n in range(1, MOMENTS + 1)
    ]
    assert not killed[-1] and sum(killed) > 6 * EPOCHS


def test_a_run_that_is_cut_asks_only_for_what_is_not_on_record(
    digits, steered, tmp_path
):
    with cut_after(3):
        fit(digits, run_dir=tmp_path)
    asked = []
    again = fit(
        digits, run_dir=tmp_path, on_epoch=lambda m: asked.append(m) or halve(m)
    )
    assert_same_member(again, steered)
    assert [len(member.metrics["dev_error"]) for member in asked] == [3, 4]


def test_the_function_sees_the_model_so_far(digits):
    seen = []
    fit(digits, on_epoch=seen.append, epochs=3)
    assert [len(member.metrics["dev_error"]) for member in seen] == [1, 2]
    for member in seen:
        assert member.status == Status.RUNNING and member.stopped_at is None
        on_dev = member.evaluate(digits.dev)["error"]
        assert on_dev == pytest.approx(member.metrics["dev_error"][-1])


def test_stop_ends_the_training_and_the_run(digits, tmp_path):
    def stop(member):
        return "stop" if len(member.metrics["dev_error"]) == 2 else None

    member = fit(digits, run_dir=tmp_path, on_epoch=stop)
    assert member.status == Status.CUT_SHORT and member.kept_epoch == 1
    assert np.isnan(member.metrics["dev_error"]).tolist() == [False] * 2 + [True] * 3
    assert runs.is_finished(tmp_path)
    assert_same_member(fit(digits, run_dir=tmp_path, on_epoch=never), member)


@pytest.mark.heavy
def test_a_training_that_has_stopped_early_is_not_asked_about(digits, tmp_path):
    """A rate so small moves no weight, so no epoch betters the first."""
    asked = []
    member = fit(
        digits, hparams={"rate": 1e-30}, patience=2, on_epoch=asked.append,
        run_dir=tmp_path,
    )  # fmt: skip
    assert member.status == Status.STOPPED and member.kept_epoch == 0
    assert [len(one.metrics["dev_error"]) for one in asked] == [1, 2]
    assert runs.is_finished(tmp_path)


class Hparams(NamedTuple):
    rate: float
    units: nn.Size
    activation: nn.OneOf
    steps: np.int64  # traced
    loss: str


HPARAMS = Hparams(
    0.1, nn.Size(3, 4), nn.OneOf(1, ("relu", "tanh")), np.int64(3), "softmax"
)


def mixed(hp):
    among = nn.among(hp.activation, {"relu": nn.relu, "tanh": nn.tanh})
    model = nn.serial(nn.dense(hp.units), among, nn.dense(10))
    rate = optim.inverse_time_decay(hp.rate, hp.steps, 0.1)
    assert hp.loss == "softmax"
    return dl.Recipe(model, optim.momentum(rate), nn.softmax_cross_entropy)


@pytest.fixture(scope="module")
def fit_mixed(digits):
    return lambda **settings: fit(digits, mixed, HPARAMS, epochs=2, **settings)


def test_hyperparameters_of_every_kind_make_a_run(fit_mixed, tmp_path):
    def change(_):
        return {"activation": "relu", "steps": 5, "rate": 1}

    member = fit_mixed(run_dir=tmp_path, on_epoch=change)
    hp = member.hparams
    assert hp.activation == "relu" and (hp.rate, hp.steps, hp.loss) == (1, 5, "softmax")
    read = read_result(tmp_path, mixed, space=HPARAMS).member(0)
    assert_same_member(read, member)
    assert_same_member(fit_mixed(run_dir=tmp_path, on_epoch=never), member)


@pytest.mark.heavy
def test_hyperparameters_of_every_kind_begin_as_without_a_run(fit_mixed, digits):
    member = fit_mixed(on_epoch=lambda _: None)
    plain = dl.fit(mixed, HPARAMS, digits, key=0, epochs=1, progress=False)
    assert member.structure == plain.structure
    assert member.metrics["dev_loss"][0] == pytest.approx(plain.metrics["dev_loss"][0])


FINITE = "expected a finite number"
REFUSED = [
    ({"loss": "sigmoid"}, "change of loss to 'sigmoid', which is static"),
    ({"rat": 0.1}, "change of 'rat'; expected a name among .*did you mean rate"),
    ({"rate": "0.1"}, f"change of rate to '0.1'; {FINITE} of type"),
    ({"rate": float("nan")}, f"change of rate to nan; {FINITE}"),
    ({"rate": [0.1]}, rf"change of rate to \[0.1\]; {FINITE}"),
    ({"rate": True}, f"change of rate to True; {FINITE}"),
    ({"steps": True}, f"change of steps to True; {FINITE}"),
    ({"steps": 2.5}, f"change of steps to 2.5; {FINITE} of type int"),
    ({"activation": "elu"}, "choice 'elu'; expected one of"),
    (0.1, "got 0.1 from on_epoch; expected None, values by the name"),
    ("end", "got 'end' from on_epoch; expected None, values by the name"),
]


@pytest.mark.parametrize(("answer", "message"), REFUSED, ids=str)
def test_what_cannot_change_is_refused(answer, message):
    space = as_space(HPARAMS)
    with pytest.raises(SpaceError, match=message):
        changed(space, dl.sample(KEY, space, 1), answer)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ({"units": 4}, "change of units to 4, which is a size"),
        ({"rate": 1e60}, "rate=1e[+]60; expected numbers that float32 can hold"),
    ],
    ids=str,
)
def test_a_training_ends_where_a_change_is_refused(answer, message, fit_mixed):
    with pytest.raises(SpaceError, match=message):
        fit_mixed(on_epoch=lambda _: answer)


def test_a_run_goes_on_after_a_function_that_failed(digits, steered, tmp_path):
    def fail(member):
        if len(member.metrics["dev_error"]) == 3:
            raise Cut
        return halve(member)

    with pytest.raises(Cut):
        fit(digits, run_dir=tmp_path, on_epoch=fail)
    assert_same_member(fit(digits, run_dir=tmp_path), steered)


@pytest.mark.filterwarnings("ignore:record ")
def test_weights_that_are_lost_are_not_trained_with_later_rates(digits, tmp_path):
    with cut_after(4):
        fit(digits, run_dir=tmp_path)
    for file in (tmp_path / "checkpoints").iterdir():
        damage(file)
    assert "the run cannot be resumed" in runs.doctor(tmp_path).problems[-1]
    with pytest.raises(runs.DamagedError, match="trained with other hyperparameters"):
        fit(digits, run_dir=tmp_path)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"on_epoch": "halve"}, "got on_epoch='halve'; expected a function"),
        ({"start": {}}, "got start of type dict; expected a trained Member"),
    ],
    ids=str,
)
def test_settings_of_another_type_are_refused(settings, message, digits):
    with pytest.raises(TypeError, match=message):
        fit(digits, **settings)


def test_a_run_of_another_model_is_refused(digits, steered, folder):
    with pytest.raises(runs.RunMismatchError, match="rate: got 0.2"):
        fit(digits, hparams={"rate": 0.2}, run_dir=folder)
