"""`jaxdl sweep --shard` and `jaxdl merge`, also as the docs have them for clusters."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from jaxdl.sweeps import read_result
from tests.sweeps.kept import assert_same_result

PAGE = (Path(__file__).parents[2] / "docs" / "cluster.md").read_text()
SLURM = PAGE.split("```sh\n")[1].split("```")[0]
POD = PAGE.split("```yaml\n")[1].split("```")[0]
# Kubernetes gives the folded lines below `>-` to the shell as one.
KUBERNETES = " ".join(POD.split("- >-\n")[1].split("volumeMounts")[0].split())
SETTINGS = ("--members", "7", "--epochs", "1")


@pytest.fixture(scope="module")
def plain(linear, tmp_path_factory):
    """The result of the whole sweep, and the recipe of its file."""
    from jaxdl import cli, experiment

    folder = tmp_path_factory.mktemp("runs") / "plain"
    cli.main(["sweep", str(linear), *SETTINGS, "--out", str(folder)])
    recipe = experiment.load(linear).recipe
    return read_result(folder, recipe), recipe


@pytest.fixture
def asked(tmp_path):
    """Returns a function from a script and its environment to what it calls.

    A `jaxdl` that writes down its arguments stands for the real one.
    """
    stub, told = tmp_path / "bin" / "jaxdl", tmp_path / "told"
    stub.parent.mkdir()
    stub.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {told}\n')
    stub.chmod(0o700)

    def ask(script, **environment):
        path = f"{stub.parent}{os.pathsep}{os.environ['PATH']}"
        subprocess.run(
            ["/bin/sh", "-c", script], env=environment | {"PATH": path}, check=True
        )
        return told.read_text().splitlines()

    return ask


@pytest.mark.parametrize(
    ("script", "index"),
    [
        pytest.param(SLURM, "SLURM_ARRAY_TASK_ID", id="slurm"),
        pytest.param(
            KUBERNETES, "JOB_COMPLETION_INDEX", id="kubernetes", marks=pytest.mark.heavy
        ),
    ],
)
def test_an_array_of_jobs_trains_the_sweep(
    script, index, asked, main, linear, plain, tmp_path
):
    """The scripts of the docs, each task of the array in turn; smaller than there."""
    for old, new in (
        ("100000", "7"), ("--epochs 20", "--epochs 1"), ("/1000", "/3"),
        ("runs/big", f"{tmp_path}/big"), ("/work/", ""), ("digits.py", str(linear)),
    ):  # fmt: skip
        assert old in script or old == "/work/"
        script = script.replace(old, new)
    script = script.replace(f"/work{tmp_path}", str(tmp_path))
    for number in range(3):
        command = asked(script, **{index: str(number)})
        assert command[-4:] == [
            "--shard", f"{number}/3", "--out", f"{tmp_path}/big/{number}",
        ]  # fmt: skip
        assert main(*command)[0] == 0
    result, recipe = plain
    status, printed, _ = main("merge", tmp_path / "big")
    assert (status, printed) == (0, f"7 members in {tmp_path}/big\n")
    assert_same_result(result, read_result(tmp_path / "big", recipe))


def test_the_array_and_the_number_of_shards_are_the_same():
    assert "--array=0-999" in SLURM and '_ID/1000"' in SLURM
    assert "completions: 1000" in POD and '_INDEX/1000"' in POD


def test_a_shard_says_which_members_it_has(main, linear):
    """Of 7 members the second of 3 shards has 2 and 3."""
    status, printed, _ = main("sweep", linear, *SETTINGS, "--shard", "1/3")
    assert status == 0
    assert printed.endswith("its members 0 to 1 are 2 to 3 of the sweep\n")


@pytest.mark.parametrize("shard", ["3/3", "1", "a/3", "1/2/3", "-1/3", ""])
def test_what_is_no_shard_is_refused(shard, main, linear, capfd):
    with pytest.raises(SystemExit, match="2"):
        main("sweep", linear, f"--shard={shard}")
    assert "expected I/N" in capfd.readouterr().err


def test_more_shards_than_members_are_refused(main, linear, nothing_compiles):
    status, _, error = main("sweep", linear, *SETTINGS, "--shard", "1/8")
    assert status == 2 and re.search(r"shard=\(1, 8\) of a sweep of 7 members", error)


def test_a_folder_without_shards_is_refused(main, tmp_path):
    status, _, error = main("merge", tmp_path)
    assert status == 2 and "--shard I/N --out RUN/I" in error
