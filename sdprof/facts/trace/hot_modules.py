"""nn.Modules by the time they cost on the host and on the GPU."""

from __future__ import annotations

import msgspec
import numpy as np
import polars as pl

from sdprof.facts.trace.analysis import Analysis
from sdprof.facts.trace.host_tree import MODULE_PREFIX
from sdprof.facts.trace.nesting import NONE
from sdprof.facts.trace.trace import NANOSECONDS_PER_MICROSECOND as NS


class HotTraceModule(msgspec.Struct, frozen=True, kw_only=True):
    """All calls of one module below the same parents."""

    path: str
    """Modules from the outermost in, joined by ``/``: ``UNet_0/Block_3/Linear_12``. Kineto numbers the instances of
    each class in the order in which they are first called; attribute names are not recorded."""
    name: str
    class_name: str
    depth: int
    """0 for a module that no other module calls."""
    calls: int
    host_us: float
    """With its children."""
    self_host_us: float
    device_us: float
    """GPU events launched inside it, children included."""
    self_device_us: float
    share: float
    """Of the cost of all outermost modules: device time where a GPU ran, host time where none did."""


def hot_modules(analysis: Analysis) -> tuple[HotTraceModule, ...]:
    """Costliest first, with the children's cost; empty where the profiler recorded no modules."""
    tree, events = analysis.tree, analysis.device
    modules = np.flatnonzero(tree.is_module)
    if not len(modules):
        return ()
    path_of, paths = _paths(analysis, modules)
    launched = events.module != NONE
    size = len(tree.kind)
    own_device = np.bincount(events.module[launched], weights=events.duration[launched], minlength=size).astype(
        np.int64
    )
    device = own_device.copy()
    outer = tree.enclosing(tree.module)
    for level in reversed(tree.levels):
        inner = level[tree.is_module[level] & (outer[level] != NONE)]
        np.add.at(device, outer[inner], device[inner])
    table = (
        pl.DataFrame(
            {
                "path": path_of,
                "host": tree.duration[modules],
                "own": tree.self_time(tree.module)[modules],
                "device": device[modules],
                "own_device": own_device[modules],
            }
        )
        .group_by("path", maintain_order=True)
        .agg(pl.len().alias("calls"), pl.col("host", "own", "device", "own_device").sum())
        .sort("device", "host", descending=True, maintain_order=True)
    )
    cost = "device" if len(events) else "host"
    roots = [index for index, path in enumerate(paths) if len(path) == 1]
    total = int(table.filter(pl.col("path").is_in(roots))[cost].sum())
    return tuple(
        HotTraceModule(
            path="/".join(paths[path]),
            name=paths[path][-1],
            class_name=paths[path][-1].rpartition("_")[0] or paths[path][-1],
            depth=len(paths[path]) - 1,
            calls=calls,
            host_us=host / NS,
            self_host_us=own / NS,
            device_us=on_device / NS,
            self_device_us=own_on_device / NS,
            share=(on_device if len(events) else host) / total if total else 0.0,
        )
        for path, calls, host, own, on_device, own_on_device in table.iter_rows()
    )


def _paths(analysis: Analysis, modules: np.ndarray) -> tuple[list[int], list[tuple[str, ...]]]:
    """A number for each module call's path, and the path of each number."""
    tree = analysis.tree
    outer = tree.enclosing(tree.module)[modules]
    names = analysis.host_names.gather(modules).cast(pl.String).str.strip_prefix(MODULE_PREFIX)
    number_of_path: dict[tuple[str, ...], int] = {}
    number_of_event: dict[int, int] = {}
    paths: list[tuple[str, ...]] = []
    for event, around, name in zip(modules.tolist(), outer.tolist(), names, strict=True):
        path = (*(paths[number_of_event[around]] if around != NONE else ()), name)
        if path not in number_of_path:
            number_of_path[path] = len(paths)
            paths.append(path)
        number_of_event[event] = number_of_path[path]
    return [number_of_event[event] for event in modules.tolist()], paths
