"""How members are trained: blocks, programs, crew, memory, what is known of them."""

from jaxdl.engine.plan import Plan, make_plan
from jaxdl.engine.progress import SweepProgress

__all__ = ["Plan", "SweepProgress", "make_plan"]
