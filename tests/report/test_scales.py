"""Hyperparameters as coordinates, each on the scale of its distribution."""

import jax
import numpy as np
import pytest

import jaxdl as dl
from jaxdl.report.scales import label_axis, scale, value, varying
from jaxdl.report.style import figure
from tests.report.conftest import with_space

NAN = float("nan")


def objects(*values):
    column = np.empty(len(values), object)
    column[:] = values
    return column


@pytest.mark.parametrize(
    ("leaf", "column", "kind", "at", "fraction"),
    [
        (dl.Uniform(0, 4), np.array([0.0, 1, 4]), "linear", [0, 1, 4], [0, 0.25, 1]),
        (dl.LogUniform(1e-4, 1), np.array([1e-4, 1e-2, 1]), "log", [1e-4, 1e-2, 1],
         [0, 0.5, 1]),
        (dl.OneMinusLogUniform(0.9, 0.999), np.array([0.9, 0.99, 0.999]),
         "reversed log", [0.1, 0.01, 0.001], [0, 0.5, 1]),
        (dl.IntUniform(1, 3), np.array([1, 2, 3]), "whole", [1, 2, 3], [0, 0.5, 1]),
        (dl.IntLogUniform(1, 100), np.array([1, 10, 100]), "log", [1, 10, 100],
         [0, 0.5, 1]),
        (dl.AsSize(dl.IntLogUniform(1, 100)), np.array([1, 100, 10]), "log",
         [1, 100, 10], [0, 1, 0.5]),
        (dl.AsSize(np.array([1, 3, 2])), np.array([1, 3, 2]), "whole", [1, 3, 2],
         [0, 1, 0.5]),
        (dl.AsSize(dl.IntUniform(1, 3)), np.array([1, 3, 2]), "whole", [1, 3, 2],
         [0, 1, 0.5]),
        (dl.Choice([0.1, 8.0]), np.array([8.0, 0.1, 8.0]), "category", [1, 0, 1],
         [1, 0, 1]),
        (dl.Static(["b", "a", None]), objects("b", "a", None), "category", [2, 1, 0],
         None),
        (dl.Static([64, 8, True]), objects(64, 8, True), "category", [2, 1, 0],
         [1, 0.5, 0]),
        (dl.Uniform(0, 1), np.array([NAN, 0.0, 1.0]), "linear", [NAN, 0, 1],
         [NAN, 0, 1]),
        (dl.Static(["a", "b"]), objects(NAN, "a", "b"), "category", [NAN, 0, 1],
         [NAN, 0, 1]),
        (dl.AsSize(dl.IntUniform(1, 3)), objects(3, NAN, 1), "whole", [3, NAN, 1],
         [1, NAN, 0]),
        (0.0, np.array([0.001, 0.01, 0.1]), "log", [0.001, 0.01, 0.1], [0, 0.5, 1]),
        (0.0, np.array([1.0, 2.0, 3.0]), "linear", [1, 2, 3], [0, 0.5, 1]),
        (0.0, np.array([0.0, 50.0, 100.0]), "linear", [0, 50, 100], [0, 0.5, 1]),
        (None, np.array([2.0, 2.0, 2.0]), "linear", [2, 2, 2], [0.5, 0.5, 0.5]),
    ],
)  # fmt: skip
def test_a_hyperparameter_is_on_its_own_scale(leaf, column, kind, at, fraction):
    found = scale("x", column, leaf)
    assert found.kind == kind
    if fraction is not None:
        np.testing.assert_allclose(found.at, at)
        np.testing.assert_allclose(found.fraction(), fraction, atol=1e-7)


def test_a_beta_that_is_1_in_float32_stays_on_the_scale():
    found = scale("beta", np.float32([0.9, 1.0]), dl.OneMinusLogUniform(0.9, 1 - 1e-9))
    assert found.at[1] == pytest.approx(1e-9, rel=1e-6)


@pytest.mark.parametrize(
    ("at", "text"), [(0.1, "0.9"), (0.2, "0.8"), (0.01, "0.99"), (0.00123, "0.9988")]
)
def test_a_beta_is_written_to_two_digits_of_its_distance_from_1(at, text):
    assert (
        value(scale("b", np.array([0.5]), dl.OneMinusLogUniform(0.1, 0.9)), at) == text
    )


def test_what_does_not_vary_is_left_out(result):
    names = [found.name for found in varying(result)]
    assert names == ["learning_rate", "beta", "units", "decay"]


def test_options_of_a_choice_are_drawn_too(result):
    space = {"opt": dl.Either({"adam": {"eps": dl.LogUniform(1e-9, 1e-5)}, "sgd": {}})}
    hparams = dl.spaces.either.blanked(dl.sample(jax.random.key(0), space, 32))
    either = with_space(result, space, hparams)
    name, eps = varying(either)
    assert name.names == ("adam", "sgd") and eps.label == "opt.adam.eps (log scale)"
    np.testing.assert_array_equal(np.isnan(eps.at), name.at == 1)


@pytest.mark.parametrize(
    "high", [1.2, 2, 3.9, 4.1, 8, 19, 21, 60, 99, 101, 500, 1999, 2001, 1e5, 1e9]
)
@pytest.mark.parametrize("low", [0.0012, 1.0, 0.7, 0.00499, 2.1])
def test_a_log_axis_has_at_least_three_ticks_and_at_most_ten(low, high):
    known = scale("x", np.array([low, low * high]), dl.LogUniform(low, low * high))
    axes = figure(3, 3).add_subplot()
    label_axis(axes, "x", known)
    axes.set_xlim(low, low * high)
    within = [x for x in axes.get_xticks() if low <= x <= low * high * (1 + 1e-9)]
    assert 3 <= len(within) <= 10
