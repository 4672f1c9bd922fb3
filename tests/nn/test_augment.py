"""Augmentation against SciPy, NumPy and hand calculation."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import ndimage

from jaxdl import nn
from jaxdl.nn.augment import warp

IMAGES = np.random.default_rng(0).normal(size=(64, 8, 7, 2)).astype(np.float32)
LAYERS = {
    "random_flip": nn.random_flip,
    "random_crop": nn.random_crop,
    "random_shift": nn.random_shift,
    "random_rotation": nn.random_rotation,
    "random_affine": nn.random_affine,
    "cutout": nn.cutout,
}
layers = pytest.mark.parametrize("name", LAYERS)
# The others move pixels by the same function, and have a test of how far.
unlike_layers = pytest.mark.parametrize(
    "name",
    [
        pytest.param(
            name,
            marks=()
            if name in ("random_flip", "random_affine", "cutout")
            else pytest.mark.heavy,
        )
        for name in LAYERS
    ],
)
STRENGTHS = {
    "random_flip": 0.5, "random_crop": 2, "random_shift": 0.3, "random_rotation": 30.0,
    "random_affine": 0.3, "cutout": 3,
}  # fmt: skip


@functools.cache
def program(make, strength):
    """Returns the compiled layer in training, of images and a key."""

    @jax.jit
    def apply(images, key):
        y, state = make(strength).apply((), (), images, key=key, train=True)
        assert state == ()
        return y

    return apply


def augmented(make, strength, images=IMAGES, seed=0):
    return np.asarray(program(make, strength)(images, jax.random.key(seed)))


def strong(name, images=IMAGES, seed=0):
    return augmented(LAYERS[name], STRENGTHS[name], images, seed)


@layers
def test_nothing_happens_in_evaluation(name):
    layer = LAYERS[name](STRENGTHS[name])
    y, _ = layer.apply((), (), IMAGES, key=jax.random.key(0), train=False)
    np.testing.assert_array_equal(y, IMAGES)


@unlike_layers
def test_each_example_and_each_step_draws_its_own(name):
    same = np.broadcast_to(IMAGES[:1], IMAGES.shape)
    first, second = strong(name, same, 0), strong(name, same, 1)
    assert len(np.unique(first, axis=0)) > 1
    assert (first != second).any()
    np.testing.assert_array_equal(strong(name, same, 0), first)


@unlike_layers
def test_an_examples_picture_does_not_depend_on_the_batch(name):
    np.testing.assert_allclose(strong(name, IMAGES[:5]), strong(name)[:5], atol=1e-6)


@layers
def test_a_key_is_needed_in_training_and_images_always(name):
    layer = LAYERS[name](STRENGTHS[name])
    with pytest.raises(ValueError, match=f"{name} got key=None"):
        layer.apply((), (), jnp.asarray(IMAGES), train=True)
    with pytest.raises(ValueError, match="put it before nn.flatten"):
        layer.init(jax.random.key(0), (64,))


@pytest.mark.parametrize("case", range(5))
def test_a_warp_is_scipys_affine_transform(case):
    rng = np.random.default_rng(case)
    matrix = np.eye(2) + rng.uniform(-0.5, 0.5, (2, 2))
    shift = rng.uniform(-3, 3, 2)
    ours = warp(jnp.asarray(IMAGES[:2]), jnp.asarray(matrix), jnp.asarray(shift))
    center = (np.array(IMAGES.shape[1:3]) - 1) / 2
    for i in range(2):
        for c in range(2):
            theirs = ndimage.affine_transform(
                IMAGES[i, :, :, c].astype(float), matrix,
                center - matrix @ center + shift, order=1, mode="grid-constant",
            )  # fmt: skip
            np.testing.assert_allclose(ours[i, :, :, c], theirs, atol=2e-5)


def test_a_flip_mirrors_left_to_right_with_its_probability():
    many = np.tile(IMAGES, (64, 1, 1, 1))
    mirrored = augmented(nn.random_flip, 0.3, many)
    flipped = (mirrored == many[:, :, ::-1]).all((1, 2, 3))
    kept = (mirrored == many).all((1, 2, 3))
    assert (flipped ^ kept).all()
    assert abs(flipped.mean() - 0.3) < 4 * np.sqrt(0.3 * 0.7 / len(many))
    np.testing.assert_array_equal(augmented(nn.random_flip, 1.0), IMAGES[:, :, ::-1])


def test_a_crop_is_one_of_the_moves_of_the_padded_picture_all_alike():
    padding, many = 2, np.tile(IMAGES[:1], (5000, 1, 1, 1))
    padded = np.pad(IMAGES[0], ((2, 2), (2, 2), (0, 0)))
    windows = np.array([
        padded[i : i + 8, j : j + 7] for i in range(5) for j in range(5)
    ])  # fmt: skip
    cropped = augmented(nn.random_crop, padding, many)
    which = (cropped[:, None] == windows[None]).all((2, 3, 4))
    assert (which.sum(1) == 1).all()
    z = (which.mean(0) - 1 / 25) / np.sqrt(1 / 25 * 24 / 25 / len(many))
    assert np.abs(z).max() < 4.5


def test_a_shift_moves_by_up_to_a_fraction_of_height_and_width():
    ramp = np.stack(np.mgrid[:20, :10], -1).astype(np.float32)
    y = augmented(nn.random_shift, 0.2, np.tile(ramp[None], (500, 1, 1, 1)))
    moved = y[:, 10, 5] - ramp[10, 5]  # in the middle a ramp shows how far
    assert (np.abs(moved) <= [4, 2]).all()
    np.testing.assert_allclose(moved.std(0), [4 / 3**0.5, 2 / 3**0.5], rtol=0.1)
    np.testing.assert_allclose(np.abs(moved).max(0), [4, 2], rtol=0.05)
    assert abs(np.corrcoef(moved.T)[0, 1]) < 4 / np.sqrt(500)


def test_a_rotation_turns_about_the_center_by_up_to_its_degrees():
    ramp = np.stack(np.mgrid[-10:11, -10:11], -1).astype(np.float32)
    y = augmented(nn.random_rotation, 40.0, np.tile(ramp[None], (500, 1, 1, 1)))
    np.testing.assert_allclose(y[:, 10, 10], np.zeros((500, 2)), atol=1e-5)
    seen = y[:, 10, 15]  # the place 5 to the right, turned
    np.testing.assert_allclose(np.linalg.norm(seen, axis=1), 5, rtol=1e-4)
    angle = np.rad2deg(np.arctan2(seen[:, 0], seen[:, 1]))
    assert np.abs(angle).max() <= 40.001
    np.testing.assert_allclose(angle.std(), 40 / 3**0.5, rtol=0.1)


def test_an_affine_distortion_changes_each_coordinate_by_up_to_its_strength():
    ramp = np.stack(np.mgrid[-10:11, -10:11], -1).astype(np.float32)
    y = augmented(nn.random_affine, 0.2, np.tile(ramp[None], (500, 1, 1, 1)))
    right, down = y[:, 10, 15], y[:, 15, 10]
    entries = np.stack([right - [0, 5], down - [5, 0]]) / 5
    assert np.abs(entries).max() <= 0.2001
    np.testing.assert_allclose(
        entries.std((1,)), np.full((2, 2), 0.2 / 3**0.5), rtol=0.1
    )


@pytest.mark.parametrize(
    "size", [4, *(pytest.param(n, marks=pytest.mark.heavy) for n in (1, 3))]
)
def test_cutout_clears_one_square(size):
    cut = augmented(nn.cutout, size, np.ones((500, 8, 7, 1), np.float32))[..., 0] == 0
    heights, widths = cut.any(2).sum(1), cut.any(1).sum(1)
    np.testing.assert_array_equal(cut.sum((1, 2)), heights * widths)
    assert heights.max() == widths.max() == size
    assert cut.any(0).all()  # every pixel is hit


def test_the_center_of_cutout_is_any_pixel_alike():
    cut = augmented(nn.cutout, 1, np.ones((5000, 4, 5, 1), np.float32))[..., 0] == 0
    z = (cut.mean(0) - 1 / 20) / np.sqrt(1 / 20 * 19 / 20 / 5000)
    assert np.abs(z).max() < 4.5


@unlike_layers
def test_strengths_may_be_traced_and_differ_by_model_and_0_does_nothing(name):
    strengths = jnp.array([0.0, STRENGTHS[name]])

    def one(strength):
        return LAYERS[name](strength).apply(
            (), (), jnp.asarray(IMAGES), key=jax.random.key(0), train=True
        )[0]

    off, on = jax.jit(jax.vmap(one))(strengths)
    np.testing.assert_array_equal(off, IMAGES)
    np.testing.assert_allclose(on, strong(name), atol=1e-5)
