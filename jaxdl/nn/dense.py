"""The fully connected layer."""

import jax.numpy as jnp

from jaxdl.nn.initializers import Initializer, he, normal_per_unit
from jaxdl.nn.layer import Layer, check_size
from jaxdl.nn.product import product
from jaxdl.nn.size import Size, bound, live, live_state, only_live
from jaxdl.nn.spec import check_floats


def dense(units: int | Size, *, use_bias: bool = True, init: Initializer = he) -> Layer:
    """Returns the layer `z = x W + b`, with `x: [B, n_in]` and `z: [B, units]`.

    Parameters: `kernel` `[n_in, units]` and, with `use_bias`, `bias` `[units]`. The
    bias starts at zero. Each unit draws its weights from its own key, so they do not
    depend on the number of units. Leave the bias out before a `batch_norm`, which
    subtracts the mean and so cancels it.

    With a `Size`, the units beyond the live size have weights of zero. If the input has
    a `Size`, its features beyond the live size are set to zero, whatever the activation
    before made of them. The live size of the input is part of the state.

        >>> layer = nn.dense(3)
        >>> params, state, out_shape = layer.init(jax.random.key(0), (5,))
        >>> params["kernel"].shape, params["bias"].shape, out_shape
        ((5, 3), (3,), (3,))
        >>> z, state = layer.apply(params, state, jnp.ones((2, 5)))
        >>> z.shape
        (2, 3)

    Args:
        units: the number of units, an int of at least 1 or a `Size`.
        use_bias: whether to add `b`.
        init: the standard deviation of a weight, as a function of the fans.

    Raises:
        TypeError: `units` is neither an int nor a `Size`, for example a traced
            hyperparameter.
        ValueError: `units` is below 1, or an example does not have exactly one axis.
    """
    units = check_size("dense", "units", units, least=1)
    stddev = init

    def init_params(key, in_shape):
        check_floats("dense", in_shape)
        if len(in_shape) != 1:
            raise ValueError(
                f"dense got examples of shape {in_shape}; expected one axis: put "
                "nn.flatten before it"
            )
        fan_in = in_shape[0]
        draws = normal_per_unit(key, bound(fan_in), bound(units))
        kernel = jnp.asarray(stddev(live(fan_in), live(units)) * draws)
        params = {"kernel": only_live(only_live(kernel, fan_in, 0), units, 1)}
        if use_bias:
            params["bias"] = jnp.zeros(bound(units), kernel.dtype)
        return params, live_state(fan_in), (units,)

    def apply(params, state, x, *, key=None, train=False):
        del key, train
        x = only_live(x, state["live"]) if state else x
        z = product(x, params["kernel"])
        return (z + params["bias"][None] if use_bias else z), state

    return Layer(init_params, apply, name="dense")
