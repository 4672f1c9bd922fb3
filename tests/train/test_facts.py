"""Facts: which recipes take them, and what they are."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxdl as dl
from jaxdl import nn, optim
from jaxdl.data import DataError
from jaxdl.train import facts_of
from jaxdl.train.facts import facts_from_plain, takes_facts, with_facts


class Made:
    def one(self, hp):
        return hp

    def two(self, hp, facts):
        return facts

    def __call__(self, hp, facts):
        return facts


def two(hp, facts):
    return facts


def passed_on(recipe):
    """A decorator that passes all arguments on."""

    @functools.wraps(recipe)
    def wrapper(*args, **kwargs):
        return recipe(*args, **kwargs)

    return wrapper


@functools.wraps(lambda hp, width: hp)
def with_a_width(hp):
    return hp


@pytest.mark.parametrize(
    ("recipe", "takes"),
    [
        (lambda hp: hp, False),
        (two, True),
        (lambda hp, facts: facts, True),
        (lambda hp, width=3: hp, False),
        (lambda hp, *, facts: facts, True),
        (functools.partial(two, facts=1), False),
        (functools.partial(two, 1), False),
        (functools.partial(lambda width, hp, facts: facts, 3), True),
        (Made().one, False),
        (Made().two, True),
        (Made(), True),
        (dict, False),
        (functools.partial(lambda hp, width, facts: facts, width=3), True),
        (with_a_width, False),
        (passed_on(two), True),
        (passed_on(lambda hp: hp), False),
    ],
)
def test_a_recipe_takes_facts_by_a_second_parameter_without_default(recipe, takes):
    assert takes_facts(recipe) is takes


def test_facts_that_are_asked_for_by_name_are_given_by_name(few):
    facts = facts_of(few, 1)
    for recipe in (
        lambda hp, *, facts: (hp, facts),
        functools.partial(lambda hp, width, facts: (hp, facts), width=3),
    ):
        assert with_facts(recipe, facts)(1) == (1, facts)


def splits(labels):
    labels = np.asarray(labels)
    one = dl.data.from_arrays(np.zeros((len(labels), 1)), labels)
    return dl.data.Splits(one, one[:3], one[:3])


def test_facts_count_the_train_set():
    facts = facts_of(splits([0, 2, 2, 2, 0, 3, 0]), 5)
    assert (facts.num_examples, facts.num_classes, facts.epochs) == (7, 4, 5)
    assert [facts.steps_per_epoch(b) for b in (1, 3, 7, 8)] == [7, 3, 1, 1]
    assert facts.class_counts.tolist() == [3, 0, 3, 1]
    with pytest.raises(DataError, match="batch_size=0"):
        facts.steps_per_epoch(0)


@pytest.mark.parametrize(
    ("labels", "classes", "expected"),
    [
        ([[0, 2, 2], [1, 2, 0], [2, 2, 1]], None, [2, 2, 5]),  # of sequences
        ([[0, 2, 2], [1, 2, 0], [2, 2, 1]], 4, [2, 2, 5, 0]),
        ([[0, 1], [0, 1], [1, 0]], None, [1, 2]),  # one-hot
        ([[1], [0], [1]], None, [1, 2]),
    ],
)
def test_labels_of_several_axes_are_counted(labels, classes, expected):
    one = dl.data.from_arrays(np.zeros((3, 1)), np.array(labels), classes=classes)
    facts = facts_of(dl.data.Splits(one, one, one), 1)
    assert facts.num_classes == len(expected)
    assert facts.class_counts.tolist() == expected


def test_soft_classes_are_summed():
    targets = np.array([[0.5, 0.5], [0.25, 0.75], [1, 0]])
    facts = facts_of(splits(targets), 1)
    assert facts.num_classes == 2
    assert facts.class_counts.tolist() == [1.75, 1.25]


@pytest.mark.parametrize(
    "labels",
    [[0.5, 1.5, 2.0], [-3, 1, 2], [[0.2], [0.7], [1.0]], [[5.0, 2.0], [0.5, 0.1]]],
)
def test_targets_have_no_classes(labels):
    facts = facts_of(splits(labels), 1)
    assert facts.class_counts is None
    with pytest.raises(DataError, match="targets, which have no number of classes"):
        _ = facts.num_classes


def test_facts_come_back_from_their_plain_form():
    facts = facts_of(splits([0, 1, 1]), 5)
    assert facts.to_plain()["epochs"] is None  # which nobody has read
    assert facts.epochs == facts.to_plain()["epochs"] == 5
    again = facts_from_plain(facts.to_plain(), 5)
    assert again == facts
    np.testing.assert_array_equal(again.class_counts, [1, 2])


def summing(rate_of):
    """Returns a recipe whose weights become minus the sum of its learning rates."""

    def recipe(hp, facts):
        rate = rate_of(hp, facts)

        def update(grads, step, params=None):
            return jax.tree.map(
                lambda w: jnp.full_like(w, -rate(step)), grads
            ), step + 1

        optimizer = optax.GradientTransformation(lambda _: jnp.int32(0), update)
        model = nn.dense(3, use_bias=False, init=nn.zeros)
        return dl.Recipe(model, optimizer, nn.softmax_cross_entropy, batch_size=5)

    return recipe


def cosine(hp, facts):
    return optim.cosine(hp["rate"], facts.epochs * facts.steps_per_epoch(5))


def test_a_schedule_over_the_training_ends_with_it(few, fit):
    member = fit(summing(cosine), {"rate": 1.0}, few, epochs=4)  # 5 steps each
    rates = 0.5 * (1 + np.cos(np.pi * np.arange(20) / 20))
    expected = np.full((4, 3), -rates.sum())
    np.testing.assert_allclose(member.params["kernel"], expected, rtol=1e-5)
    assert member.facts.num_examples == 24


def test_class_counts_are_traced_in_a_program(few, fit):
    """So that folds with other counts share it."""
    seen = []

    def rate_of(hp, facts):
        seen.append(facts.class_counts)
        return lambda step: facts.class_counts[0] / facts.num_examples

    member = fit(summing(rate_of), {}, few, epochs=1)  # 8 of 24 are of class 0
    np.testing.assert_allclose(member.params["kernel"], np.full((4, 3), -5 * 8 / 24))
    assert any(isinstance(counts, jax.core.Tracer) for counts in seen)
