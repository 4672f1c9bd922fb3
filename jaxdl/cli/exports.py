"""The command `export`, and how a command writes a model for other programs."""

import argparse
from pathlib import Path
from typing import Any

from jaxdl import interop
from jaxdl.cli import files, values
from jaxdl.cli.output import show
from jaxdl.cli.runs import check_data, number_of, read
from jaxdl.experiment import ExperimentError
from jaxdl.interop.export import export_paths
from jaxdl.interop.predictor import Model, Normalization

PROGRAMS = {"onnx": interop.onnx, "stablehlo": interop.stablehlo}
Places = dict[str, Path]  # where to write the weights, or a program by name


def run_export(options: argparse.Namespace) -> int:
    """Writes a member, or the table of all members, for other programs."""
    if options.table is not None:
        return _export_table(options)
    found = places(options, options.out)
    if not found:  # the weights go into the run's folder
        files.output_file(options.run_dir / "member.json", options)
    result, experiment = read(options)
    check_data(result, experiment.data)
    number = number_of(result, options.member)
    found = found or {"weights": options.run_dir / f"member_{number}"}
    write(result.member(number), found, experiment.data.moments)
    return 0


def add_command(commands: Any, given: argparse.ArgumentParser) -> Any:
    """Adds `export` to the parser's commands, and returns it.

    Args:
        commands: of the parser.
        given: takes a run and its experiment.
    """
    export = commands.add_parser(
        "export",
        parents=[given],
        help="write one model as safetensors and JSON, ONNX or StableHLO, or the "
        "table of all models",
    )
    export.add_argument(
        "--out",
        type=files.path,
        metavar="PATH",
        help="of the weights, without an ending; default: in RUN",
    )
    add_programs(export)
    export.add_argument(
        "--table",
        type=values.table,
        metavar="PATH",
        help="write all models instead, to a .csv, .parquet or .npz file",
    )
    export.set_defaults(run=run_export)
    return export


def add_programs(command: argparse.ArgumentParser) -> None:
    """Adds the options that write a model as a program with its weights."""
    command.add_argument(
        "--onnx", type=files.path, metavar="PATH", help="write it as an ONNX file"
    )
    command.add_argument(
        "--stablehlo",
        type=files.path,
        metavar="PATH",
        help="write it as a StableHLO file, which JAX runs",
    )


def places(options: argparse.Namespace, weights: Path | None) -> Places:
    """Returns the absolute paths of what a command writes, checked before any reading.

    Args:
        options: of `add_programs`, and the experiment file and the run.
        weights: without an ending; None: they are not asked for.

    Raises:
        ExperimentError, OSError: as `files.output_file`.
    """
    found = {}
    if weights is not None:
        for path in export_paths(weights):
            files.output_file(path, options)
        found["weights"] = weights.absolute()
    given = {name: getattr(options, name) for name in PROGRAMS}
    return found | {
        name: files.output_file(path, options)
        for name, path in given.items()
        if path is not None
    }


def write(model: Model, found: Places, moments: Normalization) -> None:
    """Writes a model to some places, and prints their paths."""
    for name, path in found.items():
        if name == "weights":
            show(*interop.export(model, path, moments))
        else:
            show(PROGRAMS[name](model, path, moments))


def _export_table(options: argparse.Namespace) -> int:
    one = options.member, options.out, options.onnx, options.stablehlo
    if any(given is not None for given in one):
        raise ExperimentError(
            "got --table with --member, --out, --onnx or --stablehlo, which are of one "
            "model; expected --table alone, which writes all models"
        )
    place = files.output_file(options.table, options)
    interop.table(read(options)[0], place)
    show(place)
    return 0
