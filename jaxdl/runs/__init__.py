"""What is kept of a run: its folder of plain files."""

from jaxdl.runs.directory import claim, is_finished, write

__all__ = ["claim", "is_finished", "write"]
