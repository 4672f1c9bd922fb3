"""A model as plain values."""

import jax.numpy as jnp
import pytest

from jaxdl import nn
from jaxdl.interop.architecture import architecture


def own(width=3):
    """A layer of a user's."""

    def init(key, in_shape):
        return (), (), in_shape

    def apply(params, state, x, *, key=None, train=False):
        return x * width, state

    return nn.Layer(init, apply)


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (nn.relu, {"layer": "relu"}),
        (jnp.tanh, {"layer": "tanh"}),
        (nn.flatten, {"layer": "flatten"}),
        (nn.dropout(0.5), {"layer": "dropout", "keep_prob": 0.5}),
        (nn.batch_norm(0.8), {"layer": "batch_norm", "decay": 0.8, "eps": 1e-5}),
        (nn.dense(nn.Size(2, 4)), {"layer": "dense", "units": 2, "use_bias": True}),
        (
            nn.batch_norm(jnp.float32(0.5), eps=jnp.float32(0.25)),
            {"layer": "batch_norm", "decay": 0.5, "eps": 0.25},
        ),
        (own(), {"layer": "own", "width": 3}),
    ],
)
def test_a_layer_has_its_name_and_settings(layer, expected):
    assert architecture(layer) == expected


def test_settings_of_windows():
    conv = architecture(nn.conv2d(5, (3, 2), strides=2, padding="VALID"))
    assert conv["layer"] == "conv2d" and conv["channels"] == 5
    assert (conv["window"], conv["strides"]) == ([3, 2], 2)
    assert conv["padding"] == "VALID"
    pool = architecture(nn.as_layer(nn.max_pool(2)))
    assert (pool["layer"], pool["window"]) == ("max_pool", [2, 2])
    assert architecture(nn.random_flip())["layer"] == "random_flip"


def test_layers_inside_layers():
    model = nn.serial(nn.relu, nn.residual(nn.dense(3), nn.relu), nn.repeat(nn.relu, 2))
    assert architecture(model) == {
        "layer": "serial",
        "parts": [
            {"layer": "relu"},
            {
                "layer": "residual",
                "parts": [
                    {"layer": "dense", "units": 3, "use_bias": True},
                    {"layer": "relu"},
                ],
            },
            {"layer": "serial", "parts": [{"layer": "relu"}, {"layer": "relu"}]},
        ],
    }
