"""A network of Linen, NNX and Equinox as a layer, and a short sweep of it."""

import jaxdl as dl
from experiments.bench.foreign_models import Equinox, Linen, Nnx
from jaxdl import interop, nn, optim

# name: a layer from one traced hyperparameter
NETWORKS = {
    "linen": lambda h: interop.linen(Linen(h)),
    "nnx": lambda h: interop.nnx(lambda shape, rngs: Nnx(shape, h, rngs)),
    "equinox": lambda h: interop.equinox(lambda shape, key: Equinox(shape, h, key)),
}

SPACE = {"keep_prob": dl.Uniform(0.5, 1.0), "rate": dl.LogUniform(1e-3, 1e-1)}
SHORT = {"epochs": 2, "plan": dl.Plan(4)}


def recipe_of(name):
    """Returns a recipe with one of these networks, for the space above."""

    def recipe(hp):
        model = nn.serial(nn.as_layer(NETWORKS[name](hp["keep_prob"])))
        return dl.Recipe(
            model, optim.adam(hp["rate"]), nn.softmax_cross_entropy, batch_size=256
        )

    return recipe
