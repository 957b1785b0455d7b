"""Read a log of PyTorch's structured trace (what ``TORCH_TRACE`` writes) into records.

The format, as ``torch._logging`` writes it: a line for each record with a glog prefix and a JSON object, then its
payload, if it has one, in lines that begin with a tab.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from sdprof.collectors.graphs.traceback_text import TextFrame, original_name

LARGEST_LINE = 1 << 20
"""Longer lines, in characters, are cut; a record whose object is cut is lost."""
LARGEST_PAYLOAD = 1 << 20
"""Characters of a payload that are kept."""
MOST_RECORDS = 200_000
CALLERS = "sdprof_callers"
"""What the collector adds to records of recompilations: torch tells no stack there, and that of ``dynamo_start`` lacks
the function's caller."""

_HEAD = re.compile(r"^[VIWEC]\d{4} \d\d:\d\d:\d\d\.\d{1,6} \d+ [^\]]*\] (?P<json>\{.*)$")


class TraceRecord(msgspec.Struct, frozen=True):
    """One record of the structured trace."""

    metadata: dict[str, Any]
    payload: str = ""

    @property
    def artifact(self) -> str:
        """Name of the artifact that this record carries, or nothing."""
        artifact = self.metadata.get("artifact")
        name = artifact.get("name") if isinstance(artifact, dict) else None
        return name if isinstance(name, str) else ""

    @property
    def compile_id(self) -> tuple[int, int] | None:
        """(frame, which compilation of it)."""
        frame, compilation = self.metadata.get("frame_id"), self.metadata.get("frame_compile_id")
        return (frame, compilation) if isinstance(frame, int) and isinstance(compilation, int) else None

    @property
    def callers(self) -> tuple[TextFrame, ...]:
        """The frames that ran when the record was written, outermost first, where the collector noted them."""
        noted = self.metadata.get(CALLERS)
        try:
            return tuple(
                TextFrame(file, line, original_name(name))
                for file, line, name in msgspec.convert(noted or [], list[tuple[str, int, str]])
            )
        except msgspec.ValidationError:
            return ()


def read_records(lines: Iterable[str]) -> Iterator[TraceRecord]:
    """The records of a log; what does not follow the format is passed over."""
    metadata: dict[str, Any] | None = None
    payload: list[str] = []
    room = LARGEST_PAYLOAD
    records = 0
    for line in lines:
        text = line.rstrip("\n")[:LARGEST_LINE]
        if text.startswith("\t"):
            if metadata is not None and room > 0:
                payload.append(text[1 : room + 1])
                room -= len(text)
            continue
        if metadata is not None:
            yield TraceRecord(metadata, "\n".join(payload))
            records += 1
            if records == MOST_RECORDS:
                return
        metadata, payload, room = _metadata(text), [], LARGEST_PAYLOAD
    if metadata is not None:
        yield TraceRecord(metadata, "\n".join(payload))


def _metadata(text: str) -> dict[str, Any] | None:
    head = _HEAD.match(text)
    if head is None:
        return None
    try:
        return msgspec.json.decode(head["json"], type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
