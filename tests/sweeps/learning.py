"""Losses, models and steps of many kinds of learning, written as anyone would."""

from functools import partial

import jax
import jax.numpy as jnp
import optax

import jaxdl as dl
from jaxdl import nn, optim


def learns(model, loss, **given):
    """Returns the recipe of a model whose only hyperparameter is the rate."""
    return lambda hp: dl.Recipe(
        model, optim.momentum(hp["rate"]), loss, **{"batch_size": 8} | given
    )


def network(*layers):
    return nn.serial(nn.dense(6), nn.tanh, *layers)


def of_the_set(loss):
    """Returns what ranks by a loss that compares examples: its mean of a set."""

    def whole(outputs, labels, weights):
        return jnp.mean(loss(outputs, labels))

    return {"metrics": {"whole": whole}, "rank_by": "whole"}


def made_of(call, out_shape, **layers):
    """Returns a layer that computes `call(nets, x, key)`, without key in evaluation.

    Args:
        call: from functions by name, inputs and a key to outputs.
        out_shape: of one output.
        layers: by name, each a layer without state and what its inputs are like.
    """

    def init(key, in_shape):
        keys = zip(jax.random.split(key, len(layers)), layers.items(), strict=True)
        drawn = {name: one.init(k, shape) for k, (name, (one, shape)) in keys}
        params, state = ({n: parts[i] for n, parts in drawn.items()} for i in (0, 1))
        return params, state, out_shape

    def apply(params, state, x, *, key=None, train=False):
        def net(name, x):
            return layers[name][0].apply(params[name], state[name], x)[0]

        nets = {name: partial(net, name) for name in layers}
        return call(nets, x, key if train else None), state

    return nn.Layer(init, apply)


# ---- losses


def focal(hp):
    """Source: Lin et al. 2017, equation 4."""

    def loss(z, y):
        log_p = jnp.take_along_axis(jax.nn.log_softmax(z), y[:, None], 1)[:, 0]
        return -((1 - jnp.exp(log_p)) ** hp["gamma"]) * log_p

    return learns(network(nn.dense(2)), loss, error=nn.zero_one_error)(hp)


def ordinal(z, y):
    """Of whether the label exceeds each threshold, `[B, K - 1]`."""
    above = jnp.arange(z.shape[1])[None] < y[:, None]
    return optax.sigmoid_binary_cross_entropy(z, above.astype(z.dtype))


def levels_off(z, y):
    return jnp.abs(jnp.sum(z > 0, axis=1) - y).astype(z.dtype)


def pinball(z, y):
    """Of the quantiles 0.1, 0.5 and 0.9."""
    q, off = jnp.array([[0.1, 0.5, 0.9]]), y - z
    return jnp.maximum(q * off, (q - 1) * off)


def poisson(z, y):
    return jnp.exp(z[:, 0]) - y * z[:, 0]


def gaussian(z, y):
    """The negative log-likelihood of a mean and a log variance, but for a constant."""
    return (z[:, 1] + (y[:, 0] - z[:, 0]) ** 2 * jnp.exp(-z[:, 1])) / 2


def cox(z, labels):
    """Of times until an event, of which some are censored. Source: Cox 1972."""
    at_risk = labels["time"][None] >= labels["time"][:, None]
    risks = jnp.where(at_risk, z[:, 0][None], -jnp.inf)
    return labels["event"] * (jax.nn.logsumexp(risks, axis=1) - z[:, 0])


def two_labels(z, labels):
    kind = nn.softmax_cross_entropy(z[:, :2], labels["kind"])
    return kind + (z[:, 2] - labels["size"]) ** 2


def anchored(hp):
    """Weights stay near those of another model."""

    def penalty(params, num_examples):
        return hp["strength"] * jnp.sum((params["kernel"] - 0.5) ** 2)

    return learns(nn.dense(2), nn.softmax_cross_entropy, penalty=penalty)(hp)


# ---- models


def vae(hp):
    """Source: Kingma and Welling 2014."""

    def call(nets, x, key):
        mean, log_var = jnp.split(nets["encode"](x), 2, axis=1)
        noise = 0 if key is None else jax.random.normal(key, mean.shape)
        again = nets["decode"](mean + jnp.exp(log_var / 2) * noise)
        return {"x": again, "mean": mean, "log_var": log_var}

    def loss(z, y):
        prior = jnp.exp(z["log_var"]) + z["mean"] ** 2 - 1 - z["log_var"]
        rebuilt = jnp.sum((z["x"] - y) ** 2, axis=1)
        return rebuilt + hp["beta"] * jnp.sum(prior, axis=1) / 2

    out = {"x": (4,), "mean": (2,), "log_var": (2,)}
    out = {name: nn.Spec(shape, jnp.float32) for name, shape in out.items()}
    layers = {"encode": (nn.dense(4), (4,)), "decode": (nn.dense(4), (2,))}
    return learns(made_of(call, out, **layers), loss)(hp)


def gpt(nets, tokens, key):
    """A block of a transformer of width 8, 2 heads: `[B, L] -> [B, L, 6]`."""

    def each(name, x):  # place
        return jax.vmap(nets[name], 1, 1)(x)

    h = nets["token"](tokens) + nets["place"](jnp.arange(tokens.shape[1]))[None]
    heads = jnp.split(each("attend", h).reshape(*tokens.shape, 2, 12), 3, axis=-1)
    h = h + jax.nn.dot_product_attention(*heads, is_causal=True).reshape(h.shape)
    return each("logits", h + each("think", h))


GPT = made_of(
    gpt, (6, 6), token=(nn.embedding(6, 8), nn.Spec((6,), jnp.int32)),
    place=(nn.embedding(6, 8), nn.Spec((), jnp.int32)), attend=(nn.dense(24), (8,)),
    think=(nn.serial(nn.dense(16), nn.gelu, nn.dense(8)), (8,)),
    logits=(nn.dense(6), (8,)),
)  # fmt: skip


def recurrent(nets, x, key):
    """Returns the last state of a network that reads `[B, T, d]` in order."""

    def read(h, now):
        return jnp.tanh(nets["cell"](jnp.concatenate([now, h], axis=1))), None

    return jax.lax.scan(read, jnp.zeros((len(x), 3)), x.swapaxes(0, 1))[0]


def two_views(nets, x, key):
    """Returns two noisy views of each example on a sphere, `[B, 2, d]`."""
    keys = (None, None) if key is None else jax.random.split(key)
    noise = [0 if k is None else jax.random.normal(k, x.shape) for k in keys]
    views = jnp.stack([nets["encode"](x + 0.1 * n) for n in noise], axis=1)
    return views / jnp.linalg.norm(views, axis=-1, keepdims=True)


def simclr(hp):
    """Each view finds the other of its example. Source: Chen et al. 2020."""

    def loss(z, y):
        alike = z[:, 0] @ z[:, 1].T / hp["temperature"]
        return -jnp.diag(jax.nn.log_softmax(alike, axis=1))

    model = made_of(two_views, (2, 3), encode=(network(nn.dense(3)), (4,)))
    return learns(model, loss, **of_the_set(loss))(hp)


def residuals(nets, x, key):
    """Returns how far u'' is from -u, and u(0) from 1, u'(0) from 0, at each x."""

    def u(t):
        return nets["u"](t[None, None])[0, 0]

    inside = jax.vmap(jax.grad(jax.grad(u)))(x[:, 0]) + jax.vmap(u)(x[:, 0])
    start = jnp.zeros_like(x[:, 0])
    return jnp.stack([inside, u(0 * start[0]) - 1 + start], axis=1)


def graph(features, edges):
    """Two graph convolutions of all nodes. Source: Kipf and Welling 2017."""

    def call(nets, nodes, key):
        h = nn.relu(edges @ nets["first"](features))
        return nets["last"](edges @ h)[nodes[:, 0]]

    return made_of(call, (2,), first=(nn.dense(3), (4,)), last=(nn.dense(2), (3,)))


def mixed(nets, x, key):
    """Source: Zhang et al. 2018, mixup."""
    share = jnp.ones(()) if key is None else jax.random.uniform(key)
    share = jnp.full((len(x), 1), share)
    z = nets["classify"](share * x + (1 - share) * x[::-1])
    return {"logits": z, "share": share}


def mixup_loss(z, y):
    mixed = z["share"] * y + (1 - z["share"]) * y[::-1]
    return nn.softmax_cross_entropy(z["logits"], mixed)


def walk(nets, x, key):
    """Returns the reward and the log-probability of a walk from x towards 0, `[B, 2]`.

    In evaluation each action is the most probable one.
    """

    def step(x, key):
        log_p = jax.nn.log_softmax(nets["policy"](x))
        act = log_p.argmax(1) if key is None else jax.random.categorical(key, log_p)
        x = jax.lax.stop_gradient(x + 0.5 * (2 * act[:, None] - 1))
        taken = jnp.take_along_axis(log_p, act[:, None], axis=1)[:, 0]
        return x, (-jnp.abs(x[:, 0]), taken)

    keys = None if key is None else jax.random.split(key, 4)
    return jnp.stack(jax.lax.scan(step, x, keys, length=4)[1], axis=2).sum(axis=0)


def reinforce(z, y):
    """Source: Williams 1992, with the mean reward as the baseline."""
    return -jax.lax.stop_gradient(z[:, 0] - jnp.mean(z[:, 0])) * z[:, 1]


def both(nets, x, key):
    read = nets["read"](x["tokens"]).mean(axis=1)
    return nets["decide"](jnp.concatenate([read, x["table"]], axis=1))


# ---- updates


def gan(hp):
    """Source: Goodfellow et al. 2014, equation 1: both players in turns."""

    def play(nets, x, key):
        made = nets["maker"](x["noise"])
        return jnp.concatenate([nets["judge"](x["real"]), nets["judge"](made)], axis=1)

    def loss(z, y):
        return nn.softplus(-z[:, 0]) + nn.softplus(z[:, 1])

    players = {name: optim.momentum(hp["rate"]) for name in ("judge", "maker")}

    def step(cost, train_state, batch):
        params, opt_state = dict(train_state.params), dict(train_state.opt_state)
        for name, sign in (("judge", 1), ("maker", -1)):
            slope = jax.grad(cost, has_aux=True)
            grads, (metrics, _) = slope(params, train_state, batch)
            own = jax.tree.map(lambda g, sign=sign: sign * g, grads[name])
            updates, opt_state[name] = players[name].update(own, opt_state[name])
            params[name] = optax.apply_updates(params[name], updates)
        return train_state._replace(params=params, opt_state=opt_state), metrics

    def init(params):
        return {name: player.init(params[name]) for name, player in players.items()}

    judge, maker = (network(nn.dense(1)), (4,)), (nn.dense(4), (2,))
    model = made_of(play, (2,), judge=judge, maker=maker)
    optimizer = optax.GradientTransformation(init, optax.identity().update)
    return dl.Recipe(model, optimizer, loss, batch_size=8, step=step)


def averaged(hp):
    """Evaluates an average of the weights, as a mean teacher does."""

    def update(grads, opt_state, params=None):
        updates, state = inner.update(grads, opt_state["inner"], params)
        after = optax.apply_updates(params, updates)
        return updates, {
            "inner": state,
            "mean": optim.ewma(opt_state["mean"], after, 0.9),
        }

    inner = optim.momentum(hp["rate"])
    optimizer = optax.GradientTransformation(
        lambda params: {"inner": inner.init(params), "mean": params}, update
    )
    return dl.Recipe(
        nn.dense(2), optimizer, nn.softmax_cross_entropy, batch_size=8,
        eval_params=lambda opt_state, params: opt_state["mean"],
    )  # fmt: skip
