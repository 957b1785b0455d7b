"""Take apart what TorchDynamo writes about a graph break."""

from __future__ import annotations

import re

import msgspec

from sdprof.collectors.graphs.traceback_text import TextFrame, frames_in

LONGEST_PART = 600
"""Characters that are kept of an explanation and of the hints together."""

_EXPLANATION = "  Explanation:"
_HINT = "  Hint:"
_CONTEXT = "  Developer debug context:"
_FRAMES = ("User code traceback:", "The graph break occurred in the following user code:")
_REASON = "Graph Break Reason: "
_NOT_RESUMED = ("falling back to eager", "results in a skip")
_EXCEPTION = re.compile(r"^[\w.]+(?:Unsupported|Error|Exception): ")
_PYTHON_TRACEBACK = ("Traceback (most recent call last):", "NoneType: None")


class BreakReason(msgspec.Struct, frozen=True, kw_only=True):
    """A graph break in TorchDynamo's words."""

    kind: str
    """Its type (``gb_type``): a short phrase without anything of the program in it."""
    explanation: str = ""
    hint: str = ""
    context: str = ""
    """TorchDynamo's own debug context."""
    resumed: bool = True
    """False where the rest of the function is not compiled any more, so that what follows in it was not looked at."""
    frames: tuple[TextFrame, ...] = ()
    """From the program's outermost frame to the one that breaks."""


def parse_break(payload: str) -> BreakReason:
    """Take apart the payload of a ``dynamo_graph_break_reason`` artifact, or the reason that ``explain`` gives."""
    lines = payload.splitlines()
    own, rest = _split_at(lines, _PYTHON_TRACEBACK)
    message, stack = _split_at(own, _FRAMES)
    if not any(line.startswith(_EXPLANATION) for line in message):
        # A function that is skipped as a whole has its reason in the exception alone.
        raised = [line for line in rest if not line.startswith("    ")]
        message = [*message, *(raised if any(line.startswith(_EXPLANATION) for line in raised) else ())]
    return BreakReason(
        kind=_kind(message),
        explanation=_part(message, _EXPLANATION),
        hint=" ".join(_parts(message, _HINT))[:LONGEST_PART],
        context=_part(message, _CONTEXT),
        resumed=not any(phrase in line for line in message for phrase in _NOT_RESUMED),
        frames=tuple(frames_in(stack)),
    )


def _split_at(lines: list[str], marks: tuple[str, ...]) -> tuple[list[str], list[str]]:
    for number, line in enumerate(lines):
        if line.startswith(marks):
            return lines[:number], lines[number:]
    return lines, []


def _kind(message: list[str]) -> str:
    """The line above the explanation; without one, the reason as it stands."""
    explained = next((number for number, line in enumerate(message) if line.startswith(_EXPLANATION)), None)
    if explained is not None:
        above = [line for line in message[:explained] if line.strip()]
        if above:
            return _EXCEPTION.sub("", above[-1].removeprefix(_REASON)).strip()
    told = [line for line in message if line.startswith(_REASON)] or [line for line in message if line.strip()]
    return told[0].removeprefix(_REASON).strip()[:LONGEST_PART] if told else "unknown"


def _part(message: list[str], label: str) -> str:
    return next(iter(_parts(message, label)), "")[:LONGEST_PART]


def _parts(message: list[str], label: str) -> list[str]:
    """The first paragraph under each such label, on one line; continued lines are indented deeper than labels."""
    parts: list[list[str]] = []
    inside = False
    for line in message:
        if line.startswith(label):
            parts.append([line.removeprefix(label).strip()])
            inside = True
        elif inside and line.startswith("    ") and line.strip():
            parts[-1].append(line.strip())
        else:
            inside = False
    return [joined for part in parts if (joined := " ".join(filter(None, part)))]
