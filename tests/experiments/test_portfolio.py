"""How the shipped portfolio is made: the choice by hand, the tasks, the command."""

import itertools
import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxdl as dl
from experiments.portfolio import __main__ as command
from experiments.portfolio import choice, tasks
from experiments.portfolio.choice import expected_best, greedy, normalized
from jaxdl.train.facts import facts_of
from tests.sweeps.kept import trained_blocks

DOCS = Path(dl.__file__).parents[1] / "docs"
PICTURES = Path("/usr/share/datasets/fashion-mnist")


def test_scores_from_the_best_to_the_median():
    """Of 1, 2, 3 and 5 the median is 2.5; of 4, 4, 4 and 9 it is the best."""
    nan = np.nan
    scores = np.array([[1, 4], [2, 4], [3, nan], [nan, 4], [5, 9], [nan, nan]])
    expected = [[0, 0], [2 / 3, 0], [1, 1], [1, 0], [1, 1], [1, 1]]
    np.testing.assert_allclose(normalized(scores), expected)


def test_settings_are_chosen_one_by_one():
    """Gains of each step, by hand.

    From (1, 1): 1, 1, 0.9, 0.8, 0.9. From (0.5, 0.5): -, 0.5, 0.4, 0, 0.3. From (0,
    0.5): -, -, 0.4, 0, 0.3. From (0, 0.1) none, so from (1, 1): 0.8 and 0.9; then the
    last.
    """
    scores = np.array([[0.5, 0.5], [0, 1], [1, 0.1], [0.6, 0.6], [0.9, 0.2]])
    assert greedy(scores, 5) == [0, 1, 2, 4, 3]
    assert greedy(scores, 2) == [0, 1]
    assert greedy(np.ones((3, 2)), 3) == [0, 1, 2]


def test_the_expected_best_is_the_mean_over_all_subsets():
    scores = np.array([3.0, 1.0, 2.5, 0.5, 1.0])
    for count in (1, 2, 3, 5):
        subsets = itertools.combinations(scores, count)
        expected = np.mean([min(subset) for subset in subsets])
        np.testing.assert_allclose(expected_best(scores, count), expected)


def test_what_is_left_out_has_no_say(monkeypatch):
    """The first setting alone: each task, and each data set, would choose its own."""
    monkeypatch.setattr(choice, "FIRST", 1)
    monkeypatch.setattr(choice, "RANDOM", 2)
    scores = np.array([[0, 0.2, 0.9], [0.4, 0.1, 0.6], [0.7, 0.8, 0.5]])
    found = choice.leave_one_out(scores, ["a one", "a two", "b"])
    # Sums without a one: 1.1, 0.7, 1.3; without a two: 0.9, 1.0, 1.2; without b: 0.2,
    # 0.5, 1.5. Without data a the last setting is the best of b.
    assert found == {
        "a one": {"without_task": 0.4, "without_data": 0.7, "random": 0.1333},
        "a two": {"without_task": 0.2, "without_data": 0.8, "random": 0.1333},
        "b": {"without_task": 0.9, "without_data": 0.9, "random": 0.5333},
    }


def test_the_optimizer_is_adamw_with_warmup_and_a_cosine():
    data = tasks.toy("wine")
    task = tasks.classes(data, tasks.dense(2), 16, 3)
    hp = command.Hparams(0.1, 0.9, 0.99, 0.3, 0.25)
    own = command.recipe(hp, facts_of(data, 3), task).optimizer
    steps = 3 * 6  # 89 examples in batches of 16
    rates = [
        0.1 * min(1, (t + 1) / (0.25 * steps)) * (1 + np.cos(np.pi * t / steps)) / 2
        for t in range(steps)
    ]
    other = optax.adamw(
        lambda t: jnp.array(rates)[t], b1=0.9, b2=0.99, weight_decay=0.3
    )
    params = {"kernel": jnp.array([[0.5, -1.0]])}
    found, expected = params, params
    state, states = own.init(params), other.init(params)
    for t in range(4):
        grads = {"kernel": jnp.array([[np.sin(t + 1.0), 0.3]])}
        updates, state = own.update(grads, state, found)
        found = optax.apply_updates(found, updates)
        updates, states = other.update(grads, states, expected)
        expected = optax.apply_updates(expected, updates)
    np.testing.assert_allclose(found["kernel"], expected["kernel"], rtol=1e-5)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.heavy if "clothes" in name else ())
        for name in tasks.TASKS
    ],
)
def test_the_model_of_each_task_gives_what_its_labels_need(name):
    if name.startswith("clothes") and not PICTURES.is_dir():
        pytest.skip("needs dataset-fashion-mnist")
    data, model, loss, batch_size, _ = tasks.TASKS[name]()
    shape = data.train.inputs.shape[1:]
    examples = data.train.inputs[:3]
    ids = examples.dtype.kind in "iu"
    spec = dl.nn.Spec(shape, jnp.int32) if ids else shape

    def losses(key):
        params, state, _ = model.init(key, spec)
        outputs, _ = model.apply(params, state, jnp.asarray(examples))
        return loss(outputs, jnp.asarray(data.train.labels[:3]))

    assert jax.eval_shape(losses, jax.random.key(0)).shape[0] == 3
    assert len(data.dev) >= 70 and batch_size <= len(data.train) / 5
    assert len(data.train) <= 1000


def test_each_kind_of_chain_has_a_table_of_its_own():
    found, kind = tasks.chains(2, 4000)

    def table(rows):
        pairs = np.zeros((tasks.TOKENS, tasks.TOKENS))
        np.add.at(pairs, (rows[:, :-1].ravel(), rows[:, 1:].ravel()), 1)
        return pairs / pairs.sum(axis=1, keepdims=True)

    first, other = found[kind == 0], found[kind == 1]
    half = len(first) // 2
    assert np.abs(table(first[:half]) - table(first[half:])).max() < 0.1
    assert np.abs(table(first) - table(other)).max() > 0.5


@pytest.mark.heavy
def test_the_command_resumes_and_trains_the_same_settings_on_each_task(
    tmp_path, monkeypatch, capsys
):
    def wine():
        return tasks.classes(tasks.toy("wine"), tasks.dense(2), 16, 1)

    monkeypatch.setattr(command, "TASKS", {"wine a": wine, "wine b": wine})
    monkeypatch.setattr(command, "SHIPPED", 3)
    monkeypatch.setattr(dl, "enable_compilation_cache", lambda: None)
    record = tmp_path / "record.json"
    args = ["portfolio", str(tmp_path / "runs"), "--record", str(record)]

    def run(settings):
        monkeypatch.setattr("sys.argv", [*args, "--settings", str(settings)])
        with trained_blocks() as blocks:
            command.main()
        return json.loads(record.read_text()), len(blocks)

    first, trained = run(32)
    assert trained and first["found"]["trained"] == 32
    drawn = dl.sample(jax.random.key(0), command.SPACE, 40)._asdict()
    rows = [[setting[name] for name in drawn] for setting in first["settings"]]
    every = np.stack([*drawn.values()], axis=1)
    assert len(rows) == 3
    assert all((every[:32] == np.float32(row)).all(axis=1).any() for row in rows)
    # Both tasks are the same, so the best setting of one is that of the other.
    for found in first["found"]["left_out"].values():
        assert found["without_task"] == found["random"] == 0
    assert run(32) == (first, 0)
    longer, more = run(40)
    assert longer["found"]["trained"] == 40 and 0 < more <= trained
    assert "less random" in capsys.readouterr().out


@pytest.mark.parametrize("page", ["searches", "measured"])
def test_a_page_has_the_figures_of_the_record(page):
    """Those of the shipped settings: the mean over tasks ± its standard error."""
    found = json.loads(command.RECORD.read_text())["found"]
    columns = {
        name: np.array([scores[name] for scores in found["left_out"].values()])
        for name in ("without_task", "without_data", "random")
    }
    told = [f"{found['trained']:,}", f"{len(found['epochs'])} tasks"]
    if page == "searches":
        told += [f"{columns[name].mean():.3f}" for name in ("without_task", "random")]
    for name in ("without_task", "without_data"):
        less = columns[name] - columns["random"]
        error = np.sqrt(np.sum((less - less.mean()) ** 2) / (len(less) - 1) / len(less))
        told.append(f"{less.mean():.3f} ± {error:.3f}".replace("-", "−"))
    text = " ".join((DOCS / f"{page}.md").read_text().split())
    assert [words for words in told if words not in text] == []
