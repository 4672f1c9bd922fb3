"""What `NAME=VALUE` and `NAME=LOW..HIGH` make of a space."""

import numpy as np
import pytest

import jaxdl as dl
from jaxdl import nn
from jaxdl.experiment import ExperimentError, hyperparameters, pinned
from jaxdl.experiment.given import middle_of

SPACE = {
    "l2": dl.LogUniform(1e-3, 1.0),
    "optimizer": dl.Either({
        "adam": {"rate": dl.LogUniform(1e-3, 1e-1), "kind": dl.Static(["a", "b"])},
        "descent": {"rate": dl.LogUniform(1e-2, 1.0), "power": dl.IntUniform(1, 4)},
        "fixed": {},
    }),
}  # fmt: skip


def test_only_the_chosen_option_is_asked_for():
    hp = hyperparameters(SPACE, ["optimizer.name=descent", "optimizer.descent.rate=0.1",
                                 "optimizer.descent.power=2", "l2=0.5"])  # fmt: skip
    assert (
        hp["optimizer"].name == "descent"
        and float(hp["optimizer"].values["rate"]) == 0.1
    )
    wrong = ["optimizer.name=fixed", "optimizer.adam.rate=0.1", "l2=0.5"]
    with pytest.raises(ExperimentError, match="unknown .'optimizer.adam.rate'"):
        hyperparameters(SPACE, wrong)
    with pytest.raises(ExperimentError, match="missing .*optimizer.descent.rate"):
        hyperparameters(SPACE, ["optimizer.name=descent", "l2=0.5"])
    with pytest.raises(ExperimentError, match="missing .'optimizer.name'"):
        hyperparameters(SPACE, ["l2=0.5"])


@pytest.mark.parametrize(
    ("leaf", "middle"),
    [
        (dl.Uniform(0, 4), 2.0), (dl.LogUniform(1e-4, 1.0), 0.01),
        (dl.OneMinusLogUniform(0.9, 0.999), 0.99), (dl.IntUniform(1, 5), 3),
        (dl.IntLogUniform(1, 15), 4), (dl.Choice([1, 5, 2]), 5),
        (dl.Static(["a", "b", "c"]), "b"),
        (dl.AsSize(dl.IntLogUniform(1, 15), (8, 15)), nn.Size(4, 8)),
        (dl.AsSize([7, 9], (9,)), nn.Size(7, 9)),
        (np.array([0.5, 0.7]), 0.5), (3, 3), (None, None),
        (dl.Among(["a", "b", "c"]), "b"), (dl.Among(["a", "b"], ["b", "a"]), "b"),
    ],
)  # fmt: skip
def test_what_is_not_given_is_the_middle(leaf, middle):
    found = middle_of(leaf)
    if isinstance(middle, float):
        assert float(found) == pytest.approx(middle)
    else:
        assert found == middle


@pytest.mark.parametrize(
    ("leaf", "text", "value"),
    [
        (dl.IntLogUniform(1, 15), "9", 9), (dl.Static(["a", 3, None]), "3", 3),
        (dl.Static(["a", 3, None]), "None", None), (np.array(["a", "b"]), "b", "b"),
        (dl.AsSize(dl.IntUniform(1, 5), (3, 5)), "4", nn.Size(4, 5)),
        (dl.AsSize(dl.IntUniform(1, 5), (3, 5)), "9", nn.Size(9, 9)),
        ("adam", "sgd", "sgd"),
        (True, "False", False), (dl.Uniform(0, 1), "0.5", 0.5),
        (dl.Among(["a", "b"]), "b", "b"), (dl.Among([True, False]), "False", False),
        (dl.Among([1, 3], [3, 3]), "1", 1),
    ],
)  # fmt: skip
def test_values_have_the_kind_of_their_leaf(leaf, text, value):
    assert hyperparameters({"x": leaf}, [f"x={text}"])["x"] == value


@pytest.mark.parametrize(
    ("leaf", "text", "message"),
    [
        (dl.Static(["a", 3]), "b", "expected one of .'a', 3."),
        (np.array(["a", "b"]), "c", "expected one of .'a', 'b'."),
        (dl.Among(["a", "b"]), "c", "expected one of .'a', 'b'."),
        (3, "3.5", "expected int, such as 3"),
        (dl.AsSize(dl.IntUniform(1, 5)), "2.5x", "expected an int"),
        (dl.IntUniform(1, 5), "2.5", "expected an int"),
        (dl.Uniform(0, 1), "True", "expected a number"),
    ],
)
def test_values_of_another_kind_are_refused(leaf, text, message):
    with pytest.raises(ExperimentError, match=message):
        hyperparameters({"x": leaf}, [f"x={text}"])


@pytest.mark.parametrize(
    ("leaf", "text", "part"),
    [
        (dl.Static(["relu", "tanh"]), "tanh", dl.Static(["tanh"])),
        (dl.Among(["relu", "tanh"]), "tanh", dl.Among(["tanh"])),
        (dl.Among(["a..b", "c"]), "a..b", dl.Among(["a..b"])),
        (dl.LogUniform(1e-3, 1.0), "0.01", dl.Choice([0.01])),
        (dl.LogUniform(1e-3, 1.0), "0.01..0.1", dl.LogUniform(0.01, 0.1)),
        (dl.LogUniform(1e-3, 1.0), "0.01..1", dl.LogUniform(0.01, 1.0)),
        (dl.IntUniform(1, 9), "2..4", dl.IntUniform(2, 4)),
        (dl.IntUniform(1, 9), "3..3", dl.Choice([3])),
        (dl.Uniform(-4, 0), "-3..-1.5", dl.Uniform(-3, -1.5)),
        (dl.Choice([0.1, 0.2, 0.4]), "0.2..1", dl.Choice([0.2, 0.4])),
        (dl.Static([32, 64, 128]), "64..128", dl.Static([64, 128])),
        (dl.AsSize(dl.IntUniform(8, 64), (16, 32, 64)), "20..30",
         dl.AsSize(dl.IntUniform(20, 30), (32,))),
        (dl.AsSize(dl.IntUniform(8, 64), (16, 32, 64)), "16..40",
         dl.AsSize(dl.IntUniform(16, 40), (16, 32, 64))),
        (dl.AsSize(dl.IntUniform(8, 64)), "20..30", dl.AsSize(dl.IntUniform(20, 30))),
        (dl.AsSize(dl.IntUniform(8, 64), (32, 64)), "20",
         dl.AsSize(dl.Choice([20]), (32,))),
        (0.9, "1", 1.0), ("relu", "a..b", "a..b"), (64, "32", 32),
    ],
)  # fmt: skip
def test_a_leaf_is_pinned_or_narrowed_and_the_others_stay(leaf, text, part):
    other = dl.LogUniform(1e-3, 1e-1)
    found = pinned({"x": leaf, "other": other}, [f"x={text}"])
    assert found == {"x": part, "other": other}
    assert type(found["x"]) is type(part)


@pytest.mark.parametrize(
    ("leaf", "text", "message"),
    [
        (dl.LogUniform(1e-3, 1.0), "0.1..0.01", "its low end first"),
        (dl.LogUniform(1e-3, 1.0), "0.1..2", "expected a part of LogUniform"),
        (dl.LogUniform(1e-3, 1.0), "0.0001..0.1", "expected a part of LogUniform"),
        (dl.LogUniform(1e-3, 1.0), "0.1..", "got x=0.1..; expected x=LOW"),
        (dl.LogUniform(1e-3, 1.0), "..0.3", "LOW..HIGH, such as x=0.001..1$"),
        (dl.Choice([0.4, 0.1]), "..", "got x=..; .* such as x=0.1..0.4$"),
        (dl.AsSize(dl.IntUniform(1, 5)), "..3", "such as x=1..5$"),
        (dl.Among(["a", "b"]), "a..b", "got x=a..b; expected one of .'a', 'b'."),
        (dl.LogUniform(1e-3, 1.0), "0.1..0.2..0.3", "expected x=LOW..HIGH"),
        (dl.Choice([0.1, 0.2]), "0.3..0.4", "at least one of Choice"),
        (0.9, "0.1..0.2", "one value in the place of 0.9"),
        (np.array([0.1, 0.2]), "0.1..0.2", "one value in the place of"),
    ],
)
def test_a_range_that_is_no_part_is_refused(leaf, text, message):
    with pytest.raises(ExperimentError, match=message):
        pinned({"x": leaf}, [f"x={text}"])
    if text == "0.1..0.2":
        with pytest.raises(ExperimentError, match="expected a number"):
            hyperparameters({"x": leaf}, [f"x={text}"])


def test_a_pinned_array_is_a_constant_of_its_type():
    leaf = np.array([0.1, 0.2], np.float32)
    found = pinned({"x": leaf}, ["x=0.5"])["x"]
    assert found.dtype == np.float32 and found.shape == () and found == 0.5


def test_an_option_that_is_pinned_leaves_the_hyperparameters_of_others_unknown():
    found = pinned(SPACE, ["optimizer.adam.rate=0.01..0.02"])
    assert found["optimizer"].options["adam"]["rate"] == dl.LogUniform(0.01, 0.02)
    assert found["optimizer"].name == SPACE["optimizer"].name
    found = pinned(SPACE, ["optimizer.name=adam"])
    assert found["optimizer"].name == dl.Static(["adam"])
    with pytest.raises(ExperimentError, match="unknown .'optimizer.adam.rate'"):
        pinned(SPACE, ["optimizer.name=fixed", "optimizer.adam.rate=0.01"])


def test_a_slip_in_a_name_or_an_option_proposes_the_near_one():
    for function in (hyperparameters, pinned):
        with pytest.raises(ExperimentError, match="did you mean rate."):
            function({"rate": 0.5, "l2": 0.5}, ["rte=1"])
        with pytest.raises(ExperimentError, match="did you mean tanh."):
            function({"act": dl.Static(["relu", "tanh"])}, ["act=tahn"])
        with pytest.raises(ExperimentError, match="got rate; expected NAME=VALUE"):
            function({"rate": 0.5}, ["rate"])
        with pytest.raises(ExperimentError, match="got rate twice"):
            function({"rate": 0.5}, ["rate=1", "rate=2"])


def test_a_name_may_be_that_of_a_table_s_column():
    """Tables put a prefix before a name that is one of theirs."""
    assert pinned({"status": 0.5}, ["hparams.status=1"]) == {"status": 1.0}
    both = {"x": 0.5, "hparams.x": 0.25}
    assert pinned(both, ["hparams.hparams.x=1", "x=2"]) == {"x": 2.0, "hparams.x": 1.0}


@pytest.mark.parametrize(
    ("leaf", "text", "expected"),
    [
        (dl.LogUniform(1e-3, 1), "1" + 30 * "0", "int32 can hold, or a float"),
        (dl.LogUniform(1e-3, 1), "{[]: 1}", "a number"),
        (dl.LogUniform(1e-3, 1), "{{}}", "a number"),
        (dl.LogUniform(1e-3, 1), "(" * 5000, "a number"),
        (dl.LogUniform(1e-3, 1), "9" * 5000, "a number"),
        (dl.LogUniform(1e-3, 1), "-" * 5000 + "1", "a number"),
        (0.5, "-2147483649", "int32 can hold"),
        (64, "2147483648", "int32 can hold"),
        (dl.AsSize([3, 4]), "1" + 30 * "0", "int32 can hold"),
        (dl.Static(["a"]), "b" * 5000, "one of"),
    ],
)
def test_a_value_that_no_program_can_take_is_refused_briefly(leaf, text, expected):
    for function in (hyperparameters, pinned):
        with pytest.raises(
            ExperimentError, match=f"; expected .*{expected}"
        ) as refused:
            function({"x": leaf}, [f"x={text}"])
        assert len(str(refused.value)) < 200
