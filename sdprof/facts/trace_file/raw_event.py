"""The JSON of one trace event, as far as facts need it.

The format is Chrome's trace event format ("Trace Event Format", Google, 2016) with the arguments that Kineto
(libkineto/src/output_json.cpp) and the PyTorch profiler write into ``args``.
"""

from __future__ import annotations

from typing import Union

import msgspec

# Writers differ in whether they quote numbers (ROCm quotes "bytes" of runtime calls), so every scalar is taken in and
# made a number when the columns are built.
Scalar = int | float | str | None
ABSENT = -(1 << 63)
"""Stands for a number that is not there, so that a column of numbers is filled without a look at each."""
NOTHING = msgspec.Raw(b"")


class RawArguments(msgspec.Struct, gc=False):
    """``args`` of an event; all others of its many names are skipped while parsing."""

    # In the order in which Kineto writes them: the parser looks for each name from the last one found on.
    external_id: Scalar = msgspec.field(default=ABSENT, name="External id")
    shapes: msgspec.Raw = msgspec.field(default=NOTHING, name="Input Dims")
    """Left as text: only distinct ones are ever parsed."""
    dtypes: msgspec.Raw = msgspec.field(default=NOTHING, name="Input type")
    call_stack: str = msgspec.field(default="", name="Call stack")
    device: Scalar = ABSENT
    stream: Scalar = ABSENT
    correlation: Scalar = ABSENT
    bytes: Scalar = ABSENT
    python_id: Scalar = msgspec.field(default=ABSENT, name="Python id")
    python_parent_id: Scalar = msgspec.field(default=ABSENT, name="Python parent id")
    python_module_id: Scalar = msgspec.field(default=ABSENT, name="Python module id")
    older_external_id: Scalar = msgspec.field(default=ABSENT, name="external id")


NO_ARGUMENTS = RawArguments()


class RawEvent(msgspec.Struct, gc=False, tag_field="ph", tag="X"):
    """A complete event. Times are microseconds since an origin that differs between writers."""

    cat: str = ""
    name: str = ""
    pid: Scalar = ABSENT
    tid: Scalar = ABSENT
    ts: float | None = None
    dur: float | None = None
    args: RawArguments | None = None


class BeginEvent(RawEvent, gc=False, tag="B"):
    """The begin of what an EndEvent of the same thread ends."""


class EndEvent(RawEvent, gc=False, tag="E"):
    """The end of the last open BeginEvent of its thread."""


# Every other phase of the format: flow arrows (a third of a GPU trace), instants, metadata, counters, objects, …
# Structs without fields, so that the parser skips their contents.
_SKIPPED = tuple(
    msgspec.defstruct(f"Skipped_{number}", [], gc=False, tag_field="ph", tag=phase)
    for number, phase in enumerate("iIMstfFCbneSTpNODPVvRcag()")
)
AnyEvent = Union[RawEvent, BeginEvent, EndEvent, *_SKIPPED]  # type: ignore[valid-type]
"""What a decoder of events is made for; only the first three have contents."""
