"""What is kept of a run: its folder of plain files."""

from jaxdl.runs.directory import claim, write

__all__ = ["claim", "write"]
