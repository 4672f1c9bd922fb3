"""Losses and errors: the course's check values and other libraries."""

import dataclasses

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from sklearn.metrics import log_loss

from jaxdl import nn
from jaxdl.diagnose import check_gradients
from jaxdl.nn.losses import labels_are_classes
from jaxdl.train import top_k_error

rng = np.random.default_rng(0)
LOGITS = rng.normal(0, 3, (20, 5))
CLASSES = rng.integers(0, 5, 20)
SOFT = rng.dirichlet(np.ones(5), 20)
YES_NO = rng.integers(0, 2, (20, 5))
# name: (loss or error, labels, differentiable)
LOSSES = {
    "softmax, classes": (nn.softmax_cross_entropy, CLASSES, True),
    "softmax, one-hot": (nn.softmax_cross_entropy, np.eye(5)[CLASSES], True),
    "softmax, soft": (nn.softmax_cross_entropy, SOFT, True),
    "softmax, smoothed": (
        nn.label_smoothing(nn.softmax_cross_entropy, 0.1), CLASSES, True,
    ),
    "softmax, class weights": (
        nn.class_weighted(nn.softmax_cross_entropy, np.arange(5.0)), CLASSES, True,
    ),
    "sigmoid": (nn.sigmoid_cross_entropy, YES_NO, True),
    "among losses": (
        nn.among(
            nn.OneOf(jnp.asarray(1), ("plain", "smoothed", "squared")),
            {
                "plain": nn.softmax_cross_entropy,
                "smoothed": nn.label_smoothing(nn.softmax_cross_entropy, 0.1),
                "squared": nn.squared_error,
            },
        ), SOFT, True,
    ),
    "squared": (nn.squared_error, SOFT, True),
    "zero-one": (nn.zero_one_error, CLASSES, False),
    "sigmoid error": (nn.sigmoid_error, YES_NO, False),
}  # fmt: skip
losses = pytest.mark.parametrize("name", LOSSES)


@losses
def test_one_value_an_example_jit_equals_eager_one_trace(name):
    loss, labels, _ = LOSSES[name]

    @jax.jit
    @chex.assert_max_traces(n=1)
    def traced(outputs, labels):
        return loss(outputs, labels)

    outputs, labels = jnp.float32(LOGITS), jnp.asarray(labels)
    eager = loss(outputs, labels)
    chex.assert_shape(eager, (20,))
    for _ in range(2):
        chex.assert_trees_all_close(traced(outputs, labels), eager, rtol=1e-5)


@losses
def test_examples_do_not_mix(name):
    loss, labels, _ = LOSSES[name]
    outputs, labels = jnp.float32(LOGITS), jnp.asarray(labels)
    one = jax.jit(loss)
    one_by_one = [one(outputs[i : i + 1], labels[i : i + 1])[0] for i in range(20)]
    chex.assert_trees_all_close(loss(outputs, labels), jnp.stack(one_by_one), rtol=1e-6)


def test_gradients_agree_with_differences_in_float64():
    """The first and the second; each loss has logits of its own."""
    smooth = {name: row[:2] for name, row in LOSSES.items() if row[2]}

    def mean(logits):
        return sum(
            jnp.mean(loss(logits[name], jnp.asarray(labels)))
            for name, (loss, labels) in smooth.items()
        )

    def slope(logits):
        return sum(jnp.vdot(SOFT, g) for g in jax.grad(mean)(logits).values())

    with jax.enable_x64(True):
        for function in (mean, slope):
            logits = {name: jnp.asarray(LOGITS) for name in smooth}
            check = check_gradients(jax.jit(function), logits, eps=1e-5)
            assert check.score < 1e-7, check


def test_softmax_gives_the_courses_values():
    expected = [0.842, 0.042, 0.002, 0.114]
    z = jnp.array([[5.0, 2.0, -1.0, 3.0]])
    np.testing.assert_allclose(nn.softmax(z)[0], expected, atol=5e-4)
    for label, probability in enumerate(
        np.exp([5, 2, -1, 3]) / np.exp([5, 2, -1, 3]).sum()
    ):
        loss = nn.softmax_cross_entropy(z, jnp.array([label]))
        np.testing.assert_allclose(loss, [-np.log(probability)], rtol=1e-6)


def test_a_one_hot_loss_depends_on_the_true_class_alone():
    z = jnp.log(jnp.array([[0.1, 0.5, 0.1, 0.1, 0.2], [0.1, 0.5, 0.2, 0.1, 0.1]]))
    losses = nn.softmax_cross_entropy(z, jnp.array([1, 1]))
    np.testing.assert_allclose(losses, np.full(2, -np.log(0.5)), rtol=1e-6)


def test_the_gradient_is_prediction_minus_target():
    with jax.enable_x64(True):
        for labels, targets in ((CLASSES, np.eye(5)[CLASSES]), (SOFT, SOFT)):
            gradient = jax.grad(
                lambda z, y=labels: nn.softmax_cross_entropy(z, jnp.asarray(y)).sum()
            )(jnp.asarray(LOGITS))
            expected = nn.softmax(jnp.asarray(LOGITS)) - targets
            np.testing.assert_allclose(gradient, expected, rtol=1e-9, atol=1e-12)


def test_cross_entropies_against_optax_and_scikit_learn():
    with jax.enable_x64(True):
        z = jnp.asarray(LOGITS)
        ours = nn.softmax_cross_entropy(z, jnp.asarray(CLASSES))
        theirs = optax.softmax_cross_entropy_with_integer_labels(
            z, jnp.asarray(CLASSES)
        )
        np.testing.assert_allclose(ours, theirs, rtol=1e-12)
        probabilities = np.asarray(nn.softmax(z))
        expected = log_loss(CLASSES, probabilities, labels=range(5))
        np.testing.assert_allclose(np.mean(ours), expected, rtol=1e-12)
        a = 1 / (1 + np.exp(-LOGITS))
        by_hand = -(YES_NO * np.log(a) + (1 - YES_NO) * np.log(1 - a)).sum(1)
        ours = nn.sigmoid_cross_entropy(z, jnp.asarray(YES_NO))
        np.testing.assert_allclose(ours, by_hand, rtol=1e-9)


def test_two_classes_equal_logistic_regression():
    with jax.enable_x64(True):
        z, y = jnp.asarray(LOGITS[:, :1]), jnp.asarray(YES_NO[:, 0])
        two = jnp.concatenate([jnp.zeros_like(z), z], axis=1)
        np.testing.assert_allclose(
            nn.softmax_cross_entropy(two, y), nn.sigmoid_cross_entropy(z, y), rtol=1e-12
        )
        np.testing.assert_array_equal(nn.zero_one_error(two, y), nn.sigmoid_error(z, y))


def test_a_tie_is_a_no_as_the_first_of_two_classes():
    for z, y in ((0.0, 0.0), (0.0, 1.0), (1.0, 0.5), (-1.0, 0.5)):
        two = nn.zero_one_error(jnp.array([[0, z]]), jnp.array([[1 - y, y]]))
        ours = nn.sigmoid_error(jnp.array([[z]]), jnp.array([[y]]))
        np.testing.assert_array_equal(ours, two)
        np.testing.assert_array_equal(ours, [z > 0 or y > 0.5])


@pytest.mark.parametrize("size", [1e4, -1e4])
def test_extreme_logits_stay_finite(size):
    z = jnp.array([[size, 0.0, -size]])
    assert nn.softmax_cross_entropy(z, jnp.array([0]))[0] == max(0.0, -2 * size)
    np.testing.assert_array_equal(nn.softmax(z).sum(), 1)
    binary = nn.sigmoid_cross_entropy(jnp.array([[size]]), jnp.array([1]))
    assert binary[0] == max(0.0, -size)
    for loss in (
        nn.softmax_cross_entropy,
        nn.label_smoothing(nn.softmax_cross_entropy, 0.1),
    ):
        gradient = jax.grad(lambda z, f=loss: f(z, jnp.array([0]))[0])(z)
        chex.assert_tree_all_finite(gradient)


def test_errors_and_squares_by_hand():
    z = jnp.array([[2.0, 1.0, 0.0], [0.0, 1.0, 2.0]])
    np.testing.assert_array_equal(nn.zero_one_error(z, jnp.array([0, 1])), [0, 1])
    labels = jnp.array([[1, 0, 1], [0, 1, 1]])
    np.testing.assert_allclose(nn.sigmoid_error(z, labels), [2 / 3, 0])
    np.testing.assert_array_equal(nn.squared_error(z, jnp.ones((2, 3))), [2, 2])
    np.testing.assert_array_equal(nn.squared_error(z[:, :1], jnp.ones(2)), [1, 1])


@pytest.mark.parametrize(
    ("loss", "labels"),
    [
        (nn.softmax_cross_entropy, jnp.ones(2)),
        (nn.softmax_cross_entropy, jnp.ones((2, 4))),
        (nn.zero_one_error, jnp.ones(3, int)),
        (nn.sigmoid_cross_entropy, jnp.ones(2)),
        (nn.squared_error, jnp.ones((3, 3))),
    ],
)
def test_labels_of_another_shape_are_refused(loss, labels):
    with pytest.raises(ValueError, match=r"got labels .* for outputs \[2, 3\]"):
        loss(jnp.ones((2, 3)), labels)


@pytest.mark.parametrize("loss", [nn.softmax_cross_entropy, nn.squared_error])
def test_outputs_without_rows_are_refused(loss):
    with pytest.raises(ValueError, match=r"outputs \[3\]; expected a row for each"):
        loss(jnp.ones(3), jnp.ones(3))


# wrappers


def test_smoothed_labels_are_those_of_pytorch():
    torch = pytest.importorskip("torch")
    for smoothing in (0.0, 0.1, 0.5):
        loss = nn.label_smoothing(nn.softmax_cross_entropy, smoothing)
        ours = loss(jnp.asarray(LOGITS), jnp.asarray(CLASSES))
        theirs = torch.nn.functional.cross_entropy(
            torch.tensor(LOGITS), torch.tensor(CLASSES),
            label_smoothing=smoothing, reduction="none",
        )  # fmt: skip
        np.testing.assert_allclose(ours, theirs, rtol=2e-5)


def test_smoothing_by_hand():
    loss = nn.label_smoothing(nn.softmax_cross_entropy, 0.2)
    z = jnp.log(jnp.array([[0.7, 0.2, 0.1, 1e-3]]) / 1.001)
    soft = np.array([0.8, 0, 0, 0]) + 0.05
    expected = -np.sum(soft * np.log(np.array([0.7, 0.2, 0.1, 1e-3]) / 1.001))
    np.testing.assert_allclose(loss(z, jnp.array([0])), [expected], rtol=1e-5)


def test_class_weights_are_those_of_pytorch():
    torch = pytest.importorskip("torch")
    weights = np.array([0.5, 1, 2, 0, 3])
    loss = nn.class_weighted(nn.softmax_cross_entropy, weights)
    theirs = torch.nn.functional.cross_entropy(
        torch.tensor(LOGITS), torch.tensor(CLASSES), torch.tensor(weights),
        reduction="none",
    )  # fmt: skip
    for labels in (CLASSES, np.eye(5)[CLASSES]):
        ours = loss(jnp.asarray(LOGITS), jnp.asarray(labels))
        np.testing.assert_allclose(ours, theirs, rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("wrapper", "values"),
    [
        (nn.label_smoothing, [0.0, 0.3]),
        (nn.class_weighted, [[1.0] * 5, [0.0, 1, 2, 3, 4]]),
    ],
)
def test_strengths_of_wrappers_may_be_traced(wrapper, values):
    def one(strength):
        loss = wrapper(nn.softmax_cross_entropy, strength)
        return loss(jnp.asarray(LOGITS), jnp.asarray(CLASSES))

    together = jax.jit(jax.vmap(one))(jnp.asarray(values))
    plain = nn.softmax_cross_entropy(jnp.asarray(LOGITS), jnp.asarray(CLASSES))
    np.testing.assert_allclose(together[0], plain, rtol=1e-5)  # switched off
    np.testing.assert_allclose(together[1], one(jnp.asarray(values[1])), rtol=1e-5)
    assert not np.allclose(together[1], plain)


def test_another_number_of_class_weights_is_refused():
    loss = nn.class_weighted(nn.softmax_cross_entropy, np.ones(4))
    with pytest.raises(ValueError, match=r"class weights \[4\].*outputs \[20, 5\]"):
        loss(jnp.asarray(LOGITS), jnp.asarray(CLASSES))


def test_wrappers_know_the_labels_of_a_sigmoid():
    z, y = jnp.array([[5.0], [-5.0]]), jnp.array([1, 0])
    plain = nn.sigmoid_cross_entropy(z, y)
    same = nn.label_smoothing(nn.sigmoid_cross_entropy, 0.0)(z, y)
    np.testing.assert_allclose(same, plain)
    smooth = nn.label_smoothing(nn.sigmoid_cross_entropy, 0.2)
    expected = nn.sigmoid_cross_entropy(z, jnp.array([0.9, 0.1]))
    np.testing.assert_allclose(smooth(z, y), expected, rtol=1e-6)
    several, labels = jnp.asarray(LOGITS), jnp.asarray(YES_NO)
    expected = nn.sigmoid_cross_entropy(several, 0.8 * labels + 0.1)
    np.testing.assert_allclose(smooth(several, labels), expected, rtol=1e-5)
    weighted = nn.class_weighted(nn.sigmoid_cross_entropy, [2.0, 3.0])(z, y)
    np.testing.assert_allclose(weighted, plain * np.array([3, 2]), rtol=1e-6)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nn.label_smoothing(nn.squared_error, 0.1), "the loss squared_error"),
        (lambda: nn.class_weighted(nn.squared_error, [1.0]), "the loss squared_error"),
        (lambda: nn.label_smoothing(nn.softmax_cross_entropy, 1.5), "smoothing=1.5"),
        (lambda: nn.label_smoothing(nn.softmax_cross_entropy, 1), "below 1"),
        (
            lambda: nn.class_weighted(nn.softmax_cross_entropy, np.zeros(5)),
            "none below 0 and some above",
        ),
        (
            lambda: nn.class_weighted(nn.sigmoid_cross_entropy, np.ones(5))(
                jnp.asarray(LOGITS), jnp.asarray(YES_NO)
            ),
            "two for a sigmoid of one output",
        ),
        (
            lambda: nn.softmax_cross_entropy(jnp.ones((3, 1)), jnp.array([0, 1, 0])),
            "one output goes with sigmoid_cross_entropy",
        ),
    ],
)
def test_invalid_losses_and_wrappers_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_losses_and_errors_of_sequences_are_those_of_each_place():
    """Four examples of five places are twenty examples, in rows of five."""
    pairs = [
        (nn.softmax_cross_entropy, CLASSES), (nn.zero_one_error, CLASSES),
        (top_k_error(2), CLASSES), (nn.softmax_cross_entropy, SOFT),
        (nn.label_smoothing(nn.softmax_cross_entropy, 0.1), CLASSES),
        (nn.class_weighted(nn.softmax_cross_entropy, np.arange(5.0)), CLASSES),
        (nn.sigmoid_cross_entropy, YES_NO), (nn.squared_error, SOFT),
        (nn.sigmoid_error, YES_NO),
    ]  # fmt: skip
    logits = jnp.float32(LOGITS)
    for loss, labels in pairs:
        labels = jnp.asarray(labels)
        rows = loss(logits.reshape(4, 5, 5), labels.reshape(4, 5, *labels.shape[1:]))
        np.testing.assert_allclose(rows.ravel(), loss(logits, labels), rtol=1e-6)


def test_the_class_weights_of_a_sigmoid_hold_at_each_place():
    z, y = jnp.float32(LOGITS[:, :1]), jnp.asarray(YES_NO[:, :1])
    loss = nn.class_weighted(nn.sigmoid_cross_entropy, [2.0, 3.0])
    rows = loss(z.reshape(4, 5, 1), y.reshape(4, 5, 1))
    np.testing.assert_allclose(rows.ravel(), loss(z, y), rtol=1e-6)


def test_hardmax_takes_the_first_of_equal_ones():
    z = jnp.array([[1.0, 3.0, 3.0], [2.0, 1.0, 0.0]])
    np.testing.assert_array_equal(nn.hardmax(z), [[0, 1, 0], [1, 0, 0]])


@dataclasses.dataclass
class Own:
    """A loss that cannot be hashed, as dataclasses that compare are."""

    scale: float = 1.0

    def __call__(self, outputs, labels):
        return self.scale * nn.squared_error(outputs, labels)


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        (nn.softmax_cross_entropy, True),
        (nn.label_smoothing(nn.sigmoid_cross_entropy, 0.1), True),
        (nn.squared_error, False),
        (Own(), None),
    ],
)
def test_a_loss_says_whether_its_labels_are_classes(loss, expected):
    assert labels_are_classes(loss) is expected
