"""A sweep and its members in a session and a notebook."""

import dataclasses
from xml.etree import ElementTree

import numpy as np
import pytest

import jaxdl as dl
from jaxdl.sweeps.ensembles import Ensemble

NAMES = ["result", "member", "dev", "splits", "plan", "ensemble"]


@pytest.fixture(scope="module")
def objects(small_sweep, digits):
    return {
        "result": small_sweep, "member": small_sweep.member(0), "dev": digits.dev,
        "splits": digits, "plan": small_sweep.task.plan,
        "ensemble": small_sweep.ensemble(size=4),
    }  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_each_object_is_ten_lines_at_most_and_a_table(objects, name):
    lines = repr(objects[name]).splitlines()
    assert 1 <= len(lines) <= 10 and max(map(len, lines)) <= 100
    page = ElementTree.fromstring(objects[name]._repr_html_())
    assert page.find("table/tbody/tr/td") is not None
    assert (
        page.find("table/thead") is None or page.find("table/thead/tr/th") is not None
    )
    assert (page.find("svg") is not None) == (name in ("result", "member"))


def test_a_result_begins_with_its_best(small_sweep):
    title, columns, _, best, *_ = repr(small_sweep).splitlines()
    assert title == "SweepResult of 32 members, 3 epochs: finished"
    assert columns.split()[:2] == ["member", "dev_error"]
    assert int(best.split()[0]) == small_sweep.ranking()[0]
    page = ElementTree.fromstring(small_sweep._repr_html_())
    assert len(page.findall("table/tbody/tr")) == 10
    assert len(page.findall("svg/path")) == 1 + 32  # the axes, and a curve a member


def test_a_member_has_its_hyperparameters(small_sweep):
    member = small_sweep.member(0)
    lines = dict(line.split(maxsplit=1) for line in repr(member).splitlines()[1:])
    assert float(lines["learning_rate"]) == pytest.approx(
        float(member.hparams.learning_rate), rel=1e-3
    )
    assert lines["activation"] == "relu" and "dev_error" in lines["metrics"]


def test_a_result_without_a_finite_value_is_shown(small_sweep):
    """As in a run whose first epoch has not ended."""
    nothing = {n: np.full_like(x, np.nan) for n, x in small_sweep.metrics.items()}
    lost = dataclasses.replace(small_sweep, metrics=nothing)
    assert len(repr(lost).splitlines()) == 9
    assert "<svg" not in lost._repr_html_()


def test_names_of_others_are_no_markup(small_sweep):
    hostile = {"<b>\x1b": np.array(["<i>"] * 32, object)}
    result = dataclasses.replace(small_sweep, hparams=hostile)
    for text in (repr(result), result._repr_html_()):
        assert "\x1b" not in text
    assert "<b>" not in text and "<i>" not in text and "&lt;i&gt;" in text


def test_a_member_of_a_sweep_says_its_number(small_sweep):
    assert repr(small_sweep.member(5)).startswith("Member 5: finished, ")
    assert repr(small_sweep.best()).startswith(f"Member {small_sweep.ranking()[0]}: ")
    alone = dataclasses.replace(small_sweep.member(5), number=None)
    assert repr(alone).startswith("Member: finished, ")


def test_an_ensemble_lists_its_members_by_weight(small_sweep):
    """Member 3 was added three times of four."""
    members = small_sweep.member(7), small_sweep.member(3)
    found = Ensemble(members, np.array([0.25, 0.75]), np.array([7, 3]))
    title, columns, _, *rows = repr(found).splitlines()
    assert title == "Ensemble of 2 members" and columns.split() == ["member", "weight"]
    assert [row.split() for row in rows] == [["3", "0.75"], ["7", "0.25"]]


def test_a_plan_shows_what_is_decided():
    assert repr(dl.Plan()) == "Plan()"
    assert repr(dl.Plan(8, max_programs=3)) == "Plan(block_width=8, max_programs=3)"
    assert "None" not in dl.Plan(8)._repr_html_()
