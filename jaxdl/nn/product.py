"""The matrix product of a layer with its weights."""

import math

import jax
import jax.numpy as jnp

from jaxdl.nn.platforms import by_platform

NARROW = 16  # columns: one vector of float32


@jax.custom_vjp
def product(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """Returns `z = x W`, `[..., n_in] [n_in, n_out] -> [..., n_out]`.

    Under `jax.default_matmul_precision("bfloat16")` float32 factors are rounded to
    bfloat16 and summed in float32, on every kind of device. Other precisions are JAX's
    own. Only reverse-mode derivatives are defined.

    The gradient `dW = xᵀ dz` is computed in the memory order of W, unless W is narrow.
    JAX's own rule computes its transpose, which the optimizer then reads across the
    rows. On a CPU, with weights of 512 by 512, that took longer than the product.
    """
    return _dot(x, kernel)


def _forward(x, kernel):
    return _dot(x, kernel), (x, kernel)


def _backward(factors, dz):
    x, kernel = factors
    examples = math.prod(x.shape[:-1])
    rows = x.reshape(examples, x.shape[-1])
    dz_rows = dz.reshape(examples, dz.shape[-1])
    # With few columns most of a vector register is idle, so the transpose is faster.
    narrow = dz.shape[-1] < NARROW <= x.shape[-1]
    d_kernel = _dot(dz_rows.T, rows).T if narrow else _dot(rows.T, dz_rows)
    return _dot(dz, kernel.T).astype(x.dtype), d_kernel.astype(kernel.dtype)


product.defvjp(_forward, _backward)


def _dot(a: jax.Array, b: jax.Array) -> jax.Array:
    precision = jax.config.jax_default_matmul_precision  # pyrefly: ignore
    if precision != "bfloat16" or jnp.result_type(a, b) != jnp.float32:
        return a @ b
    return by_platform(a, b, cpu=_rounded_dot, default=_bfloat16_dot)


def _rounded_dot(a: jax.Array, b: jax.Array) -> jax.Array:
    # XLA for CPU lacks some forms of the product of bfloat16 into float32.
    a, b = (
        jax.lax.reduce_precision(x, exponent_bits=8, mantissa_bits=7) for x in (a, b)
    )
    return a @ b


def _bfloat16_dot(a: jax.Array, b: jax.Array) -> jax.Array:
    a, b = a.astype(jnp.bfloat16), b.astype(jnp.bfloat16)
    return jnp.matmul(a, b, preferred_element_type=jnp.float32)
