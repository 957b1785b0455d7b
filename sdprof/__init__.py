"""Find where a PyTorch sampling loop loses time, which line is to blame, and what the cure gains, with proof."""

import importlib
from typing import TYPE_CHECKING, Any

from sdprof.target import BuildOptions, Workload, target

if TYPE_CHECKING:
    from sdprof.in_python import AuditError, UnsoundOutputWarning, audit

__version__ = "0.1.0"

__all__ = ["AuditError", "BuildOptions", "UnsoundOutputWarning", "Workload", "__version__", "audit", "target"]

IN_PYTHON = frozenset({"AuditError", "UnsoundOutputWarning", "audit"})


def __getattr__(name: str) -> Any:
    """What audits from Python, loaded when it is asked for: a target that imports sdprof need not wait for it."""
    if name in IN_PYTHON:
        return getattr(importlib.import_module("sdprof.in_python"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def load_ipython_extension(shell: Any) -> None:
    """Called by ``%load_ext sdprof`` in a notebook."""
    importlib.import_module("sdprof.notebook").load_ipython_extension(shell)
