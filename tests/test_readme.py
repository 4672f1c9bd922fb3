"""The README's example does what it shows."""

from pathlib import Path

import jax
import pytest

README = Path(__file__).parents[1] / "README.md"


SMALLER = (("[64, 128]", "[128]"), ("members=64", "members=8"))  # one program


@pytest.mark.parametrize(
    ("changes", "worst"),
    [
        pytest.param(SMALLER, 0.5, id="smaller"),
        pytest.param((), 0.05, id="as it is", marks=pytest.mark.heavy),
    ],
)
def test_the_readmes_example_runs(
    changes, worst, digits, capsys, monkeypatch, tmp_path
):
    example = README.read_text().split("```python\n")[1].split("```")[0]
    assert len(example.splitlines()) <= 32
    for old, new in changes:
        assert old in example
        example = example.replace(old, new)
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(compile(example, "README.md", "exec"), names)  # noqa: S102
    assert names["best"].evaluate(digits.dev)["error"] < worst
    assert "learning_rate" in capsys.readouterr().out
    assert jax.tree.leaves(names["best"].params)
