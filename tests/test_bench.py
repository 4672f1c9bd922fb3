"""The benchmark: counts by hand, a table from a small record, and one tiny run."""

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from sklearn.datasets import load_iris, load_wine

import jaxdl
from experiments.bench import counts, operations, race, tabular
from experiments.bench.peers import PEERS, trained
from experiments.bench.table import markdown
from experiments.bench.worker import first_line
from experiments.bench.workloads import WORKLOADS, Case

ROOT = Path(__file__).parent.parent
HIDDEN = 64 * 64 + 64 * 64 + 64 * 10  # multiplications of S: 8,832


def peer(*rates, **fields):
    repeats = [{"work": 10 * rate, "seconds": 10.0} for rate in rates]
    usual = {"device": "cpu", "first_seconds": 1.5, "peak_bytes": 2**20, "members": 4}
    usual |= {"precision": "float32", "epochs": 3, "epoch_seconds": 0.25}
    usual |= {"device_peak_bytes": None, "losses": [2.0, 1.0]}
    return usual | {"repeats": repeats} | fields


@pytest.fixture
def record():
    peers = {
        "gemm": peer(2e6, 4e6, 4e6, losses=[]),
        "bandwidth": peer(1e4, 1e4, 1e4, losses=[]),
        "jaxdl_sweep": peer(100.0, 300.0, 200.0, losses=[1.9, 1.25, 0.5]),
        "torch_processes": peer(50.0, 50.0, 50.0),
        "turbanet_swarm": {"left_out": "turbanet is not installed"},
    }
    case = {"workload": "S", "members": 4, "plain": False, "flops": 1000, "bytes": 10}
    where = {"processor": "Abacus", "cores": 2, "memory_bytes": 2**30, "python": "3.11"}
    where |= {"packages": {"jax": "1.0", "torch": None}, "commit": "0" * 40}
    return {
        "name": "small",
        "surroundings": where | {"changed": False},
        "settings": {"repeats": 3, "seconds": 10.0},
        "cases": [case | {"peers": peers}],
    }


def cells(text, label):
    (line,) = (line for line in text.splitlines() if line.startswith(f"| {label} |"))
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_operations_are_those_of_the_matrix_products():
    assert counts.flops(WORKLOADS["S"]) == 2 * 64 * (3 * HIDDEN - 64 * 64)
    products = (784 * 9 * 8, 196 * 72 * 16, 7 * 7 * 16 * 10)  # two convolutions, dense
    assert counts.flops(WORKLOADS["V"]) == 2 * 64 * (3 * sum(products) - products[0])


def test_parameters_are_kernels_with_biases_or_scales_and_shifts():
    assert counts.parameters(WORKLOADS["S"], plain=True) == HIDDEN + 64 + 64 + 10
    assert counts.parameters(WORKLOADS["S"], plain=False) == HIDDEN + 2 * 128 + 10
    assert counts.parameters(WORKLOADS["V"], plain=False) == 80 + 1168 + 7850


def test_bytes_are_weights_activations_and_a_share_of_the_batch():
    weights = 40 * (HIDDEN + 138) - 4 * 64 * 64
    activations = 28 * 64 * (64 + 64 + 10)
    batch = 8 * 64 * 64 / 16
    found = counts.bytes_moved(WORKLOADS["S"], plain=True, members=16)
    assert found == weights + activations + batch
    few, many = (
        counts.bytes_moved(WORKLOADS["V"], plain=False, members=m) for m in (1, 2)
    )
    assert few - many == 8 * 64 * 784 / 2


def test_ratios_and_shares_are_medians_over_the_same_repeat(record):
    text = markdown(record)
    assert cells(text, "jaxdl") == [
        *("jaxdl", "200 (100 to 300)", ""),
        "5",  # of 1000 * (100/2e6, 300/4e6, 200/4e6): 5 %, 7.5 %, 5 %
        "20",  # 10 * 200 / 1e4
        *("0.500 (3)", "3", "1.5", "0.25", "1"),
    ]
    other = PEERS["torch_processes"].label
    assert cells(text, other)[1:3] == ["50 (50 to 50)", "4 (2 to 6)"]
    assert cells(text, other)[5] == "1.000 / 1.250 (2)"  # its last is our second


def test_a_peer_that_was_left_out_says_why(record):
    text = markdown(record)
    assert cells(text, "TurbaNet")[1] == "turbanet is not installed"


def test_a_loss_that_is_no_number_and_an_unknown_commit_are_said(record):
    record["cases"][0]["peers"]["jaxdl_sweep"]["losses"] = [None]
    record["surroundings"] |= {"commit": None, "changed": None}
    text = markdown(record)
    assert cells(text, "jaxdl")[5] == "nan (1)"
    assert "commit unknown, changes unknown;" in text
    assert "Computed on cpu in float32;" in text


def test_one_by_one_few_members_are_trained_and_the_table_says_so(record):
    assert trained("serial_jax", Case("S", 16384, False)) == 256
    assert trained("serial_jax", Case("S", 16, False)) == 16
    assert trained("textbook_jax", Case("S", 16384, False)) == 16384
    record["cases"][0]["members"] = 16384
    record["cases"][0]["peers"] = {"serial_jax": peer(1.0, members=256)}
    cells(markdown(record), f"{PEERS['serial_jax'].label} (256 of 16,384 members)")


def test_a_processor_only_peer_is_marked_beside_an_accelerator(record):
    record["cases"][0]["peers"]["jaxdl_sweep"]["device"] = "Abacus X"
    text = markdown(record)
    cells(text, f"{PEERS['torch_processes'].label} (processor only)")
    cells(text, "jaxdl")


def test_the_loss_of_several_processes_is_weighted_by_their_work():
    answers = [{"work": 30, "losses": [2.0, 1.0]}, {"work": 10, "losses": [4.0, 3.0]}]
    assert race.weighted_curve(answers) == [2.5, 1.5]


def test_an_error_is_recorded_without_paths():
    error = ValueError("no file /home/someone/data.npz here\nsecond line")
    assert first_line(error) == ": no file ... here"
    assert len(first_line(ValueError("a" * 300))) == 2 + 200


READY = {"epochs": 3, "epoch_seconds": 0.1, "first_seconds": 1.0, "device": "cpu"}
MEASURED = {"began": 1.0, "ended": 3.0, "work": 8, "losses": [2.0, float("nan")]}
MEASURED |= {"peak_bytes": 5, "device_peak_bytes": None}
GOOD = f"""
print({json.dumps(READY)!r}, flush=True)
while input():
    print({json.dumps(MEASURED)!r}, flush=True)
"""
FAKES = {
    "textbook_jax": f"print({json.dumps(READY)!r}, flush=True); input()",  # then ends
    "serial_jax": "import time; time.sleep(60)",
    "turbanet_swarm": 'print(\'{"left_out": "does not do it"}\', flush=True); input()',
    "jaxdl_sweep": GOOD,
}


@pytest.mark.heavy
def test_peers_that_die_or_sleep_are_left_out_and_the_race_goes_on(
    tmp_path, monkeypatch
):
    def command(arguments):
        return [sys.executable, "-c", FAKES[arguments["peer"]]]

    monkeypatch.setattr(race, "command", command)
    monkeypatch.setattr(race, "LIMIT", 5.0)
    found = race.race(Case("S", 4, False), FAKES, tmp_path, repeats=2, seconds=1.0)
    assert found["textbook_jax"]["left_out"] == "its process died"
    assert found["serial_jax"]["left_out"] == "takes over 5 s"
    assert found["turbanet_swarm"]["left_out"] == "does not do it"
    assert found["jaxdl_sweep"]["repeats"] == 2 * [{"work": 8, "seconds": 2.0}]
    assert found["jaxdl_sweep"]["losses"] == [2.0, None]


@pytest.mark.heavy
def test_two_peers_are_compared_and_recorded(tmp_path):
    command = [sys.executable, "-m", "experiments.bench", "--workloads", "S"]
    command += ["--members", "4", "--peers", "jaxdl_sweep,textbook_jax"]
    command += ["--repeats", "1", "--seconds", "0.2", "--out", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (written,) = tmp_path.glob("*.json")
    assert written.with_suffix(".md").read_text() == done.stdout[:-1]
    for private in (str(ROOT), str(Path.home()), socket.gethostname()):
        assert private not in written.read_text()
    (case,) = json.loads(written.read_text())["cases"]
    assert set(case["peers"]) == {"jaxdl_sweep", "textbook_jax"}
    for measured in case["peers"].values():
        (repeat,) = measured["repeats"]
        assert measured["epochs"] >= 3
        assert repeat["work"] == 4 * 25 * measured["epochs"]
        assert 0 < measured["losses"][-1] < 3


HOUSE = Path(jaxdl.__file__).parent
PROGRAM = f"""\
FileNames
1 "{HOUSE}/nn/dense.py"
2 "/elsewhere/optax/adam.py"
3 "{HOUSE}/optim/optimizers.py"

FunctionNames
1 "a/b"

FileLocations
1 {{file_name_id=1 function_name_id=1 line=4 end_line=4 column=2 end_column=45}}
2 {{file_name_id=3 function_name_id=1 line=4 end_line=4 column=2 end_column=45}}
3 {{file_name_id=2 function_name_id=1 line=4 end_line=4 column=2 end_column=45}}

StackFrames
1 {{file_location_id=1 parent_frame_id=1}}
2 {{file_location_id=2 parent_frame_id=2}}
3 {{file_location_id=3 parent_frame_id=3}}

%merged (p: f32[2]) -> f32[2] {{
  %p = f32[2]{{0}} parameter(0)
  %dot.1 = f32[2]{{0}} dot(%p), metadata={{op_name="jit(f)/dot" stack_frame_id=1}}
  ROOT %add.1 = f32[2]{{0}} add(%p), metadata={{op_name="jit(f)/add" stack_frame_id=3}}
}}

%silent (q: f32[2]) -> f32[2] {{
  %q = f32[2]{{0}} parameter(0)
  ROOT %sum.1 = f32[2]{{0}} reduce(%q)
}}

ENTRY %main (x: f32[2]) -> (f32[2], f32[2]) {{
  %x = f32[2]{{0}} parameter(0)
  %one = f32[2]{{0}} fusion(%x), kind=kLoop, calls=%merged
  %two = f32[2]{{0}} fusion(%x), kind=kCustom, calls=%silent, backend_config={{}}
  %three = (f32[2]{{0}}, s32[]) while(%x), metadata={{op_name="w" stack_frame_id=1}}
  %four = f32[2]{{0}} dot(%x), metadata={{op_name="dot" stack_frame_id=1}}
  ROOT %five = (f32[2]{{0}}, f32[2]{{0}}) copy(%one)
}}
"""


def test_an_operation_is_of_the_file_of_jaxdl_whose_line_made_it():
    pieces = operations.pieces_of(PROGRAM)
    assert pieces["four"] == "nn/dense.py: dot"
    assert pieces["one"] == "optim/optimizers.py: add"  # the last one's, by its caller
    assert pieces["two"] == "XLA: reduce"
    assert pieces["five"] == "XLA: copy"
    assert "three" not in pieces  # its time is that of what it holds


def test_pieces_are_told_by_their_share_of_the_profiled_step_of_the_same_repeat():
    pieces = [{"nn/dense.py: dot": 4.0, "a": 0.25, "b": 0.125}] * 2
    found = {"step": [4, 8], "products": [2, 2], "profiled": [8, 16], "pieces": pieces}
    assert operations.rows(found) == [
        ["the step", "6 (4 to 8)", "1 (1 to 1)"],
        ["its matrix products alone", "2 (2 to 2)", "0.375 (0.25 to 0.5)"],
        ["the step, profiled", "12 (8 to 16)", "2 (2 to 2)"],
        ["nn/dense.py: dot", "4 (4 to 4)", "0.375 (0.25 to 0.5)"],
        ["a", "0.25 (0.25 to 0.25)", "0.0234 (0.0156 to 0.0312)"],
        ["b", "0.125 (0.125 to 0.125)", "0.0117 (0.00781 to 0.0156)"],
        ["all others", "0 (0 to 0)", "0 (0 to 0)"],
    ]


@pytest.mark.heavy
def test_the_operations_of_a_step_are_told_with_its_products(tmp_path):
    command = [sys.executable, "-m", "experiments.bench.operations", "--workloads", "S"]
    done = subprocess.run(
        [*command, "--repeats", "1", "--out", str(tmp_path)],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (written,) = tmp_path.glob("*.json")
    found = json.loads(written.read_text())["workloads"]["S"]
    (profiled,), (pieces,) = found["profiled"], found["pieces"]
    assert min(*found["step"], *found["products"]) > 0 and found["width"] == 16
    products = [t for name, t in pieces.items() if name.endswith("dot_general")]
    assert 0 < sum(products) < sum(pieces.values()) < 1.1 * profiled


@pytest.mark.heavy
def test_an_accelerator_is_examined_on_a_cpu_as_well(tmp_path):
    command = [sys.executable, "-m", "experiments.bench.accelerator", "--workloads"]
    command += ["S", "--members", "4", "--repeats", "1", "--seconds", "0.2"]
    done = subprocess.run(
        [*command, "--out", str(tmp_path)], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    (written,) = tmp_path.glob("*.json")
    record = json.loads(written.read_text())
    assert len(record["exact"]) == 4 and all(record["exact"].values())
    (case,) = record["cases"]
    assert {"jaxdl_sweep", "textbook_jax"} <= case["peers"].keys()
    assert record["widths"]["S"]["widths"]


@pytest.mark.heavy
def test_shards_are_trained_merged_and_compared(tmp_path):
    command = [sys.executable, "-m", "experiments.bench.shards", "1500", "2"]
    done = subprocess.run(
        [*command, str(tmp_path)], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    lines = [json.loads(x) for x in done.stdout.splitlines() if x.startswith("{")]
    assert {"equal": 1000} in lines
    steps = [line["step"] for line in lines if "step" in line]
    assert steps == ["shard", "shard", "merge", "look"]


# tables, split by split


def test_the_comparison_on_tables_goes_on_after_the_splits_on_the_disk(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(tabular, "LINES", tmp_path / "lines.jsonl")
    monkeypatch.setattr(tabular, "SETS", {"wine": load_wine, "iris": load_iris})
    asked, scores = [], iter([0.25, 0.5, 0.75, 1.0])

    def compared(x, y, seed, classes):
        asked.append((len(x), seed, classes))
        if len(asked) == 3:
            raise KeyboardInterrupt
        return {"jaxdl": {"score": next(scores)}}

    monkeypatch.setattr(tabular, "compared", compared)
    with pytest.raises(KeyboardInterrupt):
        tabular.measurements(2)
    found = tabular.measurements(2)
    assert asked == [(178, 0, True), (150, 0, True), *[(178, 1, True)] * 2] + [
        (150, 1, True)
    ]
    assert found["sets"]["wine"]["jaxdl"] == [{"score": 0.25}, {"score": 0.75}]
    assert found["sets"]["iris"]["jaxdl"] == [{"score": 0.5}, {"score": 1.0}]
    assert tabular.measurements(1)["sets"]["iris"]["jaxdl"] == [{"score": 0.5}]
    # Lines of other code are another comparison's, and one may have been cut.
    tabular.LINES.write_text(tabular.LINES.read_text()[:-9])
    monkeypatch.setattr(tabular, "surroundings", lambda: {"commit": "0" * 40})
    scores = iter([2.0, 3.0])
    assert tabular.measurements(1)["sets"]["wine"]["jaxdl"] == [{"score": 2.0}]
