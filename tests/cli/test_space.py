"""`NAME=VALUE`, `NAME=LOW..HIGH` and `--space` of a sweep."""

import json

import numpy as np
import pytest

import jaxdl as dl
from jaxdl import runs

SIZED = """
import jaxdl as dl
from jaxdl import nn, optim

data = dl.data.load("digits")
space = {
    "rate": dl.LogUniform(1e-3, 1e-1),
    "beta": 0.9,
    "units": dl.AsSize(dl.IntUniform(4, 12), (8, 12)),
    "act": dl.Among(["relu", "tanh"]),
}

def recipe(hp):
    act = nn.among(hp["act"], {"relu": nn.relu, "tanh": nn.tanh})
    model = nn.serial(nn.dense(hp["units"]), act, nn.dense(10))
    optimizer = optim.momentum(hp["rate"], beta=hp["beta"])
    return dl.Recipe(model, optimizer, nn.softmax_cross_entropy)
"""
GIVEN = ("rate=0.01..0.1", "units=6", "act=tanh", "beta=0.8")
FEW = ("--members", "2", "--epochs", "1", "--block-width", "2")


def test_the_space_is_printed_and_nothing_trains(main, write, tmp_path, monkeypatch):
    monkeypatch.setattr("jaxdl.cli.training.sweep", None)
    out = tmp_path / "run"
    file = write(SIZED)
    status, output, _ = main("sweep", file, "--space", "--out", out, "rate=0.01..0.1")
    assert status == 0 and output == (
        "act    choice  Among(options=('relu', 'tanh'))\n"
        "beta   traced  0.9\n"
        "rate   traced  LogUniform(low=0.01, high=0.1)\n"
        "units  size    AsSize(values=IntUniform(low=4, high=12), bounds=(8, 12))\n"
        "\nprograms: 2\n"
    )
    assert not out.exists()


@pytest.fixture(scope="module")
def pinned_run(tmp_path_factory):
    """A run of a pinned and narrowed space, and its file."""
    from jaxdl import cli

    folder = tmp_path_factory.mktemp("pinned")
    file, run = folder / "experiment.py", folder / "run"
    file.write_text(SIZED)
    assert cli.main(["sweep", str(file), *GIVEN, *FEW, "--out", str(run)]) == 0
    return run, file


def test_what_is_pinned_stands_in_the_run_which_resumes_with_it_alone(main, pinned_run):
    run, file = pinned_run
    with runs.read_run(run) as store:
        assert store.specification["space"] == {"dict": [
            ["act", {"Among": ["tanh"]}], ["beta", 0.8],
            ["rate", {"LogUniform": [0.01, 0.1]}],
            ["units", {"AsSize": [{"Choice": [6]}, {"tuple": [8]}]}],
        ]}  # fmt: skip
    assert main("sweep", file, *FEW, *GIVEN, "--out", run)[0] == 0
    status, _, error = main("sweep", file, *FEW, *GIVEN[:3], "--out", run)
    assert (
        status == 2
        and "another specification" in error
        and "beta: got 0.9, recorded 0.8." in error
    )


def test_commands_on_the_run_take_the_file_as_it_is(main, pinned_run, tmp_path):
    run, file = pinned_run
    assert main("replay", run, file)[0] == 0
    table = tmp_path / "a.csv"
    assert main("export", run, file, "--table", table)[0] == 0
    beta = float(np.float32(0.8))
    assert table.read_text().count(f",tanh,{beta},") == 2
    file = tmp_path / "other.py"
    file.write_text(SIZED.replace("1e-3, 1e-1", "2e-2, 1e-1"))
    status, _, error = main("replay", run, file)
    assert status == 2 and "expected the space of the run" in error


def test_fit_trains_a_size_in_its_bound(main, write, monkeypatch):
    seen = []

    def fit(recipe, hp, data, **_):
        seen.append(hp)
        raise MemoryError("enough")

    monkeypatch.setattr("jaxdl.cli.training.fit", fit)
    main("fit", write(SIZED), "rate=1", "units=6", "act=tanh")
    (hp,) = seen
    assert hp["units"] == dl.nn.Size(6, 8) and hp["act"] == dl.nn.OneOf(0, ("tanh",))
    assert hp["rate"].dtype.kind == "f"


def test_a_pinned_value_looks_like_a_constant(main, write):
    status, output, _ = main("sweep", write(SIZED), "--space", "rate=0.01")
    assert status == 0 and "rate   traced  0.01\n" in output


def test_the_space_is_printed_as_json(main, write):
    status, output, _ = main("sweep", write(SIZED), "--space", "--json", "rate=0.01")
    told = json.loads(output)
    assert status == 0 and told["programs"] == 2
    assert told["space"]["rate"] == {"kind": "traced", "values": 0.01}
    assert told["space"]["beta"] == {"kind": "traced", "values": 0.9}


def test_the_space_and_a_search_that_it_does_not_suit_are_refused(main, write):
    """Three distributions of two points each make 8 configurations."""
    given = ("--space", "--search", "grid:2", "--members", "4")
    status, output, error = main("sweep", write(SIZED), *given)
    assert status == 2 and output == "" and "8" in error
