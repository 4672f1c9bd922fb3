"""A member of one repeat and fold by itself has the bits of one in a full block."""

import itertools

import jax
import numpy as np
import pytest

import jaxdl as dl
from jaxdl import nn, optim, train
from jaxdl.interop import export
from jaxdl.sweeps import load_member, variant
from tests.sweeps.kept import KEY, assert_same_member, trained_blocks

SPACE = {"rate": dl.LogUniform(1e-3, 1e-1)}
SETTINGS = {"members": 3, "epochs": 2, "progress": False}
UNEVEN = [
    (np.arange(0, 48), np.arange(48, 80)),
    (np.arange(32, 80), np.arange(0, 16)),  # as many to train on, fewer to choose by
]
CASES = {
    "repeats": {"repeats": 2},
    "folds": {"folds": 2},
    "uneven": {"folds": UNEVEN, "repeats": 2},
}


def product(units):
    """A layer of a user's own."""

    def init(key, in_shape):
        return 0.1 * jax.random.normal(key, (*in_shape, units)), (), (units,)

    def apply(params, state, x, *, key=None, train=False):
        return x @ params, state

    return nn.Layer(init, apply)


MODELS = {
    "product": lambda: (nn.flatten, nn.dropout(0.9), product(2)),
    "dense": lambda: (nn.flatten, nn.dense(12), nn.relu, nn.dropout(0.9), nn.dense(2)),
    "convolution": lambda: (
        nn.conv2d(4, 3), nn.batch_norm(), nn.relu, nn.flatten, nn.dense(2)
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def pictures():
    """Normalized pictures of two classes with weights: 64 train and 16 dev examples."""
    rng = np.random.default_rng(0)
    labels = rng.integers(2, size=100)
    inputs = rng.normal(size=(100, 6, 6, 1)) + labels[:, None, None, None] / 2
    examples = dl.data.from_arrays(
        inputs.astype(np.float32), labels, classes=2,
        weights=rng.uniform(0.5, 1.5, size=100).astype(np.float32),
    )  # fmt: skip
    sets = dl.data.Splits(examples[:64], examples[64:80], examples[80:])
    return dl.data.normalize(sets)


def make_recipe(model):
    """Returns a recipe with class weights of its fold and a metric of the dev set."""

    def recipe(hp, facts):
        weights = facts.num_examples / (2 * facts.class_counts)
        loss = nn.class_weighted(nn.softmax_cross_entropy, weights)
        return dl.Recipe(
            nn.serial(*MODELS[model]()), optim.momentum(hp["rate"]), loss,
            batch_size=8, metrics={"auc": train.auc}, rank_by="-auc",
        )  # fmt: skip

    return recipe


def variants_of(result, data, folds=None):
    """Yields the number of each variant, its data, its key and its plan."""
    for number in range(result.num_variants):
        repeat, fold = divmod(number, result.task.num_folds)
        yield number, *variant(data, KEY, repeat=repeat, fold=fold, folds=folds)


QUICK = {("product", "folds")}


@pytest.mark.parametrize(
    ("model", "name"),
    [
        pytest.param(*pair, marks=() if pair in QUICK else pytest.mark.heavy)
        for pair in itertools.product(MODELS, CASES)
    ],
)
def test_a_member_by_itself_has_the_bits_of_a_full_block(
    model, name, pictures, tmp_path
):
    """With the plan of its variant, which decides as that of the sweep."""
    settings, recipe = CASES[name], make_recipe(model)
    with trained_blocks() as blocks:
        result = dl.sweep(
            recipe, SPACE, pictures, key=KEY, run_dir=tmp_path / "run", **settings,
            **SETTINGS,
        )  # fmt: skip
    assert any(len(set(block.variants)) > 1 for block in blocks)
    given, last = result.configurations(), len(result.status) - 1
    folds = settings.get("folds")
    for number, data, key, plan in variants_of(result, pictures, folds):
        assert plan == dl.Plan(order="own")
        alone = dl.sweep(recipe, given, data, key=key, plan=plan, **SETTINGS)
        assert alone.task.plan == result.task.plan
        for c in range(3):
            member = result.member(c * result.num_variants + number)
            assert_same_member(alone.member(c), member)
    expected = result.member(last)
    assert_same_member(alone.member(2), expected)
    again = dl.replay(tmp_path / "run", recipe, pictures, member=last, progress=False)
    assert_same_member(again, expected)
    loaded = load_member(tmp_path / "run", recipe, last)
    assert_same_member(loaded, expected)
    members = {"packed": loaded, "alone": alone.member(2), "replayed": again}
    weights = {
        export(member, tmp_path / name)[0].read_bytes()
        for name, member in members.items()
    }
    assert len(weights) == 1
    outputs = [
        member.predict(pictures.test.inputs)
        for member in (expected, *members.values())
    ]  # fmt: skip
    for output in outputs[1:]:
        np.testing.assert_array_equal(output, outputs[0])
