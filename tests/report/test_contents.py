"""What the page says of a sweep, as plain values."""

import dataclasses

import numpy as np

from jaxdl import diagnose
from jaxdl.data import About
from jaxdl.report import contents
from jaxdl.sweeps.summary import summarize
from tests.report.conftest import diverged, part, with_space


def outcome(result):
    return contents.outcome(summarize(result, None), result.has_rates())


def test_the_command_to_replay_names_the_folder(result):
    assert contents.members(result, None)["replay"] == [
        "dl.replay(result, recipe, data, member=", ")"
    ]  # fmt: skip
    assert contents.members(result, None)["command"] == ""
    typed = contents.members(result, "a run")["command"]
    assert typed == "jaxdl replay 'a run' FILE --member "
    named = contents.members(result, "runs/it's")["replay"][0]
    assert named == 'dl.replay("runs/it\'s", recipe, data, member='


def test_the_diagnosis_is_that_of_the_best_member(result, digits):
    summary = summarize(result, digits)
    found, advice = contents.diagnosis(summary, rates=True)
    best = result.best()
    train = best.evaluate(digits.train)["error"]
    dev = best.metrics["dev_error"][-1]
    right = diagnose.bias_variance(train, dev)
    assert found[0] == (
        f"The best member's error is {train:.2%} on the train set and {dev:.2%} on the "
        "dev set."
    )
    assert found[1].startswith("High bias" if right.high_bias else "No high bias")
    assert f"{100 * right.variance:.2f} points" in found[2]
    assert [text.lower() for text in advice] == [f"{a}.".lower() for a in right.advice]
    human, _ = contents.diagnosis(summarize(result, digits, train + 0.01), rates=True)
    assert (
        "No bias: the train error is 1.00 points below the human-level error." in human
    )
    interval = diagnose.error_interval(dev, 360)
    assert f"dev error {interval.low:.2%} to {interval.high:.2%} on 360" in found[4]
    assert found[5].startswith("Baseline: the most frequent class")
    assert found[3].startswith("These are errors of the trained model")
    without, _ = contents.diagnosis(summarize(result, None), rates=True)
    assert f"{best.metrics['train_error'][-1]:.2%} in training" in without[0]


def test_the_summary_counts_how_members_ended(result, repeated):
    best = result.ranking()[0]
    error = result.final()["dev_error"][best]
    assert outcome(result) == (
        f"32 members: 32 finished. The best, member {best}, has {error:.2%} dev error."
    )
    assert outcome(diverged(result, [1, 2])).startswith(
        "32 members: 2 diverged, 30 finished."
    )
    assert outcome(diverged(part(result, 1), [0])) == (
        "1 member: 1 diverged. No configuration has a finite dev error."
    )
    assert "of 4 configurations" in outcome(repeated)


def test_the_specification_has_the_space_in_words(result):
    rows = dict(contents.specification(result, None))
    assert rows["space: learning_rate"] == "LogUniform(low=0.001, high=1.0)"
    assert rows["space: activation"] == "'relu'"
    given = with_space(
        result, result.task.space._replace(decay=np.zeros(32)), result.hparams
    )
    rows |= contents.specification(given, None)
    assert rows["space: decay"] == "32 given values"
    assert rows["members"] == "32" and rows["epochs"] == "3" and rows["key"] == "[0, 0]"
    assert rows["block width"] == "16" and rows["precision"] == "float32"


def test_the_specification_names_classes_and_features(result, digits):
    about = About(classes=("cat", "dog"), features=tuple(f"x{i}" for i in range(64)))
    train = dataclasses.replace(digits.train, about=about)
    named = digits._replace(train=train)
    rows = dict(contents.specification(result, None, named))
    assert rows["classes"] == "2: cat, dog"
    assert rows["features"].startswith("64: x0, x1, ")
    assert rows["features"].endswith("x19 and 44 more")
    bare = digits._replace(train=dataclasses.replace(digits.train, about=About()))
    assert "classes" not in dict(contents.specification(result, None, bare))
