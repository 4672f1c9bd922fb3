"""The README's example does what it shows."""

from pathlib import Path

import jax

README = Path(__file__).parents[1] / "README.md"


def test_the_readmes_example_runs(digits, capsys, monkeypatch, tmp_path):
    example = README.read_text().split("```python\n")[1].split("```")[0]
    assert len(example.splitlines()) <= 32
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(compile(example, "README.md", "exec"), names)  # noqa: S102
    assert names["best"].evaluate(digits.dev)["error"] < 0.05
    assert "learning_rate" in capsys.readouterr().out
    assert jax.tree.leaves(names["best"].params)
