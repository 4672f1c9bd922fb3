"""The fully connected layer."""

import jax.numpy as jnp

from jaxdl.nn.initializers import Initializer, he, normal_per_unit
from jaxdl.nn.layer import Layer, check_size
from jaxdl.nn.product import product
from jaxdl.nn.size import Size, bound, live, live_state, only_live


def dense(units: int | Size, *, use_bias: bool = True, init: Initializer = he) -> Layer:
    """Returns the layer `z = x W + b`, with `x: [B, n_in]` and `z: [B, units]`.

    Parameters: `kernel` `[n_in, units]` and, with `use_bias`, `bias` `[units]`, zero at
    the start. The weights of each unit are drawn from a key of its own, so that they do
    not depend on how many units there are. Leave the bias out before a `batch_norm`,
    whose mean subtraction would cancel it.

    Of a `Size` of units the others have weights of zero, and an input beyond its live
    size is masked, so that no activation brings it to life; the live size of the input
    is state.

    Args:
        units: number of units, a plain int of at least 1 or a `Size`.
        use_bias: whether to add `b`.
        init: the standard deviation of a weight, as a function of the fans.

    Raises:
        TypeError: `units` is neither, for example a traced hyperparameter.
        ValueError: `units` is below 1, or the input has not one axis an example.
    """
    units = check_size("dense", "units", units, least=1)
    stddev = init

    def init_params(key, in_shape):
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

    return Layer(init_params, apply)
