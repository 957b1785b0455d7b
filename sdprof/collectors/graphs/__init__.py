"""Graph breaks and recompilations of every part of the sampling loop, as TorchDynamo sees them."""

from sdprof.collectors.graphs.collector import META, collect

__all__ = ["META", "collect"]
