"""A shell completes commands, options and places."""

import subprocess
import sys

import pytest

COMPLETE = """
{script}
COMP_WORDS=({words}); COMP_CWORD={place}
{function}
echo "${{COMPREPLY[@]}}"
"""


@pytest.mark.parametrize(
    ("words", "completed"),
    [
        (["jaxdl", "swe"], "sweep"),
        (["jaxdl", "sweep", "a.py", "--memb"], "--members"),
        (["jaxdl", "plot", "a.py", "a.py", "funn"], "funnel"),
        (["jaxdl", "sweep", "exper"], "experiment.py"),
    ],
)
def test_bash_completes(main, tmp_path, words, completed):
    pytest.importorskip("shtab")
    status, script, _ = main("completion", "bash")
    assert status == 0
    (tmp_path / "experiment.py").write_text("")
    function = script.rstrip().split("-F ")[-1].split()[0]
    text = COMPLETE.format(
        script=script, words=" ".join(words), place=len(words) - 1, function=function
    )
    ran = subprocess.run(
        ["bash", "-c", text], cwd=tmp_path, capture_output=True, text=True, timeout=30
    )
    assert ran.stdout.split() == [completed], ran.stderr


@pytest.mark.parametrize("shell", ["zsh", "fish", "tcsh"])
def test_other_shells_have_a_script(main, shell):
    pytest.importorskip("shtab")
    status, script, _ = main("completion", shell)
    assert status == 0 and "members" in script


def test_without_the_library_the_error_names_the_extra(main, monkeypatch):
    monkeypatch.setitem(sys.modules, "shtab", None)
    status, _, error = main("completion", "bash")
    assert status == 2 and "pip install 'jaxdl-sweep[completion]'" in error
