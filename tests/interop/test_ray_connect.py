"""Which clusters a sweep connects to: those that run, and that are to be trusted."""

import ast
import importlib
import signal
import socket
from types import SimpleNamespace

import pytest

import jaxdl as dl
from tests.sweeps.kept import SPACE, small, sweep
from tests.test_house import ROOT, imported_modules

room = importlib.import_module("jaxdl.interop.ray")
ELSEWHERE = "198.51.100.7:6379"  # for documentation alone, RFC 5737


class Library:
    """Stands for the module `ray`."""

    def __init__(self, address="127.0.0.1:6379", error=None, connected=False):
        self.address, self.error, self.connected = address, error, connected
        self.inits = []

    def is_initialized(self):
        return self.connected

    def init(self, **settings):
        self.inits.append(settings)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # as Ray takes it over
        if self.error is not None:
            raise self.error

    def get_runtime_context(self):
        return SimpleNamespace(gcs_address=self.address)


@pytest.fixture
def installed(monkeypatch):
    """Returns a function that puts a library in Ray's place; there is no token."""
    for name in ("RAY_AUTH_MODE", *room.TOKENS):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(room, "TOKEN_FILE", room.Path("/no/such/token"))
    monkeypatch.setattr(room, "_check_reachable", lambda address: None)

    def use(**settings):
        library = Library(**settings)
        monkeypatch.setattr(room, "library", lambda *_: library)
        return library

    return use


def test_a_sweep_connects_and_starts_nothing(installed):
    library = installed()
    assert room.connect("auto", trusted=False) is library
    assert [one["address"] for one in library.inits] == ["auto"]
    assert signal.getsignal(signal.SIGTERM) is not signal.SIG_IGN


def test_who_is_connected_stays_connected(installed):
    library = installed(connected=True)
    assert room.connect("auto", trusted=False) is library and not library.inits


@pytest.mark.parametrize(
    "address", ["127.0.0.1:6380", "198.51.100.8:6379", "no.such.host.invalid:6379"]
)
def test_who_is_connected_elsewhere_is_told(address, installed):
    installed(address=ELSEWHERE, connected=True)
    with pytest.raises(ConnectionError, match=f"connected to .* at {ELSEWHERE}"):
        room.connect(address, trusted=True)


@pytest.mark.parametrize("address", ["127.0.0.1:6379", "localhost:6379"])
def test_one_head_has_several_addresses(address, installed):
    here = f"{socket.gethostbyname(socket.gethostname())}:6379"
    library = installed(address=here, connected=True)
    assert room.connect(address, trusted=False) is library


@pytest.mark.parametrize("address", ["auto", ELSEWHERE])
def test_a_cluster_elsewhere_without_a_token_is_refused(address, installed):
    library = installed(address=ELSEWHERE)
    with pytest.raises(PermissionError, match="198.51.100.7.*RAY_AUTH_MODE.*--trusted"):
        room.connect(address, trusted=False)
    assert bool(library.inits) == (address == "auto")  # whose address Ray knows


@pytest.mark.parametrize("address", ["auto", ELSEWHERE])
def test_it_is_trusted_if_one_says_so(address, installed):
    assert installed(address=ELSEWHERE) is room.connect(address, trusted=True)


@pytest.mark.parametrize(
    ("name", "value", "trusted"),
    [
        ("RAY_AUTH_MODE", "token", True),
        ("RAY_AUTH_MODE", "disabled", False),
        ("RAY_AUTH_TOKEN", "secret", True),
        ("RAY_AUTH_TOKEN_PATH", "/a/token", True),
    ],
)
def test_it_is_trusted_with_a_token(name, value, trusted, installed, monkeypatch):
    installed(address=ELSEWHERE)
    monkeypatch.setenv(name, value)
    if trusted:
        room.connect(ELSEWHERE, trusted=False)
    else:
        with pytest.raises(PermissionError):
            room.connect(ELSEWHERE, trusted=False)


def test_addresses_of_this_machine_are_here():
    here = ["127.0.0.1", "localhost", socket.gethostbyname(socket.gethostname())]
    assert all(map(room.is_here, here))
    assert not room.is_here("198.51.100.7") and not room.is_here("no.such.host.invalid")


@pytest.mark.parametrize("error", [ConnectionError("none"), ValueError("bad")])
def test_an_address_without_a_cluster_is_an_error_that_says_how_to_start_one(
    error, installed
):
    installed(error=error)
    with pytest.raises(ConnectionError, match="got no Ray cluster at auto .*ray start"):
        room.connect("auto", trusted=False)


@pytest.mark.usefixtures("nothing_compiles")
@pytest.mark.parametrize("address", ["127.0.0.1:1", "127.0.0.1", "127.0.0.1:x"])
def test_where_nobody_listens_it_is_told_at_once(address, digits):
    pytest.importorskip("ray")
    with pytest.raises(ConnectionError, match="got no Ray cluster at 127.0.0.1"):
        sweep(small, SPACE, digits, crew=dl.interop.ray(address))


@pytest.mark.parametrize("address", ["local", "ray://10.0.0.1:10001", None, 6379])
def test_other_addresses_are_refused(address, installed):
    installed()
    with pytest.raises(ConnectionError, match="expected that of a running cluster's"):
        dl.interop.ray(address)


@pytest.mark.parametrize(
    "needs", [{"hands": 0}, {"hands": 1.5}, {"gpus": -1}, {"cpus": 0}, {"cpus": True}]
)
def test_counts_are_counts(needs, installed):
    installed()
    with pytest.raises(ValueError, match=f"got {next(iter(needs))}="):
        dl.interop.ray(**needs)


def test_jaxdl_imports_no_ray():
    """`library` does, on use."""
    for file in ROOT.glob("interop/*.py"):
        names = imported_modules(ast.parse(file.read_text()))
        assert "ray" not in {name.partition(".")[0] for name in names}, file
