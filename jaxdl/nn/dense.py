"""The fully connected layer."""

import jax.numpy as jnp

from jaxdl.nn.initializers import Initializer, he, normal_per_unit
from jaxdl.nn.layer import Layer, check_count
from jaxdl.nn.product import product


def dense(units: int, *, use_bias: bool = True, init: Initializer = he) -> Layer:
    """Returns the layer `z = x W + b`, with `x: [B, n_in]` and `z: [B, units]`.

    Parameters: `kernel` `[n_in, units]` and, with `use_bias`, `bias` `[units]`, zero at
    the start. The weights of each unit are drawn from a key of its own, so that they do
    not depend on how many units there are. Leave the bias out before a `batch_norm`,
    whose mean subtraction would cancel it.

    Args:
        units: number of units, a plain int of at least 1.
        use_bias: whether to add `b`.
        init: the standard deviation of a weight, as a function of the fans.

    Raises:
        TypeError: `units` is not a plain int, for example a traced hyperparameter.
        ValueError: `units` is below 1, or the input has not one axis an example.
    """
    check_count("dense", "units", units, least=1)
    stddev = init

    def init_params(key, in_shape):
        if len(in_shape) != 1:
            raise ValueError(
                f"dense got examples of shape {in_shape}; expected one axis: put "
                "nn.flatten before it"
            )
        fan_in = in_shape[0]
        kernel = stddev(fan_in, units) * normal_per_unit(key, fan_in, units)
        params = {"kernel": kernel}
        if use_bias:
            params["bias"] = jnp.zeros(units, kernel.dtype)
        return params, (), (units,)

    def apply(params, state, x, *, key=None, train=False):
        del key, train
        z = product(x, params["kernel"])
        return (z + params["bias"][None] if use_bias else z), state

    return Layer(init_params, apply)
