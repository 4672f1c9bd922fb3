"""Two imitated devices, no silent rank promotion, real digits, one recipe.

What one process of the tests compiled all others load, unless a test says otherwise:
the folder is the session's own, and gone with it.
"""

import os
import signal
import tempfile
from pathlib import Path
from typing import NamedTuple

import jax
import pytest

import jaxdl as dl
from jaxdl import nn, optim
from jaxdl.engine import crew
from jaxdl.loader import silence_loader
from jaxdl.train import compiled
from tests import small

if "PYTEST_XDIST_WORKER" not in os.environ:  # a worker has it from its parent
    silence_loader("cpu")
    PROGRAMS = tempfile.TemporaryDirectory(prefix="jaxdl-tests-")
    os.environ |= {  # for the processes that tests start
        "JAX_COMPILATION_CACHE_DIR": PROGRAMS.name,
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "TF_CPP_MIN_LOG_LEVEL": "3",  # see jaxdl/loader.py
    }
    jax.config.update("jax_compilation_cache_dir", PROGRAMS.name)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
jax.config.update("jax_num_cpu_devices", 2)
jax.config.update("jax_numpy_rank_promotion", "raise")


class Hparams(NamedTuple):
    learning_rate: float
    beta1: float
    keep_prob: float
    l2: float


MAPS = Path("/proc/self/maps")  # Linux only
MANY_MAPS = 30_000  # of the 65,530 that Linux lets a process have by default


def pytest_addoption(parser):
    words = "processes that each heavy test of a cluster kills; default: 3"
    parser.addoption("--kills", type=int, default=3, metavar="N", help=words)


@pytest.fixture(scope="module", autouse=True)
def programs_leave_room():
    """Forgets compiled programs before their memory maps are too many to add one."""
    yield
    if MAPS.exists() and len(MAPS.read_bytes().splitlines()) > MANY_MAPS:
        compiled.clear()
        jax.clear_caches()


@pytest.fixture(scope="session", autouse=True)
def two_hands_on_one_device():
    """Halves what sweeps compile; sweeps/test_variations.py uses two devices."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(crew, "hand_devices", lambda: jax.devices()[:1] * 2)
        yield


@pytest.fixture
def ctrl_c():
    """Has SIGINT raise KeyboardInterrupt, also in tests that run in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def on_devices(monkeypatch):
    """Returns a function that sets where the hands of the next sweeps are."""

    def use(*numbers):
        devices = [jax.devices()[i] for i in numbers]
        monkeypatch.setattr(crew, "hand_devices", lambda: devices)

    return use


@pytest.fixture
def compilations(monkeypatch):
    """Returns a list that gets how many programs each compilation of a sweep has."""
    counts, compile_all = [], crew.compile_all

    def counted(lowered, *rest):
        found = compile_all(lowered, *rest)
        counts.append(len(found))
        return found

    monkeypatch.setattr(crew, "compile_all", counted)
    return counts


@pytest.fixture
def compiles(monkeypatch):
    """Forgets all programs; returns a list that gets the text of each compiled one."""
    texts, compile_one = [], compiled.Lowered._compile

    def noted(lowered, devices):
        texts.append(lowered.lowered.as_text())
        return compile_one(lowered, devices)

    compiled.clear()
    monkeypatch.setattr(compiled.Lowered, "_compile", noted)
    return texts


@pytest.fixture
def nothing_compiles(monkeypatch):
    """Fails a test whose sweep reaches the compiler."""

    def refuse(*_):
        raise AssertionError("compiled before the error")

    monkeypatch.setattr(crew, "compile_all", refuse)


@pytest.fixture(scope="session")
def digits():
    return dl.data.load("digits")


@pytest.fixture(scope="session")
def make_recipe(digits):
    """A network on digits with everything random or stateful in it."""

    def make(batch_size=64, optimizer=optim.adam):
        def recipe(hp):
            hidden = (nn.dense(32, use_bias=False), nn.batch_norm(), nn.relu)
            return dl.Recipe(
                model=nn.serial(*hidden, nn.dropout(hp.keep_prob), nn.dense(10)),
                optimizer=optimizer(hp.learning_rate, beta1=hp.beta1)
                if optimizer is optim.adam
                else optimizer(hp.learning_rate),
                loss=nn.softmax_cross_entropy,
                penalty=nn.l2(hp.l2),
                batch_size=batch_size,
            )

        return recipe

    return make


@pytest.fixture(scope="session")
def recipe(make_recipe):
    return make_recipe()


@pytest.fixture(scope="session")
def hp():
    return Hparams(0.01, 0.9, 0.8, 0.1)


@pytest.fixture(scope="session")
def space():
    return Hparams(
        dl.LogUniform(1e-3, 1e-1),
        dl.OneMinusLogUniform(0.8, 0.99),
        dl.Uniform(0.5, 1.0),
        dl.LogUniform(1e-3, 1.0),
    )


@pytest.fixture(scope="session")
def run_dir(tmp_path_factory):
    """The folder of the sweep below."""
    return tmp_path_factory.mktemp("runs") / "a run"


@pytest.fixture(scope="session")
def small_sweep(digits, run_dir):
    """Thirty-two members of three epochs, on disk as well."""
    return dl.sweep(
        small.recipe, small.SPACE, digits, key=0, members=32, epochs=3, progress=False,
        plan=dl.Plan(16), run_dir=run_dir,
    )  # fmt: skip


@pytest.fixture(scope="session")
def small_file(tmp_path_factory):
    """The experiment file of the sweep above."""
    file = tmp_path_factory.mktemp("experiment") / "experiment.py"
    file.write_text(small.EXPERIMENT)
    return file
