"""A sweep as a study of Optuna's storage, read back by Optuna."""

import jax
import numpy as np
import pytest

import jaxdl as dl
from jaxdl import interop
from jaxdl.spaces import SpaceError
from jaxdl.spaces.either import blanked
from tests.interop.conftest import HOSTILE, made

optuna = pytest.importorskip("optuna")

SPACE = {
    "act": dl.Static(["relu", None, "tanh"]),
    "rate": dl.LogUniform(1e-3, 1e3),
    "units": dl.AsSize(dl.IntUniform(3, 9)),
}
MANY = {
    "beta": dl.OneMinusLogUniform(0.9, 0.999),
    "keep": dl.Uniform(0.1, 0.7),
    "l2": dl.Choice([0.1, 0.3]),
    "width": dl.AsSize(dl.Choice([8, 64])),
    "neurons": dl.IntLogUniform(1, 1000),
    "either": dl.Either({"adam": {"rate": dl.LogUniform(1e-3, 1)}, "sgd": {}}),
    "constant": 0.5,
    "name": "adam",
    "given": np.arange(64.0),
}


def write(result, path, space=SPACE, policy=interop.every):
    interop.log(result, interop.optuna_study(path, "study", space), policy)


def trials(path):
    backend = optuna.storages.journal.JournalFileBackend(str(path))
    storage = optuna.storages.JournalStorage(backend)
    return optuna.load_study(storage=storage, study_name="study").get_trials()


def test_each_run_is_a_trial(result, tmp_path):
    write(result, tmp_path / "study.log")
    found = {trial.user_attrs["run"]: trial for trial in trials(tmp_path / "study.log")}
    for i, state in enumerate(["COMPLETE", "FAIL", "PRUNED", "COMPLETE"]):
        trial, last = found[f"member {i}"], result.kept_epoch[i]
        assert trial.state.name == state
        curve = result.metrics["dev_error"][i]
        alive = np.flatnonzero(np.isfinite(curve))
        assert trial.intermediate_values == {e + 1: curve[e] for e in alive}
        assert trial.value == (None if i == 1 else curve[last])
        rate = result.hparams["rate"][i]
        assert trial.params["rate"] == pytest.approx(rate, rel=1e-6)
        assert trial.params["units"] == i + 3
        assert trial.user_attrs["kept_epoch"] == last + 1
    assert [found[f"member {i}"].params["act"] for i in range(3)] == [
        "relu", None, "tanh"
    ]  # fmt: skip
    assert "act" not in found["member 3"].params
    losses = [found[f"member {i}"].user_attrs.get("kept/dev_loss") for i in (0, 1)]
    assert losses == [result.metrics["dev_loss"][0, 2], None]


def test_the_study_has_the_best_member_first(result, tmp_path):
    url = f"sqlite:///{tmp_path}/study.db"
    write(result, url, policy=interop.top(2))
    study = optuna.load_study(storage=url, study_name="study")
    assert study.best_trial.number == 0 and study.best_value == np.float32(0.2)
    assert study.best_params["rate"] == pytest.approx(0.1, rel=1e-6)
    assert len(study.get_trials()) == 2


def test_every_distribution_has_its_scale_and_what_was_drawn(tmp_path):
    hparams = blanked(dl.sample(jax.random.key(0), MANY, 64))
    path = tmp_path / "study.log"
    write(made(np.arange(64.0)[:, None], hparams=hparams), path, MANY)
    of = optuna.distributions
    for i, trial in enumerate(trials(path)):
        got, kinds = trial.params, trial.distributions
        near = {"rel": 1e-4}  # 1 - β has fewer digits in float32
        assert got["one_minus_beta"] == pytest.approx(1 - hparams["beta"][i], **near)
        assert got["keep"] == pytest.approx(hparams["keep"][i], rel=1e-6)
        assert got["l2"] in (0.1, 0.3) and np.float32(got["l2"]) == hparams["l2"][i]
        assert got["width"] == hparams["width"][i]
        assert got["neurons"] == hparams["neurons"][i]
        option = hparams["either"].name[i]
        assert got["either.name"] == option
        assert ("either.adam.rate" in got) == (option == "adam")
        constants = ("constant", "name", "given")
        told = [trial.user_attrs[f"hparams.{name}"] for name in constants]
        assert told == [0.5, "adam", i] and not {*constants} & {*got}
        assert kinds["one_minus_beta"].log
        assert kinds["keep"] == of.FloatDistribution(0.1, 0.7)
        assert kinds["neurons"] == of.IntDistribution(1, 1000, log=True)
        assert kinds["l2"] == of.CategoricalDistribution([0.1, 0.3])


def test_ends_of_ranges_may_be_rounded_beyond_them(tmp_path):
    space = {"a": dl.Uniform(0.0, 0.6), "b": dl.OneMinusLogUniform(0.5, 0.999)}
    hparams = {"a": np.float32([0.6]), "b": np.float32([0.999])}
    assert float(hparams["a"][0]) > 0.6 and float(hparams["b"][0]) > 0.999
    write(made([[0.5]], hparams=hparams), tmp_path / "study.log", space)
    (trial,) = trials(tmp_path / "study.log")
    assert trial.params == {"a": 0.6, "one_minus_b": 1 - 0.999}


@pytest.mark.parametrize(
    "other",
    [{"rate": dl.LogUniform(1e-3, 10.0)}, {"act": dl.Static(["relu", "tanh"])},
     {"units": dl.Choice([3, 4])}, {"units": dl.IntUniform(3, 5)}],
)  # fmt: skip
def test_another_space_than_the_sweep_s_is_refused(result, tmp_path, other):
    with pytest.raises(SpaceError, match="expected the space of the sweep"):
        write(result, tmp_path / "study.log", SPACE | other)
    assert not [*tmp_path.iterdir()]


def test_quantiles_are_no_trials(result, tmp_path):
    with pytest.raises(SpaceError, match="expected members"):
        write(result, tmp_path / "study.log", policy=interop.quantiles(0.5))
    assert not [*tmp_path.iterdir()]


def test_a_study_is_written_once(result, tmp_path):
    write(result, tmp_path / "study.log")
    with pytest.raises(SpaceError, match="has a study 'study' already"):
        write(result, tmp_path / "study.log")


def test_a_file_that_is_no_journal_is_left_as_it_is(result, tmp_path):
    file = tmp_path / "study.log"
    file.write_text("this\nis\nnone\n")
    with pytest.raises(SpaceError, match="no journal of Optuna"):
        write(result, file)
    assert file.read_text() == "this\nis\nnone\n"


def test_bad_names_stay_names(hostile, tmp_path):
    space = {name: dl.Uniform(-1.0, 99.0) for name in HOSTILE}
    write(hostile, tmp_path / "study.log", space)
    (trial,) = trials(tmp_path / "study.log")
    assert trial.params == {name: float(i) for i, name in enumerate(HOSTILE)}


def test_what_is_not_finite_has_no_value(tmp_path):
    result = made([[np.inf, 0.5]], kept_epoch=[0])
    write(result, tmp_path / "study.log", {"rate": dl.Uniform(-1.0, 1.0)})
    (trial,) = trials(tmp_path / "study.log")
    assert trial.state.name == "FAIL" and trial.intermediate_values == {2: 0.5}


def test_a_hyperparameter_may_have_the_name_of_an_attribute(tmp_path):
    hparams = {"run": np.array(["mine"]), "kept/dev_loss": np.array([7.0])}
    path = tmp_path / "study.log"
    write(made(np.ones((1, 1)), hparams=hparams), path, {"run": "mine"})
    (trial,) = trials(path)
    assert trial.user_attrs["run"] == "member 0"
    assert trial.user_attrs["hparams.run"] == "mine"
    assert trial.user_attrs["kept/dev_loss"] != 7


def test_two_hyperparameters_with_one_name_in_optuna_are_refused():
    space = {
        "beta": dl.OneMinusLogUniform(0.5, 0.9),
        "one_minus_beta": dl.Uniform(0, 1),
    }
    search = interop.optuna_search("RandomSampler")(jax.random.key(0), space, 2, 1)
    for act in (lambda: next(search), lambda: interop.optuna_study("a", "b", space)):
        with pytest.raises(SpaceError, match="one_minus_beta in Optuna; expected"):
            act()
