"""Sweeps of several objectives: fronts, rankings, tables and what is on disk."""

import dataclasses
import json

import jax
import numpy as np
import pytest

import jaxdl as dl
from jaxdl import plain, report, runs
from jaxdl.report import contents
from jaxdl.searches import Rung
from jaxdl.sweeps import fronts, read_result
from jaxdl.sweeps.summary import summarize
from jaxdl.train import Status
from tests.sweeps.kept import assert_same_result, sized, sweep

SPACE = {
    "rate": np.array([0.1, 0.05, 1e-4, 0.1, 1e30, 1e-4]),
    "units": dl.AsSize(np.array([6, 4, 4, 5, 6, 6])),
}


def both(hp):
    return sized(hp)._replace(rank_by=("error", "parameters"))


def parameters(units):
    """Of a dense layer of some units and one of 10, on 64 features."""
    return 64 * units + units + units * 10 + 10


@pytest.fixture(scope="module")
def kept(digits, tmp_path_factory):
    """Six members of two objectives, of which 4 diverges, and their folder."""
    folder = tmp_path_factory.mktemp("fronts") / "run"
    return sweep(both, SPACE, digits, epochs=2, run_dir=folder), folder


def test_the_front_is_what_no_other_dominates(kept):
    result, _ = kept
    errors = result.final()["dev_error"].astype(float)
    sizes = result.final()["parameters"]
    np.testing.assert_array_equal(sizes, [parameters(n) for n in (6, 4, 4, 5, 6, 6)])
    assert result.status[4] == Status.DIVERGED
    alive = [0, 1, 2, 3, 5]
    expected = [
        i for i in alive
        if not any(
            errors[j] <= errors[i] and sizes[j] <= sizes[i]
            and (errors[j], sizes[j]) != (errors[i], sizes[i]) for j in alive
        )
    ]  # fmt: skip
    assert result.pareto().tolist() == sorted(expected, key=lambda i: errors[i])
    assert 1 in expected and not {2, 4, 5} & set(expected)
    order = result.ranking()
    assert set(order[: len(expected)]) == set(expected) and order[-1] == 4
    assert order[0] == np.nanargmin(errors)
    assert result.best().number == order[0]
    assert fronts.numbers(result)[4] == 0


def test_tables_have_the_front_and_whole_parameters(kept):
    columns, rows = kept[0].rows()
    assert columns[:2] == ["member", "front"]
    at = columns.index("parameters")
    assert [row[at] for row in rows if row[0] == 1] == [parameters(4)]
    assert isinstance(rows[0][at], int) and rows[0][1] == 1 and rows[-1][1] == 0


def test_a_run_remembers_its_objectives(kept, digits):
    result, folder = kept
    with runs.read_run(folder) as store:
        assert store.specification["rank_by"] == ["error", "parameters"]
    read = read_result(folder, both)
    assert_same_result(read, result)
    np.testing.assert_array_equal(read.ranking(), result.ranking())
    np.testing.assert_array_equal(read.parameters, result.parameters)
    with pytest.raises(runs.RunMismatchError, match="rank_by: got nothing, recorded"):
        sweep(sized, SPACE, digits, epochs=2, run_dir=folder)
    with pytest.raises(runs.RunMismatchError, match=r"\('error', 'parameters'\)"):
        read_result(folder, sized)


def test_the_bits_are_those_of_one_objective(kept, digits):
    assert_same_result(sweep(sized, SPACE, digits, epochs=2), kept[0])


def test_the_summary_and_the_page_name_the_front(kept, digits, tmp_path):
    pytest.importorskip("matplotlib")
    result, _ = kept
    found = summarize(result, digits, importance=False)
    assert found.pareto == result.pareto().tolist()
    told = ", ".join(map(str, found.pareto))
    sentence = f"Pareto front of dev error and parameters: {len(found.pareto)} of 6 "
    assert f"{sentence}members, {told}." in contents.outcome(found, rates=True)
    json.dumps(plain.to_json(found), allow_nan=False)
    report.report(result, tmp_path / "page.html", data=digits)
    page = (tmp_path / "page.html").read_text()
    assert "dev error against each other objective" in page


def test_one_objective_has_no_front(result):
    with pytest.raises(ValueError, match="ranks by 'error' alone; expected several"):
        result.pareto()
    assert summarize(result, None, importance=False).pareto is None


def test_configurations_rank_by_means(kept):
    """The six members as three configurations of two, of which the last diverged."""
    result, _ = kept
    result = dataclasses.replace(
        result, task=result.task._replace(members=3, repeats=2)
    )
    means = result.final()["dev_error"].reshape(3, 2).mean(axis=1, dtype=float)
    sizes = result.final()["parameters"].reshape(3, 2).mean(axis=1)
    order = sorted((0, 1), key=lambda i: means[i])
    if sizes[order[0]] <= sizes[order[1]]:
        order = order[:1]
    assert result.pareto().tolist() == order
    assert result.rows()[0][:2] == ["configuration", "front"]


def test_a_search_receives_all_objectives(digits):
    received = []

    def search(key, space, members, epochs):
        ids, hparams = np.arange(members), dl.sample(key, space, members)
        received.append((yield Rung(ids, hparams, np.full(members, 1))))
        few = jax.tree.map(lambda x: x[:1], hparams)
        received.append((yield Rung(ids[:1], few, np.full(1, 2))))

    sweep(both, SPACE, digits, epochs=2, search=search)
    first, second = received
    assert first["objectives"].shape == (6, 2) and second["objectives"].shape == (1, 2)
    np.testing.assert_array_equal(first["objectives"][:, 1], first["parameters"])
    np.testing.assert_array_equal(first["objectives"][:, 0], first["score"])
    assert np.isnan(first["objectives"][4, 0])
