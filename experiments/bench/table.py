"""A record as a text that a person reads."""

import statistics
from collections.abc import Callable
from typing import Any

from experiments.bench.peers import CEILINGS, PEERS

COLUMNS = (
    "peer",
    "member-steps/s",
    "jaxdl is times as fast",
    "% of GEMM peak",
    "% of bandwidth",
    "train loss",
    "epochs",
    "first result s",
    "epoch s",
    "peak MiB",
)
NOTES = """\
Medians (least to most) of repeats; in each repeat every peer trained in turn, and
ratios and shares are of the same repeat. The train loss is the mean over members in the
last epoch that both the peer and jaxdl trained, whose number follows: the peer's /
jaxdl's. The first result is counted from after the imports to the end of the first
epoch, so that what it has beyond an epoch is compilation and setting up. The peak is of
all processes of a peer, with pages that they share counted once a process, and after
the + of the accelerator.

jaxdl alone evaluates on a dev set, within its time, and its programs ask XLA for
512-bit vectors. M and L train on 12,800 pictures, V on fewer.

Shares count matrix products only, and bytes as if nothing stayed in a cache: one whose
members do may be above 100 %.
"""
CHANGES = {True: " with changes", False: "", None: ", changes unknown"}


def markdown(record: dict[str, Any]) -> str:
    """Returns the record as Markdown: the machine, then a table for each case."""
    lines = [heading(record), NOTES]
    for case in record["cases"]:
        lines += [section(case), ""]
    return "\n".join(lines)


def heading(record: dict[str, Any]) -> str:
    """Returns the name of a record and what it was measured on, as two paragraphs."""
    where, settings = record["surroundings"], record["settings"]
    packages = [f"{n} {v}" for n, v in where["packages"].items() if v]
    each = f" of about {settings['seconds']:g} s" if "seconds" in settings else ""
    return (
        f"# {record['name']}\n\n"
        f"{where['processor']}, {where['cores']} cores, "
        f"{where['memory_bytes'] / 2**30:.0f} GiB; Python {where['python']}, "
        f"{', '.join(packages)}; commit {(where['commit'] or 'unknown')[:12]}"
        f"{CHANGES[where['changed']]}; {settings['repeats']} repeats{each}.\n"
    )


def section(case: dict[str, Any]) -> str:
    """Returns the heading and the table of one case."""
    plain = ", plain" if case["plain"] else ""
    title = f"## {case['workload']}, {case['members']} members{plain}"
    lines = [title, "", computed(case), ceilings(case), ""]
    lines += [row(COLUMNS), row(["---"] * len(COLUMNS))]
    for name in case["peers"]:
        if name not in CEILINGS:
            lines.append(row(cells(case, name)))
    return "\n".join(lines)


def computed(case: dict[str, Any]) -> str:
    """Returns on what the peers computed, and how exactly, as a sentence."""
    peers = [p for p in case["peers"].values() if "device" in p]
    devices, precisions = (
        ", ".join(sorted({p[what] for p in peers})) or "unknown"
        for what in ("device", "precision")
    )
    return f"Computed on {devices} in {precisions};"


def ceilings(case: dict[str, Any]) -> str:
    """Returns what the machine can do and what a step needs of it."""
    units = {
        "gemm": (1e9, "GFLOP/s"),
        "bandwidth": (1e9, "GB/s"),
        "products": (1, "member-steps/s of its matrix products alone"),
    }
    parts = []
    for name, (scale, unit) in units.items():
        rate = rates(case["peers"].get(name, {}))
        if rate:
            parts.append(f"{spread([r / scale for r in rate])} {unit}")
    needs = f"{case['flops'] / 1e6:.3g} MFLOP and {case['bytes'] / 1e6:.3g} MB"
    return "; ".join([*parts, f"a member-step needs {needs}"])


def cells(case: dict[str, Any], name: str) -> list[str]:
    """Returns the row of a peer."""
    peer = case["peers"][name]
    if "left_out" in peer:
        return [
            PEERS[name].label,
            peer["left_out"].replace("|", "/"),
            *[""] * (len(COLUMNS) - 2),
        ]
    label, rate = PEERS[name].label, rates(peer)
    machine = {p.get("device") for p in case["peers"].values()} - {None, "cpu"}
    on_cpu = " (processor only)" if machine and peer["device"] == "cpu" else ""

    all_members, own = case["members"], peer["members"]
    few = f" ({own:,} of {all_members:,} members)" if own < all_members else ""

    def against(other: str, form: Callable[[list[float]], str], scale: float) -> str:
        theirs = rates(case["peers"].get(other, {}))
        pairs = zip(rate, theirs, strict=False)
        return form([scale * mine / limit for mine, limit in pairs]) if theirs else ""

    ours = case["peers"].get("jaxdl_sweep", {}) if name != "jaxdl_sweep" else {}
    ratios = [mine / other for mine, other in zip(rates(ours), rate, strict=False)]
    return [
        label + on_cpu + few,
        spread(rate),
        spread(ratios) if ratios else "",
        against("gemm", median, 100 * case["flops"]),
        against("bandwidth", median, 100 * case["bytes"]),
        loss(peer, ours),
        str(peer["epochs"]),
        f"{peer['first_seconds']:.1f}",
        number(peer["epoch_seconds"]),
        mebibytes(peer),
    ]


def rates(peer: dict[str, Any]) -> list[float]:
    """Returns the work per second of each repeat; none for a peer that was left out."""
    if "left_out" in peer:
        return []
    return [repeat["work"] / repeat["seconds"] for repeat in peer.get("repeats", [])]


def loss(peer: dict[str, Any], ours: dict[str, Any]) -> str:
    """Returns a peer's train loss after the epochs that jaxdl trained too, and ours."""
    curves = [p["losses"] for p in (peer, ours) if p.get("losses")]
    epochs = min(len(curve) for curve in curves)
    values = (fixed(curve[epochs - 1]) for curve in curves)
    return f"{' / '.join(values)} ({epochs})"


def fixed(value: float | None) -> str:
    return "nan" if value is None else f"{value:.3f}"


def spread(values: list[float]) -> str:
    """Returns the median, and the least to the most in brackets."""
    return f"{median(values)} ({number(min(values))} to {number(max(values))})"


def median(values: list[float]) -> str:
    return number(statistics.median(values))


def number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def mebibytes(peer: dict[str, Any]) -> str:
    on_device = peer["device_peak_bytes"]
    more = f" + {on_device / 2**20:,.0f}" if on_device else ""
    return f"{peer['peak_bytes'] / 2**20:,.0f}{more}"


def row(cells: Any) -> str:
    return f"| {' | '.join(cells)} |"
