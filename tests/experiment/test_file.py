"""What `NAME=VALUE` makes of a space."""

import numpy as np
import pytest

import jaxdl as dl
from jaxdl.experiment import ExperimentError, hyperparameters, pinned

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
    middle = hyperparameters(SPACE, ["optimizer.name=adam"], middle=True)
    assert float(middle["optimizer"].values["rate"]) == pytest.approx(0.01)
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
        (dl.Static(["a", "b", "c"]), "b"), (dl.AsSize(dl.IntLogUniform(1, 15)), 4),
        (dl.AsSize([7, 9]), 7), (np.array([0.5, 0.7]), 0.5), (3, 3), (None, None),
        (dl.Among(["a", "b", "c"]), "b"), (dl.Among(["a", "b"], ["b", "a"]), "b"),
    ],
)  # fmt: skip
def test_what_is_not_given_is_the_middle(leaf, middle):
    found = hyperparameters({"x": leaf}, [], middle=True)["x"]
    if isinstance(middle, float):
        assert float(found) == pytest.approx(middle)
    else:
        assert found == middle
    is_size = isinstance(leaf, dl.AsSize)
    assert not is_size or type(found) is int


@pytest.mark.parametrize(
    ("leaf", "text", "value"),
    [
        (dl.IntLogUniform(1, 15), "9", 9), (dl.Static(["a", 3, None]), "3", 3),
        (dl.Static(["a", 3, None]), "None", None), (np.array(["a", "b"]), "b", "b"),
        (dl.AsSize(dl.IntUniform(1, 5)), "4", 4), ("adam", "sgd", "sgd"),
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
        (dl.AsSize(dl.IntUniform(1, 5)), "2.5x", "expected a number"),
        (dl.Uniform(0, 1), "True", "expected a number"),
    ],
)
def test_values_of_another_kind_are_refused(leaf, text, message):
    with pytest.raises(ExperimentError, match=message):
        hyperparameters({"x": leaf}, [f"x={text}"])


def test_a_pinned_space_keeps_its_other_leaves():
    rate = dl.LogUniform(1e-3, 1e-1)
    for act in (dl.Static(["relu", "tanh"]), dl.Among(["relu", "tanh"])):
        space = {"rate": rate, "act": act}
        assert pinned(space, ["act=tanh"]) == {"rate": rate, "act": "tanh"}
    with pytest.raises(ExperimentError, match="unknown"):
        pinned(space, ["ate=1"])


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
