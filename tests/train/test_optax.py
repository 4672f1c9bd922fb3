"""Every optimizer and schedule of optax with traced hyperparameters."""

import inspect
import re
from pathlib import Path

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from optax import contrib

import jaxdl as dl
from jaxdl import nn, optim, train
from jaxdl.data import Dataset
from jaxdl.train.state import init
from jaxdl.train.tracing import INSTEAD, tracing_errors_explained


def kernels(params):
    return jax.tree.map_with_path(lambda path, _: path[-1].key == "kernel", params)


def labels(params):
    return jax.tree.map_with_path(lambda path, _: path[-1].key, params)


def parted(rate, beta):
    return {"kernel": optax.adam(rate), "bias": optax.sgd(rate, beta)}


# name: the optimizer from a traced rate and a traced number in (0, 1)
OPTIMIZERS = {
    "adabelief": lambda a, b: optax.adabelief(a, b),
    "adadelta": lambda a, b: optax.adadelta(a, rho=b),
    "adafactor": lambda a, b: optax.adafactor(a),
    "adagrad": lambda a, b: optax.adagrad(a),
    "adam": lambda a, b: optax.adam(a, b1=b),
    "adamax": lambda a, b: optax.adamax(a, b1=b),
    "adamaxw": lambda a, b: optax.adamaxw(a, b1=b),
    "adamw": lambda a, b: optax.adamw(a, b1=b, weight_decay=a, mask=kernels),
    "adan": lambda a, b: optax.adan(a, b1=b),
    "amsgrad": lambda a, b: optax.amsgrad(a, b1=b),
    "fromage": lambda a, b: optax.fromage(a),
    "lamb": lambda a, b: optax.lamb(a, b1=b),
    "lars": lambda a, b: optax.lars(a, momentum=b),
    "lbfgs": lambda a, b: optax.lbfgs(a),
    "lbfgs, one step": lambda a, b: optax.lbfgs(a, linesearch=None),
    "lion": lambda a, b: optax.lion(a, b1=b),
    "nadam": lambda a, b: optax.nadam(a, b1=b),
    "noisy_sgd": lambda a, b: optax.noisy_sgd(a, eta=b, key=0),
    "novograd": lambda a, b: optax.novograd(a, b1=b),
    "optimistic_adam_v2": lambda a, b: optax.optimistic_adam_v2(a, b1=b),
    "optimistic_gd": lambda a, b: optax.optimistic_gradient_descent(a, alpha=b),
    "polyak_sgd": lambda a, b: optax.polyak_sgd(max_learning_rate=a),
    "radam": lambda a, b: optax.radam(a, b1=b),
    "rmsprop": lambda a, b: optax.rmsprop(a, decay=b),
    "rprop": lambda a, b: optax.rprop(a),
    "sgd": lambda a, b: optax.sgd(a, momentum=b, nesterov=True),
    "sign_sgd": lambda a, b: optax.sign_sgd(a),
    "signum": lambda a, b: optax.signum(a, beta=b),
    "sm3": lambda a, b: optax.sm3(a, momentum=b),
    "yogi": lambda a, b: optax.yogi(a, b1=b),
    "backtracking": lambda a, b: optax.chain(
        optax.sgd(a), optax.scale_by_backtracking_linesearch(5)
    ),
    "clipped": lambda a, b: optax.chain(optax.clip_by_global_norm(b), optax.adam(a)),
    "adaptive_grad_clip": lambda a, b: optax.chain(
        optax.adaptive_grad_clip(b), optax.adam(a)
    ),
    "inject_hyperparams": lambda a, b: optax.inject_hyperparams(optax.adam)(a, b),
    "injected schedule": lambda a, b: optax.inject_hyperparams(optax.adam)(
        optim.cosine(a, 100.0), b
    ),
    "partition": lambda a, b: optax.partition(parted(a, b), labels),
    "masked": lambda a, b: optax.masked(optax.adam(a), kernels),
    "MultiSteps": lambda a, b: optax.MultiSteps(optax.adam(a), 4),
    "apply_every": lambda a, b: optax.chain(optax.adam(a), optax.apply_every(4)),
    "apply_if_finite": lambda a, b: optax.apply_if_finite(optax.adam(a), 3),
    "ema": lambda a, b: optax.chain(optax.adam(a), optax.ema(b)),
    "freeze": lambda a, b: optax.chain(optax.adam(a), optax.freeze(kernels)),
    "centralize": lambda a, b: optax.chain(optax.centralize(), optax.adam(a)),
    "add_noise": lambda a, b: optax.chain(optax.add_noise(a, b, 0), optax.adam(a)),
    "acprop": lambda a, b: contrib.acprop(a, b1=b),
    "ademamix": lambda a, b: contrib.ademamix(a, b1=b),
    "adopt": lambda a, b: contrib.adopt(a, b1=b),
    "cocob": lambda a, b: contrib.cocob(),
    "dadapt_adamw": lambda a, b: contrib.dadapt_adamw(a),
    "dog": lambda a, b: contrib.dog(a),
    "dowg": lambda a, b: contrib.dowg(a),
    "galore": lambda a, b: contrib.galore(a, rank=2),
    "madgrad": lambda a, b: contrib.madgrad(a, momentum=b),
    "mechanize": lambda a, b: contrib.mechanize(optax.adam(a)),
    "momo": lambda a, b: contrib.momo(a, beta=b),
    "momo_adam": lambda a, b: contrib.momo_adam(a, b1=b),
    "muon": lambda a, b: contrib.muon(a, beta=b),
    "prodigy": lambda a, b: contrib.prodigy(a),
    "reduce_on_plateau": lambda a, b: optax.chain(
        optax.adam(a), contrib.reduce_on_plateau(factor=0.5)
    ),
    "sam": lambda a, b: contrib.sam(optax.sgd(a), optax.sgd(b)),
    "schedule_free": lambda a, b: contrib.schedule_free(optax.sgd(a), a, b1=b),
    "schedule_free_adamw": lambda a, b: contrib.schedule_free_adamw(a, b1=b),
    "schedule_free_sgd": lambda a, b: contrib.schedule_free_sgd(a, b1=b),
    "simplified_ademamix": lambda a, b: contrib.simplified_ademamix(a, b1=b),
    "constant_schedule": lambda a, b: optax.sgd(optax.constant_schedule(a)),
    "nadamw": lambda a, b: optax.nadamw(a, b1=b),
    "multi_transform": lambda a, b: optax.multi_transform(parted(a, b), labels),
    "named_chain": lambda a, b: optax.named_chain(("one", optax.adam(a, b1=b))),
    "flatten": lambda a, b: optax.flatten(optax.adam(a, b1=b)),
    "selective_transform": lambda a, b: optax.selective_transform(
        optax.adam(a), freeze_mask=kernels
    ),
    "conditionally_transform": lambda a, b: optax.conditionally_transform(
        optax.sgd(a), lambda step: step % 2 == 0
    ),
    "conditionally_mask": lambda a, b: optax.conditionally_mask(
        optax.sgd(a), lambda step: step % 2 == 0
    ),
    "zoom": lambda a, b: optax.chain(
        optax.sgd(a), optax.scale_by_zoom_linesearch(5)
    ),
    "split_real_and_imaginary": lambda a, b: contrib.split_real_and_imaginary(
        optax.adam(a)
    ),
    "piecewise_constant_schedule": lambda a, b: optax.sgd(
        optax.piecewise_constant_schedule(a, {10: 0.5})
    ),
    "piecewise_interpolate_schedule": lambda a, b: optax.sgd(
        optax.piecewise_interpolate_schedule("linear", a, {10: 0.5})
    ),
    "cosine_decay_schedule": lambda a, b: optax.sgd(
        optax.cosine_decay_schedule(a, 100)
    ),
    "cosine_onecycle_schedule": lambda a, b: optax.sgd(
        optax.cosine_onecycle_schedule(100, a)
    ),
    "join_schedules": lambda a, b: optax.sgd(
        optax.join_schedules([optax.constant_schedule(x) for x in (a, b)], [10])
    ),
    "linear_onecycle_schedule": lambda a, b: optax.sgd(
        optax.linear_onecycle_schedule(100, a)
    ),
    "linear_schedule": lambda a, b: optax.sgd(optax.linear_schedule(a, 0.0, 100)),
    "polynomial_schedule": lambda a, b: optax.sgd(
        optax.polynomial_schedule(a, 0.0, 2.0, 100)
    ),
    "warmup_constant_schedule": lambda a, b: optax.sgd(
        optax.warmup_constant_schedule(0.0, a, 10)
    ),
    "ours, of optax's": lambda a, b: optim.accumulate(
        optim.clip_by_norm(contrib.momo(a), b), 2
    ),
}  # fmt: skip
# Those that need plain numbers or more arguments, and what their error says.
REFUSED = {
    "exponential_decay": (
        lambda a, b: optax.sgd(optax.exponential_decay(a, 10, b)),
        "optax.exponential_decay, .*expected optim.exponential_decay",
    ),
    "sgdr_schedule": (
        lambda a, b: optax.sgd(optax.sgdr_schedule([{
            "init_value": 0.0, "peak_value": a, "warmup_steps": 3,
            "decay_steps": 10, "end_value": 0.0,
        }])),
        "optax.sgdr_schedule, .*expected a function of the step",
    ),
    "warmup_cosine_decay_schedule": (
        lambda a, b: optax.sgd(optax.warmup_cosine_decay_schedule(0.0, a, 10, 100)),
        r"optax.warmup_cosine_decay_schedule, .*expected optim.warmup\(optim.cosine",
    ),
    "warmup_exponential_decay_schedule": (
        lambda a, b: optax.sgd(
            optax.warmup_exponential_decay_schedule(0.0, a, 10, 100, b)
        ),
        r"expected optim.warmup\(optim.exponential_decay",
    ),
    "private": (
        lambda a, b: contrib.differentially_private_aggregate(a, b, key=0),
        r"Recipe\(step=...\)",
    ),
    "lookahead": (
        lambda a, b: optax.lookahead(optax.sgd(a), 5, b), r"Recipe\(step=...\)"
    ),
    "opaque sam": (
        lambda a, b: contrib.sam(optax.sgd(a), optax.sgd(b), opaque_mode=True),
        r"grad_fn.*Recipe\(step=...\)",
    ),
    "sophia": (lambda a, b: contrib.sophia(a), r"obj_fn.*Recipe\(step=...\)"),
    "an argument of its own": (
        lambda a, b: optax.GradientTransformationExtraArgs(
            lambda params: (), lambda g, s, p, *, hessian: (g, s)
        ),
        r"'hessian'.*value, grad, value_fn.*Recipe\(step=...\)",
    ),
}  # fmt: skip
# Parts, which optimizers of the tables have inside; names that optax gives up; and
# functions that give no optimizer.
PARTS = re.compile(
    "scale|clip|add_|keep_|normalize|set_to_zero|zero_nans|stateless|with_extra|trace"
    "|chain|identity|snapshot|measure_with_ema|optimistic_adam$|inject_stateful|dpsgd|_"
    "|microbatch|value_and_grad"
)
RATES, BETAS = jnp.array([0.01, 0.1]), jnp.array([0.9, 0.5])
BATCH = Dataset(
    jnp.asarray(np.random.default_rng(0).normal(size=(6, 4)), jnp.float32),
    jnp.arange(6) % 3,
)


def trained(make):
    """Returns the function of a rate and a number that trains one model two steps."""

    def recipe(hp):
        return dl.Recipe(nn.dense(3), make(*hp), nn.softmax_cross_entropy)

    step = train.make_step(recipe)

    def train_it(*hp):
        state = init(recipe, hp, jax.random.key(0), (4,))
        for _ in range(2):
            state, metrics = step(hp, state, BATCH)
        return state.params, metrics["loss"]

    return train_it


# Those that are used most, and those that wrap, chain or part others.
ORDINARY = (
    "adam", "adamw", "sgd", "lion", "lamb", "adafactor", "polyak_sgd", "lbfgs",
    "clipped", "inject_hyperparams", "injected schedule", "partition", "masked",
    "MultiSteps", "apply_if_finite", "muon", "schedule_free", "sam",
    "reduce_on_plateau",
)  # fmt: skip


@pytest.mark.filterwarnings("ignore:.*attribute `fast`")
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=() if name in ORDINARY else pytest.mark.heavy)
        for name in OPTIMIZERS
    ],
)
def test_an_optimizer_takes_traced_hyperparameters(name):
    shapes = jax.eval_shape(jax.vmap(trained(OPTIMIZERS[name])), RATES, BETAS)
    assert shapes[0]["kernel"].shape == (2, 4, 3)


@pytest.mark.heavy
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_model_trains_beside_others_as_by_itself(name):
    one = trained(OPTIMIZERS[name])
    together = jax.jit(jax.vmap(one))(RATES, BETAS)
    alone = jax.jit(one)(RATES[1], BETAS[1])
    chex.assert_tree_all_finite(together)
    second = jax.tree.map(lambda x: x[1], together)
    chex.assert_trees_all_close(second, alone, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("name", REFUSED)
def test_an_error_says_what_to_take_instead(name):
    make, message = REFUSED[name]
    with pytest.raises(dl.train.RecipeError, match=message), tracing_errors_explained():
        jax.eval_shape(jax.vmap(trained(make)), RATES, BETAS)


def test_what_an_error_says_to_take_is_there():
    named = {name for way in INSTEAD.values() for name in re.findall(r"m\.(\w+)", way)}
    assert named == {"cosine", "exponential_decay", "warmup"} <= {*optim.__all__}


def test_every_optimizer_and_schedule_of_optax_is_in_a_table():
    tables = Path(__file__).read_text()
    missing = {
        name
        for library in (optax, contrib)
        for name, function in inspect.getmembers(library, inspect.isfunction)
        if re.search("-> .*(GradientTransf|Callable)", str(inspect.signature(function)))
        if not PARTS.match(name)
        if not re.search(rf"(optax|contrib)\.{name}\b", tables)
    }
    assert missing == set()
