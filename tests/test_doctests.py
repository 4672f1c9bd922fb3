"""Every example in a docstring runs and gives what it shows."""

import doctest
import importlib
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxdl as dl

ROOT = Path(dl.__file__).parent
# What the examples take as imported.
NAMES = {"dl": dl, "nn": dl.nn, "optim": dl.optim, "jax": jax, "jnp": jnp, "np": np}
MODULES = [
    ".".join(file.relative_to(ROOT.parent).with_suffix("").parts)
    for file in sorted(ROOT.rglob("*.py"))
    if ">>>" in file.read_text()
]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_give_what_they_show(name):
    module = importlib.import_module(name.removesuffix(".__init__"))
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    result = doctest.testmod(module, extraglobs=NAMES, optionflags=flags)
    assert result.attempted and not result.failed
