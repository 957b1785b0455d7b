"""The collectors there are, by id. Importing this imports none of them."""

from __future__ import annotations

from typing import Final

COLLECTOR_MODULES: Final = {
    "costs": "sdprof.collectors.costs",
    "environment": "sdprof.collectors.environment",
    "graphs": "sdprof.collectors.graphs",
    "graphs_with_grad": "sdprof.collectors.graphs_with_grad",
    "lines": "sdprof.collectors.lines",
    "loop": "sdprof.collectors.loop",
    "memory": "sdprof.collectors.memory",
    "modules": "sdprof.collectors.modules",
    "next_setup": "sdprof.collectors.next_setup",
    "operators": "sdprof.collectors.operators",
    "peaks": "sdprof.collectors.peaks",
    "stacks": "sdprof.collectors.stacks",
    "torch_trace": "sdprof.collectors.torch_trace",
    "transfers": "sdprof.collectors.transfers",
}
