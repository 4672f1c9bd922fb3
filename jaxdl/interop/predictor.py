"""A trained member, or an ensemble, as one pure function of raw inputs."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.nn import log_sigmoid, log_softmax
from jax.scipy.special import logsumexp

from jaxdl import nn
from jaxdl.data import Moments
from jaxdl.interop.unpadded import unpadded
from jaxdl.nn.losses import PerExample
from jaxdl.sweeps import Ensemble
from jaxdl.train import Member
from jaxdl.train.part import scaled, unscaled
from jaxdl.train.structure import canonical

Model = Member | Ensemble


def predictor(model: Model, moments: Moments | None) -> Callable[[Any], Any]:
    """Returns `predict(inputs) -> outputs`, pure, of raw inputs `[B, ...]`.

    Inputs are in the units of the user's data, outputs in those of the labels. Weights
    are constants of the function, and what follows from them alone is computed once.

    Args:
        model: a trained one.
        moments: `splits.moments`; None: the arrays that it trained on were raw.

    Raises:
        RecipeError: the recipe has other parameters than the member.
    """
    if isinstance(model, Member):
        return _of_member(model, moments)
    each = [_of_member(member, moments) for member in model.members]
    mean, weights = _mean(model.members[0].loss), model.weights

    def predict(inputs):
        outputs = jnp.stack([one(inputs) for one in each])  # [n, B, ...]
        per_member = (-1,) + (1,) * (outputs.ndim - 1)
        return mean(outputs, canonical(weights).reshape(per_member))

    return predict


def inputs_of(model: Model, batch: Any) -> jax.ShapeDtypeStruct:
    """Returns the shape and type of raw inputs.

    Args:
        model: a trained one.
        batch: how many examples, an int or a symbol.
    """
    member = model if isinstance(model, Member) else model.members[0]
    like = member.inference.train.inputs
    return jax.ShapeDtypeStruct((batch, *like.shape[1:]), like.dtype)


def normalization(member: Member, moments: Moments | None) -> Moments | None:
    """Returns what a member's raw inputs are normalized by; None: by nothing.

    Args:
        member: a trained one.
        moments: `splits.moments`.
    """
    own = None if member.scaling is None else member.scaling.inputs
    raw = np.issubdtype(member.inference.train.inputs.dtype, np.integer)
    if own is None or moments is None or raw:
        return own or moments
    return moments.then(own)


def _of_member(member: Member, moments: Moments | None) -> Callable[[Any], Any]:
    recipe, params, state = unpadded(member)
    by = jax.tree.map(canonical, normalization(member, moments))
    scaling = jax.tree.map(canonical, member.scaling)
    like = member.inference.train

    def predict(inputs):
        # What depends on no input, such as moments corrected, is a number by then.
        with (
            jax.ensure_compile_time_eval(),
            jax.default_matmul_precision(recipe.precision),
        ):
            x = inputs if like.about.ids is True else scaled(inputs, by)
            outputs, _ = nn.as_layer(recipe.model).apply(params, state, x)
            return unscaled(outputs, replace(like, scaling=scaling))

    return predict


def _mean(loss: PerExample) -> Callable[[jax.Array, jax.Array], jax.Array]:
    """Returns how an ensemble averages outputs `[n, B, ...]` with weights `[n, ...]`.

    The mean is that of `Ensemble.predict`. Its logarithms reach probabilities below
    the smallest float32.
    """
    plain = nn.plain_loss(loss)
    if plain is nn.softmax_cross_entropy:
        return lambda z, w: logsumexp(log_softmax(z), 0, b=w)
    if plain is nn.sigmoid_cross_entropy:
        return lambda z, w: (
            logsumexp(log_sigmoid(z), 0, b=w) - logsumexp(log_sigmoid(-z), 0, b=w)
        )
    return lambda z, w: jnp.sum(w * z, axis=0)
