"""What a trace's header says of the recording."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sdprof.facts.trace.trace import Device, TraceMetadata


def trace_metadata(header: Mapping[str, Any]) -> TraceMetadata:
    """Reads what is there and is of the right type; a header may lack any part."""
    distributed = header.get("distributedInfo")
    distributed = distributed if isinstance(distributed, dict) else {}
    properties = header.get("deviceProperties")
    return TraceMetadata(
        schema_version=_number(header.get("schemaVersion")),
        devices=tuple(
            Device(
                index=index if (index := _number(entry.get("id"))) is not None else position,
                name=str(entry.get("name", "unnamed device")),
                memory_bytes=_number(entry.get("totalGlobalMem")),
                multiprocessors=_number(entry.get("numSms")),
            )
            for position, entry in enumerate(properties if isinstance(properties, list) else [])
            if isinstance(entry, dict)
        ),
        rank=_number(distributed.get("rank")),
        world_size=_number(distributed.get("world_size")),
        backend=backend if isinstance(backend := distributed.get("backend"), str) else None,
        with_stack=_flag(header.get("with_stack")),
        with_modules=_flag(header.get("with_modules")),
        record_shapes=_flag(header.get("record_shapes")),
        profile_memory=_flag(header.get("profile_memory")),
        runtime=_runtime(header),
    )


def _number(value: object) -> int | None:
    return int(value) if isinstance(value, (int, float)) and abs(value) < 1 << 63 else None


def _flag(value: object) -> bool | None:
    return bool(value) if isinstance(value, (bool, int)) else None


def _runtime(header: Mapping[str, Any]) -> str | None:
    if "hip_runtime_version" in header or "roctracer_version" in header:
        return "rocm"
    return "cuda" if "cuda_runtime_version" in header or "cupti_version" in header else None
