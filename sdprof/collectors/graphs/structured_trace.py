"""Have PyTorch's structured trace written to a file of our own, in a process that imported torch long ago.

The variable TORCH_TRACE is read when torch is imported. The trace itself is a logger, though, to which every record is
sent as long as it has a handler: so a handler is added, and taken away again.
"""

from __future__ import annotations

import copy
import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from sdprof.collectors.graphs.enough_seen import EnoughSeen
from sdprof.collectors.graphs.trace_log import CALLERS
from sdprof.collectors.hot_calls import STACK_BASE
from sdprof.collectors.watched_run import CannotCollectError

WANTED = ("dynamo_output_graph", "dynamo_start", "str")
WANTED_ARTIFACTS = ("dynamo_graph_break_reason", "recompile_reasons")


class _TraceFile(logging.FileHandler):
    """Writes the wanted records, and is the one place from which a compilation that takes too long can be ended."""

    def __init__(self, file: Path, deadline_seconds: float) -> None:
        super().__init__(file, mode="w", encoding="utf-8", errors="backslashreplace")
        self._deadline_seconds = deadline_seconds

    def emit(self, record: logging.LogRecord) -> None:
        metadata = getattr(record, "metadata", {})
        artifact = _artifact(metadata)
        if artifact == "recompile_reasons":
            record = copy.copy(record)
            record.metadata = {**metadata, CALLERS: _callers()}
        if artifact in WANTED_ARTIFACTS or any(name in metadata for name in WANTED):
            super().emit(record)
        if time.monotonic() > self._deadline_seconds:
            raise EnoughSeen


def _artifact(metadata: dict[str, Any]) -> str | None:
    artifact = metadata.get("artifact")
    return artifact.get("name") if isinstance(artifact, dict) else None


def _callers() -> list[tuple[str, int, str]]:
    """(file, line, function) of the frames that run now, outermost first."""
    frames: list[tuple[str, int, str]] = []
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_code is not STACK_BASE:
        frames.append((frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name))
        frame = frame.f_back
    return frames[::-1]


@contextmanager
def structured_trace(file: Path, deadline_seconds: float) -> Iterator[None]:
    """Write the structured trace to ``file``, and end the compilation that still runs at the deadline.

    :param deadline_seconds: on the clock of ``time.monotonic``. The first record behind it raises ``EnoughSeen`` from
        inside TorchDynamo, which takes down what it had set up, as for any exception.
    :raises CannotCollectError: this version of torch has no such logger.
    """
    try:
        from torch._logging._internal import TorchLogsFormatter, trace_log
    except ImportError as missing:
        raise CannotCollectError(
            f"This version of PyTorch has no structured trace to listen to ({missing})",
            "Use a version of PyTorch that sdprof was tested with.",
        ) from missing
    handler = _TraceFile(file, deadline_seconds)
    handler.setFormatter(TorchLogsFormatter(trace=True))
    level = trace_log.level
    trace_log.setLevel(logging.DEBUG)
    trace_log.addHandler(handler)
    try:
        yield
    finally:
        trace_log.removeHandler(handler)
        trace_log.setLevel(level)
        handler.close()


def interned_strings() -> dict[int, str]:
    """The file names that the trace refers to by number because an earlier record spelt them out."""
    from torch._logging import structured

    table: dict[str, int] = getattr(structured, "INTERN_TABLE", {})
    return {number: text for text, number in table.items()}
