"""Options of a traced choice that have hyperparameters of their own."""

import jax
import numpy as np
import pytest

import jaxdl as dl
from jaxdl import nn, optim
from jaxdl.experiment.given import hyperparameters, pinned
from jaxdl.spaces.plain import from_plain, to_plain
from jaxdl.spaces.structures import count_structures
from jaxdl.sweeps import replay

SPACE = {
    "rate": dl.LogUniform(1e-3, 1e-1),
    "optimizer": dl.Among({
        "plain": {"share": dl.Uniform(0.8, 0.95)},
        "momentum": {"beta": dl.Uniform(0.5, 0.95), "times": dl.IntUniform(1, 3)},
    }),
}  # fmt: skip
OWN = {"plain": ["share"], "momentum": ["beta", "times"]}


def gradient_descent(rate, own):
    return optim.gradient_descent(rate * own["share"])


def momentum(rate, own):
    return optim.momentum(rate * own["times"], beta=own["beta"])


def recipe(hp):
    which, own = hp["optimizer"].name, hp["optimizer"].options
    optimizers = {
        "plain": gradient_descent(hp["rate"], own["plain"]),
        "momentum": momentum(hp["rate"], own["momentum"]),
    }
    optimizer, loss = optim.among(which, optimizers), nn.softmax_cross_entropy
    return dl.Recipe(nn.dense(10), optimizer, loss, batch_size=500)


def sweep(data, **given):
    given = {"members": 6, "epochs": 2, "plan": dl.Plan(2), **given}
    return dl.sweep(recipe, SPACE, data, key=0, progress=False, **given)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return tmp_path_factory.mktemp("own") / "run"


@pytest.fixture(scope="module")
def swept(digits, run):
    return sweep(digits, run_dir=run)


def test_all_members_share_one_program(swept):
    assert count_structures(SPACE) == 1
    assert len(swept.inferences) == 1


def test_results_show_the_values_of_the_chosen_option_alone(swept):
    columns, rows = swept.rows()
    for row in rows:
        found = dict(zip(columns, row, strict=True))
        for option, names in OWN.items():
            blank = {np.isnan(found[f"optimizer.{option}.{name}"]) for name in names}
            assert blank == {found["optimizer.name"] != option}


@pytest.mark.parametrize(
    ("option", "optimizer"),
    [
        ("momentum", momentum),
        pytest.param("plain", gradient_descent, marks=pytest.mark.heavy),
    ],
)
def test_a_member_is_the_plain_model_of_its_option(swept, digits, option, optimizer):
    names = swept.hparams["optimizer"].name
    member = swept.member(int(np.flatnonzero(names == option)[0]))

    def alone(hp):
        loss = nn.softmax_cross_entropy
        return dl.Recipe(nn.dense(10), optimizer(hp["rate"], hp), loss, batch_size=500)

    own = member.hparams["optimizer"].options[option] | {"rate": member.hparams["rate"]}
    one = dl.fit(alone, own, digits, key=0, epochs=2, progress=False)
    other = dl.fit(recipe, member.hparams, digits, key=0, epochs=2, progress=False)
    np.testing.assert_allclose(
        one.metrics["train_loss"], other.metrics["train_loss"], rtol=1e-5
    )


def test_hyperparameters_of_a_member_train_it_again(swept, digits):
    member = swept.best()
    for values in member.hparams["optimizer"].options.values():
        assert np.isfinite(list(values.values())).all()
    again = dl.fit(recipe, member.hparams, digits, key=0, epochs=1, progress=False)
    assert again.structure == member.structure


def test_a_run_resumes_and_replays_to_the_bit(swept, digits, run):
    again = sweep(digits, run_dir=run)
    alone = replay(run, recipe, digits, 3, progress=False)
    ours = swept.member(3)
    for theirs in (again.member(3), alone):
        jax.tree.map(np.testing.assert_array_equal, ours.params, theirs.params)
        jax.tree.map(np.testing.assert_array_equal, ours.hparams, theirs.hparams)


@pytest.mark.parametrize("search", [dl.pbt(1), dl.sobol()])
def test_searches_draw_each_option(search, digits):
    found = sweep(digits, search=search, members=4)
    assert np.isfinite(found.metrics["dev_error"]).all()
    assert {*found.hparams["optimizer"].name} <= {*OWN}


def test_a_space_comes_back_from_json():
    assert from_plain(to_plain(SPACE)) == SPACE
    assert repr(SPACE["optimizer"]).startswith("Among({'plain': {'share': Uniform(")
    static = dl.Either(SPACE["optimizer"].options)
    assert SPACE["optimizer"] != static
    assert to_plain(SPACE["optimizer"]) != to_plain(static)


def test_values_are_given_by_name_for_the_chosen_option():
    texts = ["rate=0.01", "optimizer.name=plain", "optimizer.plain.share=0.9"]
    hp = hyperparameters(SPACE, texts)["optimizer"]
    assert hp.name == "plain" and hp.options["plain"]["share"] == 0.9
    assert hp.options["momentum"] == {"beta": 0.725, "times": 2}  # the medians
    part = pinned(SPACE, ["optimizer.name=momentum", "optimizer.momentum.times=2"])
    assert part["optimizer"].name.options == ("momentum",)


def test_static_values_inside_options_multiply():
    inner = {"a": {"x": dl.Static([1, 2])}, "b": {"x": dl.Static([1, 2, 3])}}
    inner["a"]["y"] = dl.Uniform(0, 1)
    assert count_structures({"o": dl.Among(inner)}) == 6
    assert count_structures({"o": dl.Either(inner)}) == 5


def test_options_with_constants_alone_are_spaces_too():
    pinned = dl.Among({"adam": {"beta1": 0.9}, "momentum": {}})
    assert pinned.options == {"adam": {"beta1": 0.9}, "momentum": {}}
    assert pinned.name == dl.Among(["adam", "momentum"])


def test_choices_of_other_members_are_other_spaces():
    options = {"a": {"x": dl.Uniform(0, 1)}, "b": {}}
    assert dl.Among(options, ["a"]) == dl.Among(options, ["a"])
    assert dl.Among(options, ["a"]) != dl.Among(options, ["b"])
