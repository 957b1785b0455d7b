"""Find where a PyTorch sampling loop loses time, which line is to blame, and what the cure gains, with proof."""

from sdprof.target import BuildOptions, Workload, target

__version__ = "0.1.0"

__all__ = ["BuildOptions", "Workload", "__version__", "target"]
