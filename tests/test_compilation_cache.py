"""Programs on disk: the same bits, a private folder, and no harm from a bad one."""

import logging
import os
import stat
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import jax
import numpy as np
import pytest
from jax._src import compilation_cache as jax_cache

from jaxdl import cli, compilation_cache

# One process stands for three: it forgets its programs in between.
SWEEPS = """
import sys
from pathlib import Path
import jax
import numpy as np
import jaxdl as dl
from jaxdl import nn, optim
from jaxdl.train import compiled

folder = Path(sys.argv[1], "jaxdl", "compiled")
rng = np.random.default_rng(0)
examples = dl.data.from_arrays(rng.normal(size=(60, 4)), np.arange(60) % 3)
data = dl.data.split(examples, key=jax.random.key(0))

def recipe(hp):
    return dl.Recipe(
        model=nn.serial(nn.dropout(hp), nn.dense(3)),
        optimizer=optim.momentum(0.01),
        loss=nn.softmax_cross_entropy,
        batch_size=16,
    )

def swept():
    jax.clear_caches()
    compiled.clear()
    space = dl.Uniform(0.5, 1.0)
    result = dl.sweep(recipe, space, data, key=jax.random.key(1), members=3, epochs=2,
                      progress=False)
    member = result.member(2)
    return jax.tree.map(np.asarray, (result.metrics, member.params, member.state))

def contents():
    return {path.name: path.read_bytes() for path in folder.iterdir()}

without = swept()
assert not folder.exists()
dl.enable_compilation_cache()
cold = swept()
kept = contents()
assert any(name.startswith("jit_epoch") for name in kept), kept.keys()
assert any(name.startswith("jit_start") for name in kept), kept.keys()
assert folder.stat().st_mode & 0o777 == 0o700
print("loading", file=sys.stderr)
hits = []
jax.monitoring.register_event_listener(
    lambda event, **_: hits.append(event) if event.endswith("/cache_hits") else None
)
warm = swept()
assert len(hits) >= 2  # each program of the sweep
assert contents() == kept
for result in (cold, warm):
    jax.tree.map(np.testing.assert_array_equal, result, without)
"""
SETTINGS = """
import jax
before = dict(jax.config.values)
import jaxdl.cli
assert dict(jax.config.values) == before
"""
PROGRAM = """
import jax, jaxdl
jaxdl.enable_compilation_cache()
print(jax.jit(lambda x: 3 * x + 1)(2.0), jax.config.jax_compilation_cache_dir)
"""


def run(code, *arguments, **environment):
    """Returns output and messages of a process that may keep its programs."""
    names = ("CACHE", "TF_CPP_MIN_LOG_LEVEL")
    inherited = {k: v for k, v in os.environ.items() if not any(n in k for n in names)}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, *map(str, arguments)],
        env=inherited | {name: str(value) for name, value in environment.items()},
        capture_output=True,
        text=True,
        cwd=Path(__file__).parent.parent,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout, done.stderr


def test_a_sweep_has_the_same_bits_without_with_an_empty_and_with_a_full_cache(
    tmp_path,
):
    _, messages = run(SWEEPS, tmp_path, XDG_CACHE_HOME=tmp_path)
    assert "cpu_aot_loader" not in messages and len(messages) < 1000
    assert "loading" in messages


def test_the_command_line_uses_the_cache(monkeypatch, tmp_path):
    calls = []
    monkeypatch.setattr(cli, "enable_compilation_cache", lambda: calls.append(1))
    assert cli.main(["check", str(tmp_path / "missing.py")]) == 2
    assert calls == [1]


def test_importing_changes_no_setting_of_jax():
    run(SETTINGS)


def test_a_damaged_program_is_compiled_again_without_a_message(tmp_path):
    whole = run(PROGRAM, XDG_CACHE_HOME=tmp_path)
    for path in (tmp_path / "jaxdl" / "compiled").glob("*-cache"):
        path.write_bytes(path.read_bytes()[:100])
        os.utime(path, (0, 0))
    assert run(PROGRAM, XDG_CACHE_HOME=tmp_path) == whole


@pytest.mark.heavy
def test_the_users_minimum_compile_time_stays(tmp_path):
    name = "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"
    run(PROGRAM, XDG_CACHE_HOME=tmp_path, **{name: 1000})
    assert list((tmp_path / "jaxdl" / "compiled").glob("*-cache")) == []


def test_without_a_folder_programs_run_and_a_line_says_why(tmp_path):
    (tmp_path / "file").touch()
    output, messages = run(PROGRAM, XDG_CACHE_HOME=tmp_path / "file")
    assert output == "7.0 None\n"
    assert messages.count("\n") == 1
    assert messages.startswith("jaxdl: compiled programs are not kept: ")
    assert str(tmp_path / "file") in messages


@pytest.mark.heavy
def test_a_cache_that_jax_already_has_stays(tmp_path):
    named = tmp_path / "named"
    output, _ = run(PROGRAM, XDG_CACHE_HOME=tmp_path, JAX_COMPILATION_CACHE_DIR=named)
    assert output == f"7.0 {named}\n"
    assert not (tmp_path / "jaxdl").exists()


def test_only_the_user_has_access_to_a_new_folder(tmp_path):
    before = os.umask(0)
    try:
        compilation_cache._claim(tmp_path / "a" / "b")
    finally:
        os.umask(before)
    assert (tmp_path / "a" / "b").stat().st_mode & 0o777 == 0o700
    compilation_cache._claim(tmp_path / "a" / "b")


@pytest.mark.parametrize("mode", [0o701, 0o710, 0o720, 0o777])
def test_a_folder_that_is_open_to_others_is_refused(tmp_path, mode):
    tmp_path.chmod(mode)
    with pytest.raises(PermissionError, match="chmod 700"):
        compilation_cache._claim(tmp_path)


@pytest.mark.parametrize(("mode", "refused"), [(0o777, True), (0o1777, False)])
def test_a_folder_in_one_that_everyone_can_change_is_refused(tmp_path, mode, refused):
    tmp_path.chmod(mode)
    if refused:
        with pytest.raises(PermissionError, match=f"of {tmp_path.owner()} and"):
            compilation_cache._claim(tmp_path / "mine")
    else:
        compilation_cache._claim(tmp_path / "mine")


def test_a_folder_in_another_users_is_refused(tmp_path, monkeypatch):
    another = os.geteuid() + 1
    status = SimpleNamespace(st_mode=stat.S_IFDIR | 0o755, st_uid=another)
    monkeypatch.setattr(Path, "stat", lambda path: status)
    with pytest.raises(PermissionError, match="oneself or root"):
        compilation_cache._check_parent(tmp_path)


def test_a_link_or_another_users_folder_is_refused(tmp_path, monkeypatch):
    mine, link = tmp_path / "mine", tmp_path / "link"
    mine.mkdir(mode=0o700)
    link.symlink_to(mine)
    compilation_cache._claim(mine)
    with pytest.raises(PermissionError, match="a link"):
        compilation_cache._claim(link)
    another = os.geteuid() + 1
    monkeypatch.setattr(os, "geteuid", lambda: another)
    with pytest.raises(PermissionError, match="other users"):
        compilation_cache._claim(mine)


@pytest.mark.parametrize(("free", "left"), [(2**40, "bcd"), (0, "cd")])
def test_the_least_recently_used_programs_are_removed(
    tmp_path, monkeypatch, free, left
):
    """Four files of 10 bytes: at most 35, and at most half of 40 and what is free."""
    for name, written, read in (("a", 1, 3), ("c", 2, 9), ("d", 10, 4), ("b", 5, 1)):
        path = tmp_path / ("folder" if name == "c" else ".") / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(bytes(10))
        os.utime(path, (read, written))
    monkeypatch.setattr(compilation_cache, "MOST_BYTES", 35)
    disk = SimpleNamespace(free=free)
    monkeypatch.setattr(compilation_cache.shutil, "disk_usage", lambda _: disk)
    compilation_cache._remove_oldest(tmp_path)
    assert "".join(sorted(p.name for p in tmp_path.rglob("?"))) == left


def test_a_file_that_vanishes_is_left_out(tmp_path, monkeypatch):
    (tmp_path / "here").write_bytes(bytes(10))
    listed = [tmp_path / "gone", tmp_path / "here"]
    monkeypatch.setattr(Path, "rglob", lambda folder, pattern: listed)
    monkeypatch.setattr(compilation_cache, "MOST_BYTES", 0)
    compilation_cache._remove_oldest(tmp_path)
    assert not (tmp_path / "here").exists()


def test_the_keys_of_programs_are_noted_and_their_files_read():
    """The folder is that of these tests."""
    number = np.float32(np.random.default_rng().normal())

    def triple(x):
        return 3 * x + number  # which no earlier process has compiled

    def compile_it():
        return jax.jit(triple).lower(np.float32(1)).compile()

    level = compilation_cache.TELLS.level
    with compilation_cache.noted_keys() as keys:
        compile_it()
    (key,) = (key for key in keys if "triple" in key)
    with compilation_cache.noted_keys() as again:
        jax.clear_caches()
        compile_it()
    assert key in again  # of a program that is there already
    found = compilation_cache.read_programs({key, "of another"})
    assert [*found] == [key] and len(found[key]) > 100
    assert compilation_cache.TELLS.level == level
    assert not compilation_cache.TELLS.filters


def test_what_is_noted_is_told_to_nobody_else(caplog):
    with caplog.at_level(logging.WARNING), compilation_cache.noted_keys() as keys:
        jax.jit(lambda x: x + 4).lower(np.float32(1)).compile()
    assert keys and not caplog.records


def whole(content):
    """Returns a file of the cache, as JAX writes it here."""
    return jax_cache.compress_executable(content)


@pytest.mark.parametrize("left", [0, 100, -1])
def test_a_file_that_is_half_written_is_neither_read_nor_put(
    left, tmp_path, monkeypatch
):
    monkeypatch.setattr(compilation_cache, "_folder", lambda: tmp_path)
    content = whole(np.random.default_rng(0).bytes(1000))
    compilation_cache.add_programs({"whole": content, "part": content[:left]})
    assert [path.name for path in tmp_path.iterdir()] == ["whole-cache"]
    (tmp_path / "part-cache").write_bytes(content[:left])
    assert compilation_cache.read_programs({"whole", "part"}) == {"whole": content}


def test_programs_of_others_are_put_where_none_is(tmp_path, monkeypatch):
    monkeypatch.setattr(compilation_cache, "_folder", lambda: tmp_path)
    (tmp_path / "known-cache").write_bytes(b"own")
    found = whole(b"it")
    compilation_cache.add_programs({"known": found, "new": found, "../up": found})
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {
        "known-cache": b"own", "new-cache": found, "up-cache": found,
    }  # fmt: skip
    monkeypatch.setattr(compilation_cache, "_folder", lambda: None)
    compilation_cache.add_programs({"new": found})
    assert compilation_cache.read_programs({"new"}) == {}


def test_a_cache_that_others_keep_small_is_left_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(compilation_cache, "_folder", lambda: tmp_path)
    before = jax.config.jax_compilation_cache_max_size
    jax.config.update("jax_compilation_cache_max_size", 2**20)
    try:
        compilation_cache.add_programs({"new": whole(b"it")})
    finally:
        jax.config.update("jax_compilation_cache_max_size", before)
    assert not [*tmp_path.iterdir()]
