"""Programs for chips that are not here: lowered always, compiled where one can.

The compilers come with the extras aot-tpu and aot-cuda; without them the compiling
tests are skipped.
"""

import importlib.util
import re
import sys
from pathlib import Path

import jax
import jax.export
import jax.numpy as jnp
import numpy as np
import pytest

import jaxdl as dl
from jaxdl import nn, optim
from jaxdl.engine import aot
from jaxdl.engine.aot import Built, compile_for
from jaxdl.engine.programs import Programs
from jaxdl.engine.target import EXTRAS, target
from jaxdl.engine.traffic import bytes_moved, kinds
from jaxdl.experiment import check, check_targets
from jaxdl.experiment.check_targets import exported_programs, target_findings
from tests.engine.networks import experiment, network
from tests.small import SPACE as SMALL_SPACE
from tests.small import recipe as small_recipe

FOLDER = Path(__file__).parents[2] / "experiments"
PICTURES = Path("/usr/share/datasets/fashion-mnist").is_dir()
SHIPPED = ["digits", *(["fashion_conv"] if PICTURES else [])]
PLATFORMS = ("cpu", "cuda", "tpu")
CHIPS = ("v5e", "v6e", "h200")


def given(name):
    return network(name) if name in "SMLV" else experiment(FOLDER / f"{name}.py")


def installed(chip):
    modules = EXTRAS[target(chip).platform][0], "flatbuffers"
    return all(importlib.util.find_spec(name) for name in modules)


def needs(chip):
    extra = EXTRAS[target(chip).platform][1]
    reason = f"needs the compiler for {chip}: pip install 'jaxdl-sweep[{extra}]'"
    return pytest.mark.skipif(not installed(chip), reason=reason)


@pytest.mark.skipif(
    importlib.util.find_spec("flatbuffers") is None, reason="needs flatbuffers"
)
@pytest.mark.parametrize("name", ["V"])
def test_programs_lower_for_every_platform_without_what_is_slow_there(name):
    plan = dl.Plan(8)
    (program,) = exported_programs(*given(name), target("v5e"), PLATFORMS, plan)
    assert program.width == 8
    for one in program.exported:
        exported = jax.export.deserialize(bytearray(one.data))
        assert exported.platforms == PLATFORMS
        text = exported.mlir_module()
        assert "callback" not in text and "f64" not in text
        # The shuffle on a CPU and on a GPU; a TPU has a loop instead.
        assert text.count("stablehlo.sort") <= 2 * 2
    assert program.exported.epoch.operations > program.outline.work


@pytest.mark.heavy
@pytest.mark.parametrize("name", ["S", "M", "L", *SHIPPED])
def test_other_programs_lower_for_every_platform(name):
    test_programs_lower_for_every_platform_without_what_is_slow_there(name)


@pytest.mark.heavy
@pytest.mark.parametrize("chip", [pytest.param(c, marks=needs(c)) for c in CHIPS])
@pytest.mark.parametrize("name", ["S", "M", "L", "V", *SHIPPED])
def test_programs_compile_and_fit(name, chip):
    own = target(chip)
    (program,) = exported_programs(*given(name), own, [own.platform])
    (built,) = compile_for(own, [program.exported])
    for one in built:
        assert isinstance(one, Built), one
        assert one.memory < own.memory_bytes / 2
        assert re.search(r"\bf64\[", one.text) is None
        # A GPU sorts to shuffle; nothing else sorts.
        assert ("sort" in kinds(one.text)) <= (own.platform == "cuda")


@pytest.mark.heavy
@needs("h200")
def test_a_wider_block_does_more_with_each_byte():
    """Its members share the order of an epoch, which is made once."""
    own, found = target("h200"), []
    for width in (8, 64, 256):  # one member alone has other products
        recipe, space, data = network("S")
        (program,) = exported_programs(
            *(recipe, space, data, own, [own.platform]), plan=dl.Plan(width)
        )
        (built,) = compile_for(own, [program.exported])
        found.append(program.exported.epoch.operations / bytes_moved(built.epoch.text))
    assert found[0] < found[1] < found[2]


def built(text="ENTRY %main () -> f32[] {\n}\n"):
    return Built(seconds=1.5, arguments=2**20, outputs=0, temporaries=2**20, text=text)


# A block that reads 2^20 floats of its memory, and writes as many.
COPY = """\
ENTRY %main (x: f32[1048576]) -> f32[1048576] {
  %x = f32[1048576]{0} parameter(0)
  ROOT %twice = f32[1048576]{0} add(%x, %x)
}
"""


def test_the_figures_of_a_target_are_those_of_the_compiler(digits, monkeypatch):
    """Its answers are made up here, so that no compiler is needed."""

    def answers(chip, programs):
        return [Programs(built(), built(COPY)) for _ in programs]

    monkeypatch.setattr(check_targets, "compile_for", answers)
    monkeypatch.setattr(check_targets, "version", lambda name: "1.2.3")
    found = [*target_findings(small_recipe, SMALL_SPACE, digits, [target("h200")])]
    (finding,) = found
    assert finding.healthy
    assert "1 program, figures of the compiler" in finding.text
    assert "not measurements" in finding.text and "20% of the roof" in finding.text
    # Two programs of 1.5 s; 2 MiB of 141 GB; an operand of 4 MiB read twice, a result.
    assert "3.0 s" in finding.text and "2 MiB" in finding.text
    steps = -(-len(digits.train) // 128)
    moved = 3 * 2**22 / (256 * steps) / 1e3
    assert f"{moved:,.1f} kB" in finding.text
    # 0.83 M operations take 12 ns at 67e12 a second, 5.5 kB 1.1 ns at 4.8e12.
    assert finding.text.rstrip().endswith("float32 products")


def test_what_does_not_lower_names_the_operation_and_its_line(digits):
    def recipe(hp):
        def turned(params, state, x, *, key=None, train=False):
            square = jax.lax.stop_gradient(x.T @ x)
            return x @ jnp.linalg.eig(square)[1].real, state

        layer = nn.Layer(lambda key, shape: ((), (), shape), turned)
        return dl.Recipe(
            nn.serial(nn.dense(4), layer, nn.dense(10)), optim.gradient_descent(hp),
            nn.softmax_cross_entropy, batch_size=128,
        )  # fmt: skip

    rates = dl.Uniform(0.0, 1.0)
    (program,) = exported_programs(recipe, rates, digits, target("v5e"), ["tpu"])
    assert isinstance(program.exported, aot.NotCompiled)
    text = str(program.exported)
    assert "'eig' not found for platform tpu" in text
    assert re.search(r"in line \d+ of test_check_targets.py: .*linalg.eig", text)


def test_an_unknown_target_and_a_missing_compiler_are_refused_first(
    digits, monkeypatch
):
    given = small_recipe, SMALL_SPACE, digits
    with pytest.raises(ValueError, match="expected one of .*v5e"):
        next(check(*given, key=0, targets=["v5"]))
    monkeypatch.setitem(sys.modules, "libtpu", None)
    with pytest.raises(ImportError, match=r"pip install 'jaxdl-sweep\[aot-tpu\]'"):
        next(check(*given, key=0, targets=["v5e"]))


def test_a_compiler_that_ends_is_told(monkeypatch):
    monkeypatch.setattr(aot, "check_installed", lambda chip: None)
    chip = target("v5e")._replace(topology="no such thing", platform="nowhere")
    with pytest.raises(aot.NotCompiled, match="the compiler for v5e ended with status"):
        compile_for(chip, [])


@pytest.mark.heavy
@pytest.mark.parametrize("chip", [pytest.param(c, marks=needs(c)) for c in CHIPS])
def test_the_compiler_changes_nothing_here(chip, digits):
    before = jax.devices(), np.asarray(jnp.arange(3.0)).tolist()
    found = [*target_findings(small_recipe, SMALL_SPACE, digits, [target(chip)])]
    assert [finding.healthy for finding in found] == [True]
    assert before == (jax.devices(), [0.0, 1.0, 2.0])
