"""The portfolio: which members have its settings, and that all else is as ever."""

import json

import jax
import numpy as np
import pytest

import jaxdl as dl
from jaxdl import runs
from jaxdl.searches import portfolio as search
from jaxdl.searches.portfolio import NAMES, part_of, settings
from jaxdl.spaces import SpaceError
from jaxdl.spaces.first import first_of, with_first
from jaxdl.sweeps import read_result
from jaxdl.train.structure import by_name
from tests.sweeps.kept import (
    SPACE,
    assert_same_member,
    assert_same_result,
    cut_after,
    small,
    sweep,
    trained_blocks,
)

KEY = jax.random.key(3)
WIDE = {
    "learning_rate": dl.LogUniform(1e-9, 1e3),
    "beta1": dl.Uniform(0, 1),
    "beta2": dl.Uniform(0, 1),
    "weight_decay": dl.LogUniform(1e-9, 1e3),
    "warmup_share": dl.Uniform(0, 1),
}


def first_rung(space, members=70):
    """Returns the hyperparameters that the search asks for by name."""
    return by_name(next(search()(KEY, space, members, 4)).hparams)


def drawn(space, members=70):
    return by_name(dl.sample(KEY, space, members))


@pytest.fixture
def three(tmp_path, monkeypatch):
    """Ships three settings, and returns these."""
    rows = [
        dict(zip(NAMES, values, strict=True))
        for values in (
            (0.5, 0.9, 0.99, 0.01, 0.1),
            (0.25, 0.8, 0.999, 0.02, 0.2),
            (0.125, 0.7, 0.9, 0.04, 0.3),
        )
    ]
    file = tmp_path / "own.json"
    file.write_text(json.dumps({"settings": rows}))
    monkeypatch.setitem(search.__globals__, "RECORD", file)
    return rows


def test_the_first_members_have_the_shipped_settings_in_their_order():
    found, shipped = first_rung(WIDE), settings()
    assert len(shipped) == 64
    for name in NAMES:
        expected = np.float32([setting[name] for setting in shipped])
        np.testing.assert_array_equal(found[name][:64], expected)
        np.testing.assert_array_equal(found[name][64:], drawn(WIDE)[name][64:])


def test_what_is_shipped_is_of_the_space_and_tells_how_it_was_found():
    record = json.loads(search.__globals__["RECORD"].read_text())
    rows = [tuple(setting[name] for name in NAMES) for setting in record["settings"]]
    assert len({*rows}) == 64
    low, high = (1e-4, 0.8, 0.9, 1e-4, 0.01), (0.1, 0.99, 0.9999, 1.0, 0.5)
    assert (np.float32(low) <= rows).all() and (rows <= np.float32(high)).all()
    found = record["found"]
    assert {"by", "trained", "seed", "epochs", "versions", "left_out"} == {*found}
    assert len(found["epochs"]) >= 16 and {*found["left_out"]} == {*found["epochs"]}


def test_all_else_is_drawn_as_random_search_draws_it(three):
    space = {
        "lr": dl.LogUniform(1e-3, 1.0),
        "units": dl.Static([16, 32]),
        "keep": dl.Uniform(0.5, 1),
    }
    found, plain = first_rung(space), drawn(space)
    assert found["lr"][:3].tolist() == [0.5, 0.25, 0.125]
    np.testing.assert_array_equal(found["lr"][3:], plain["lr"][3:])
    for name in ("units", "keep"):
        assert found[name].tolist() == plain[name].tolist()
    assert first_rung(space, 2)["lr"].tolist() == [0.5, 0.25]


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("rate", "learning_rate"), ("lr", "learning_rate"), ("b1", "beta1"),
        ("optimizer.adam.beta_2", "beta2"), ("wd", "weight_decay"),
        ("head.learning_rate", "learning_rate"), ("warmup_ratio", "warmup_share"),
        ("dropout.rate", None), ("warmup", None), ("warmup_steps", None), ("l2", None),
        ("beta", None), ("beta1.first", None),
    ],
)  # fmt: skip
def test_which_names_count(name, part):
    assert part_of(name) == part


def test_options_of_a_space_have_settings_too(three):
    space = {
        "optimizer": dl.Either(
            {
                "adam": {"rate": dl.Uniform(0, 1), "b1": dl.Uniform(0, 1)},
                "sgd": {"lr": dl.Uniform(0, 1)},
            }
        )
    }
    found, plain = first_rung(space), drawn(space)
    assert found["optimizer.sgd.lr"][:3].tolist() == [0.5, 0.25, 0.125]
    assert (
        found["optimizer.adam.b1"][:3].tolist() == np.float32([0.9, 0.8, 0.7]).tolist()
    )
    for name in ("optimizer.adam.rate", "optimizer.name"):
        assert found[name].tolist() == plain[name].tolist()


def test_a_value_that_a_space_cannot_give_is_drawn(three):
    space = {
        "rate": dl.LogUniform(0.2, 1.0),
        "beta1": dl.Choice([0.7, 0.6]),
        "weight_decay": 0.5,
        "beta2": dl.OneMinusLogUniform(0.98, 0.9999),
    }
    found, plain = first_rung(space), drawn(space)
    assert found["rate"][:2].tolist() == [0.5, 0.25]
    assert found["rate"][2:].tolist() == plain["rate"][2:].tolist()
    assert found["beta1"][2] == np.float32(0.7)
    assert np.delete(found["beta1"] == plain["beta1"], 2).all()
    assert found["beta2"][:2].tolist() == np.float32([0.99, 0.999]).tolist()
    assert set(found["weight_decay"].tolist()) == {0.5}


def test_a_setting_of_which_nothing_fits_is_skipped(three):
    found = first_rung({"rate": dl.LogUniform(0.1, 0.3), "l2": dl.Uniform(0, 1)})
    assert found["rate"][:2].tolist() == [0.25, 0.125]
    assert found["rate"][2] == drawn({"rate": dl.LogUniform(0.1, 0.3)})["rate"][2]


@pytest.mark.parametrize(
    ("space", "message"),
    [
        ({"speed": dl.Uniform(0, 1), "rate": 0.1},
         r"draws \['speed'\]; expected one of .*'learning_rate', 'lr', .*'rate'\]"),
        ({"lr": dl.Uniform(2, 3)}, r"got the portfolio with lr=Uniform.*widen a range"),
    ],
)  # fmt: skip
def test_a_space_that_takes_nothing_is_refused(space, message):
    with pytest.raises(SpaceError, match=message):
        first_rung(space)


def test_values_of_a_start_come_first(three):
    """They have what the start gives; the settings follow them."""
    space = {"rate": dl.Uniform(0, 1), "beta1": dl.Uniform(0, 1)}
    rows = [{"rate": 0.75}, {"rate": 0.875}]
    started = with_first(space, rows)
    assert first_of(started) == rows and first_of(space) == []
    found = first_rung(started)
    assert found["rate"][:5].tolist() == [0.75, 0.875, 0.5, 0.25, 0.125]
    assert found["beta1"][:2].tolist() == drawn(space)["beta1"][:2].tolist()
    assert found["beta1"][2] == np.float32(0.9)


def test_a_sweep_starts_from_another_and_then_takes_the_settings(digits, three):
    other = sweep(small, SPACE, digits, epochs=1)
    start = {"start_from": other, "search": dl.portfolio(), "epochs": 1}
    space = {"rate": dl.LogUniform(1e-3, 0.5)}
    found = sweep(small, space, digits, **start)
    best = other.hparams["rate"][other.ranking()][:3]
    assert found.hparams["rate"].tolist() == [*best, 0.5, 0.25, 0.125]


def test_a_run_resumes_grows_and_is_replayed_to_the_bit(digits, tmp_path):
    settings = {"search": dl.portfolio(), "epochs": 2}
    whole = sweep(small, SPACE, digits, members=5, **settings)
    folder = {"run_dir": tmp_path}
    with cut_after(1):
        sweep(small, SPACE, digits, members=3, **settings, **folder)
    sweep(small, SPACE, digits, members=3, **settings, **folder)
    with trained_blocks() as blocks:
        sweep(small, SPACE, digits, members=3, **settings, **folder)
    assert not blocks
    grown = sweep(small, SPACE, digits, members=5, extend=True, **settings, **folder)
    assert_same_result(grown, whole)
    assert_same_result(read_result(tmp_path, small), whole)
    again = dl.replay(tmp_path, small, digits, member=3, progress=False)
    assert_same_member(again, whole.member(3))


def test_a_run_is_read_but_not_resumed_with_other_settings(digits, tmp_path, three):
    settings = {"search": dl.portfolio(), "epochs": 1, "run_dir": tmp_path / "run"}
    space = {"rate": dl.LogUniform(1e-3, 0.5)}
    whole = sweep(small, space, digits, **settings)
    three[0]["learning_rate"] = 0.375
    (tmp_path / "own.json").write_text(json.dumps({"settings": three}))
    with pytest.raises(runs.RunMismatchError, match="rung 0 of this run differs"):
        sweep(small, space, digits, **settings)
    assert_same_result(read_result(settings["run_dir"], small), whole)
    again = dl.replay(settings["run_dir"], small, digits, member=0, progress=False)
    assert_same_member(again, whole.member(0))
