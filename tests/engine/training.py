"""Blocks that train by themselves, without a sweep."""

import jax
import numpy as np

import jaxdl as dl
from jaxdl.engine.blocks import train_block
from jaxdl.engine.inputs import Variant, share
from jaxdl.engine.layout import lay_out
from jaxdl.engine.outlines import make_outlines
from jaxdl.engine.programs import compile_all, lower
from jaxdl.engine.task import Task, check_task
from jaxdl.sweeps.repeats import with_variants
from jaxdl.train import Facts
from jaxdl.train.bound import BoundRecipe
from jaxdl.train.outline import outline

KEY = jax.random.key(0)


def make_task(recipe, space, **settings):
    """Returns a task of 8 members in blocks of 4, or with other settings."""
    defaults = {"data": None, "key": KEY, "members": 8, "epochs": 2, "plan": dl.Plan(4)}
    task = check_task(Task(recipe=recipe, space=space, **defaults | settings))
    variants = (Variant(KEY, Facts(9, 3, task.epochs)),) * task.num_variants
    return task._replace(variants=variants)


def known(task, data):
    """Returns a task that knows its variants, of whole data."""
    return with_variants(task._replace(data=data))[0]._replace(data=task.data)


def outlines_of(task, hparams, data):
    """Returns the outlines of a task that knows its variants."""
    return make_outlines(task, hparams, {task.variants[0].facts: data})


def blocks_of(task, hparams, members, first=0, until=None):
    """Returns the blocks of members that train the same epochs."""
    members = np.asarray(members)
    until = task.epochs if until is None else until
    spans = (np.full(len(members), epoch) for epoch in (first, until))
    own = jax.tree.map(lambda column: column[members], hparams)
    return lay_out(task, own, members, *spans)


def block_trainer(task, block, data):
    """Returns a function that trains blocks like this one, compiled once."""
    width, variants = task.block_width, known(task, data).variants
    everything = data, variants, task.patience, task.order
    (shared,) = share(jax.devices()[0], task.recipe, *everything).values()
    structure, facts = block.structure, variants[0].facts
    numbers = {name: column[0] for name, column in block.traced.items()}
    found = outline(task.recipe, numbers, structure, data, facts)
    bound = BoundRecipe(task.recipe, structure, facts)
    lowered, devices = lower(bound, found, block, width, shared), jax.devices()[:1]
    (programs,) = compile_all([lowered], devices)

    def train_one(block, carry=None, *, report=lambda *_: None, last=True):
        own = programs[devices[0]]
        return train_block(own, block, width, shared, carry, report, last=last)

    return train_one


def slot(trained, place):
    """Returns weights, layer state and metrics of one slot of a trained block."""
    own = jax.tree.map(lambda x: x[place], (trained.params, trained.state))
    return own, {name: curve[:, place] for name, curve in trained.metrics.items()}
