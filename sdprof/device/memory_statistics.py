"""``torch.cuda.memory_stats``: its keys, filled with what the simulation counts, and 0 for what it does not."""

from __future__ import annotations

import itertools
from typing import Any

from sdprof.device.memory_counter import MemoryCounter

_COUNTED = ("allocated_bytes", "reserved_bytes", "active_bytes", "requested_bytes")
_NOT_COUNTED = ("allocation", "segment", "active", "inactive_split", "inactive_split_bytes")
_POOLS = ("all", "large_pool", "small_pool")
_ASPECTS = ("current", "peak", "allocated", "freed")
_PLAIN = ("num_alloc_retries", "num_ooms", "num_sync_all_streams", "num_device_alloc", "num_device_free")
_OVERSIZE = ("oversize_allocations", "oversize_segments")


def memory_statistics(memory: MemoryCounter) -> dict[str, int]:
    """The statistics of CUDA's caching allocator, as far as they are known."""
    statistics = dict.fromkeys(
        (
            *map(".".join, itertools.product((*_COUNTED, *_NOT_COUNTED), _POOLS, _ASPECTS)),
            *map(".".join, itertools.product(_OVERSIZE, _ASPECTS)),
            *_PLAIN,
            "max_split_size",
        ),
        0,
    )
    live, peak = memory.live_bytes, memory.peak_bytes
    for name in _COUNTED:
        statistics[f"{name}.all.current"] = live
        statistics[f"{name}.all.peak"] = peak
        statistics[f"{name}.all.allocated"] = live
    return statistics


def nested(statistics: dict[str, int]) -> dict[str, Any]:
    """The same as dicts of dicts (``memory_stats_as_nested_dict``)."""
    tree: dict[str, Any] = {}
    for name, value in statistics.items():
        *path, last = name.split(".")
        branch = tree
        for part in path:
            branch = branch.setdefault(part, {})
        branch[last] = value
    return tree
