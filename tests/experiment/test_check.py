"""What a check finds in experiments that are right and in ones that are not."""

import sys
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxdl as dl
from jaxdl import nn, optim
from jaxdl.experiment import check
from jaxdl.experiment.check_data import check_data
from jaxdl.experiment.check_program import EXAMPLES
from jaxdl.experiment.finding import Finding

KEY = jax.random.key(0)
BEFORE, AFTER = "gradient at random initialization", "gradient after one epoch"


def find(title, recipe, data, rate=0.01):
    """Returns the first finding of this title, and checks nothing after it."""
    found = check(recipe, {"rate": rate}, data, key=KEY)
    return next(f for f in found if f.text.startswith(f"{title}:"))


def data_faults(data):
    """Returns the texts of the findings in the data that are not healthy."""
    return [finding.text for finding in check_data(data) if not finding.healthy]


@jax.custom_vjp
def wrong(x):
    return x


wrong.defvjp(lambda x: (x, None), lambda _, g: (1.01 * g,))


def make(*layers):
    def recipe(hp):
        model = nn.serial(*layers)
        loss = nn.softmax_cross_entropy
        return dl.Recipe(model, optim.adam(hp["rate"]), loss, batch_size=8)

    return recipe


HEALTHY = "signal: neither explodes nor vanishes"
RATE = {"rate": dl.LogUniform(1e-3, 1e-1)}
LINEAR = make(nn.dense(3))  # of many tests, which share its programs


@pytest.fixture(scope="module")
def few():
    """30 examples of 6 features in 3 classes; dev and test are the train set."""
    inputs = np.random.default_rng(0).normal(size=(30, 6))
    one = dl.data.from_arrays(inputs, np.arange(30) % 3)
    return dl.data.Splits(one, one, one)


@pytest.fixture
def untrained(monkeypatch):
    """Leaves out the epoch of training and its gradients, which take longest."""
    module = sys.modules["jaxdl.experiment.check"]
    monkeypatch.setattr(module, "check_training", lambda *_: iter(()))


@pytest.fixture
def named(monkeypatch):
    """Has each program that would train for an epoch yield its label alone."""
    module = sys.modules["jaxdl.experiment.check"]

    def label(program, data, key, at):
        yield Finding(True, f"trained{at}")

    monkeypatch.setattr(module, "check_training", label)


@pytest.mark.heavy
def test_a_small_experiment_is_healthy(few):
    found = list(check(LINEAR, {"rate": 0.01}, few, key=KEY))
    assert all(f.healthy for f in found)
    assert found[0].text.startswith("data: 30 train, 30 dev, 30 test examples")
    for finding, title in zip(found[-2:], (BEFORE, AFTER), strict=True):
        assert finding.text.startswith(f"{title}: correct, score")
        assert f"{6 * 3 + 3:,} coordinates" in finding.text


@pytest.mark.heavy
def test_a_good_experiment_is_healthy(recipe, hp, digits):
    found = list(check(recipe, hp, digits, key=KEY))
    assert all(f.healthy for f in found)
    assert "1,078 train, 360 dev, 359 test examples of shape [64]" in found[0].text
    coordinates = 64 * 32 + 2 * 32 + 32 * 10 + 10
    for finding, title in zip(found[-2:], (BEFORE, AFTER), strict=True):
        assert finding.text.startswith(f"{title}: correct, score")
        assert f"{coordinates:,} coordinates" in finding.text


def test_a_wrong_gradient_is_found_and_its_leaf_named(few):
    recipe = make(nn.dense(3), wrong)
    found = list(check(recipe, {"rate": 0.01}, few, key=KEY))
    for finding, title in zip(found[-2:], (BEFORE, AFTER), strict=True):
        assert finding.text.startswith(f"{title}: wrong") and not finding.healthy
        assert "worst at 0." in finding.text


def test_a_signal_that_vanishes_is_named(few):
    hidden = nn.serial(nn.dense(6, init=nn.normal(0.01)), nn.tanh)
    finding = find("signal", make(nn.repeat(hidden, 4), nn.dense(3)), few)
    assert not finding.healthy
    assert "vanishing at" in finding.text and "0.3.1 tanh" in finding.text


@pytest.mark.heavy
def test_units_on_a_kink_are_no_wrong_gradient(few):
    """Inputs of 0 and biases of 0 put a ReLU on its kink at initialization."""
    inputs = np.maximum(few.train.inputs, 0)
    inputs[::2] = 0
    half = replace(few.train, inputs=inputs)
    recipe = make(nn.dense(4), nn.relu, nn.dense(3))
    assert find(BEFORE, recipe, dl.data.Splits(half, half, half)).healthy


@pytest.mark.heavy
def test_a_large_model_is_checked_at_some_coordinates_of_each_leaf(few, monkeypatch):
    work = 1e8
    monkeypatch.setattr(sys.modules["jaxdl.experiment.check_training"], "WORK", work)
    finding = find(BEFORE, make(nn.dense(400), nn.dense(3)), few)
    size = (6 + 1) * 400 + (400 + 1) * 3
    assert finding.healthy and f"a leaf of {size:,} coordinates" in finding.text
    # One value costs two operations a weight and example, and a little for the rest.
    most = work / (2 * 2 * EXAMPLES * (6 * 400 + 400 * 3)) / 4
    a_leaf = int(finding.text.split("over ")[1].split(" ")[0].replace(",", ""))
    assert 0.9 * most < a_leaf <= most


def test_sets_that_differ_are_a_finding(digits):
    inputs = np.array(digits.test.inputs)
    inputs[:, 20] += 1
    moved = digits._replace(test=replace(digits.test, inputs=inputs))
    (text,) = data_faults(moved)  # that train and test differ is no fault of its own
    assert "dev and test differ in the features 20:" in text


def test_a_training_that_diverges_is_a_finding(few):
    *_, last = check(LINEAR, {"rate": 1e38}, few, key=KEY)
    assert not last.healthy
    assert "training: diverged at step 1" in last.text


def test_a_model_without_parameters_is_a_finding(few):
    found = find(BEFORE, make(nn.as_layer(lambda x: x[:, :3])), few)
    assert found.healthy and "the model has no parameters" in found.text


def test_a_loss_that_is_not_finite_is_a_finding(few):
    finding = find(BEFORE, make(nn.dense(3), lambda x: x / 0), few)
    assert not finding.healthy and "expected one finite number" in finding.text


@pytest.mark.heavy
def test_regression_and_a_batch_of_one_are_checked_too():
    inputs = np.random.default_rng(0).normal(size=(30, 3))
    one = dl.data.from_arrays(inputs, 3e5 + inputs @ [1.0, 2.0, 3.0])

    def recipe(hp):
        model = nn.serial(nn.dense(8), nn.tanh, nn.dense(1))
        return dl.Recipe(model, optim.adam(hp["rate"]), nn.squared_error, batch_size=1)

    assert find(AFTER, recipe, dl.data.Splits(one, one, one)).healthy


def test_data_that_cannot_be_trained_on_are_refused(recipe, hp, digits):
    labels = np.array(digits.train.labels)
    labels[5] = 10
    bad = digits._replace(train=replace(digits.train, labels=labels))
    (finding,) = check(recipe, hp, bad, key=KEY)
    assert not finding.healthy and "data: got label 10 in row 5" in finding.text


# Planted faults: each is silent in training, and is named once.


def faults(recipe, space, data):
    """Returns the texts of the findings that are not healthy."""
    found = check(recipe, space, data, key=KEY)
    return [finding.text for finding in found if not finding.healthy]


def same(inputs, labels, **about):
    """Returns three equal sets."""
    return dl.data.Splits(*[dl.data.from_arrays(inputs, labels, **about)] * 3)


def test_targets_far_from_unit_scale_are_a_fault_until_they_are_scaled():
    inputs = np.random.default_rng(0).normal(size=(60, 3))
    prices = 200_000 + 80_000 * inputs[:, 0]
    raw = same(inputs, prices.astype(np.float32)[:, None])
    (text,) = data_faults(raw)
    assert text.startswith("data: got targets with mean") and "targets=True" in text
    assert not data_faults(dl.data.normalize(raw, targets=True))


def test_a_feature_that_is_constant_but_for_rounding_is_a_fault_if_it_is_scaled(few):
    drift = np.where(np.arange(30) % 2 == 0, 0.1 + 0.2, 0.3)
    inputs = np.array(few.train.inputs)
    inputs[:, 0] = (drift - drift.mean()) / drift.std()
    dev = np.array(few.train.inputs)
    dev[0, 0] = (0.35 - drift.mean()) / drift.std()
    own = few._replace(
        train=replace(few.train, inputs=inputs), dev=replace(few.dev, inputs=dev)
    )
    text = data_faults(own)[0]
    assert "an input of the dev set is" in text and "in feature 0;" in text
    assert "e+15 in size" in text  # 0.05 / 2.8e-17, but for the rounding of a mean
    inputs[:, 0] = drift
    dev[:, 0] = drift
    whole = dl.data.normalize(same(inputs, few.train.labels))
    assert not data_faults(whole)


@pytest.mark.usefixtures("untrained")
def test_a_penalty_or_decay_that_matches_no_leaf_is_a_fault(few):
    def own(n):
        def init(key, shape):
            return {"W": jax.random.normal(key, (shape[0], n))}, (), (n,)

        return nn.Layer(init, lambda p, s, x, **_: (x @ p["W"], s))

    def recipe(hp):
        part = {"l2": "penalty", "adamw": "optimizer"}[hp["part"]]
        value = {
            "l2": nn.l2(0.1, **hp.get("where", {})),
            "adamw": optim.adamw(hp["rate"], weight_decay=0.1),
        }[hp["part"]]
        return make(own(3))(hp)._replace(**{part: value})

    for part in ("l2", "adamw"):
        (text,) = faults(recipe, RATE | {"part": part}, few)
        assert f"{part} found no parameter named `kernel` among '0.W'" in text


@pytest.mark.heavy
@pytest.mark.usefixtures("untrained")
def test_batch_norm_with_one_value_a_feature_is_a_fault_of_its_programs_alone(few):
    def recipe(hp):
        layers = (nn.batch_norm(), nn.dense(3))
        return make(*layers)(hp)._replace(batch_size=hp["batch"])

    (text,) = faults(recipe, RATE | {"batch": dl.Static([1, 10])}, few)
    assert text.startswith("program (batch=1): ") and "one value of each" in text


@pytest.mark.usefixtures("untrained")
def test_integer_labels_that_nobody_explains_are_a_fault(few):
    def recipe(hp):
        def own(outputs, labels):
            return nn.softmax_cross_entropy(outputs, labels)

        return LINEAR(hp)._replace(loss=own, error=own)

    (text,) = faults(recipe, RATE, few)
    assert "the loss own does not tell" in text
    assert "classes=) with the names" in text and "classes=() for targets" in text
    assert not faults(LINEAR, RATE, few)
    inputs, labels = few.train.inputs, few.train.labels
    assert not faults(recipe, RATE, same(inputs, labels, classes=3))


@pytest.mark.usefixtures("untrained")
def test_class_names_that_disagree_and_classes_that_are_missing_are_faults(few):
    inputs = few.train.inputs
    names = np.array(["ash", "elm", "oak"])[few.train.labels]
    whole = dl.data.from_arrays(inputs, names)
    other = dl.data.from_arrays(inputs, names, classes=["oak", "elm", "ash"])
    (text,) = faults(LINEAR, RATE, dl.data.Splits(whole, other, whole))
    assert text.startswith("data: got classes that differ between the dev set and")
    without = whole[names != "elm"]
    assert data_faults(dl.data.Splits(whole, whole, without)) == [
        "data: the class elm in the train set and not in the test set; expected each "
        "class in every set: split again, or add examples"
    ]
    text, *_ = data_faults(dl.data.Splits(without, whole, without))
    assert text.startswith("data: the class elm in the dev set and not in the train")
    (text,) = faults(make(nn.dense(1)), RATE, few)
    assert "program: " in text and "one output goes with sigmoid" in text


@pytest.mark.usefixtures("untrained")
def test_labels_that_are_all_equal_are_a_fault(few):
    texts = faults(LINEAR, RATE, same(few.train.inputs, np.full(30, 2)))
    assert "data: every label of the train set is 2; expected labels that" in texts[0]


@pytest.mark.usefixtures("untrained")
@pytest.mark.parametrize(
    ("last", "found"),
    [
        (jax.nn.softmax, "add up to 1, as after a softmax"),
        *(
            pytest.param(*case, marks=pytest.mark.heavy)
            for case in (
                (nn.sigmoid, "never outside 0..1, as after a sigmoid"),
                (nn.relu, "never negative, as after a ReLU"),
            )
        ),
    ],
)
def test_an_activation_before_a_cross_entropy_is_a_fault(last, found, few):
    (text,) = faults(make(nn.dense(3), last), RATE, few)
    assert text.startswith("outputs: they ") and found in text


@pytest.mark.usefixtures("untrained")
def test_one_output_that_can_be_negative_is_no_fault(few):
    def recipe(hp):
        return make(nn.dense(1))(hp)._replace(loss=nn.sigmoid_cross_entropy)

    assert not faults(recipe, RATE, same(few.train.inputs, np.arange(30) % 2))


@pytest.mark.usefixtures("untrained")
def test_outputs_that_do_not_depend_on_the_inputs_are_a_fault(few):
    texts = faults(make(lambda x: 0 * x, nn.dense(3)), RATE, few)
    found = [text for text in texts if text.startswith("outputs")]
    assert len(found) == 1 and "they do not depend on the inputs" in found[0]


@pytest.mark.heavy
@pytest.mark.usefixtures("untrained")
def test_ids_that_are_normalized_are_a_fault_and_named_ids_are_not():
    tokens = np.arange(60).reshape(30, 2) % 5
    labels = tokens[:, 0] % 3

    def embed():
        def init(key, shape):
            sides = shape if isinstance(shape, tuple) else shape.shape
            return {"kernel": jax.random.normal(key, (5, 4))}, (), (*sides, 4)

        def apply(params, state, x, **_):
            return params["kernel"][x.astype(int)], state

        return nn.Layer(init, apply)

    recipe = make(embed(), nn.flatten, nn.dense(3))
    texts = faults(recipe, RATE, dl.data.normalize(same(tokens, labels)))
    assert len(texts) == 1 and "in steps alone" in texts[0] and "ids=" in texts[0]
    named = dl.data.normalize(same(tokens, labels, ids=True))
    assert not faults(recipe, RATE, named)


@pytest.mark.heavy
@pytest.mark.usefixtures("named")
def test_a_signal_is_no_fault_where_another_program_is_healthy(few):
    def recipe(hp):
        scale = {"small": 0.01, "right": 0.5}[hp["init"]]
        hidden = nn.serial(nn.dense(6, init=nn.normal(scale)), nn.tanh)
        return make(nn.repeat(hidden, 2), nn.dense(3))(hp)

    space = RATE | {"init": dl.Static(["small", "right"])}
    found = list(check(recipe, space, few, key=KEY))
    small, right = [f for f in found if f.text.startswith("signal")]
    assert small.healthy and small.text.startswith("signal (init='small'): vanishing")
    assert small.text.endswith("; a note, since others are healthy")
    assert right == (True, f"{HEALTHY} in 1 of 2 programs")
    # A gradient that has vanished is not worth a check.
    trained = [f.text for f in found if f.text.startswith("trained")]
    assert trained == ["trained (init='right')"]


@pytest.mark.usefixtures("named")
def test_every_program_is_traced_and_some_are_trained(few, monkeypatch):
    monkeypatch.setattr(sys.modules["jaxdl.experiment.check"], "TRAINED", 2)

    def recipe(hp):
        return make(nn.dense(3))(hp)._replace(batch_size=hp["batch"])

    space = RATE | {"batch": dl.Static([5, 6, 10])}
    texts = [f.text for f in check(recipe, space, few, key=KEY)]
    assert f"{HEALTHY} in 3 of 3 programs" in texts
    assert [text for text in texts if text.startswith("trained")] == [
        "trained (batch=5)", "trained (batch=10)"
    ]  # fmt: skip
    assert any("all 3 are traced, the" in text for text in texts)


@pytest.mark.heavy
def test_a_model_that_is_no_better_than_a_constant_after_an_epoch_is_a_note(few):
    stubborn = make(nn.dense(3), lambda z: z + jnp.array([[1e3, 0, 0]]))
    (note,) = [
        f
        for f in check(stubborn, {"rate": 1e-30}, few, key=KEY)
        if f.text.startswith("training")
    ]
    # Three classes of ten examples each: the best constant errs on two of three.
    assert note.healthy and "0.6667 of a model that always says" in note.text


@pytest.mark.heavy
@pytest.mark.usefixtures("untrained")
def test_weights_that_a_penalty_leaves_out_are_a_note(few):
    def recipe(hp):
        first = nn.l2(0.1, where=lambda name, leaf: name == "0.kernel")
        return make(nn.dense(4), nn.dense(3))(hp)._replace(penalty=first)

    found = check(recipe, {"rate": 0.01}, few, key=KEY)
    (note,) = [f for f in found if f.text.startswith("penalty")]
    assert note.healthy and "does not act on the weights 1.kernel" in note.text


@pytest.mark.heavy
@pytest.mark.usefixtures("untrained")
def test_a_bias_before_a_batch_norm_is_a_note(few):
    def recipe(hp):
        layers = (nn.dense(4), nn.batch_norm(), nn.dense(3))
        return make(*layers)(hp)._replace(batch_size=10)

    found = check(recipe, {"rate": 0.01}, few, key=KEY)
    (note,) = [f for f in found if f.text.startswith("parameters")]
    assert note.healthy and "parameters: 0.bias have no effect" in note.text


@pytest.mark.usefixtures("untrained")
def test_a_loss_that_compares_the_examples_of_a_batch_is_a_note(few):
    def against_the_batch(outputs, labels):
        own = nn.softmax_cross_entropy(outputs, labels)
        return own / own.mean()

    def recipe(hp):
        return make(nn.dense(3))(hp)._replace(loss=against_the_batch)

    found = check(recipe, {"rate": 0.01}, few, key=KEY)
    (note,) = [f for f in found if f.text.startswith("loss")]
    assert note.healthy and "depends on the others of its batch" in note.text
