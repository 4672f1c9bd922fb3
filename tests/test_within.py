"""Plain numbers outside their range are refused where they are given."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl import nn, optim
from jaxdl.within import check_within

# part: (a call with one number, numbers inside the range, numbers outside it)
PARTS = {
    "rate": (optim.gradient_descent, (1e-9, 10), (0, -0.1, np.nan)),
    "rate of adam": (optim.adam, (1,), (0.0, np.float32(-1))),
    "rate of adamw": (lambda x: optim.adamw(x, weight_decay=0.0), (1,), (0,)),
    "rate of rmsprop": (optim.rmsprop, (1,), (0,)),
    "momentum": (lambda x: optim.momentum(1, beta=x), (0, 0.999), (1, -0.1)),
    "beta1": (lambda x: optim.adam(1, beta1=x), (0, 0.999), (1.0, -0.1)),
    "beta2": (lambda x: optim.adam(1, beta2=x), (0, 0.999), (np.float64(1), 2)),
    "beta2 of rmsprop": (lambda x: optim.rmsprop(1, beta2=x), (0,), (1,)),
    "eps of rmsprop": (lambda x: optim.rmsprop(1, eps=x), (1e-30,), (0,)),
    "weight decay": (lambda x: optim.adamw(1, weight_decay=x), (0, 5), (-1,)),
    "clip by norm": (lambda x: optim.clip_by_norm(optim.adam(1), x), (0,), (-1,)),
    "clip by value": (lambda x: optim.clip_by_value(optim.adam(1), x), (0,), (-1,)),
    "constant": (optim.constant, (0, np.inf), (-1,)),
    "cosine": (lambda x: optim.cosine(1, x), (1,), (0, -1)),
    "final fraction": (lambda x: optim.cosine(1, 1, x), (0, 1), (-0.1, 1.1)),
    "inverse time": (lambda x: optim.inverse_time_decay(1, x, 1), (0.5,), (0,)),
    "hyperbolic": (lambda x: optim.hyperbolic_decay(1, x, 1), (0.5,), (0,)),
    "exponential": (lambda x: optim.exponential_decay(1, x, 1), (1,), (0,)),
    "inverse root": (lambda x: optim.inverse_sqrt_decay(1, x), (1,), (0,)),
    "a decay rate": (lambda x: optim.exponential_decay(1, 1, x), (1,), (0,)),
    "piecewise": (lambda x: optim.piecewise([1, x], [5]), (0, np.inf), (-1,)),
    "staircase": (lambda x: optim.staircase(optim.constant(1), x), (1,), (0,)),
    "warmup": (lambda x: optim.warmup(optim.constant(1), x), (0,), (-1,)),
    "keep_prob": (nn.dropout, (1, 1e-3), (0, np.float32(0), 1.1, np.nan)),
    "decay of moments": (nn.batch_norm, (0,), (1,)),
    "eps of moments": (lambda x: nn.batch_norm(eps=x), (1e-30,), (0,)),
    "smoothing": (
        lambda x: nn.label_smoothing(nn.softmax_cross_entropy, x), (0, 0.9), (1, -0.1),
    ),
    "l2": (nn.l2, (0, 1e9), (-1,)),
    "flip": (nn.random_flip, (0, 1), (-0.1, 1.1)),
    "crop": (nn.random_crop, (0,), (-1,)),
}  # fmt: skip


@pytest.mark.parametrize("part", PARTS)
def test_plain_numbers_outside_their_range_are_refused(part):
    make, inside, outside = PARTS[part]
    for value in inside:
        make(value)
    for value in outside:
        with pytest.raises(ValueError, match="got .*=.*; expected a"):
            make(value)
        make(jnp.asarray(value))  # JAX's own values pass, as traced ones do
        jax.eval_shape(lambda x: make(x) and x, 1.0)


def test_the_bounds_are_named():
    with pytest.raises(
        ValueError, match=r"p got x=3; expected a number at least 0 and"
    ):
        check_within("p", "x", 3, least=0, below=1)
    check_within("p", "x", np.array([5.0]), below=1)  # no number
