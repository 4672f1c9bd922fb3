"""The options of a sweep on a cluster: what they ask for, and what they refuse."""

import jax
import pytest

from jaxdl import interop
from jaxdl.cli import cluster, main
from jaxdl.cli.parser import make_parser


@pytest.fixture
def asked(monkeypatch):
    """Returns a list that gets what each crew is asked for."""
    calls, updates = [], []
    monkeypatch.setattr(interop, "ray", lambda *a, **k: calls.append((a, k)) or "crew")
    monkeypatch.setattr(jax.config, "update", lambda *a: updates.append(a))
    return calls, updates


def crew_of(*words):
    return cluster.crew_of(make_parser().parse_args(["sweep", "file.py", *words]))


def test_without_an_address_this_process_trains(asked):
    assert crew_of() is None and asked == ([], [])


@pytest.mark.parametrize(
    ("words", "needs"),
    [
        ([], {}),
        (["--hands", "3"], {"hands": 3}),
        (["--cpus", "2"], {"cpus": 2}),
        (["--gpus", "1", "--trusted"], {"gpus": 1, "trusted": True}),
    ],
)
def test_a_cluster_trains_and_this_process_leaves_the_gpu_alone(words, needs, asked):
    assert crew_of("--ray", "10.0.0.1:6379", *words) == "crew"
    usual = {"hands": None, "gpus": 0, "cpus": None, "trusted": False}
    assert asked == ([(("10.0.0.1:6379",), usual | needs)], [("jax_platforms", "cpu")])


@pytest.mark.parametrize(
    "words", [["--hands", "2"], ["--gpus", "1"], ["--cpus", "2"], ["--trusted"]]
)
def test_options_of_a_cluster_without_its_address_are_refused(
    words, small_file, capsys
):
    assert main(["sweep", str(small_file), *words]) == 2
    assert f"got {words[0]} without --ray; expected" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["--hands", "0"], ["--gpus", "-1"], ["--gpus", "x"]])
def test_counts_are_counts(words, capsys):
    with pytest.raises(SystemExit):
        make_parser().parse_args(["sweep", "file.py", "--ray", "auto", *words])
    assert "expected" in capsys.readouterr().err


def test_the_crew_reaches_the_sweep(small_file, monkeypatch):
    seen = []
    monkeypatch.setattr("jaxdl.cli.training.crew_of", lambda options: "crew")

    def sweep(*_, crew, **__):
        seen.append(crew)
        raise KeyboardInterrupt

    monkeypatch.setattr("jaxdl.cli.training.sweep", sweep)
    assert main(["sweep", str(small_file)]) == 130
    assert seen == ["crew"]
