"""One network in plain JAX with Optax, as the documentation of both would write it."""

from typing import Any

import jax
import jax.numpy as jnp
import optax

from experiments.bench import counts
from experiments.bench.workloads import Task


def hyperparameters(task: Task) -> dict[str, jax.Array]:
    """Returns the members' numbers, `[members]` each."""
    names = ("learning_rate", "beta1", "keep_prob")
    return {name: jnp.asarray(getattr(task, name)) for name in names}


def make_init(task: Task) -> Any:
    """Returns `init(hp, key) -> carry`: parameters, moments, optimizer's state, key."""
    layers = counts.products(task.workload)
    convolutions = len(task.workload.channels)

    def init(hp, key):
        params, moments = [], []
        for i, layer in enumerate(layers):
            kernel = jax.random.normal(jax.random.fold_in(key, i), (layer.k, layer.n))
            kernel *= jnp.sqrt(2 / layer.k)
            if i < convolutions:
                kernel = kernel.reshape(3, 3, -1, layer.n)
            params.append({"kernel": kernel, "bias": jnp.zeros(layer.n)})
            if task.normalized and i < len(layers) - 1:
                params[-1] = {"kernel": kernel, "beta": jnp.zeros(layer.n)}
                params[-1]["gamma"] = jnp.ones(layer.n)
                moments.append((jnp.zeros(layer.n), jnp.ones(layer.n)))
        return params, moments, adam(hp).init(params), key

    return init


def make_step(task: Task) -> Any:
    """Returns `step(hp, carry, inputs, labels) -> (carry, loss)`."""

    def step(hp, carry, inputs, labels):
        params, moments, opt_state, key = carry
        key, now = jax.random.split(key)

        def cost(params):
            logits, new = forward(task, params, moments, inputs, hp["keep_prob"], now)
            losses = optax.softmax_cross_entropy_with_integer_labels(logits, labels)
            return losses.mean(), new

        (loss, moments), grads = jax.value_and_grad(cost, has_aux=True)(params)
        updates, opt_state = adam(hp).update(grads, opt_state, params)
        params = optax.apply_updates(params, updates)
        return (params, moments, opt_state, key), loss

    return step


def order(task: Task, key: jax.Array) -> jax.Array:
    """Returns the examples of an epoch's batches, `[steps, B]`."""
    examples = jax.random.permutation(key, len(task.train_inputs))
    return examples.reshape(task.steps, task.workload.batch_size)


def adam(hp: dict[str, jax.Array]) -> optax.GradientTransformation:
    return optax.adam(hp["learning_rate"], b1=hp["beta1"])


def forward(task, params, moments, x, keep_prob, key):
    """Returns logits and the new running moments."""
    new = []
    for layer in params[: len(task.workload.channels)]:
        x = max_pool(jax.nn.relu(convolve(x, layer["kernel"]) + layer["bias"]))
    x = x.reshape(len(x), -1)
    hidden = params[len(task.workload.channels) : -1]
    for i, layer in enumerate(hidden):
        x = x @ layer["kernel"]
        if task.normalized:
            mean, variance = x.mean(axis=0), x.var(axis=0)
            old = moments[i]
            new.append((0.9 * old[0] + 0.1 * mean, 0.9 * old[1] + 0.1 * variance))
            x = (x - mean) * jax.lax.rsqrt(variance + 1e-5)
            x = jax.nn.relu(x * layer["gamma"] + layer["beta"])
            kept = jax.random.bernoulli(jax.random.fold_in(key, i), keep_prob, x.shape)
            x = jnp.where(kept, x / keep_prob, 0)
        else:
            x = jax.nn.relu(x + layer["bias"])
    return x @ params[-1]["kernel"] + params[-1]["bias"], new


def convolve(x, kernel):
    names = ("NHWC", "HWIO", "NHWC")
    return jax.lax.conv_general_dilated(x, kernel, (1, 1), "SAME", None, None, names)


def max_pool(x):
    window = (1, 2, 2, 1)
    return jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, window, window, "VALID")
